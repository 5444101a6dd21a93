//! The evidence of an incident as text: what was seen, what was done, what was kept, what held an action back,
//! and its results as a strip. Each section is one function; `report` puts them together.

use std::fmt::Write as _;

use crate::health::{
    ActionStep, Capture, CheckResult, Incident, IncidentEntry, IncidentEvent, Judgement,
    Observation, Outcome, ProcessState, Reason, Report, Skip, Step, Verdict, counted,
};
use crate::secret::shown_url;

use super::message::RenderContext;
use super::report::word;
use super::text::{brief, excerpt, size, timing, visible};

/// The headers that explain a failing answer. No others: they may hold secrets.
const HEADERS: [&str; 9] = [
    "content-length",
    "content-type",
    "date",
    "location",
    "retry-after",
    "server",
    "via",
    "x-cache",
    "x-request-id",
];

/// The most characters of a header's value or a finding.
const BRIEF: usize = 200;

/// The most results in a strip.
const STRIP: usize = 60;

/// The most actions that are shown step by step: of a roll, each process is one.
const ACTIONS: usize = 10;

/// The most lines about programs that were given up.
const PROGRAMS: usize = 3;

/// What the report is about: one probe with its grounds.
pub(super) fn seen(
    report: &Report,
    result: &CheckResult,
    render_context: &RenderContext,
) -> String {
    let CheckResult { seen, judgement } = result;
    let at = report.incident.entries.iter().rev().find(
        |entry| matches!(&entry.event, IncidentEvent::Probed(other) if std::ptr::eq(&**other, result)),
    );
    let mut text = "What was seen".to_owned();
    if let Some(entry) = at {
        let _ = write!(text, " at {}", render_context.clock.stamp(entry.at));
    }
    opinion(&mut text, judgement);
    if judgement.reason.is_some_and(Reason::is_of_program) {
        program(&mut text, seen);
        return text;
    }
    answer(&mut text, seen);
    timings(&mut text, result);
    text
}

fn opinion(text: &mut String, judgement: &Judgement) {
    let reason = judgement
        .reason
        .map_or("by a rule of the check", |reason| reason.as_str());
    let _ = write!(text, "\n  {}: {reason}", judgement.verdict);
    if let Some(phase) = judgement.phase {
        let _ = write!(text, ", in phase {phase}");
    }
    let mut unmet = judgement.findings.iter().filter(|finding| !finding.met);
    if !unmet.any(|finding| judgement.detail.contains(&finding.expected)) {
        let _ = write!(text, "\n  {}", brief(&judgement.detail, 2 * BRIEF));
    }
    for finding in &judgement.findings {
        let expected = brief(&finding.expected, BRIEF);
        let actual = brief(&finding.actual, BRIEF);
        let _ = match finding.met {
            true => write!(text, "\n  ok   expected {expected}"),
            false => write!(
                text,
                "\n  NOT  expected {expected}\n       got      {actual}"
            ),
        };
    }
}

/// How a program of ours ended, and what it wrote last.
fn program(text: &mut String, seen: &Observation) {
    if let Some(code) = seen.exit {
        let _ = write!(text, "\n  exit code {code}");
    }
    if let Some(log) = &seen.body {
        text.push_str("\n\n  the end of its log:");
        for line in String::from_utf8_lossy(&log.kept).lines() {
            let _ = write!(text, "\n  | {}", visible(line));
        }
    }
}

fn answer(text: &mut String, seen: &Observation) {
    if let Some(line) = &seen.status {
        let _ = write!(
            text,
            "\n\n  {} {}",
            visible(&line.version),
            visible(&line.to_string())
        );
        for (name, value) in &seen.headers {
            let name = name.to_ascii_lowercase();
            if HEADERS.contains(&name.as_str()) {
                let value = if name == "location" {
                    shown_url(value)
                } else {
                    value.clone()
                };
                let _ = write!(text, "\n  {name}: {}", brief(&value, BRIEF));
            }
        }
    }
    if let Some(body) = seen.body.as_ref().filter(|body| body.size > 0) {
        let _ = write!(text, "\n\n  body, {}:", size(body.size));
        for line in excerpt(body) {
            let _ = write!(text, "\n  | {line}");
        }
    }
    if let Some(code) = seen.exit {
        let _ = write!(text, "\n  exit code {code}");
    }
}

