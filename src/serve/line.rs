//! The line protocol of zc.monitor, as ftw.monitor's users ask it: a command a line, an answer, the end. Other than
//! there, lines have a bound, a client that says nothing is hung up on, and one that closes its sending side still
//! gets its answer.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::hub::Source;
use super::listener::ClientStream;
use super::view::{ServedState, View, one_line, trouble};
use crate::health::{ActivityView as Doing, Unhealthy, Verdict, VerdictCounts};
use crate::net::clients::ClientBusy;
use crate::{escape, secret};

/// Clients at a time.
pub const CLIENTS: usize = 64;
/// No line is longer, in bytes.
const LINE: usize = 4096;
/// A client that says nothing for so long is hung up on.
const IDLE: Duration = Duration::from_secs(60);
/// An answer is to be read within so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Commands with what `help` says about them, sorted.
const COMMANDS: [(&str, &str); 9] = [
    (
        "dbinfo",
        "Five numbers: probes, fails, probes under way, checks, checks that are up",
    ),
    (
        "health_check",
        "OK, or what keeps this from being well, in one line",
    ),
    ("help", "Get help about server commands"),
    ("interactive", "Turn on monitor's interactive mode"),
    (
        "monitor",
        "The watchdog's process: probes under way, memory, and one line a check",
    ),
    (
        "perf_metrics",
        "Numbers about the watchdog as one line of JSON",
    ),
    ("quit", "Quit the monitor"),
    (
        "status",
        "One line a check: its name, how it stands, and why",
    ),
    (
        "warmup_state",
        "Whether warm-ups are done, and under way: two numbers, 0 or 1",
    ),
];

/// Serves one client to its end.
pub async fn talk(mut stream: ClientStream, source: Source, busy: ClientBusy) {
    let mut session = LineSession::default();
    let mut waiting = Vec::new();
    loop {
        let Some(line) = next(&mut stream, &mut waiting).await else {
            return;
        };
        busy.set(true);
        let answer = match line {
            ReceivedLine::TooLong => LineReply::last(format!("A line has at most {LINE} bytes.\n")),
            ReceivedLine::Whole(line) => session.answer(&line, &*source.view().await),
        };
        let text = escape::unhidden(secret::mask(&answer.text).into_owned());
        let said = timeout(PATIENCE, stream.write_all(text.as_bytes())).await;
        busy.set(false);
        if answer.closes || !matches!(said, Ok(Ok(()))) {
            // the client may be gone
            let _ = timeout(PATIENCE, stream.shutdown()).await;
            return;
        }
    }
}

enum ReceivedLine {
    Whole(String),
    TooLong,
}

/// The next line, without its end. What the client's end leaves without a line end is none.
async fn next(stream: &mut ClientStream, waiting: &mut Vec<u8>) -> Option<ReceivedLine> {
    let mut piece = [0; 1024];
    loop {
        if let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = waiting.drain(..=end).collect();
            return Some(ReceivedLine::Whole(
                String::from_utf8_lossy(&line).into_owned(),
            ));
        }
        if waiting.len() > LINE {
            return Some(ReceivedLine::TooLong);
        }
        match timeout(IDLE, stream.read(&mut piece)).await {
            Ok(Ok(count @ 1..)) => waiting.extend_from_slice(&piece[..count]),
            Ok(Ok(0) | Err(_)) | Err(_) => return None,
        }
    }
}

/// What is said to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LineReply {
    text: String,
    closes: bool,
}

impl LineReply {
    fn last(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            closes: true,
        }
    }
}

/// One client's talk so far.
#[derive(Debug, Default)]
struct LineSession {
    interactive: bool,
    /// What an empty line repeats in interactive mode.
    last: String,
}

