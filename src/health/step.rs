//! What was done, step by step: the transcript of one action.
//! An action returns its steps as data; reports, `explain` and the core read them. Steps are stored with incidents, so
//! that old ones must stay readable.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call_error::CallError;
use super::gate::Gate;
use super::ladder::Signal;
use super::moment::Moment;
use super::process::{Backend, ProcessName, ProcessState};

/// One step of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When it ended (for [`ActionStep::Restarting`]: began).
    pub at: Moment,
    /// How long it took.
    pub took: Duration,
    /// Its process; `None` for steps about the action as a whole.
    pub process: Option<ProcessName>,
    /// What was done, and how it went.
    #[serde(alias = "deed")]
    pub action: ActionStep,
}

/// What was done in one step, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionStep {
    /// The supervisor could not be asked, so nothing is done.
    ListFailed { error: CallError },
    /// One of several supervisors could not be asked, so its processes are left alone.
    Unasked { backend: Backend, error: CallError },
    /// Not touched, and why.
    Skipped(Skip),
    /// Evidence was kept, or it was tried.
    Captured(Capture),
    /// It is running, and is about to be stopped and started.
    Restarting { pid: Option<u32> },
    /// It was not running, and is about to be started.
    Starting { state: ProcessState },
    /// A restart of it was interrupted, and is now brought to its end; in which state it was found.
    Resumed { state: ProcessState },
    /// It was sent a signal; `None` means that its supervisor did so.
    Signalled {
        signal: Signal,
        error: Option<CallError>,
    },
    /// It ended with the signal that it was sent.
    EndedBySignal { state: ProcessState },
    /// A command of the ladder was run: what it printed, and how it ended.
    Ran(Capture),
    /// It was asked to stop; `None` means it did.
    Stopped { error: Option<CallError> },
    /// It was asked to start; `None` means it did.
    Started { error: Option<CallError> },
    /// Waited for it to be RUNNING again; in which state it was then found.
    Settled {
        state: ProcessState,
        pid: Option<u32>,
    },
    /// No process was found for these targets.
    Missing { targets: Vec<String> },
    /// The action broke off because of an error in the watchdog itself.
    BrokeOff { detail: String },
}

/// Why a process was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// It is not RUNNING: an operator or its supervisor is at work on it.
    NotRunning { state: ProcessState },
    /// It is another process than the check probed: someone restarted it meanwhile.
    Replaced {
        #[serde(alias = "looked")]
        probed: Option<u32>,
        found: Option<u32>,
    },
    /// It is the watchdog itself.
    Ourselves,
    /// It is another watchdog, and was not named.
    Watchdog,
    /// Another watchdog on this host is restarting it just now.
    #[serde(alias = "in_other_hands")]
    OtherWatchdog { watchdog: String },
    /// An earlier restart of it is unfinished, and is tried again by itself.
    Unfinished,
    /// Dry run: it would have been restarted.
    DryRun,
    /// Dry run: this would have been done.
    WouldBeDone { what: String },
    /// The restarts of this attempt stopped before its turn came.
    Halted(Halt),
}

/// Why a roll stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// A process does not run again.
    NotBack { process: ProcessName },
    /// The check did not pass in time after another member of its group was restarted.
    #[serde(alias = "unproven")]
    NotHealthy {
        process: ProcessName,
        after: Duration,
    },
    /// Something holds restarts back now.
    Held(Gate),
    /// Its supervisor could not be asked.
    Unasked,
    /// Before the probe nobody could say which processes there are, so one is enough for this attempt.
    OneIsEnough,
    /// The check was changed or taken away.
    Changed,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBack { process } => write!(f, "{process} did not come back"),
            Self::NotHealthy { process, after } => {
                let after = after.as_secs_f64();
                write!(
                    f,
                    "the check did not pass within {after:.1} s after {process} was restarted"
                )
            }
            Self::Held(gate) => write!(f, "{gate}"),
            Self::Unasked => f.write_str("its supervisor could not be asked"),
            Self::OneIsEnough => f.write_str("its turn comes with the next attempt"),
            Self::Changed => f.write_str("the check was changed meanwhile"),
        }
    }
}

/// A piece of evidence, or the failed try to get one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// What made it, such as `gcore` or the command line.
    pub what: String,
    /// What it printed on standard output, bounded.
    pub output: String,
    /// What it printed on standard error, bounded.
    pub errors: String,
    /// Why there is none, in words.
    pub failure: Option<String>,
    /// Files it left, with their size in bytes.
    pub files: Vec<(String, u64)>,
}

impl Capture {
    /// What makes a core as the original does.
    pub const ORIGINAL: &str = "gcore";
}

/// A process that an action was to start, and that does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStart {
    /// Its name, in its group.
    pub process: String,
    /// It ran before, and was stopped for this.
    pub stopped: bool,
    /// Why it does not run.
    pub why: String,
}

/// How one action ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// All that was done, in order.
    pub steps: Vec<Step>,
}