fn timings(text: &mut String, result: &CheckResult) {
    text.push('\n');
    if let Some(peer) = &result.seen.peer {
        let _ = write!(text, "\n  {:<11}{}", "peer", visible(peer));
    }
    for (phase, took) in result.seen.phases.iter() {
        let here = result.judgement.phase == Some(phase);
        let mark = if here { "  <- here" } else { "" };
        let _ = write!(text, "\n  {phase:<11}{:>10}{mark}", timing(took));
    }
    let _ = write!(
        text,
        "\n  {:<11}{:>10}",
        "total",
        timing(result.seen.duration)
    );
}

/// The programs of the check that their supervisor has given up.
pub(super) fn programs(incident: &Incident, render_context: &RenderContext) -> Option<String> {
    let mut text = "What its supervisor says".to_owned();
    let failed: Vec<_> = incident.failed_programs().collect();
    for (at, process, how) in &failed[failed.len().saturating_sub(PROGRAMS)..] {
        let time = render_context.clock.time(*at);
        let _ = write!(
            text,
            "\n  {time}  {} is {}",
            visible(&process.namespec()),
            brief(how, BRIEF)
        );
    }
    text.contains('\n').then_some(text)
}

/// Every action, step by step.
pub(super) fn done(incident: &Incident, render_context: &RenderContext) -> Option<String> {
    let mut text = "What was done".to_owned();
    let earlier = incident.actions().count().saturating_sub(ACTIONS);
    let unseen = earlier as u64 + incident.dropped_actions;
    if unseen > 0 {
        let are = counted(unseen, "earlier action is", "earlier actions are");
        let check = word(&incident.check);
        let _ = write!(text, "\n  ({are} not shown here: httpok explain {check})");
    }
    for (at, outcome) in incident.actions().skip(earlier) {
        let stamp = render_context.clock.stamp(at);
        let _ = match outcome.is_halt() {
            true => write!(text, "\n  and no further, at {stamp}"),
            false => write!(text, "\n  action that ended at {stamp}"),
        };
        for step in &outcome.steps {
            let time = render_context.clock.time(step.at);
            let _ = write!(text, "\n    {time}  {}", sentence(step));
        }
        if outcome.steps.is_empty() {
            text.push_str("\n    nothing was found to restart");
        }
    }
    incident.actions().next().map(|_| text)
}

/// One step as one line.
pub fn sentence(step: &Step) -> String {
    let name = step
        .process
        .as_ref()
        .map_or_else(|| "?".to_owned(), |name| visible(&name.namespec()));
    let took = timing(step.took);
    let pid = |pid: Option<u32>| pid.map_or_else(String::new, |pid| format!(", pid {pid}"));
    let why = |error: &dyn std::fmt::Display| brief(&error.to_string(), BRIEF);
    match &step.action {
        ActionStep::ListFailed { error } => {
            format!(
                "the supervisor could not be asked, so nothing was done: {}",
                why(error)
            )
        }
        ActionStep::Unasked { backend, error } => {
            format!(
                "{backend} could not be asked, so its processes are left alone: {}",
                why(error)
            )
        }
        ActionStep::Skipped(skip) if step.process.is_none() => {
            format!("nothing was done: {}", skipped(skip))
        }
        ActionStep::Skipped(skip) => format!("{name} left alone: {}", skipped(skip)),
        ActionStep::Captured(capture) => captured(&name, capture, &took),
        ActionStep::Restarting { pid: old } => {
            format!("{name} is RUNNING{}: to be restarted", pid(*old))
        }
        ActionStep::Starting { state } => format!("{name} is {state}: to be started"),
        ActionStep::Resumed { state } => {
            format!("{name} is {state}: an interrupted restart is brought to its end")
        }
        ActionStep::Signalled {
            signal,
            error: None,
        } => format!("{name} was sent {signal}"),
        ActionStep::Signalled {
            signal,
            error: Some(error),
        } => format!("{name} was NOT sent {signal}: {}", why(error)),
        ActionStep::EndedBySignal { state } => {
            format!("{name} ended with the signal, it is {state}: it has to run again")
        }
        ActionStep::Ran(Capture { what, failure, .. }) => {
            let what = brief(what, BRIEF);
            match failure {
                None => format!("{what} was run, took {took}"),
                Some(failure) => format!("{what} FAILED, after {took}: {}", why(failure)),
            }
        }
        ActionStep::Stopped { error: None } => format!("{name} stopped, took {took}"),
        ActionStep::Stopped { error: Some(error) } => {
            format!("{name} NOT stopped, after {took}: {}", why(error))
        }
        ActionStep::Started { error: None } => format!("{name} started, took {took}"),
        ActionStep::Started { error: Some(error) } => {
            format!("{name} NOT started, after {took}: {}", why(error))
        }
        ActionStep::Settled { state, pid: new } => {
            format!("{name} is {state}{}, took {took}", pid(*new))
        }
        ActionStep::Missing { targets } => {
            let names: Vec<_> = targets.iter().map(|target| visible(target)).collect();
            format!("no process is called {}", names.join(", "))
        }
        ActionStep::BrokeOff { detail } => {
            format!(
                "the restart broke off and is finished later: {}",
                why(detail)
            )
        }
    }
}