impl LineSession {
    fn answer(&mut self, line: &str, view: &View) -> LineReply {
        let mut line = line.trim().to_owned();
        if line.is_empty() {
            line.clone_from(&self.last);
        }
        if line.is_empty() {
            return LineReply {
                text: String::new(),
                closes: false,
            };
        }
        self.last.clone_from(&line);
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or_default();
        let words: Vec<_> = words.collect();
        let text = match command {
            "quit" => return LineReply::last("Goodbye.\n"),
            "interactive" => {
                self.interactive = true;
                "Interactive mode on.  Use \"quit\" To exit.\n".to_owned()
            }
            "help" => help(words.first().copied()),
            "health_check" => health_check(view) + "\n",
            "monitor" => monitor(view),
            "status" => status(view, &words),
            "dbinfo" => dbinfo(view),
            "warmup_state" => {
                let warming = is_warming(view);
                let done = view.ready && !warming;
                format!("{} {}\n", u8::from(done), u8::from(warming))
            }
            "perf_metrics" => perf_metrics(view),
            unknown => format!("Invalid command {}\nTry \"help\".\n", quoted(unknown)),
        };
        LineReply {
            text,
            closes: !self.interactive,
        }
    }
}

fn help(about: Option<&str>) -> String {
    let Some(about) = about else {
        let lines = COMMANDS
            .iter()
            .map(|(name, text)| format!("  {name} -- {text}\n"));
        return "Supported commands:\n".to_owned() + &lines.collect::<String>();
    };
    match COMMANDS.iter().find(|(name, _)| *name == about) {
        Some((name, text)) => format!("Help for {name}:\n\n{text}\n"),
        None => format!("Invalid command {}\nTry \"help\".\n", quoted(about)),
    }
}

/// As Python's `repr` has it, which is what clients know.
fn quoted(word: &str) -> String {
    let quote = match word.contains('\'') && !word.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut text = String::from(quote);
    for c in word.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            c if c == quote => drop(write!(text, "\\{c}")),
            c if c.is_control() || !c.is_ascii() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
            c => text.push(c),
        }
    }
    text.push(quote);
    text
}

/// One line. HAProxy's `tcp-check expect string OK` finds an `OK` anywhere, so that no other line has one.
fn health_check(view: &View) -> String {
    let error = |text: &str| format!("Error: {}", one_line(text).replace("OK", "ok"));
    let is_shown = |reason: &&Unhealthy| !matches!(reason, Unhealthy::NotReady);
    if let Some(reason) = view.reasons.iter().find(is_shown) {
        return error(&reason.to_string());
    }
    if !view.ready {
        return "Instance is booting".to_owned();
    }
    if is_warming(view) {
        return "Warmup in progress".to_owned();
    }
    "OK".to_owned()
}

fn is_warming(view: &View) -> bool {
    let mut checks = view.snapshot.checks.iter();
    checks.any(|check| check.warming.is_some())
}

fn status(view: &View, names: &[&str]) -> String {
    let mut text = String::new();
    for name in names.iter().filter(|name| view.check(name).is_none()) {
        let _ = writeln!(text, "Error: {}", one_line(&view.no_such_check(name)));
    }
    for check in &view.snapshot.checks {
        if names.is_empty() || names.contains(&check.name.as_str()) {
            let state = ServedState::of(check).as_str();
            let trouble = trouble(check);
            let name = one_line(&check.name);
            let _ = writeln!(text, "{}", format!("{name} {state} {trouble}").trim_end());
        }
    }
    text
}

fn probing(view: &View) -> usize {
    view.snapshot.totals.probing
}

fn monitor(view: &View) -> String {
    let mut text = format!("{}\n", probing(view));
    let memory = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in memory.lines() {
        if line.starts_with("VmSize:") || line.starts_with("VmRSS:") {
            let _ = writeln!(text, "{line}");
        }
    }
    for check in &view.snapshot.checks {
        if let Some(doing) = &check.busy {
            let what = match doing {
                Doing::Listing => "asks its supervisor",
                Doing::Probing => "is probed",
                Doing::Restarting { .. } if check.rung.is_some() => "is being acted on",
                Doing::Restarting { .. } => "is being restarted",
            };
            let _ = writeln!(text, "{} {what}", one_line(&check.name));
        }
    }
    text
}

/// The probes of all checks, and those that failed.
fn probes(view: &View) -> (u64, u64) {
    let tallies = || {
        view.snapshot
            .checks
            .iter()
            .map(|check| &check.counts.probes)
    };
    let all = tallies().map(VerdictCounts::total).sum();
    let fails = tallies().map(|verdicts| verdicts.of(Verdict::Fail)).sum();
    (all, fails)
}

