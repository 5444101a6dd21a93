//! The table of `httpok status`: one row a check, what a person wants to know first on the left.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::find::FoundWatchdog;
use super::programs;
use crate::cli::render::columns::{Cell, Column, table};
use crate::cli::render::paint::{Paint, mark};
use crate::cli::render::visible;
use crate::cli::render::{near, span};
use crate::health::{
    ActivityView, CheckResultView, CheckView, Moment, PauseView, ProcessState, ProgramView, Reason,
    Spending, Status, Verdict, counted,
};
use crate::terminal::{cut, cut_middle, wrap};

/// The most columns of what was wrong.
const DETAIL: usize = 60;

/// What a person wants to know first stands on the left; what is least missed has the highest rank.
const COLUMNS: [Column; 6] = [
    Column {
        heading: "CHECK",
        least: Some(12),
        rank: 0,
    },
    Column {
        heading: "STATUS",
        least: None,
        rank: 0,
    },
    Column {
        heading: "SINCE",
        least: None,
        rank: 3,
    },
    Column {
        heading: "RESTARTS",
        least: None,
        rank: 4,
    },
    Column {
        heading: "LAST PROBE",
        least: Some(20),
        rank: 2,
    },
    Column {
        heading: "NEXT",
        least: Some(12),
        rank: 1,
    },
];

