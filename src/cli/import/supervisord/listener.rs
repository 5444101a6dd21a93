//! `[eventlistener:x]`: what its command line does as a check.

use crate::cli::dropin::{FLAGS, Key, getopt};
use crate::cli::import::draft::{CheckDraft, Draft, list, quoted};
use crate::cli::import::ini::IniSection;
use crate::cli::import::placeholders::unknown_variable;
use crate::config::split_words;

pub(super) fn listener(section: &IniSection, name: &str, programs: &[String], draft: &mut Draft) {
    let Some((command, line)) = section.get("command") else {
        return;
    };
    draft.at(line);
    let words = match split_words(command) {
        Ok(words) => words,
        Err(why) => return draft.leave(line, &format!("[{}]: {why}", section.header)),
    };
    let words = without_shell(words);
    let is = |word: &String, name: &str| word.rsplit('/').next() == Some(name);
    if words.iter().take(2).any(|word| is(word, "memmon")) {
        return draft.leave(
            line,
            &format!(
                "[{}]: memmon restarts programs by their memory, which httpok does not measure: leave it there",
                section.header
            ),
        );
    }
    let Some(at) = place(&words) else {
        return draft.leave(
            line,
            &format!(
                "[{}]: not a listener of httpok: leave it there",
                section.header
            ),
        );
    };
    if let Some(name) = unknown_variable(command) {
        let text = format!(
            "[{}]: %(ENV_{name})s is not known: import with the variable {name} of supervisord",
            section.header
        );
        return draft.leave(line, &text);
    }
    let every = section.get("events").and_then(|(events, _)| every(events));
    let ticks = every.unwrap_or(&TICKS[1]);
    match check(&words[at + 1..], (name, line), ticks, programs, draft) {
        Ok(None) => {}
        Ok(Some(check)) => {
            draft.top(
                "max_restarts",
                "false                 # a listener has no bound over all checks",
            );
            draft.top(
                "panic_threshold",
                "false              # and restarts however many fail at once",
            );
            draft.remark(
                line,
                &format!(
                    "[{}] is the check {}; take the section out",
                    section.header,
                    quoted(&check.name)
                ),
            );
            draft.check(check);
        }
        Err(why) => draft.leave(line, &format!("[{}]: {why}", section.header)),
    }
}

/// Whether `section` is a listener of httpok.
pub(super) fn is_listener(section: &IniSection) -> bool {
    let words = section
        .get("command")
        .and_then(|(command, _)| split_words(command).ok());
    section.header.starts_with("eventlistener:")
        && words.is_some_and(|words| place(&without_shell(words)).is_some())
}

/// Where httpok stands in its command line: as a program, behind an interpreter, or as a module of Python.
fn place(words: &[String]) -> Option<usize> {
    let is_httpok =
        |word: &String| word.rsplit('/').next() == Some("httpok") || word == "superlance.httpok";
    words.iter().take(4).position(is_httpok)
}

/// `httpok -p web URL` of `sh -c "exec httpok -p web URL"`.
fn without_shell(words: Vec<String>) -> Vec<String> {
    const SHELLS: [&str; 5] = ["sh", "bash", "dash", "zsh", "ash"];
    let [shell, option, line, ..] = words.as_slice() else {
        return words;
    };
    let name = shell.rsplit('/').next().unwrap_or_default();
    let is_one = SHELLS.contains(&name) && option.starts_with('-') && option.ends_with('c');
    match split_words(line) {
        Ok(mut inner) if is_one => {
            if inner.first().is_some_and(|word| word == "exec") {
                inner.remove(0);
            }
            inner
        }
        Ok(_) | Err(_) => words,
    }
}

/// The event that a listener waits for, how often that comes, and the pause that makes each of them one attempt: a pause
/// is lengthened by up to a tenth.
struct Ticks {
    event: &'static str,
    every: &'static str,
    pause: &'static str,
}

const TICKS: [Ticks; 3] = [
    Ticks {
        event: "TICK_5",
        every: "5s",
        pause: "4500ms",
    },
    Ticks {
        event: "TICK_60",
        every: "60s",
        pause: "54s",
    },
    Ticks {
        event: "TICK_3600",
        every: "1h",
        pause: "54m",
    },
];

fn every(events: &str) -> Option<&'static Ticks> {
    let mut events = events.split(',').map(str::trim);
    events.find_map(|event| TICKS.iter().find(|ticks| ticks.event == event))
}