impl Outcome {
    /// Whether anything was done: a process was stopped, started or signalled, or a command was run.
    pub fn touched(&self) -> bool {
        let restarts = |step: &Step| {
            matches!(
                step.action,
                ActionStep::Stopped { .. } | ActionStep::Started { .. }
            )
        };
        self.escalated() || self.steps.iter().any(restarts)
    }

    /// Whether a process was signalled or a command was run.
    pub fn escalated(&self) -> bool {
        let escalates = |step: &Step| {
            matches!(
                step.action,
                ActionStep::Signalled { .. } | ActionStep::Ran(_)
            )
        };
        self.steps.iter().any(escalates)
    }

    /// Whether any of the signals was sent, or the command went well; `None`: there was none.
    pub fn escalation(&self) -> Option<bool> {
        let went_well = self.steps.iter().filter_map(|step| match &step.action {
            ActionStep::Signalled { error, .. } => Some(error.is_none()),
            ActionStep::Ran(capture) => Some(capture.failure.is_none()),
            _ => None,
        });
        went_well.reduce(|one, other| one || other)
    }

    /// What was done in place of a restart, in words: which signal was sent to whom, or that the command was run.
    pub fn escalation_text(&self) -> Option<String> {
        let sent: Vec<_> = self
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                ActionStep::Signalled {
                    signal,
                    error: None,
                } => Some(format!("{signal} to {}", step.process.as_ref()?)),
                _ => None,
            })
            .collect();
        let ran = self.steps.iter().find_map(|step| match &step.action {
            ActionStep::Ran(capture) => Some(capture.failure.is_none()),
            _ => None,
        });
        match (ran, sent.as_slice(), self.escalation()?) {
            (Some(true), ..) => Some("the command was run".to_owned()),
            (Some(false), ..) => Some("the command failed".to_owned()),
            (None, [], _) => Some("no signal was sent".to_owned()),
            (None, sent, _) => Some(format!("sent: {}", sent.join(", "))),
        }
    }

    /// Whether the supervisor could not even be asked.
    pub fn list_failed(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, ActionStep::ListFailed { .. }))
    }

    /// Whether one of several supervisors, that of `backend`, could not be asked.
    pub fn is_unasked(&self, backend: Backend) -> bool {
        self.steps.iter().any(
            |step| matches!(&step.action, ActionStep::Unasked { backend: unasked, .. } if *unasked == backend),
        )
    }

    /// Whether it only says whose turn did not come.
    pub fn is_halt(&self) -> bool {
        let halted = |step: &Step| matches!(step.action, ActionStep::Skipped(Skip::Halted(_)));
        !self.steps.is_empty() && self.steps.iter().all(halted)
    }

    /// The processes that were to be started, whatever came of it.
    pub fn begun(&self) -> impl Iterator<Item = &ProcessName> {
        self.steps
            .iter()
            .filter(|step| matches!(step.action, ActionStep::Started { .. }))
            .filter_map(|step| step.process.as_ref())
    }

    /// A process that was to be started and was not RUNNING in the end.
    pub fn not_running(&self) -> Option<&ProcessName> {
        self.begun()
            .find(|process| !self.restarted().any(|restarted| restarted == *process))
    }

    /// The first process that was to be started and does not run, and why. One that was never stopped still runs.
    pub fn failed_start(&self) -> Option<FailedStart> {
        let process = self.not_running()?;
        let mut stopped = false;
        let mut why = String::new();
        let steps = self.steps.iter();
        for step in steps.filter(|step| step.process.as_ref() == Some(process)) {
            match &step.action {
                ActionStep::Stopped { .. } => stopped = true,
                ActionStep::Started { error: Some(error) } => {
                    if error.is_fault(CallError::ALREADY_STARTED) {
                        return None;
                    }
                    why = match error {
                        CallError::Fault { text, .. } if !text.is_empty() => text.clone(),
                        error => error.to_string(),
                    };
                }
                ActionStep::Settled { state, .. } => why = format!("it is {state}"),
                ActionStep::ListFailed { .. }
                | ActionStep::Unasked { .. }
                | ActionStep::Skipped(_)
                | ActionStep::Captured(_)
                | ActionStep::Signalled { .. }
                | ActionStep::EndedBySignal { .. }
                | ActionStep::Ran(_)
                | ActionStep::Restarting { .. }
                | ActionStep::Starting { .. }
                | ActionStep::Resumed { .. }
                | ActionStep::Started { error: None }
                | ActionStep::Missing { .. }
                | ActionStep::BrokeOff { .. } => {}
            }
        }
        Some(FailedStart {
            process: process.namespec(),
            stopped,
            why,
        })
    }

    /// The processes that were started and were RUNNING in the end.
    pub fn restarted(&self) -> impl Iterator<Item = &ProcessName> {
        self.steps
            .iter()
            .filter(|step| {
                matches!(
                    step.action,
                    ActionStep::Settled {
                        state: ProcessState::Running,
                        ..
                    }
                )
            })
            .filter_map(|step| step.process.as_ref())
    }

    /// The pid of the process that was started last, where its supervisor says it.
    pub fn settled_pid(&self) -> Option<u32> {
        self.steps.iter().rev().find_map(|step| match step.action {
            ActionStep::Settled { pid, .. } => pid,
            _ => None,
        })
    }
}
