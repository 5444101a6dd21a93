//! What can happen in a written trace: its words as data. They are read in `written` and `trace`, and happen in
//! `world`.

use std::time::Duration;

use crate::health::{MaintenanceWindow, Reason, SlotAnswer, Verdict};

/// Something that happens in a written trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceStep {
    /// After the trace's beginning.
    pub at: Duration,
    pub what: TraceEvent,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceEvent {
    /// The check is asked, and from now on answers so.
    Sample { check: String, sample: TraceSample },
    /// A person pauses a check.
    Pause {
        check: String,
        reason: String,
        lasting: Option<Duration>,
    },
    /// A person silences a check.
    Silence {
        check: String,
        reason: String,
        lasting: Option<Duration>,
    },
    /// A maintenance window begins, or is over.
    Maintenance {
        check: String,
        window: Option<MaintenanceWindow>,
    },
    /// A person ends the pause and the silence.
    Resume(String),
    /// A person resets a check.
    Reset(String),
    /// A person has a check's processes restarted.
    ManualRestart(String),
    /// How restarts go from now on, for one check or for all, of one process or of all.
    Restarts {
        check: Option<String>,
        process: Option<String>,
        go: Restarts,
    },
    /// How warm-ups go from now on.
    WarmUps {
        check: String,
        go: WarmUps,
        took: Duration,
    },
    /// What someone else does to a check's processes.
    Processes { check: String, are: Processes },
    /// What the fleet answers from now on, for one check or for all.
    Slot {
        check: Option<String>,
        answer: SlotAnswer,
    },
    /// The slot of a check is lost.
    SlotLost(String),
    /// The watchdog is asked to end.
    Shutdown,
}

/// How a check answers.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSample {
    pub answer: SampleAnswer,
    pub took: Duration,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleAnswer {
    /// A status and a body, to be judged by the check's own expectations.
    Status { code: u16, body: String },
    /// Judged already.
    Verdict {
        verdict: Verdict,
        reason: Option<Reason>,
        detail: String,
    },
}

/// How restarts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restarts {
    Succeed,
    Fail,
}

/// How warm-ups go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUps {
    Answered,
    Refused,
    Failed,
}

/// What becomes of a check's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processes {
    Replaced,
    Stopped,
    Running,
}
