//! The watchdog's life as lines for a person at a terminal: local time, a coloured mark, the check, what
//! happened; one line for a restart, with what each step took. Programs get the lines of `logger`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::health::{ActionStep, Capture, Counted, Decision, Gate, Note, Outcome, Step, Verdict};
use crate::notify::text::{brief, timing, visible};
use crate::notify::transcript;
use crate::terminal::{self, pad, width, wrap};

use super::stderr::Stderr;

/// The most columns that the check's name is padded to, so that texts stand below each other.
const NAME: usize = 16;

/// The most characters of one piece of text from outside.
const BRIEF: usize = 300;

/// Writes lines for a person.
#[derive(Clone, Debug)]
pub struct Console {
    stderr: Stderr,
    colour: bool,
    /// Every pass has a line as well.
    verbose: bool,
    state: Arc<Mutex<ConsoleState>>,
}

/// What was said last, so that it is not said again.
#[derive(Debug, Default)]
struct ConsoleState {
    /// The date of the last line.
    date: String,
    /// The widest name of a check so far.
    name: usize,
    /// Actions under way: what their supervisor logs meanwhile is part of their own line.
    actions: usize,
    /// The gate that held each check back.
    held: BTreeMap<String, Discriminant<Gate>>,
}

/// A mark and the colour of what it is about.
type Mark = (&'static str, Style);

const fn mark(sign: &'static str, colour: AnsiColor) -> Mark {
    (sign, colour.on_default())
}

const NEWS: Mark = ("·", Style::new());
const GOOD: Mark = mark("✓", AnsiColor::Green);
const BAD: Mark = mark("✗", AnsiColor::Red);
const ODD: Mark = mark("!", AnsiColor::Yellow);
const RESTART: Mark = mark("↻", AnsiColor::Cyan);
const OURS: Mark = mark("?", AnsiColor::Magenta);

impl Console {
    /// For the terminal that `stderr` is; with `verbose` every pass has a line as well.
    pub fn new(stderr: Stderr, colour: bool, verbose: bool) -> Self {
        Self {
            stderr,
            colour,
            verbose,
            state: Arc::default(),
        }
    }

    /// Says what was decided.
    pub fn note(&self, note: &Note) {
        let check = note.check.as_str();
        let news = {
            let mut state = self.state();
            match &note.decision {
                // while it is down every failing probe is held back anew
                Decision::Held(gate) => {
                    state.held.insert(check.to_owned(), discriminant(gate))
                        != Some(discriminant(gate))
                }
                Decision::Judged { .. } => true,
                _ => {
                    state.held.remove(check);
                    true
                }
            }
        };
        if let Some((mark, text)) = words(&note.decision, self.verbose).filter(|_| news) {
            self.line(mark, check, &text);
        }
    }

    /// An action begins; what it did is said when it is over.
    pub fn action(&self) -> ConsoleAction {
        self.state().actions += 1;
        ConsoleAction {
            console: self.clone(),
            check: String::new(),
            steps: Vec::new(),
        }
    }

    /// Says that these checks are watched from now on.
    pub fn begin(&self, checks: &[&str]) {
        let text = match checks {
            [check] => format!("watching {}; Ctrl-C ends", brief(check, BRIEF)),
            checks => format!("watching {} checks; Ctrl-C ends", checks.len()),
        };
        self.line(NEWS, "", &text);
    }

    /// Says something that is wrong with the watchdog itself.
    pub fn trouble(&self, text: &str) {
        let lines: Vec<_> = text.lines().map(visible).collect();
        self.line(ODD, "", &lines.join("\n"));
    }

    fn line(&self, (sign, style): Mark, check: &str, text: &str) {
        let (date, time) = terminal::local(SystemTime::now());
        let check = brief(check, BRIEF);
        let mut out = String::new();
        let mut state = self.state();
        if state.date != date {
            let _ = writeln!(out, "{}", self.paint(Style::new().dimmed(), &date));
            state.date = date;
        }
        state.name = state.name.max(width(&check)).min(NAME);
        let name = match check.is_empty() {
            true => String::new(),
            false => pad(&check, state.name) + "  ",
        };
        drop(state);
        // time, two spaces, sign, space
        let indent = width(&time) + 4 + width(&name);
        let room = terminal::size(&std::io::stderr()).map_or(usize::MAX, |(columns, _)| columns);
        let mut lines = text
            .lines()
            .flat_map(|line| wrap(line, room.saturating_sub(indent)));
        let _ = writeln!(
            out,
            "{}  {} {}{}",
            self.paint(Style::new().dimmed(), &time),
            self.paint(style.bold(), sign),
            self.paint(Style::new().bold(), &name),
            self.paint(style, &lines.next().unwrap_or_default()),
        );
        for line in lines {
            let _ = writeln!(out, "{}{}", " ".repeat(indent), self.paint(style, &line));
        }
        self.stderr.write(out);
    }

    fn state(&self) -> MutexGuard<'_, ConsoleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.colour && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

/// An action's steps, until it is over.
#[derive(Debug)]
pub struct ConsoleAction {
    console: Console,
    check: String,
    steps: Vec<Step>,
}

impl ConsoleAction {
    /// Keeps `step`.
    pub fn step(&mut self, check: &str, step: &Step) {
        check.clone_into(&mut self.check);
        self.steps.push(step.clone());
    }
}

/// However it ends, also by a panic, what was done is said.
impl Drop for ConsoleAction {
    fn drop(&mut self) {
        self.console.state().actions -= 1;
        for (mark, text) in action(&self.steps) {
            self.console.line(mark, &self.check, &text);
        }
    }
}

/// What the parts of the watchdog log by themselves.
impl<S: Subscriber> Layer<S> for Console {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let by_supervisor = metadata.target().starts_with("httpok::supervisor");
        let news = *metadata.level() > Level::WARN;
        if news && by_supervisor && !self.verbose && self.state().actions > 0 {
            return;
        }
        let mut fields = LogFields::default();
        event.record(&mut fields);
        let mark = match *metadata.level() {
            Level::ERROR => BAD,
            Level::WARN => ODD,
            _ => NEWS,
        };
        self.line(mark, &fields.check, &fields.text);
    }
}

/// An event's message, and the check that it is about.
#[derive(Default)]
struct LogFields {
    check: String,
    text: String,
}

impl Visit for LogFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = visible(&format!("{value:?}")),
            "check" => self.check = format!("{value:?}"),
            name => _ = write!(self.text, " ({name} {value:?})"),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "check" => value.clone_into(&mut self.check),
            "message" => self.text = visible(value),
            name => _ = write!(self.text, " ({name} {})", visible(value)),
        }
    }
}

