//! An incident as text for people: what it was, a strip of its results, its timeline, what was kept. Pure.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::cli::render::paint::{Paint, mark};
use crate::cli::render::visible;
use crate::cli::render::{span, stamp, time};
use crate::daemon::timeline::{LineKind, Timeline, TimelineLine};
use crate::health::{Incident, Moment, Outcome, Verdict, counted};
use crate::notify::transcript;
use crate::store::WaitingReport;
use crate::terminal::wrap;

use super::repeats::{self, Shown};

/// What stands before the moments and behind them.
const MARGIN: &str = "  ";

/// Marks in a strip.
const STRIP: usize = 70;

/// All of an incident, in lines of at most `columns` where they can be broken between words. Writing to a String cannot
/// fail, so the results of `write!` are let go.
pub fn incident(
    incident: &Incident,
    timeline: &Timeline,
    paint: Paint,
    columns: Option<usize>,
) -> String {
    let mut out = heading(incident, paint);
    let strip = strip(timeline, paint);
    if !strip.is_empty() {
        let _ = writeln!(out, "  {strip}");
    }
    out.push('\n');
    lines(&mut out, incident, timeline, paint, columns);
    if incident.dropped > 0 {
        let _ = writeln!(out, "  ({})", dropped(incident));
    }
    if let Some(evidence) = transcript::evidence(incident) {
        out.push('\n');
        for line in evidence.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn dropped(incident: &Incident) -> String {
    let (entry, entries) = ("entry from its middle was", "entries from its middle were");
    let all = counted(incident.dropped, entry, entries);
    match incident.dropped_actions {
        0 => format!("{all} not kept, none of them an action"),
        actions => format!(
            "{all} not kept, {} among them",
            counted(actions, "action", "actions")
        ),
    }
}

/// The reports that wait for their notifiers, and what for.
pub fn waiting(waiting: &[WaitingReport], now: Moment, columns: Option<usize>) -> String {
    let mut out = String::new();
    for one in waiting {
        let (report, name) = (one.report, visible::line(&one.notifier));
        let since = stamp(one.since);
        let what = match &one.failure {
            _ if one.held => format!("is held for {name} until {}", time(one.next)),
            None => format!("waits for {name} since {since}, not tried yet"),
            Some(failure) => {
                let next = match one.next > now {
                    true => format!("the next at {}", time(one.next)),
                    false => "the next is due".to_owned(),
                };
                let tries = counted(one.tries, "try", "tries");
                let failure = visible::line(failure);
                format!("waits for {name} since {since}: {failure}; {tries}, {next}")
            }
        };
        let most = columns.map_or(usize::MAX, |columns| columns.saturating_sub(4));
        let text = format!("report {report} {what}");
        for (at, part) in wrap(&text, most).iter().enumerate() {
            let indent = if at == 0 { "\n  " } else { "    " };
            let _ = writeln!(out, "{indent}{part}");
        }
    }
    out
}

fn heading(incident: &Incident, paint: Paint) -> String {
    let name = paint.bold(&visible::line(&incident.check));
    let manual = if incident.manual { ", manual" } else { "" };
    let mut out = format!("{name}: incident {}{manual}\n", visible::line(&incident.id));
    let _ = match incident.ended {
        Some(ended) => writeln!(
            out,
            "  {} to {}: over after {}",
            stamp(incident.since),
            stamp(ended),
            span(ended.since(incident.since)),
        ),
        None => writeln!(out, "  since {}, not over", stamp(incident.since)),
    };
    let restarted = |outcome: &Outcome| outcome.restarted().next().is_some();
    let all: Vec<_> = incident.actions().map(|(_, outcome)| outcome).collect();
    // a rung that signals or runs a command is an attempt to restart only if something was
    let is_rung = |outcome: &&&Outcome| outcome.escalated() && !restarted(outcome);
    let rungs = all.iter().filter(is_rung).count();
    let attempts = all.len() - rungs;
    let done = all.iter().filter(|outcome| restarted(outcome)).count();
    let restarts = match (attempts, done) {
        (0, _) => "no restart".to_owned(),
        (all, done) if all == done => counted(all, "restart", "restarts"),
        (1, _) => "1 attempt to restart, in vain".to_owned(),
        (many, 0) => format!("{many} attempts to restart, in vain"),
        (many, done) => format!("{many} attempts to restart, {done} of them not in vain"),
    };
    let reports = match incident.reports {
        0 => "nobody was notified".to_owned(),
        count => counted(count, "report", "reports"),
    };
    let rungs = match rungs {
        0 => String::new(),
        rungs => format!(
            ", {}",
            counted(rungs, "signal or command", "signals or commands")
        ),
    };
    let _ = writeln!(out, "  {restarts}{rungs}, {reports}");
    out
}

/// One character per result or action, the newest last, and what those that occur mean.
fn strip(timeline: &Timeline, paint: Paint) -> String {
    let marks: Vec<_> = timeline
        .lines
        .iter()
        .filter_map(|line| match line.kind {
            LineKind::CheckResult(verdict) => {
                let style = mark(verdict).0.on_default();
                Some((line.times, style, letter(verdict)))
            }
            LineKind::Acted => Some((1, Style::new().bold(), "R")),
            LineKind::GaveUp => Some((1, AnsiColor::Red.on_default().bold(), "G")),
            LineKind::Decision
            | LineKind::Held
            | LineKind::ListFailed
            | LineKind::Step
            | LineKind::Recovered
            | LineKind::Report
            | LineKind::Person => None,
        })
        .flat_map(|(times, style, mark)| {
            std::iter::repeat_n((style, mark), (times as usize).min(STRIP))
        })
        .collect();
    let shown = &marks[marks.len().saturating_sub(STRIP)..];
    let mut meanings: Vec<String> = Vec::new();
    for (_, mark) in shown {
        let meaning = format!("{mark} {}", meaning(mark));
        if !meanings.contains(&meaning) {
            meanings.push(meaning);
        }
    }
    let strip: String = shown
        .iter()
        .map(|(style, mark)| paint.with(*style, mark))
        .collect();
    match meanings.is_empty() {
        true => strip,
        false => format!(
            "{strip}\n  {}",
            paint.dim(&format!("({})", meanings.join(", ")))
        ),
    }
}

fn meaning(letter: &str) -> &'static str {
    match letter {
        "." => "pass",
        "d" => "degraded",
        "s" => "starting",
        "v" => "draining",
        "x" => "fail",
        "R" => "action",
        "G" => "given up",
        _ => "unknown",
    }
}

const fn letter(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => ".",
        Verdict::Degraded => "d",
        Verdict::Starting => "s",
        Verdict::Draining => "v",
        Verdict::Fail => "x",
        Verdict::Unknown => "?",
    }
}