/// The check that the command line `words` is. Nothing when its checks stand in a file, which is included.
fn check(
    words: &[String],
    (name, line): (&str, usize),
    ticks: &Ticks,
    programs: &[String],
    draft: &mut Draft,
) -> Result<Option<CheckDraft>, String> {
    let (given, positional) = getopt::parse(&FLAGS, words).map_err(|fault| fault.to_string())?;
    let mut check = CheckDraft {
        name: name.to_owned(),
        line,
        ..CheckDraft::default()
    };
    let last = |key: Key| {
        given
            .iter()
            .rev()
            .find(|option| option.key == key)
            .map(|option| option.value.as_str())
    };
    let all = |key: Key| -> Vec<String> {
        let those = given.iter().filter(|option| option.key == key);
        those.map(|option| option.value.clone()).collect()
    };
    if let Some(dir) = last(Key::StateDir) {
        draft.top("state_dir", &quoted(dir));
    }
    if let Some(file) = last(Key::Config) {
        draft.top("include", &list(&[file.to_owned()]));
        draft.remark(
            line,
            "its checks stand in the file of --config, which is included",
        );
        return Ok(None);
    }
    let [url] = positional.as_slice() else {
        return Err("its command has no URL".to_owned());
    };
    if let Some(name) = last(Key::Name).filter(|name| !name.is_empty()) {
        name.clone_into(&mut check.name);
    }
    let mut add = |text: String| check.lines.push(text);
    add(format!("url = {}", quoted(url)));
    let codes = all(Key::Code);
    if !codes.is_empty() {
        add(format!("status = {}", list(&codes)));
    }
    for (key, name) in [
        (Key::Timeout, "timeout"),
        (Key::Body, "body"),
        (Key::Cacert, "cacert"),
        (Key::Method, "method"),
    ] {
        if let Some(value) = last(key).filter(|value| !value.is_empty()) {
            add(format!("{name} = {}", quoted(value)));
        }
    }
    for (key, name) in [(Key::NotBody, "not_body"), (Key::Expect, "expect")] {
        if !all(key).is_empty() {
            add(format!("{name} = {}", list(&all(key))));
        }
    }
    let headers = all(Key::Header);
    let headers: Vec<_> = headers
        .iter()
        .filter_map(|header| header.split_once(':'))
        .map(|(name, value)| format!("{} = {}", quoted(name.trim()), quoted(value.trim())))
        .collect();
    if !headers.is_empty() {
        add(format!("headers = {{ {} }}", headers.join(", ")));
    }
    if last(Key::Follow).is_some() {
        add("follow = true".to_owned());
    }
    let verifies = last(Key::Verify).is_some() || last(Key::Cacert).is_some();
    if url.starts_with("https:") && !verifies {
        add(
            "insecure = true                     # the listener did not verify the certificate"
                .to_owned(),
        );
    }
    let any = last(Key::Any).is_some();
    let restart = if any {
        programs.to_vec()
    } else {
        all(Key::Program)
    };
    if !restart.is_empty() {
        add(format!("restart = {}", list(&restart)));
    }
    if last(Key::StartStopped).is_some() {
        add("start_stopped = true".to_owned());
    }
    if last(Key::DryRun).is_some() {
        add("dry_run = true".to_owned());
    }
    add("# As the listener has it: a restart at the first fail, and at each tick after it. Without these lines the".to_owned());
    add("# defaults hold: fail_after = 3, grace = \"30s\", growing pauses, 5 restarts in 10 minutes.".to_owned());
    add(format!(
        "fail_after = {}",
        last(Key::FailAfter).unwrap_or("1")
    ));
    add(format!(
        "grace = {}",
        quoted(last(Key::Grace).unwrap_or("0s"))
    ));
    add(format!(
        "restarts = {}",
        quoted(last(Key::MaxRestarts).unwrap_or("unlimited"))
    ));
    let pause = quoted(ticks.pause);
    add(format!("backoff = {{ min = {pause}, max = {pause} }}"));
    add(format!("every = {}", quoted(ticks.every)));
    if let Some(dir) = last(Key::Coredir).filter(|dir| !dir.is_empty()) {
        check.capture.push(format!("cores = {}", quoted(dir)));
        if let Some(gcore) = last(Key::Gcore) {
            check.capture.push(format!("gcore = {}", quoted(gcore)));
        }
    }
    if any {
        draft.remark(line, "-a: all programs of this file are named in restart");
    }
    if last(Key::NotEager).is_some() {
        draft.leave(
            line,
            "-E: a check is probed also when its programs do not run",
        );
    }
    mail(&last, line, draft);
    if let Some(url) = last(Key::Webhook) {
        draft.table("[[webhook]]", "url", &quoted(url));
    }
    Ok(Some(check))
}

fn mail<'g>(last: &impl Fn(Key) -> Option<&'g str>, line: usize, draft: &mut Draft) {
    const TABLE: &str = "[mail]";
    let Some(to) = last(Key::Email).filter(|to| !to.is_empty()) else {
        return;
    };
    if draft.has(TABLE, "to") {
        draft.remark(
            line,
            "-m: all checks send their mails to the addresses of all listeners",
        );
    }
    let addresses = to.split(',').map(str::trim);
    for address in addresses.filter(|address| !address.is_empty()) {
        draft.add_to_list(TABLE, "to", address);
    }
    for (key, name) in [(Key::Smtp, "smtp"), (Key::From, "from")] {
        if let Some(value) = last(key) {
            draft.table(TABLE, name, &quoted(value));
        }
    }
    if let (Some(command), None) = (last(Key::Sendmail), last(Key::Smtp)) {
        draft.table(TABLE, "sendmail", &quoted(command));
    }
}
