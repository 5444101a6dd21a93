//! Another supervisord than the one that runs the listener: `SUPERVISOR_SERVER_URL` of its environment, or `serverurl`.

use super::listener::is_listener;
use super::{SupervisordFile, TABLE};
use crate::cli::import::draft::{Draft, quoted};
use crate::cli::import::ini::IniSection;

const VARIABLE: &str = "SUPERVISOR_SERVER_URL";

/// Takes the URL that all listeners have; that of some alone is said.
pub(super) fn take(files: &[SupervisordFile], draft: &mut Draft) {
    let sections = || files.iter().flat_map(|file| &file.sections);
    let of_all = sections().find(|section| section.header == "supervisord");
    let of_all = of_all.and_then(of);
    let url = |section| of(section).or_else(|| of_all.clone());
    let mut urls: Vec<_> = sections()
        .filter(|section| is_listener(section))
        .map(url)
        .collect();
    let first = urls.first().cloned().flatten();
    urls.dedup_by(|a, b| a.as_ref().map(|(url, _)| url) == b.as_ref().map(|(url, _)| url));
    for file in files {
        draft.begin(&file.name);
        for section in file.sections.iter().filter(|section| is_listener(section)) {
            let Some((url, line)) = url(section) else {
                continue;
            };
            let is_of_this_file = of(section).is_some();
            let line = if is_of_this_file { line } else { section.line };
            match (&first, urls.len()) {
                (Some(_), 1) if draft.has(TABLE, "url") => {}
                (Some(_), 1) => {
                    draft.at(line);
                    draft.remark(line, "how supervisord is reached");
                    draft.table(TABLE, "url", &quoted(&url));
                }
                _ => draft.leave(
                    line,
                    &format!(
                        "[{}]: its supervisord is another one than that of the other listeners, and a file has one: \
                         import it alone",
                        section.header
                    ),
                ),
            }
        }
    }
}

/// The URL that `section` says, and its line.
fn of(section: &IniSection) -> Option<(String, usize)> {
    let of_environment = section.get("environment").and_then(|(pairs, line)| {
        let url = variable(pairs)?;
        Some((url, line))
    });
    of_environment.or_else(|| {
        let (url, line) = section.get("serverurl")?;
        (!url.eq_ignore_ascii_case("auto")).then(|| (url.to_owned(), line))
    })
}

/// The URL of `A="x,y",SUPERVISOR_SERVER_URL="unix:///run/s.sock"`.
fn variable(pairs: &str) -> Option<String> {
    let mut quote = None;
    let pairs = pairs.split(|c: char| {
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
        c == ',' && quote.is_none()
    });
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == VARIABLE)?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}