fn lines(
    out: &mut String,
    incident: &Incident,
    timeline: &Timeline,
    paint: Paint,
    columns: Option<usize>,
) {
    for shown in repeats::shown(&timeline.lines) {
        match shown {
            Shown::Line(one) => line(out, one, incident, paint, columns),
            Shown::Again(last, text) => again(out, last, incident, paint, columns, &text),
        }
    }
}

fn again(
    out: &mut String,
    last: &TimelineLine,
    incident: &Incident,
    paint: Paint,
    columns: Option<usize>,
    text: &str,
) {
    timed(
        out,
        last,
        incident,
        paint,
        columns,
        ("", Style::new().dimmed(), text),
    );
}

fn line(
    out: &mut String,
    line: &TimelineLine,
    incident: &Incident,
    paint: Paint,
    columns: Option<usize>,
) {
    let (style, indent) = match line.kind {
        LineKind::CheckResult(verdict) => (mark(verdict).0.on_default(), ""),
        LineKind::Decision | LineKind::Acted => (Style::new().bold(), ""),
        LineKind::Held | LineKind::ListFailed => (AnsiColor::Yellow.on_default(), ""),
        LineKind::Step => (Style::new(), "  "),
        LineKind::GaveUp => (AnsiColor::Red.on_default().bold(), ""),
        LineKind::Recovered => (AnsiColor::Green.on_default().bold(), ""),
        LineKind::Report | LineKind::Person => (AnsiColor::Cyan.on_default(), ""),
    };
    let text = visible::line(&line.text);
    timed(out, line, incident, paint, columns, (indent, style, &text));
}

/// `text` with the time of `line` before it.
fn timed(
    out: &mut String,
    line: &TimelineLine,
    incident: &Incident,
    paint: Paint,
    columns: Option<usize>,
    (indent, style, text): (&str, Style, &str),
) {
    let when = when(line, incident);
    let before = MARGIN.len() + when.len() + MARGIN.len() + indent.len();
    let most = columns.map_or(usize::MAX, |columns| columns.saturating_sub(before));
    for (at, part) in wrap(text, most).iter().enumerate() {
        let text = paint.with(style, part);
        let _ = match at {
            0 => writeln!(out, "{MARGIN}{}{MARGIN}{indent}{text}", paint.dim(&when)),
            _ => writeln!(out, "{}{text}", " ".repeat(before)),
        };
    }
}

fn when(line: &TimelineLine, incident: &Incident) -> String {
    let offset = offset(line.at, incident.since);
    format!("{}  {offset:>9}", time(line.at))
}

/// `+12.0 s` after the first fail, or `-3.0 s` before it.
fn offset(at: Moment, since: Moment) -> String {
    let (sign, span) = match at >= since {
        true => ('+', at.since(since)),
        false => ('-', since.since(at)),
    };
    // a moment before it is not worth a sign
    match format!("{:.1}", span.as_secs_f64()) {
        zero if zero == "0.0" => "+0.0 s".to_owned(),
        span => format!("{sign}{span} s"),
    }
}
