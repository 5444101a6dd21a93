//! The decision core's words: what it is told and what it asks for. Data only; what they mean is decided beside it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::budget::Budget;
use super::super::check::Check;
use super::super::incident::{CheckResult, Report, ReportKind};
use super::super::note::Note;
use super::super::observation::Observation;
use super::super::plan::{Plan, Remedy};
use super::super::process::{Backend, Process};
use super::super::step::{CallError, Outcome};
use super::super::ticket::Ticket;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Time to look at a check.
    Tick(Tick),
    /// The supervisor answered [`Effect::List`].
    Listed {
        check: String,
        ticket: Ticket,
        processes: Result<Vec<Process>, CallError>,
        /// Supervisors that could not be asked while others could.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unasked: Vec<(Backend, CallError)>,
    },
    /// [`Effect::Probe`] ended.
    Observed {
        check: String,
        ticket: Ticket,
        seen: Box<Observation>,
    },
    /// [`Effect::Probe`] ended, and what it came to was decided elsewhere: a sample of a written trace.
    Judged {
        check: String,
        ticket: Ticket,
        look: Box<CheckResult>,
    },
    /// [`Effect::WarmUp`] ended. Of the answer's body and headers nothing is kept.
    WarmedUp {
        check: String,
        ticket: Ticket,
        seen: Box<Observation>,
    },
    /// [`Effect::Act`] ended.
    Acted {
        check: String,
        ticket: Ticket,
        outcome: Outcome,
    },
    /// A restart that an earlier run, or an earlier action, had left half done was brought to its end.
    Resumed {
        check: String,
        incident: String,
        outcome: Outcome,
    },
    /// [`Effect::Report`] was handed over, or could not be.
    Delivered {
        incident: String,
        report: u64,
        kind: ReportKind,
        failure: Option<String>,
    },
    /// A person holds a check's actions.
    Pause {
        check: String,
        reason: String,
        lasting: Option<Duration>,
    },
    /// A person takes the hold back.
    Resume { check: String },
    /// A person says that it is fine to try again.
    Reset { check: String },
    /// A person wants a check's processes restarted, whatever the check says.
    Restart { check: String },
    /// There are new definitions.
    Reload { checks: Vec<Check>, limits: Limits },
    /// The end is near: no new action.
    Shutdown,
}

/// Time to look at a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Which.
    pub check: String,
    /// How old the tick is, when its source knows.
    pub age: Option<Duration>,
    /// How often its source ticks: an older tick is stale.
    pub period: Option<Duration>,
}

/// What is to be done. Every effect but [`Effect::Note`] comes back as exactly one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Ask the supervisor for its processes, so long from now.
    List {
        check: String,
        ticket: Ticket,
        remedy: Remedy,
        after: Duration,
    },
    /// Ask the service, so long from now.
    Probe {
        check: String,
        ticket: Ticket,
        after: Duration,
    },
    /// Ask the program's warm-up URL, so long from now, and wait so long for its answer.
    WarmUp {
        check: String,
        ticket: Ticket,
        after: Duration,
        within: Duration,
    },
    /// Perform a plan.
    Act { ticket: Ticket, plan: Box<Plan> },
    /// Tell people.
    Report(Box<Report>),
    /// Nothing to do: what was decided, for logs and `explain`.
    Note(Note),
}

/// What holds for all checks together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The share of failing checks (of at least 3) from which on nothing is restarted.
    pub panic_threshold: Option<f64>,
    /// Restarts under way at a time.
    pub max_concurrent_restarts: u32,
    /// Restarts over all checks.
    pub max_restarts: Option<Budget>,
    /// A still-down reminder is sent so often.
    pub reminder: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            panic_threshold: None,
            max_concurrent_restarts: 1,
            max_restarts: None,
            reminder: None,
        }
    }
}
