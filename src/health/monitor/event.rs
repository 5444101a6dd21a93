//! What goes into the decision core and what comes out: events and effects. Data only; what they mean is decided
//! in the other files.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::budget::Budget;
use super::super::call_error::CallError;
use super::super::check::Check;
use super::super::fleet::SlotAnswer;
use super::super::incident::{CheckResult, RoutedTo};
use super::super::memory::Pause;
use super::super::note::Note;
use super::super::observation::Observation;
use super::super::pending::{PendingRestart, ResumeResult};
use super::super::plan::Plan;
use super::super::process::{Backend, Process, ProcessName};
use super::super::program::ProgramChange;
use super::super::remedy::Remedy;
use super::super::report::{Report, ReportKind};
use super::super::step::Outcome;

/// Names one effect that is answered by an event, so that an answer to an older one is recognized.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ticket(pub u64);

/// Definitions in JSON: they are shared in memory only.
mod definitions {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Check;

    pub fn serialize<S: Serializer>(
        checks: &[Arc<Check>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(checks.iter().map(Arc::as_ref))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Arc<Check>>, D::Error> {
        let checks = Vec::<Check>::deserialize(deserializer)?;
        Ok(checks.into_iter().map(Arc::new).collect())
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Time to probe a check.
    Tick(CheckTick),
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
        result: Box<CheckResult>,
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
        /// Restarts that it began and could not finish.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending: Vec<PendingRestart>,
    },
    /// An earlier run left this restart unfinished.
    Inherited(Box<PendingRestart>),
    /// [`Effect::Resume`] ended.
    Resumed {
        process: ProcessName,
        ticket: Ticket,
        outcome: Outcome,
        result: ResumeResult,
    },
    /// [`Effect::Wake`]: the time is over.
    Woken {
        process: ProcessName,
        ticket: Ticket,
    },
    /// Where [`Effect::Report`] goes, when that is not simply everywhere and at once.
    Routed {
        check: String,
        incident: String,
        report: u64,
        kind: ReportKind,
        to: Vec<RoutedTo>,
        not_to: Vec<RoutedTo>,
    },
    /// [`Effect::Report`] was handed over, or could not be.
    Delivered {
        /// Empty in journals of older versions.
        #[serde(default)]
        check: String,
        incident: String,
        report: u64,
        kind: ReportKind,
        /// Through which notifier; empty in journals of older versions.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        notifier: String,
        failure: Option<String>,
        /// It was handed over, but not for these recipients, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// A person holds a check's actions.
    Pause {
        check: String,
        reason: String,
        lasting: Option<Duration>,
        /// Its reports are held, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        silent: bool,
    },
    /// A person holds a check's reports.
    Silence {
        check: String,
        reason: String,
        lasting: Option<Duration>,
    },
    /// A person takes back what holds its restarts and its reports.
    Resume { check: String },
    /// A check that is not probed says how it is; `failure` is what is wrong.
    Heartbeat {
        check: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// A maintenance window of a check has begun, is another one, or is over.
    Maintenance {
        check: String,
        window: Option<MaintenanceWindow>,
    },
    /// A person says that it is fine to try again.
    Reset { check: String },
    /// An earlier run watched this check, which is not defined any more.
    Removed { check: String },
    /// A person wants a check's processes restarted, whatever the check says.
    Restart { check: String },
    /// There are new definitions.
    Reload {
        /// Shared with those before as far as they are equal, which makes them cheap to compare.
        #[serde(with = "definitions")]
        checks: Vec<Arc<Check>>,
        limits: Limits,
        /// The supervisors whose clients are new ones, and do not remember a start that failed: a process that we
        /// could not start looks as if an operator had stopped it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        forgot: Vec<Backend>,
    },
    /// There is news of a program of ours.
    ProgramChanged {
        process: ProcessName,
        change: Box<ProgramChange>,
    },
    /// The wall clock was set forward by so many milliseconds, or back when that is negative. Later moments count from there;
    /// so do all that are kept.
    ClockSet { by: i64 },
    /// The engine of the fleet answered [`Effect::Reserve`], or could not be asked.
    Reserved {
        check: String,
        ticket: Ticket,
        answer: SlotAnswer,
    },
    /// [`Effect::Release`] was done; or why it was not, so that the lease has to end the slot.
    Released {
        check: String,
        reservation: Ticket,
        group: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// The lease of a slot could not be renewed, or the slot is another one's.
    LeaseLost {
        check: String,
        reservation: Ticket,
        why: String,
    },
    /// The end is near: no new action.
    Shutdown,
}

/// A maintenance window that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// Why and until when.
    pub hold: Pause,
    /// Whether restarts are held back.
    pub holds_restarts: bool,
    /// Whether reports are.
    pub holds_reports: bool,
}

/// Time to probe a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckTick {
    /// Which.
    pub check: String,
    /// How old the tick is, when its source knows.
    pub age: Option<Duration>,
    /// How often its source ticks: an older tick is stale.
    pub period: Option<Duration>,
}

/// What is to be done. Every effect but [`Effect::Note`] is answered by exactly one event.
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
    /// Try to finish a restart: see how the process is, start it when it does not run, wait until it is RUNNING.
    Resume {
        ticket: Ticket,
        restart: Box<PendingRestart>,
        /// Whether it may be started; otherwise it is only listed, because it was seen running.
        may_start: bool,
    },
    /// Say when so much time is over: a pending restart waits for it.
    Wake {
        process: ProcessName,
        ticket: Ticket,
        after: Duration,
    },
    /// Ask for a slot of the group, so long from now, and renew it from then on.
    Reserve {
        check: String,
        ticket: Ticket,
        /// The same for each question about one slot.
        reservation: Ticket,
        group: String,
        slots: u32,
        /// It goes on with a restart that was begun and paid for.
        resumes: bool,
        after: Duration,
    },
    /// Give a slot back that is ours, or may be.
    Release {
        check: String,
        reservation: Ticket,
        group: String,
        /// Whether a process was touched; otherwise the budget gets its restart back.
        used: bool,
    },
    /// Perform a plan.
    Act { ticket: Ticket, plan: Box<Plan> },
    /// Notify people.
    Report(Box<Report>),
    /// Nothing to do: what was decided, for logs and `explain`.
    Note(Note),
}

/// What holds for all checks together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The share of failing services (of at least 3) from which on nothing is restarted. Checks that restart a
    /// process in common are one service.
    pub panic_threshold: Option<f64>,
    /// Only services that began to fail so close to each other count as failing at once.
    #[serde(default = "panic_window")]
    pub panic_window: Duration,
    /// Restarts under way at a time.
    pub max_concurrent_restarts: u32,
    /// Restarts over all checks.
    pub max_restarts: Option<Budget>,
    /// A still-down reminder is sent so often.
    pub reminder: Option<Duration>,
    /// A check acts once at most: the run is over after one tick (`--once`).
    #[serde(default)]
    pub once: bool,
}

/// Long enough for the slowest of the usual intervals to see a common cause.
const PANIC_WINDOW: Duration = Duration::from_secs(120);

const fn panic_window() -> Duration {
    PANIC_WINDOW
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            panic_threshold: None,
            panic_window: PANIC_WINDOW,
            max_concurrent_restarts: 1,
            max_restarts: None,
            reminder: None,
            once: false,
        }
    }
}