fn skipped(skip: &Skip) -> String {
    match skip {
        Skip::NotRunning {
            state: ProcessState::Stopped,
        } => "it is STOPPED, and stays so until somebody starts it".to_owned(),
        Skip::NotRunning { state } => format!("it is {state}, not RUNNING"),
        Skip::Replaced { probed, found } => {
            let pid =
                |pid: &Option<u32>| pid.map_or_else(|| "none".to_owned(), |pid| pid.to_string());
            format!(
                "it was restarted by someone else since the probe (pid {} then, {} now)",
                pid(probed),
                pid(found)
            )
        }
        Skip::Ourselves => "it is the watchdog itself".to_owned(),
        Skip::Watchdog => "it is another watchdog; name it to have it restarted".to_owned(),
        Skip::OtherWatchdog { watchdog } => {
            format!("another watchdog is restarting it: {}", visible(watchdog))
        }
        Skip::Unfinished => "its last restart is unfinished and is tried again".to_owned(),
        Skip::DryRun => "dry run; it would have been restarted".to_owned(),
        Skip::WouldBeDone { what } => {
            format!("dry run; this would have been done: {}", brief(what, BRIEF))
        }
        Skip::Halted(halt) => visible(&halt.to_string()),
    }
}

fn captured(name: &str, capture: &Capture, took: &str) -> String {
    let what = brief(&capture.what, BRIEF);
    match &capture.failure {
        None => format!("{what} of {name} kept, took {took}"),
        Some(failure) => {
            format!(
                "{what} of {name} NOT kept, after {took}: {}",
                brief(failure, BRIEF)
            )
        }
    }
}

/// The files that the captures left, with their sizes, and the beginning of what they printed on both outputs.
pub fn evidence(incident: &Incident) -> Option<String> {
    let captures: Vec<_> = incident
        .actions()
        .flat_map(|(_, outcome)| captures(outcome))
        .collect();
    let mut text = "Evidence".to_owned();
    for capture in &captures {
        for (path, bytes) in &capture.files {
            let _ = write!(text, "\n  {}  {}", visible(path), size(*bytes));
        }
        // what a command complains about says most where it failed
        let printed = capture.output.lines().take(20);
        let printed = printed.chain(capture.errors.lines().take(20));
        let mut printed = printed.filter(|line| !line.trim().is_empty()).peekable();
        if capture.files.is_empty() && printed.peek().is_some() {
            let _ = write!(text, "\n  {}:", brief(&capture.what, BRIEF));
            for line in printed {
                let _ = write!(text, "\n  | {}", brief(line, BRIEF));
            }
        }
    }
    text.contains('\n').then_some(text)
}

