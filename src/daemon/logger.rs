//! What is said on standard error while it happens: the original's lines for a drop-in listener, lines for a
//! person on a terminal, log lines for everything else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstream::adapter::strip_str;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::escape::visible;
use crate::health::counted;
use crate::health::{ActionStep, Capture, CheckResult, Decision, Note, Step, Verdict};
use crate::notify::superlance::{self, OriginalMail};
use crate::notify::transcript;

use super::console::{self, Console};
use super::result_runs::ResultRuns;
use super::stderr::Stderr;

/// How the watchdog says what happens.
#[derive(Clone, Debug)]
pub enum Logger {
    /// The original's lines, and nothing else unless something is wrong.
    Original {
        listener: OriginalMail,
        stderr: Stderr,
    },
    /// Log lines through `tracing`, for programs and files.
    Log(LoggedResults),
    /// Lines for a person at a terminal.
    Console(Console),
}

/// The results that have a line already.
#[derive(Clone, Debug, Default)]
pub struct LoggedResults(Arc<Mutex<ResultRuns>>);

impl LoggedResults {
    fn is_news(&self, note: &Note) -> bool {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.is_news(&note.check, &note.decision)
    }
}

impl Logger {
    /// Log lines.
    pub fn log() -> Self {
        Self::Log(LoggedResults::default())
    }

    /// Lines for a person where `stderr` is a terminal, else log lines; of `level` and above, unless `HTTPOK_LOG` names
    /// another. From now on what any part logs through `tracing` goes to `stderr` as well.
    pub fn start(stderr: &Stderr, level: LevelFilter) -> Self {
        let wanted = std::env::var("HTTPOK_LOG").ok();
        let level = wanted
            .and_then(|level| level.parse::<LevelFilter>().ok())
            .unwrap_or(level);
        let subscriber =
            tracing_subscriber::registry().with(Targets::new().with_target("httpok", level));
        // a subscriber that is set already (only in tests) stays
        if stderr.is_terminal() {
            let console = Console::new(
                stderr.clone(),
                stderr.is_coloured(),
                level >= LevelFilter::DEBUG,
            );
            let _ = subscriber.with(console.clone()).try_init();
            return Self::Console(console);
        }
        let writer = stderr.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .with_target(false)
            .with_ansi(false);
        let _ = subscriber.with(lines).try_init();
        Self::log()
    }

    /// Says that these checks are watched from now on.
    pub fn begin(&self, checks: &[&str]) {
        match self {
            Self::Console(console) => console.begin(checks),
            Self::Original { .. } | Self::Log(_) => {}
        }
    }

    /// Says what was decided.
    pub fn note(&self, note: &Note) {
        match self {
            Self::Original { stderr, .. } => {
                if is_trouble(&note.decision) {
                    stderr.write(format!("httpok: {}\n", visible(&note.to_string())));
                }
            }
            Self::Log(results) => log(note, results.is_news(note)),
            Self::Console(console) => console.note(note),
        }
    }

    /// An action begins: what is said of it from now on goes through the result.
    pub fn action(&self, url: &str, result: Option<&CheckResult>) -> ActionOutput {
        match self {
            Self::Log(_) => ActionOutput::Log,
            Self::Console(console) => ActionOutput::Console(console.action()),
            Self::Original { listener, stderr } => {
                if let Some(result) = result {
                    stderr.write(superlance::reason(url, result) + "\n");
                }
                ActionOutput::Original {
                    heading: Some(listener.heading()),
                    stderr: stderr.clone(),
                }
            }
        }
    }

    /// A pending restart is brought to its end. No probe and no heading belong to it.
    pub fn resumption(&self) -> ActionOutput {
        match self {
            Self::Log(_) => ActionOutput::Log,
            Self::Console(console) => ActionOutput::Console(console.action()),
            Self::Original { stderr, .. } => ActionOutput::Original {
                heading: None,
                stderr: stderr.clone(),
            },
        }
    }

    /// A report was handed over: the original repeats it.
    pub fn mailed(&self, mail: &[u8]) {
        if let Self::Original { stderr, .. } = self {
            stderr.write(superlance::mailed(mail));
        }
    }

    /// Something is wrong with the watchdog itself. `text` may be styled for a terminal: the styles are left out.
    pub fn trouble(&self, text: &str) {
        let text = strip_str(text).to_string();
        match self {
            Self::Original { stderr, .. } => stderr.write(format!("{text}\n")),
            Self::Log(_) => tracing::warn!("{text}"),
            Self::Console(console) => console.trouble(&text),
        }
    }
}

/// How one action is spoken of.
#[derive(Debug)]
pub enum ActionOutput {
    /// The original's lines. It says what it is about to do only once it knows the processes.
    Original {
        heading: Option<String>,
        stderr: Stderr,
    },
    /// Log lines.
    Log,
    /// One line at its end.
    Console(console::ConsoleAction),
}

impl ActionOutput {
    /// Says one step.
    pub fn step(&mut self, check: &str, step: &Step) {
        match self {
            Self::Log => log_step(check, step),
            Self::Console(action) => action.step(check, step),
            Self::Original { stderr, .. } => {
                let stderr = stderr.clone();
                if !matches!(step.action, ActionStep::ListFailed { .. }) {
                    self.head();
                }
                if let Some(aside) = superlance::aside(step) {
                    stderr.write(aside);
                }
                for line in superlance::lines(step) {
                    stderr.write(line + "\n");
                }
            }
        }
    }

