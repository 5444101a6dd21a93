//! Floor 1, the pure decision core: everything that decides. No IO, no clock, no random source, no async; time
//! is an argument and jitter comes from a seed, so that a run can be replayed.
//!
//! `Observation` (facts) -> `Expectation::judge` -> `Judgement` (opinion) -> `Monitor::handle` ->
//! `Effect` (decision); what came of it returns as an `Event`.

mod assertion;
mod attempt;
mod backoff;
mod body;
mod budget;
mod call_error;
mod check;
mod codes;
mod exit;
mod expectation;
mod fleet;
mod gate;
pub mod glob;
mod grpc;
mod heartbeat;
mod histogram;
mod incident;
mod incident_entry;
mod ladder;
mod memory;
mod moment;
mod moments;
mod monitor;
mod notation;
mod note;
mod observation;
mod own_health;
mod packed_facts;
mod pending;
mod plan;
mod policy;
mod pool;
mod process;
mod process_set;
mod program;
mod reason;
mod remedy;
mod report;
mod samples;
mod snapshot;
mod step;
pub mod suggest;
mod target;
mod text;
mod threshold;
pub mod unit;
mod verdict;
mod verdict_counts;
mod warmup;

pub use assertion::{Assertion, BodyPattern, BodySearch, PREDICATES, ParseError, QUERIES};
pub use backoff::Backoff;
pub use body::Body;
pub use budget::{Budget, Spent, parse_budget};
pub use call_error::CallError;
pub use check::{Check, CheckCounts, CheckRules};
pub use codes::StatusSet;
pub use expectation::{BodyNeeds, Expectation, VerdictRule};
pub use fleet::{FleetHold, FleetPolicy, SlotAnswer, SlotHolder, SlotRefusal, Unreachable};
pub use gate::Gate;
pub use grpc::GrpcAnswer;
pub use heartbeat::{Heartbeat, Heartbeats};
pub use histogram::Histogram;
pub use incident::{CheckResult, Incident, IncidentEntry, IncidentEvent, RoutedTo, without_digits};
pub use ladder::{Rung, RungView, Signal};
pub use memory::{Episode, EpisodeReport, Memory, Pause, ResultSample, Verifying};
pub use moment::{Moment, rfc3339};
pub use monitor::{
    CheckTick, Effect, Event, Limits, MaintenanceWindow, Monitor, PartialSnapshot, Ticket,
    Unwritten, share_equal,
};
pub use notation::public_json;
pub use note::{Counted, Decision, Dropped, Note, Refusal};
pub use observation::{Certificate, Observation, Phases, StatusLine, Trouble};
pub use own_health::{LevelBounds, Levels, OwnHealth, OwnLimits, Unhealthy};
pub use pending::{IntentId, PendingRestart, ResumeResult};
pub use plan::{Plan, PlanAction, Scope};
pub use policy::{Fails, NotifyMode, Policy};
pub use pool::Pool;
pub use process::{Backend, Process, ProcessName, ProcessState};
pub use process_set::ProcessSet;
pub use program::{ProgramChange, ProgramCheck, ProgramEnd};
pub use reason::{Phase, Reason};
pub use remedy::{Remedy, Selection, UnknownTarget};
pub use report::{DownState, Report, ReportKind};
pub use snapshot::{
    ActivityView, CheckResultView, CheckView, ConfigView, FleetView, HeartbeatView, IncidentView,
    PauseView, PendingView, ProbeFacts, ProgramView, RefusedConfig, RollingView, SlotState,
    Snapshot, Spending, StreakView, Totals,
};
pub use step::{ActionStep, Capture, FailedStart, Halt, Outcome, Skip, Step};
pub use target::Target;
pub use text::{TEXT_MAX, bound, bounded, bounded_lossy, bounded_to, counted, is_round, seconds};
pub use threshold::{Status, Streak};
pub use verdict::{Finding, Judgement, Verdict};
pub use verdict_counts::VerdictCounts;
pub use warmup::{WarmUp, Warmed};