/// The tables of all watchdogs, at most `most` columns wide.
pub fn tables(found: &[FoundWatchdog], paint: Paint, most: Option<usize>) -> String {
    let several = found.len() > 1;
    let tables = found.iter().map(|found| {
        let mut text = String::new();
        if several || found.snapshot.shutting_down {
            let end = if found.snapshot.shutting_down {
                ", shutting down"
            } else {
                ""
            };
            let pid = format!(" (pid {}{end})", found.pid);
            let room = most.map_or(usize::MAX, |most| most.saturating_sub(pid.len()));
            let name = cut(&visible::line(&found.watchdog), room);
            text += &format!("{}{pid}\n", paint.bold(&name));
        }
        text += &unhealthy(found, paint, most);
        text += &refused(found, paint, most);
        if !found.snapshot.checks.is_empty() {
            let now = found.snapshot.at;
            let rows: Vec<_> = found.snapshot.checks.iter().map(|c| row(c, now)).collect();
            text += &table(&COLUMNS, &rows, paint, most);
            text += &in_full(&text, &rows, most);
        }
        let programs = programs::table(&found.programs, paint, most);
        if !programs.is_empty() && !found.snapshot.checks.is_empty() {
            text.push('\n');
        }
        text + &programs + &unfinished(found, most) + &waiting(found, most)
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// That a person has set it unhealthy, which lasts until that is taken back.
fn unhealthy(found: &FoundWatchdog, paint: Paint, most: Option<usize>) -> String {
    let Some(reason) = &found.unhealthy else {
        return String::new();
    };
    let why = match reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", visible::line(reason)),
    };
    notice(
        &format!("set unhealthy by hand{why}; httpok health set --healthy ends it"),
        paint,
        most,
    )
}

/// A line above the table, wrapped.
fn notice(line: &str, paint: Paint, most: Option<usize>) -> String {
    let parts = wrap(line, most.map_or(usize::MAX, |most| most.saturating_sub(2)));
    format!("{}\n", paint.bold(&parts.join("\n  ")))
}

/// That the configuration file was refused at the last reload.
fn refused(found: &FoundWatchdog, paint: Paint, most: Option<usize>) -> String {
    let config = found.snapshot.config.as_ref();
    let Some(refused) = config.and_then(|config| config.refused.as_ref()) else {
        return String::new();
    };
    let line = format!(
        "the configuration file was refused {} ago, what was read before stays: {}",
        span(found.snapshot.at.since(refused.at)),
        visible::line(&refused.brief())
    );
    notice(&line, paint, most)
}

/// What will happen, in full, where `table` had no room for it: the same of several checks once.
fn in_full(table: &str, rows: &[[Cell; 6]], most: Option<usize>) -> String {
    let Some(most) = most else {
        return String::new();
    };
    let mut whole: Vec<(&str, Vec<&str>)> = Vec::new();
    for [(check, _), .., (next, _)] in rows {
        if table.contains(next.as_str()) {
            continue;
        }
        match whole.iter_mut().find(|(known, _)| known == next) {
            Some((_, checks)) => checks.push(check),
            None => whole.push((next, vec![check])),
        }
    }
    let mut text = String::new();
    for (next, checks) in whole {
        // a name is one word, which does not wrap
        let names: Vec<_> = checks
            .iter()
            .take(3)
            .map(|name| cut_middle(name, most.saturating_sub(4)))
            .collect();
        let who = match checks.len() {
            0..=3 => names.join(", "),
            many => format!("{} and {} more", names[0], many - 1),
        };
        let parts = wrap(&format!("{who}: {next}"), most.saturating_sub(2));
        for (at, part) in parts.iter().enumerate() {
            text += &format!("{}{part}\n", if at == 0 { "" } else { "  " });
        }
    }
    text
}

/// A line for every process that we stopped and that nothing else above shows: its check passes, or is not defined any more.
fn unfinished(found: &FoundWatchdog, most: Option<usize>) -> String {
    let now = found.snapshot.at;
    let checks = found.snapshot.checks.iter();
    let passing = checks.filter(|check| check.status != Status::Down);
    let pending = passing.flat_map(|check| &check.pending);
    let mut text = String::new();
    for pending in pending.chain(&found.snapshot.unfinished) {
        let why = match &pending.held {
            Some(held) => held,
            None => &pending.failure,
        };
        let next = pending.next.map(|next| match next > now {
            true => format!("; next try at {}", near(next, now)),
            false => "; next try now".to_owned(),
        });
        let line = format!(
            "the restart of {} is not finished: {why}{}",
            pending.process,
            next.unwrap_or_default()
        );
        let room = most.map_or(usize::MAX, |most| most.saturating_sub(2));
        text += &wrap(&visible::line(&line), room).join("\n  ");
        text.push('\n');
    }
    text
}

/// A line for every notifier for which notifications wait.
fn waiting(found: &FoundWatchdog, most: Option<usize>) -> String {
    let now = found.snapshot.at;
    let most = most.map(|most| most.saturating_sub(2));
    let mut text = String::new();
    for known in &found.notifiers {
        let name = visible::line(&known.name);
        if known.pending > 0 && !known.configured {
            text += &format!(
                "{} waiting for {name}, which is not configured: httpok notify send or drop\n",
                known.pending
            );
        }
        if known.pending > 0 && known.configured {
            let waiting = counted(known.pending, "report waits", "reports wait");
            let since = known
                .since
                .map(|since| format!(" for {}", span(now.since(since))));
            let why = match &known.failure {
                Some(failure) => format!(": {}", visible::line(failure)),
                None => ", not tried yet".to_owned(),
            };
            let next = known.next.map(|next| match next > now {
                true => format!("; next try at {}", near(next, now)),
                false => "; next try now".to_owned(),
            });
            let line = format!(
                "{waiting} for {name}{}{why}{}",
                since.unwrap_or_default(),
                next.unwrap_or_default()
            );
            for (at, part) in wrap(&line, most.unwrap_or(usize::MAX)).iter().enumerate() {
                text += &format!("{}{part}\n", if at == 0 { "" } else { "  " });
            }
        }
        if known.given_up > 0 {
            text += &format!(
                "{} for {name} given up: httpok notify send or drop\n",
                known.given_up
            );
        }
    }
    text
}

fn row(check: &CheckView, now: Moment) -> [Cell; 6] {
    let plain = Style::new();
    let degraded = check
        .last
        .as_ref()
        .is_some_and(|last| last.verdict == Verdict::Degraded);
    let (status, colour) = match check.status {
        Status::Up if degraded => ("! degraded", AnsiColor::Yellow),
        Status::Up => ("✓ up", AnsiColor::Green),
        Status::Down => ("✗ down", AnsiColor::Red),
        Status::Pending => ("· pending", AnsiColor::Yellow),
    };
    let is_stopped = |known: &ProgramView| known.state == Some(ProcessState::Stopped);
    let (status, colour) = match check.program.as_ref().is_some_and(is_stopped) {
        true => ("· stopped", AnsiColor::Yellow),
        false => (status, colour),
    };
    let since = check
        .since
        .map_or_else(|| "-".to_owned(), |since| span(now.since(since)));
    let (last, painted) = match &check.last {
        Some(last) => (last_probe(last, now), mark(last.verdict).0.on_default()),
        None if check.heartbeat.is_some() => ("no heartbeat yet".to_owned(), plain),
        None if check.program.is_some() => ("nothing known yet".to_owned(), plain),
        None => ("not probed yet".to_owned(), plain),
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
        (None, false) => (check.counts.restarted + check.counts.failed).to_string(),
    }
}

fn last_probe(last: &CheckResultView, now: Moment) -> String {
    let ago = match now.since(last.at) {
        recent if recent < Duration::from_secs(1) => "now".to_owned(),
        ago => format!("{} ago", span(ago)),
    };
    let why = match (last.reason, last.code) {
        (Some(reason), _) => format!(" ({reason})"),
        (None, Some(code)) => format!(" ({code})"),
        (None, None) => String::new(),
    };
    let detail = cut(&visible::line(&last.detail), DETAIL);
    let colon = if detail.is_empty() { "" } else { ": " };
    format!("{}{why} {ago}{colon}{detail}", last.verdict)
}

fn because(hold: &PauseView) -> String {
    let reason = visible::line(&hold.reason);
    let colon = if reason.is_empty() { "" } else { ": " };
    format!("{colon}{reason}")
}

/// What will happen, or what keeps it from happening.
fn next(check: &CheckView, now: Moment) -> String {
    if let Some(ActivityView::Restarting { since, on }) = &check.busy {
        if let Some(rung) = &check.rung {
            let rung = visible::line(&rung.to_string());
            return format!("{rung}, for {}", span(now.since(*since)));
        }
        let on = visible::line(&on.join(", "));
        return format!("restarting {on} for {}", span(now.since(*since)));
    }
    if let Some(roll) = &check.rolling {
        let (proving, left) = (visible::line(&roll.awaiting), roll.left.len());
        let since = span(now.since(roll.since));
        return format!("waiting for a pass after {proving} for {since}; {left} more to restart");
    }
    if let Some(pause) = &check.pause {
        let until = match pause.until {
            Some(until) => format!("paused until {}", near(until, now)),
            None => "paused".to_owned(),
        };
        let and = match &check.silence {
            Some(silence) if silence == pause => " and silenced",
            _ => "",
        };
        let gave_up = if check.gave_up.is_some() {
            "; gave up"
        } else {
            ""
        };
        return format!("{until}{and}{}{gave_up}", because(pause));
    }
    let without_holds = next_without_holds(check, now);
    if let Some(silence) = &check.silence {
        let until = match silence.until {
            Some(until) => format!("silenced until {}", near(until, now)),
            None => "silenced".to_owned(),
        };
        let and = match without_holds.as_str() {
            "-" => String::new(),
            next => format!("; {next}"),
        };
        return format!("{until}{}{and}", because(silence));
    }
    without_holds
}

/// What will happen to a check that nobody holds.
fn next_without_holds(check: &CheckView, now: Moment) -> String {
    if check.gave_up.is_some() {
        return match check.rearm {
            Some(rearm) if rearm <= now => "gave up; again when it fails".to_owned(),
            Some(rearm) => format!("gave up; again from {}", near(rearm, now)),
            None => "gave up; manually only".to_owned(),
        };
    }
    if let Some(held) = &check.held {
        let rung = check.rung.as_ref().map(|rung| format!("; {rung}"));
        let held = format!("no restart: {held}{}", rung.unwrap_or_default());
        return visible::line(&held);
    }
    if let Some(unknown) = check.unknown_targets.first() {
        return visible::line(&unknown.to_string());
    }
    if let Some(since) = check.warming {
        return format!("warming up for {}", span(now.since(since)));
    }
    if let Some(due) = check.heartbeat.as_ref().and_then(|known| known.due)
        && due > now
    {
        return format!("heartbeat due by {}", near(due, now));
    }
    if let Some(heartbeat) = &check.heartbeat
        && check.status == Status::Down
    {
        return match (&heartbeat.failure, heartbeat.due) {
            (Some(_), _) => "waiting for a heartbeat without a failure".to_owned(),
            (None, Some(due)) => format!("heartbeat overdue for {}", span(now.since(due))),
            (None, None) => "waiting for a heartbeat".to_owned(),
        };
    }
    if check.program.is_some() && check.status == Status::Down {
        return match check.last.as_ref().and_then(|last| last.reason) {
            Some(Reason::CrashLoop) => "started again after each end".to_owned(),
            _ => format!("httpok start {}", visible::line(&check.name)),
        };
    }
    let streak = &check.streak;
    let grace = check.grace_left.map(Duration::try_from_secs_f64);
    if let Some(Ok(left)) = grace {
        return format!("in grace for {}", span(left));
    }
    if streak.fails > 0 {
        return match streak.fails > streak.fail_after {
            true => format!("fail {} in a row", streak.fails),
            false => format!("fail {} of {}", streak.fails, streak.fail_after),
        };
    }
    if check.status == Status::Down && streak.passes > 0 {
        return format!("pass {} of {}", streak.passes, streak.pass_after);
    }
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_cuts_stands_below_it_once() {
        let plain = Style::new();
        let row = |check: &str, next: &str| {
            [check, "✗ down", "3 m", "0", "fail now", next].map(|cell| (cell.to_owned(), plain))
        };
        let wait = "no restart: its fleet (group shop): every slot is taken, by web-2 (shop)";
        let rows = [row("a", wait), row("b", "-"), row("c", wait)];
        let shown = table(&COLUMNS, &rows, Paint { colour: false }, Some(60));
        assert_eq!(
            in_full(&shown, &rows, Some(60)),
            "a, c: no restart: its fleet (group shop): every slot is\n  taken, by web-2 (shop)\n"
        );
        let shown = table(&COLUMNS, &rows, Paint { colour: false }, None);
        assert_eq!(in_full(&shown, &rows, None), "");
    }
}