fn captures(outcome: &Outcome) -> impl Iterator<Item = &Capture> {
    outcome.steps.iter().filter_map(|step| match &step.action {
        ActionStep::Captured(capture) | ActionStep::Ran(capture) => Some(capture),
        _ => None,
    })
}

/// What held an action back, the same gate in a row shown once.
pub(super) fn held(incident: &Incident, render_context: &RenderContext) -> Option<String> {
    let mut rows: Vec<(String, String, u32)> = Vec::new();
    let mut last = None;
    for entry in &incident.entries {
        let IncidentEvent::Held(gate) = &entry.event else {
            continue;
        };
        let kind = std::mem::discriminant(gate);
        match rows.last_mut() {
            Some((_, _, times)) if last == Some(kind) => *times += 1,
            _ => rows.push((
                render_context.clock.time(entry.at),
                brief(&gate.to_string(), BRIEF),
                1,
            )),
        }
        last = Some(kind);
    }
    let mut text = "What held a restart back".to_owned();
    for (time, gate, times) in &rows {
        let _ = write!(text, "\n  {time}  {gate}");
        if *times > 1 {
            let _ = write!(text, " (said {times} times)");
        }
    }
    (!rows.is_empty()).then_some(text)
}

/// The newest probes and what happened between them, one character each, with a legend of those that occur.
pub(super) fn history(incident: &Incident) -> Option<String> {
    let marks = |entry: &IncidentEntry| {
        let times = (entry.alike as usize + 1).min(STRIP);
        mark(&entry.event).map(|mark| std::iter::repeat_n(mark, times))
    };
    let marks: Vec<_> = incident
        .entries
        .iter()
        .filter_map(marks)
        .flatten()
        .collect();
    let from = marks.len().saturating_sub(STRIP);
    let strip: String = marks[from..].iter().map(|(mark, _)| mark).collect();
    let mut legend: Vec<String> = Vec::new();
    for (mark, meaning) in &marks[from..] {
        let row = format!("{mark} {meaning}");
        if !legend.contains(&row) {
            legend.push(row);
        }
    }
    let mut text = format!("History, newest last\n  {strip}\n  ({})", legend.join(", "));
    for entry in &incident.entries {
        if let IncidentEvent::Delivered {
            report,
            kind,
            notifier,
            failure,
            refused,
        } = &entry.event
        {
            let (result, why) = match (failure, refused) {
                (Some(failure), _) => ("was not delivered", failure),
                (None, Some(refused)) => ("was not delivered to everybody", refused),
                (None, None) => continue,
            };
            let (kind, why) = (kind.as_str(), brief(why, BRIEF));
            let to = match (notifier.as_str(), failure) {
                ("", _) => String::new(),
                (name, Some(_)) => format!(" to {}", visible(name)),
                (name, None) => format!(" of {}", visible(name)),
            };
            let _ = write!(text, "\n  report {report} ({kind}) {result}{to}: {why}");
        }
    }
    (!marks.is_empty()).then_some(text)
}

fn mark(event: &IncidentEvent) -> Option<(char, &'static str)> {
    Some(match event {
        IncidentEvent::Probed(result) => match result.judgement.verdict {
            Verdict::Pass => ('.', "pass"),
            Verdict::Degraded => ('d', "degraded"),
            Verdict::Starting => ('s', "starting"),
            Verdict::Draining => ('v', "draining"),
            Verdict::Fail => ('x', "fail"),
            Verdict::Unknown => ('?', "could not tell"),
        },
        IncidentEvent::Acted(outcome) if outcome.is_halt() => return None,
        IncidentEvent::Acted(_) => ('R', "action"),
        IncidentEvent::ManualRestart => ('H', "restarted manually"),
        IncidentEvent::GaveUp => ('G', "gave up"),
        IncidentEvent::Rearmed => ('A', "armed again"),
        IncidentEvent::Held(_)
        | IncidentEvent::Recovered
        | IncidentEvent::CheckRemoved
        | IncidentEvent::ProgramFailed { .. }
        | IncidentEvent::ProgramStopped
        | IncidentEvent::Routed { .. }
        | IncidentEvent::Delivered { .. } => {
            return None;
        }
    })
}