/// The line for `decision`; none for what another line says, or for a pass unless `verbose`.
fn words(decision: &Decision, verbose: bool) -> Option<(Mark, String)> {
    let plain = || visible(&decision.to_string());
    Some(match decision {
        Decision::Judged {
            verdict: Verdict::Pass,
            ..
        }
        | Decision::TickDropped(_)
        | Decision::Reporting { .. }
            if !verbose =>
        {
            return None;
        }
        // the action says what it did
        Decision::Acted { .. } | Decision::PredicateResult { .. } => return None,
        Decision::TickDropped(_) | Decision::Reporting { .. } => (NEWS, plain()),
        Decision::Judged {
            verdict,
            reason,
            detail,
            took,
            counted,
            ..
        } => {
            let reason = reason
                .map(|reason| format!("{reason}: "))
                .unwrap_or_default();
            let text = format!(
                "{verdict}{}  {reason}{} ({})",
                streak(*counted),
                brief(detail, BRIEF),
                timing(*took)
            );
            (of_verdict(*verdict), text)
        }
        Decision::Opened { .. } => (BAD, "is down".to_owned()),
        Decision::GaveUp => (BAD, plain()),
        Decision::Up => (GOOD, "is up".to_owned()),
        Decision::Recovered { .. } | Decision::WarmedUp { .. } => (GOOD, plain()),
        Decision::Acting { .. } | Decision::ManualRestart { .. } | Decision::Rolling { .. } => {
            (RESTART, plain())
        }
        Decision::ListFailed { .. }
        | Decision::Unasked { .. }
        | Decision::RollStopped { .. }
        | Decision::NotWarmedUp { .. }
        | Decision::Held(_)
        | Decision::NotRunningYet { .. }
        | Decision::ResumeHeld { .. }
        | Decision::Refused(_) => (ODD, plain()),
        Decision::Replaced { .. }
        | Decision::Rearmed
        | Decision::WarmingUp
        | Decision::Paused { .. }
        | Decision::Resumed
        | Decision::Reset
        | Decision::Inherited { .. }
        | Decision::Resuming { .. }
        | Decision::NotOurs { .. }
        | Decision::Finished { .. }
        | Decision::RestartRequested => (NEWS, plain()),
    })
}

const fn of_verdict(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Degraded | Verdict::Starting | Verdict::Draining => ODD,
        Verdict::Fail => BAD,
        Verdict::Unknown => OURS,
    }
}

fn streak(counted: Counted) -> String {
    match counted {
        Counted::Towards { fails: 0, .. } | Counted::No => String::new(),
        Counted::Towards { fails, needed } if fails > needed => format!(" {fails} in a row"),
        Counted::Towards { fails, needed } => format!(" {fails} of {needed}"),
        Counted::InGrace => " in grace, not counted".to_owned(),
        Counted::FromBeforeAction => " from before the restart, not counted".to_owned(),
    }
}