fn dbinfo(view: &View) -> String {
    let (all, fails) = probes(view);
    let totals = &view.snapshot.totals;
    format!(
        "{all} {fails} {} {} {}\n",
        totals.probing, totals.checks, totals.up
    )
}

fn perf_metrics(view: &View) -> String {
    let (all, fails) = probes(view);
    let totals = &view.snapshot.totals;
    let rss = resident_bytes();
    let metrics = json!({
        "instance": { "uptime": view.uptime().as_secs() },
        "checks": {
            "total": totals.checks,
            "up": totals.up,
            "down": totals.down,
            "pending": totals.pending,
            "paused": totals.paused,
            "gave_up": totals.gave_up,
        },
        "probes": { "total": all, "failed": fails, "active": totals.probing },
        "outbox": { "messages": view.outbox },
        "memory": { "rss": rss },
    });
    format!("{metrics}\n")
}

/// What of our memory is in use; -1 where the kernel does not say.
fn resident_bytes() -> i64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<i64>().ok());
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    match (pages, size) {
        (Some(pages), Ok(Some(size))) => pages * size,
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    fn say(view: &View, line: &str) -> LineReply {
        LineSession::default().answer(line, view)
    }

    #[test]
    fn command_is_answered_and_the_connection_closed() {
        let view = testing::view(&[("shop", SeenResult::Code(200)), ("db", SeenResult::Refused)]);
        for (line, text) in [
            ("quit", "Goodbye.\n"),
            ("  status\t\r\n", "shop up\ndb down connection refused\n"),
            ("status db", "db down connection refused\n"),
            ("dbinfo", "6 3 0 2 1\n"),
            ("warmup_state", "1 0\n"),
            ("health_check x", "Error: checks down: db\n"),
            (
                "help help",
                "Help for help:\n\nGet help about server commands\n",
            ),
            ("nope", "Invalid command 'nope'\nTry \"help\".\n"),
            ("Help", "Invalid command 'Help'\nTry \"help\".\n"),
            ("it's", "Invalid command \"it's\"\nTry \"help\".\n"),
            (
                "\u{e9}\u{7}",
                "Invalid command '\\xc3\\xa9\\x07'\nTry \"help\".\n",
            ),
        ] {
            assert_eq!(say(&view, line), LineReply::last(text), "{line}");
        }
        let help = say(&view, "help").text;
        assert!(
            help.starts_with("Supported commands:\n  dbinfo -- "),
            "{help}"
        );
        let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn interactive_mode_stays_and_an_empty_line_repeats() {
        let view = testing::view(&[("shop", SeenResult::Code(200))]);
        let mut session = LineSession::default();
        let nothing = session.answer("\r\n", &view);
        assert_eq!((nothing.text.as_str(), nothing.closes), ("", false));
        let on = session.answer("interactive", &view);
        assert_eq!(on.text, "Interactive mode on.  Use \"quit\" To exit.\n");
        for line in ["status shop", "", "\n"] {
            let answer = session.answer(line, &view);
            assert_eq!((answer.text.as_str(), answer.closes), ("shop up\n", false));
        }
        assert!(session.answer("quit", &view).closes);
    }

    #[test]
    fn the_health_check_is_one_line_and_only_one_has_ok_in_it() {
        let booting = testing::view(&[("new", SeenResult::Nothing)]);
        assert_eq!(health_check(&booting), "Instance is booting");
        let mut view = testing::view(&[("BOOK", SeenResult::Code(200))]);
        assert_eq!(health_check(&view), "OK");
        view.snapshot.checks[0].warming = Some(view.snapshot.at);
        assert_eq!(health_check(&view), "Warmup in progress");
        assert_eq!(say(&view, "warmup_state").text, "0 1\n");
        let down = health_check(&testing::view(&[("BOOK\nOK", SeenResult::Refused)]));
        assert!(
            down.starts_with("Error: ") && !down.contains("OK") && !down.contains('\n'),
            "{down}"
        );
    }

    #[test]
    fn perf_metrics_are_one_line_of_json() {
        let view = testing::view(&[("shop", SeenResult::Code(200))]);
        let text = say(&view, "perf_metrics").text;
        assert_eq!(text.lines().count(), 1);
        let metrics: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(metrics["instance"]["uptime"], 60);
        assert!(metrics["memory"]["rss"].as_i64().expect("a number") > 0);
    }
}
