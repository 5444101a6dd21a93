//! What the decision core decided and why, in one value per decision: what logs, `explain` and `simulate` print.
//! A note carries the data of the decision, never a finished text, so that each reader can word and filter it. Journals
//! and the store keep notes as JSON: names stay, and old ones are read by aliases.

mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call_error::CallError;
use super::gate::Gate;
use super::incident::CheckResult;
use super::ladder::RungView;
use super::moment::Moment;
use super::monitor::MaintenanceWindow;
use super::process::{Backend, ProcessName, ProcessState};
use super::reason::{Phase, Reason};
use super::remedy::UnknownTarget;
use super::report::ReportKind;
use super::step::{Halt, Outcome};
use super::text::bounded_to;
use super::verdict::Verdict;

/// How much of a detail stands in a line of the log, in bytes: it comes with every fail.
const DETAIL_MAX: usize = 480;

/// One decision about one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Moment,
    /// About which check.
    pub check: String,
    /// What was decided.
    pub decision: Decision,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A tick led to nothing.
    TickDropped(Dropped),
    /// The supervisor could not be asked before the probe.
    ListFailed { error: CallError },
    /// One of several supervisors could not be asked before the probe.
    Unasked { backend: Backend, error: CallError },
    /// No supervisor knows these targets of the check.
    UnknownTargets { targets: Vec<UnknownTarget> },
    /// A probe was judged.
    Judged {
        verdict: Verdict,
        reason: Option<Reason>,
        phase: Option<Phase>,
        detail: String,
        took: Duration,
        counted: Counted,
    },
    /// It passed so often in a row, with nothing else to report: passes are summed up before they are written down.
    Passed {
        count: u64,
        /// When the first of them ended; the last one is the note's own time.
        since: Moment,
        shortest: Duration,
        longest: Duration,
        /// What the last of them saw.
        #[serde(default)]
        detail: String,
    },
    /// Another process than last time is there: counting starts anew.
    Replaced { process: String },
    /// An action would be due and is held back.
    Held(Gate),
    /// An incident was opened: the threshold was reached.
    Opened { incident: String },
    /// An action begins; `attempt` counts the attempts of the incident that touched a process, this one included.
    Acting {
        incident: String,
        attempt: u32,
        /// Where it stands in the check's ladder, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rung: Option<RungView>,
    },
    /// An action ended.
    Acted { outcome: Outcome },
    /// The warm-up is asked.
    WarmingUp,
    /// It was answered.
    WarmedUp { took: Duration, code: u16 },
    /// It was not, or not well: the check counts as usual.
    NotWarmedUp { took: Duration, detail: String },
    /// A program of ours, or a start of it, has ended by itself, and how.
    ProgramEnded { process: ProcessName, end: String },
    /// It is up, stopped, or not started again.
    ProgramChanged {
        process: ProcessName,
        state: ProcessState,
        detail: String,
        /// It is tried again to start it, though it is FATAL.
        again: bool,
    },
    /// It was stopped by request, and so the incident of its check is over.
    ProgramStopped,
    /// The attempt goes on with this process.
    Rolling { process: ProcessName },
    /// The attempt stops before these had their turn.
    RollStopped { why: Halt, left: Vec<ProcessName> },
    /// A pending restart of an earlier run was found.
    Inherited {
        process: ProcessName,
        /// The supervisor that it was stopped in, when that is not the one of now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped_in: Option<String>,
    },
    /// A process whose restart is unfinished is started again.
    Resuming { process: ProcessName },
    /// It does not run yet, after so many tries to finish its restart, and is tried again after so long; `None`:
    /// not by this run.
    NotRunningYet {
        process: ProcessName,
        why: String,
        tries: u32,
        next: Option<Duration>,
    },
    /// A pending restart would be tried again and is held back.
    ResumeHeld { process: ProcessName, gate: Gate },
    /// A pending restart is over without a start, because the process is not ours to start any more.
    NotOurs { process: ProcessName, why: String },
    /// A pending restart is finished.
    Finished { process: ProcessName },
    /// The restarts are used up.
    GaveUp,
    /// This rung of the ladder gives up.
    GaveUpAtRung(RungView),
    /// It is tried again after giving up.
    Rearmed,
    /// It passes for the first time.
    Up,
    /// It passes again, so long after the first fail.
    Recovered { down: Duration },
    /// It was taken out of the configuration while it was down.
    CheckRemoved,
    /// The hosts of its group are asked for a slot.
    SlotAsked { group: String },
    /// There is one.
    SlotGranted { group: String },
    /// Nobody could be asked, and it is restarted without one.
    ActsWithoutSlot { group: String, why: String },
    /// Its slot is not its own any more. A restart under way goes on.
    SlotLost { group: String, why: String },
    /// Its slot is given back.
    SlotReleased { group: String },
    /// That could not be done: the slot ends with its lease.
    SlotNotReleased { group: String, why: String },
    /// People are notified.
    #[serde(alias = "telling")]
    Reporting { report: u64, kind: ReportKind },
    /// A person paused it.
    Paused {
        reason: String,
        until: Option<Moment>,
    },
    /// Its reports are held back.
    Silenced {
        reason: String,
        until: Option<Moment>,
    },
    /// This report is held back.
    Withheld { kind: ReportKind },
    /// A person took back what held its restarts or its reports.
    Resumed,
    /// A maintenance window holds its restarts, its reports or both.
    MaintenanceBegan(MaintenanceWindow),
    /// The maintenance window is over.
    MaintenanceOver,
    /// A person took back the giving up.
    Reset,
    /// A person wants it restarted.
    #[serde(alias = "asked")]
    RestartRequested,
    /// It is not restarted manually.
    Refused(Refusal),
    /// It is restarted manually.
    #[serde(alias = "by_hand")]
    ManualRestart { incident: String },
}

impl Decision {
    /// That `result` was judged as it was.
    pub fn of_result(result: &CheckResult, counted: Counted) -> Self {
        let judgement = &result.judgement;
        Self::Judged {
            verdict: judgement.verdict,
            reason: judgement.reason,
            phase: judgement.phase,
            detail: bounded_to(judgement.detail.clone(), DETAIL_MAX),
            took: result.seen.duration,
            counted,
        }
    }
}

/// Why a manual restart is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The watchdog is ending.
    ShuttingDown,
    /// The check restarts nothing.
    NothingToRestart,
    /// It is being restarted already.
    UnderWay,
    /// One of its processes is being restarted for another check.
    SameProcess { check: String },
    /// The supervisor could not be asked.
    ListFailed { error: CallError },
    /// Its supervisors know none of its processes.
    NoProcess,
    /// None of its processes can be stopped or started just now.
    NotNow {
        process: ProcessName,
        state: ProcessState,
    },
}

/// Why a tick led to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// The last probe or action is not over.
    Busy,
    /// The last probe is not over: the next one follows as soon as it is.
    Delayed,
    /// The newest probe began just before it, or is about to begin.
    ProbedAnyway,
    /// It is older than its period, or than the last action.
    Stale,
    /// None of the processes is RUNNING, and the check is not eager.
    NoneRunning,
    /// The supervisor is going down.
    SupervisorShutdown,
}

/// Whether and how a probe counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// It stands so many fails out of those needed.
    Towards { fails: u32, needed: u32 },
    /// A fail within the grace after the program's start.
    InGrace,
    /// Asked before or during an action on its processes.
    FromBeforeAction,
    /// Not of a kind that counts.
    No,
}
