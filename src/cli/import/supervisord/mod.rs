//! A supervisord.conf: its listeners of httpok become checks with the same behaviour; those of others, and the programs,
//! stay with supervisord.

mod files;
mod listener;
mod server_url;

use std::path::PathBuf;

use super::draft::{Draft, quoted};
use super::ini::IniSection;
pub use files::name;
use files::{SupervisordFile, gather};
use listener::listener;

/// How supervisord is reached.
const TABLE: &str = "[supervisor.supervisord]";

/// What the files `found`, and those that they include, have for httpok.
pub fn take(
    found: Vec<(PathBuf, String)>,
    env: &dyn Fn(&str) -> Option<String>,
    draft: &mut Draft,
) {
    // what is relative, is so to a file that is perhaps named relative to the working directory
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let found = found.into_iter();
    let found = found.map(|(path, text)| (absolute(path), text)).collect();
    let files = gather(found, env, draft);
    server_url::take(&files, draft);
    let programs = groups(files.iter().flat_map(|file| &file.sections));
    for file in &files {
        draft.begin(&file.name);
        server(&file.sections, draft);
        for section in &file.sections {
            if let Some(("eventlistener", name)) = section.header.split_once(':') {
                listener(section, name.trim(), &programs, draft);
            }
        }
    }
    leave_programs(&files, draft);
    if !draft.is_empty() && !draft.has(TABLE, "url") {
        draft.note("no [unix_http_server] and no [inet_http_server]: the usual socket is taken");
        draft.table(TABLE, "url", &quoted("unix:///run/supervisor.sock"));
    }
}

/// Says once of each file that its programs are not taken over, and what they need to be.
fn leave_programs(files: &[SupervisordFile], draft: &mut Draft) {
    for file in files {
        let is_program = |section: &&IniSection| {
            let kind = section.header.split(':').next().unwrap_or_default();
            matches!(kind, "program" | "fcgi-program")
        };
        let mut programs = file.sections.iter().filter(is_program);
        let Some(first) = programs.next() else {
            continue;
        };
        let what = match programs.count() {
            0 => format!("[{}] stays", first.header),
            1 => format!("[{}] and one more program stay", first.header),
            more => format!("[{}] and {more} more programs stay", first.header),
        };
        draft.begin(&file.name);
        draft.leave(
            first.line,
            &format!(
                "{what} with supervisord, through which httpok restarts; to have httpok run one, write it as a \
                 [[program]], whose keys have the same names, and restart = [\"program/NAME\"]: see httpok.toml(5)"
            ),
        );
    }
}

/// All programs: each group as a whole, and the programs that are in none, which are groups of their own.
fn groups<'a>(sections: impl Iterator<Item = &'a IniSection>) -> Vec<String> {
    let (mut groups, mut programs, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    for section in sections {
        let Some((kind, name)) = section.header.split_once(':') else {
            continue;
        };
        match kind {
            "group" => {
                groups.push(name.trim());
                let members = section.get("programs").map_or("", |(members, _)| members);
                grouped.extend(members.split(',').map(str::trim));
            }
            "program" | "fcgi-program" => programs.push(name.trim()),
            _ => {}
        }
    }
    programs.retain(|name| !grouped.contains(name));
    let all = groups.into_iter().chain(programs);
    all.map(|name| format!("{name}:*")).collect()
}

/// Where supervisord listens itself.
fn server(sections: &[IniSection], draft: &mut Draft) {
    let find = |name: &str| sections.iter().find(|section| section.header == name);
    let unix = find("unix_http_server").and_then(|section| Some((section, section.get("file")?)));
    let inet = find("inet_http_server").and_then(|section| Some((section, section.get("port")?)));
    let (section, url, line) = match (unix, inet) {
        (Some((section, (file, line))), _) => (section, format!("unix://{file}"), line),
        (None, Some((section, (port, line)))) => {
            let (host, port) = port.rsplit_once(':').unwrap_or(("", port));
            let host = if matches!(host, "" | "*") {
                "127.0.0.1"
            } else {
                host
            };
            (section, format!("http://{host}:{port}"), line)
        }
        (None, None) => return,
    };
    draft.at(line);
    if !draft.has(TABLE, "url") {
        draft.remark(line, "how supervisord is reached");
    }
    draft.table(TABLE, "url", &quoted(&url));
    if let (Some((user, _)), Some((password, _))) =
        (section.get("username"), section.get("password"))
    {
        draft.table(TABLE, "username", &quoted(user));
        draft.table(TABLE, "password", &quoted(password));
    }
}