/// The lines of an action: one for each process that it touched, one for each piece of trouble.
fn action(steps: &[Step]) -> Vec<(Mark, String)> {
    let mut lines = Vec::new();
    let mut parts: Vec<String> = Vec::new();
    let mut before = None;
    for step in steps {
        let took = || timing(step.took);
        match &step.action {
            ActionStep::Restarting { pid } => before = *pid,
            ActionStep::Starting { .. } | ActionStep::Resumed { .. } => before = None,
            ActionStep::Captured(Capture {
                what,
                failure: None,
                ..
            }) => parts.push(format!("{} kept {}", brief(what, BRIEF), took())),
            ActionStep::Stopped { error: None } => parts.push(format!("stop {}", took())),
            ActionStep::Started { error: None } => parts.push(format!("start {}", took())),
            ActionStep::Settled { pid, .. } if is_back(step) => {
                parts.push(format!("RUNNING after {}", took()));
                let pid = pids(before.take(), *pid);
                let name = step.process.as_ref().map(ToString::to_string);
                let name = visible(&name.unwrap_or_default());
                let text = format!("restarted {name}{pid}: {}", parts.join(", "));
                parts.clear();
                lines.push((RESTART, text));
            }
            ActionStep::Skipped(_) => lines.push((ODD, transcript::sentence(step))),
            ActionStep::Captured(_)
            | ActionStep::ListFailed { .. }
            | ActionStep::Unasked { .. }
            | ActionStep::Stopped { .. }
            | ActionStep::Started { .. }
            | ActionStep::Settled { .. }
            | ActionStep::BrokeOff { .. }
            | ActionStep::Missing { .. } => lines.push((BAD, transcript::sentence(step))),
        }
    }
    lines
}

fn is_back(step: &Step) -> bool {
    let outcome = Outcome {
        steps: vec![step.clone()],
    };
    outcome.restarted().next().is_some()
}

fn pids(before: Option<u32>, after: Option<u32>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!(" (pid {before} → {after})"),
        (None, Some(pid)) => format!(" (pid {pid})"),
        (_, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{CallError, Moment, Phase, ProcessName, ProcessState, Reason};

    fn step(action: ActionStep, millis: u64) -> Step {
        Step {
            at: Moment::ZERO,
            took: Duration::from_millis(millis),
            process: Some(ProcessName::embedded("web", "web")),
            action,
        }
    }

    fn texts(steps: &[Step]) -> Vec<String> {
        action(steps).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_restart_is_one_line_with_the_time_of_each_step() {
        let settled = |state, pid| ActionStep::Settled { state, pid };
        let restarted = [
            step(ActionStep::Restarting { pid: Some(7) }, 0),
            step(ActionStep::Stopped { error: None }, 1500),
            step(ActionStep::Started { error: None }, 20),
            step(settled(ProcessState::Running, Some(8)), 1000),
        ];
        assert_eq!(
            texts(&restarted),
            ["restarted web (pid 7 → 8): stop 1.500 s, start 20.0 ms, RUNNING after 1.000 s"]
        );
        let refused = CallError::Unreachable {
            detail: "connection refused".to_owned(),
        };
        let failed = [
            step(ActionStep::Restarting { pid: Some(7) }, 0),
            step(ActionStep::Stopped { error: None }, 10),
            step(
                ActionStep::Started {
                    error: Some(refused),
                },
                20,
            ),
            step(settled(ProcessState::Fatal, None), 1000),
        ];
        let lines = texts(&failed);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("web NOT started, after 20.0 ms: "),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("web is FATAL"), "{lines:?}");
    }

    #[test]
    fn a_probe_is_one_line_with_its_streak() {
        let judged = |verdict, counted| Decision::Judged {
            verdict,
            reason: Some(Reason::Refused),
            phase: Some(Phase::Connect),
            detail: "connection\x1b[31m refused".to_owned(),
            took: Duration::from_millis(3),
            counted,
        };
        let towards = |fails| Counted::Towards { fails, needed: 3 };
        let fail = |counted| words(&judged(Verdict::Fail, counted), false).map(|(_, text)| text);
        for (counted, streak) in [
            (towards(2), " 2 of 3"),
            (towards(3), " 3 of 3"),
            (towards(19), " 19 in a row"),
            (Counted::InGrace, " in grace, not counted"),
            (Counted::No, ""),
        ] {
            let expected = format!("fail{streak}  refused: connection\\x1b[31m refused (3.0 ms)");
            assert_eq!(fail(counted), Some(expected));
        }
        let pass = judged(Verdict::Pass, Counted::No);
        assert_eq!(words(&pass, false), None);
        assert!(words(&pass, true).is_some());
    }
}
