//! Programs of our own supervisor as checks see them: what the supervisor says of one, what is counted of its ends, and
//! what that means for a program that no other check names. The check decides nothing about the process: it is started
//! again, or not, by its supervisor alone. When it is judged is the monitor's (`monitor/program.rs`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::process::{ProcessName, ProcessState};
use super::reason::Reason;
use super::text::{bound, counted};
use super::verdict::{Judgement, Verdict};

/// A run that lasted for less, or for less than ten times `startsecs`, was a short one.
const SHORT_RUN: Duration = Duration::from_secs(60);
const SHORT_RUN_OF_STARTSECS: u32 = 10;

/// So many short runs in a row are a crash loop, however often a start is tried again: one is an accident, and nobody
/// waits for the hundredth.
const FEWEST: u32 = 2;
const MOST: u32 = 5;

/// A program that has a check of its own, and what of its definition that check needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramCheck {
    /// The program.
    pub process: ProcessName,
    /// Up for so long, it counts as RUNNING.
    pub startsecs: Duration,
    /// So many further tries follow a failed start.
    pub startretries: u32,
}

/// What is new of a program, as its supervisor says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramChange {
    /// What it is doing now.
    pub state: ProcessState,
    /// The supervisor's words for it.
    pub detail: String,
    /// A run of it, or a start, that has ended by itself.
    pub end: Option<ProgramEnd>,
    /// Without a process, whether its supervisor tries to start it again.
    pub again: bool,
    /// The last lines of its log, after an end that was not expected.
    pub log: String,
}

/// How a run of a program ended, or a start of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramEnd {
    /// In words: `exited: 7, not expected`.
    pub how: String,
    /// Its exit code; 128 and the number for a signal.
    pub code: Option<i32>,
    pub expected: bool,
    /// How long it was up, when it was up for long enough to count as RUNNING.
    pub up: Option<Duration>,
}

/// What is known of a program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub state: ProcessState,
    pub detail: String,
    again: bool,
    /// When its state last changed.
    pub since: Moment,
    /// The newest end that was not expected.
    pub end: Option<ProgramEnd>,
    pub log: String,
    /// Short runs and failed starts in a row.
    short: u32,
    /// There were too many of them, and it did not run for long since.
    crash_loops: bool,
}

impl ProgramCheck {
    /// A run that lasted for less was a short one; so long it has to run to be well after a crash loop.
    fn short_run(&self) -> Duration {
        SHORT_RUN.max(self.startsecs.saturating_mul(SHORT_RUN_OF_STARTSECS))
    }

    /// So many short runs in a row are a crash loop.
    fn most_short(&self) -> u32 {
        self.startretries.saturating_add(1).clamp(FEWEST, MOST)
    }
}

impl Program {
    /// One of which nothing is known but what is new.
    pub fn new(now: Moment) -> Self {
        Self {
            state: ProcessState::Stopped,
            detail: String::new(),
            again: false,
            since: now,
            end: None,
            log: String::new(),
            short: 0,
            crash_loops: false,
        }
    }

    /// Takes in what is new. Ends count only of one that has a check of its own.
    pub fn change(&mut self, now: Moment, change: ProgramChange, check: Option<&ProgramCheck>) {
        if self.is_fatal() && change.state != ProcessState::Fatal {
            // it begins anew
            self.short = 0;
        }
        if let Some(end) = change.end {
            self.count(end, change.log, check);
        }
        if self.state != change.state {
            self.since = now;
        }
        self.state = change.state;
        self.detail = change.detail;
        bound(&mut self.detail);
        self.again = change.again;
        match self.state {
            // whoever stops it has seen to it
            ProcessState::Stopped | ProcessState::Stopping => self.forget_ends(),
            // that says more
            ProcessState::Fatal => self.crash_loops = false,
            ProcessState::Starting
            | ProcessState::Running
            | ProcessState::Backoff
            | ProcessState::Exited
            | ProcessState::Unknown => {}
        }
    }

    fn count(&mut self, end: ProgramEnd, log: String, check: Option<&ProgramCheck>) {
        let short_run = check.map_or(SHORT_RUN, ProgramCheck::short_run);
        if end.expected || end.up.is_some_and(|up| up >= short_run) {
            self.forget_ends();
        } else {
            self.short = self.short.saturating_add(1);
        }
        if !end.expected {
            self.end = Some(end);
            self.log = log;
            bound(&mut self.log);
        }
        let most = check.map_or(MOST, ProgramCheck::most_short);
        self.crash_loops |= self.short >= most;
    }

    fn forget_ends(&mut self) {
        (self.short, self.crash_loops, self.end) = (0, false, None);
        self.log.clear();
    }

    /// A program that runs for long enough crash-loops no more.
    pub fn settle(&mut self, now: Moment, check: &ProgramCheck) {
        let is_running = self.state == ProcessState::Running;
        if is_running && now.since(self.since) >= check.short_run() {
            (self.short, self.crash_loops) = (0, false);
        }
    }

    /// Whether somebody has stopped it, or it was not to be started.
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, ProcessState::Stopped)
    }

    /// Whether its supervisor has given it up.
    pub const fn is_fatal(&self) -> bool {
        matches!(self.state, ProcessState::Fatal)
    }

    /// Why it is FATAL, in words.
    pub fn fatal_text(&self) -> String {
        match self.short {
            0 | 1 => self.detail.clone(),
            starts => format!("{starts} starts failed, the last: {}", self.detail),
        }
    }

    /// What it means that things are so.
    pub fn judge(&self) -> Judgement {
        let (verdict, reason, detail) = self.opinion();
        Judgement {
            verdict,
            reason,
            phase: None,
            detail,
            findings: Vec::new(),
        }
    }

    fn opinion(&self) -> (Verdict, Option<Reason>, String) {
        let (state, detail) = (self.state, self.detail.as_str());
        let said = || match detail {
            "" => state.to_string(),
            detail => format!("{state}: {detail}"),
        };
        let last = || {
            let how = self.end.as_ref().map_or("end unknown", |end| &end.how);
            how.trim_end_matches(", not expected")
        };
        match state {
            ProcessState::Fatal => (Verdict::Fail, Some(Reason::Fatal), self.fatal_text()),
            // whoever stopped it does not expect it to run
            ProcessState::Stopped => (Verdict::Pass, None, said()),
            ProcessState::Stopping => (Verdict::Draining, None, said()),
            _ if self.crash_loops => {
                let times = counted(self.short, "time", "times");
                let detail = format!("ended {times} in a row, the last time: {}", last());
                (Verdict::Fail, Some(Reason::CrashLoop), detail)
            }
            // the supervisor's words have a pid and an uptime in them: they are another text at each tick
            ProcessState::Running => (Verdict::Pass, None, state.to_string()),
            ProcessState::Exited if self.again => (Verdict::Starting, None, said()),
            ProcessState::Exited => match &self.end {
                Some(_) => {
                    let detail = format!("not started again after it {}", last());
                    (Verdict::Fail, Some(Reason::Exited), detail)
                }
                None => (Verdict::Pass, None, said()),
            },
            ProcessState::Starting | ProcessState::Backoff | ProcessState::Unknown => {
                (Verdict::Starting, None, said())
            }
        }
    }
}
