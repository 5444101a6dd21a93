//! The table of `httpok status`: one row a check, what a person wants to know first on the left.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::columns::columns;
use super::place::Found;
use super::programs;
use crate::cli::render::paint::{Paint, look};
use crate::cli::render::time::{near, span};
use crate::cli::render::visible;
use crate::health::{Busy, CheckView, Moment, Spending, Status};

/// The most characters of what was wrong.
const DETAIL: usize = 60;

const HEADINGS: [&str; 6] = ["CHECK", "STATUS", "SINCE", "RESTARTS", "LAST LOOK", "NEXT"];

/// The tables of all watchdogs.
pub fn tables(found: &[Found], paint: Paint) -> String {
    let several = found.len() > 1;
    let tables = found.iter().map(|found| {
        let mut text = String::new();
        if several || found.snapshot.shutting_down {
            let end = if found.snapshot.shutting_down {
                ", shutting down"
            } else {
                ""
            };
            // writing to a String cannot fail
            let name = visible::line(&found.watchdog);
            let _ = writeln!(text, "{} (pid {}{end})", paint.bold(&name), found.pid);
        }
        if !found.snapshot.checks.is_empty() {
            text += &table(&found.snapshot.checks, found.snapshot.at, paint);
        }
        let programs = programs::table(&found.programs, paint);
        if !programs.is_empty() && !found.snapshot.checks.is_empty() {
            text.push('\n');
        }
        text + &programs
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn table(checks: &[CheckView], now: Moment, paint: Paint) -> String {
    let mut rows = vec![HEADINGS.map(|heading| (heading.to_owned(), Style::new().dimmed()))];
    rows.extend(checks.iter().map(|check| row(check, now)));
    columns(&rows, paint)
}

fn row(check: &CheckView, now: Moment) -> [(String, Style); 6] {
    let plain = Style::new();
    let (status, colour) = match check.status {
        Status::Up => ("✓ up", AnsiColor::Green),
        Status::Down => ("✗ down", AnsiColor::Red),
        Status::Pending => ("· pending", AnsiColor::Yellow),
    };
    let since = check
        .since
        .map_or_else(|| "-".to_owned(), |since| span(now.since(since)));
    let (last, painted) = match &check.last {
        Some(last) => (last_look(check, now), look(last.verdict).0.on_default()),
        None => ("not asked yet".to_owned(), plain),
    };
    [
        (visible::line(&check.name), plain.bold()),
        (status.to_owned(), colour.on_default().bold()),
        (since, plain),
        (spent(check), plain),
        (last, painted),
        (next(check, now), plain),
    ]
}

fn spent(check: &CheckView) -> String {
    match (&check.restarts, check.targets.is_empty()) {
        (_, true) => "-".to_owned(),
        (Some(Spending { spent, of, window }), false) => {
            let window = Duration::try_from_secs_f64(*window).unwrap_or_default();
            format!("{spent} of {of} in {}", span(window))
        }
        (None, false) => (check.tally.restarted + check.tally.failed).to_string(),
    }
}

fn last_look(check: &CheckView, now: Moment) -> String {
    let Some(last) = &check.last else {
        return String::new();
    };
    let ago = span(now.since(last.at));
    let why = match (last.reason, last.code) {
        (Some(reason), _) => format!(" ({reason})"),
        (None, Some(code)) => format!(" ({code})"),
        (None, None) => String::new(),
    };
    let mut detail = visible::line(&last.detail);
    if let Some((end, _)) = detail.char_indices().nth(DETAIL) {
        detail.truncate(end);
        detail += "...";
    }
    let colon = if detail.is_empty() { "" } else { ": " };
    format!("{}{why} {ago} ago{colon}{detail}", last.verdict)
}

/// What will happen, or what keeps it from happening.
fn next(check: &CheckView, now: Moment) -> String {
    if let Some(Busy::Restarting { since, on }) = &check.busy {
        let on = visible::line(&on.join(", "));
        return format!("restarting {on} for {}", span(now.since(*since)));
    }
    if let Some(roll) = &check.roll {
        let (proving, left) = (visible::line(&roll.proving), roll.left.len());
        let since = span(now.since(roll.since));
        return format!("waiting for a pass after {proving} for {since}; {left} more to restart");
    }
    if let Some(pause) = &check.pause {
        let until = match pause.until {
            Some(until) => format!("paused until {}", near(until, now)),
            None => "paused".to_owned(),
        };
        let reason = visible::line(&pause.reason);
        let colon = if reason.is_empty() { "" } else { ": " };
        return format!("{until}{colon}{reason}");
    }
    if check.gave_up.is_some() {
        return match check.rearm {
            Some(rearm) => format!("gave up; again from {}", near(rearm, now)),
            None => "gave up; by hand only".to_owned(),
        };
    }
    if let Some(held) = &check.held {
        return format!("no restart: {}", visible::line(held));
    }
    if let Some(since) = check.warming {
        return format!("warming up for {}", span(now.since(since)));
    }
    let streak = &check.streak;
    let grace = check.grace_left.map(Duration::try_from_secs_f64);
    if let Some(Ok(left)) = grace {
        return format!("in grace for {}", span(left));
    }
    if streak.fails > 0 {
        return format!("fail {} of {}", streak.fails, streak.fail_after);
    }
    if check.status == Status::Down && streak.passes > 0 {
        return format!("pass {} of {}", streak.passes, streak.pass_after);
    }
    "-".to_owned()
}