    /// The action is over; `list_failed` when it could not even begin.
    pub fn end(mut self, list_failed: bool) {
        if !list_failed {
            self.head();
        }
    }

    fn head(&mut self) {
        if let Self::Original { heading, stderr } = self
            && let Some(heading) = heading.take()
        {
            stderr.write(heading + "\n");
        }
    }
}

/// What a person must know although the original had no words for it: from now on it is not watched, or not
/// restarted, as they think it is.
const fn is_trouble(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::ListFailed { .. }
            | Decision::Unasked { .. }
            | Decision::NotRunningYet { tries: 1, .. }
            | Decision::Inherited {
                stopped_in: Some(_),
                ..
            }
            | Decision::ResumeHeld { .. }
            | Decision::GaveUp
            | Decision::GaveUpAtRung(_)
    )
}

/// Unless it `is_news`, a result is for those who ask for every detail.
fn log(note: &Note, is_news: bool) {
    let is_detail = match &note.decision {
        Decision::Judged { verdict, .. } => *verdict == Verdict::Pass || !is_news,
        Decision::TickDropped(_) => true,
        _ => false,
    };
    if is_detail && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let check = note.check.as_str();
    let text = visible(&note.decision.to_string());
    match &note.decision {
        Decision::Judged {
            verdict: Verdict::Pass,
            ..
        }
        | Decision::Passed { .. }
        | Decision::TickDropped(_)
        // its supervisor has said it
        | Decision::ProgramEnded { .. }
        | Decision::ProgramChanged { .. }
        | Decision::Reporting { .. } => {
            tracing::debug!(check, "{text}");
        }
        Decision::Judged { .. } if !is_news => tracing::debug!(check, "{text}"),
        Decision::Judged { .. }
        | Decision::Replaced { .. }
        | Decision::Up
        | Decision::Recovered { .. }
        | Decision::CheckRemoved
        | Decision::ProgramStopped
        | Decision::Rearmed
        | Decision::Acted { .. }
        | Decision::Rolling { .. }
        | Decision::WarmingUp
        | Decision::WarmedUp { .. }
        | Decision::Paused { .. }
        | Decision::Silenced { .. }
        | Decision::Withheld { .. }
        | Decision::Resumed
        | Decision::MaintenanceBegan(_)
        | Decision::MaintenanceOver
        | Decision::Reset
        | Decision::Inherited {
            stopped_in: None, ..
        }
        | Decision::Resuming { .. }
        | Decision::Finished { .. }
        | Decision::NotOurs { .. }
        | Decision::SlotAsked { .. }
        | Decision::SlotGranted { .. }
        | Decision::SlotReleased { .. }
        | Decision::RestartRequested => tracing::info!(check, "{text}"),
        Decision::ListFailed { .. }
        | Decision::Unasked { .. }
        | Decision::UnknownTargets { .. }
        | Decision::RollStopped { .. }
        | Decision::NotWarmedUp { .. }
        | Decision::Held(_)
        | Decision::Inherited {
            stopped_in: Some(_),
            ..
        }
        | Decision::NotRunningYet { .. }
        | Decision::ResumeHeld { .. }
        | Decision::Opened { .. }
        | Decision::ActsWithoutSlot { .. }
        | Decision::SlotLost { .. }
        | Decision::SlotNotReleased { .. }
        | Decision::Refused(_)
        | Decision::ManualRestart { .. }
        | Decision::Acting { .. } => tracing::warn!(check, "{text}"),
        Decision::GaveUp | Decision::GaveUpAtRung(_) => tracing::error!(check, "{text}"),
    }
}

fn log_step(check: &str, step: &Step) {
    let took = round(step.took);
    if let ActionStep::Captured(capture) = &step.action {
        return log_capture(check, step, capture);
    }
    let (line, took) = (transcript::sentence(step), humantime::format_duration(took));
    match &step.action {
        ActionStep::ListFailed { .. }
        | ActionStep::Unasked { .. }
        | ActionStep::Skipped(_)
        | ActionStep::Missing { .. }
        | ActionStep::EndedBySignal { .. }
        | ActionStep::Signalled { error: Some(_), .. }
        | ActionStep::Ran(Capture {
            failure: Some(_), ..
        })
        | ActionStep::Stopped { error: Some(_) }
        | ActionStep::Started { error: Some(_) } => tracing::warn!(check, %took, "{line}"),
        _ => tracing::info!(check, %took, "{line}"),
    }
}

/// Evidence is for the report and its files: a log line names what there is.
fn log_capture(check: &str, step: &Step, capture: &Capture) {
    let took = humantime::format_duration(round(step.took));
    let name = step.process.as_ref();
    let process = name.map(ToString::to_string).unwrap_or_default();
    let what = &capture.what;
    if let Some(failure) = &capture.failure {
        let failure = visible(failure);
        tracing::warn!(check, %took, "{what} of {process} NOT kept: {failure}");
    } else {
        let files = capture.files.iter();
        let files: String = files
            .map(|(path, bytes)| format!(" {path} ({})", counted(*bytes, "byte", "bytes")))
            .collect();
        tracing::info!(check, %took, "{what} of {process} kept{files}");
    }
}

fn round(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
