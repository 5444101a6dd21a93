//! What the decision core decided and why, in one value per decision: what logs, `explain` and `simulate` print.
//! A note carries the data of the decision, never a finished text, so that each reader can word and filter it. Journals
//! and the store keep notes as JSON: names stay, and old ones are read by aliases.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call_error::CallError;
use super::gate::Gate;
use super::incident::{CheckResult, ReportKind};
use super::ladder::RungView;
use super::moment::Moment;
use super::monitor::MaintenanceWindow;
use super::process::{Backend, ProcessName, ProcessState};
use super::reason::{Phase, Reason};
use super::remedy::UnknownTarget;
use super::step::{Halt, Outcome};
use super::text::{bounded_to, counted};
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

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.decision)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TickDropped(why) => write!(f, "not asked: {why}"),
            Self::ListFailed { error } => write!(f, "cannot list processes: {error}"),
            Self::Unasked { backend, error } => {
                write!(f, "cannot list the processes of {backend}: {error}")
            }
            Self::Judged {
                verdict,
                reason,
                phase,
                detail,
                took,
                counted,
            } => {
                write!(f, "{verdict}")?;
                if let (Some(reason), Some(phase)) = (reason, phase) {
                    write!(f, " ({reason} in {phase})")?;
                }
                // what is not asked takes no time
                if !took.is_zero() {
                    write!(f, " after {:.3} s", took.as_secs_f64())?;
                }
                if !detail.is_empty() {
                    write!(f, ": {detail}")?;
                }
                write!(f, "{counted}")
            }
            Self::Passed {
                count,
                shortest,
                longest,
                detail,
                ..
            } => {
                let passes = counted(*count, "pass", "passes in a row");
                let (shortest, longest) = (shortest.as_secs_f64(), longest.as_secs_f64());
                write!(f, "{passes}, after {shortest:.3} s to {longest:.3} s")?;
                match detail.is_empty() {
                    true => Ok(()),
                    false => write!(f, ": {detail}"),
                }
            }
            Self::UnknownTargets { targets } => {
                let targets: Vec<_> = targets.iter().map(ToString::to_string).collect();
                f.write_str(&targets.join("; "))
            }
            Self::Replaced { process } => {
                write!(
                    f,
                    "{process} is another process than before: counting starts anew"
                )
            }
            Self::Held(gate) => write!(f, "no restart: {gate}"),
            Self::Opened { incident } => write!(f, "is down (incident {incident})"),
            Self::Acting {
                attempt,
                rung: Some(rung),
                ..
            } => write!(f, "attempt {attempt}, {rung}"),
            Self::Acting { attempt, .. } => write!(f, "restarting, attempt {attempt}"),
            Self::Acted { outcome } => match outcome.restarted().count() {
                0 => f.write_str(
                    &outcome
                        .escalation_text()
                        .unwrap_or_else(|| "nothing was restarted".to_owned()),
                ),
                count => f.write_str(&counted(
                    count,
                    "process was restarted",
                    "processes were restarted",
                )),
            },
            Self::WarmingUp => f.write_str("warming up"),
            Self::WarmedUp { took, code } => {
                write!(f, "warmed up after {:.1} s ({code})", took.as_secs_f64())
            }
            Self::NotWarmedUp { took, detail } => write!(
                f,
                "NOT warmed up after {:.1} s, which is not tried again: {detail}",
                took.as_secs_f64()
            ),
            Self::ProgramEnded { process, end } => write!(f, "program {process} {end}"),
            Self::ProgramChanged {
                process,
                state,
                detail,
                again,
            } => {
                write!(f, "program {process} is {state}")?;
                if !detail.is_empty() {
                    write!(f, ": {detail}")?;
                }
                match state {
                    ProcessState::Fatal if *again => f.write_str("; it is tried again every 10 s"),
                    ProcessState::Fatal => {
                        write!(f, "; given up until: httpok start {process}")
                    }
                    _ => Ok(()),
                }
            }
            Self::ProgramStopped => f.write_str("is not down any more: it was stopped by request"),
            Self::Rolling { process } => write!(f, "going on with {process}"),
            Self::RollStopped { why, left } => {
                let left: Vec<_> = left.iter().map(ToString::to_string).collect();
                write!(f, "stopping here: {why}; left alone: {}", left.join(", "))
            }
            Self::Inherited {
                process,
                stopped_in,
            } => {
                write!(f, "an earlier run left the restart of {process} unfinished")?;
                match stopped_in {
                    Some(before) => write!(
                        f,
                        "; it stopped it in {before}, which is not the {} of this configuration",
                        process.backend
                    ),
                    None => Ok(()),
                }
            }
            Self::Resuming { process } => write!(f, "starting {process} again"),
            Self::NotRunningYet {
                process, why, next, ..
            } => {
                write!(f, "{process} does not run again yet: {why}")?;
                match next {
                    Some(next) => {
                        let next = next.as_secs_f64().ceil();
                        write!(f, "; it is tried again in {next:.0} s")
                    }
                    None => f.write_str("; the next run tries again"),
                }
            }
            Self::ResumeHeld { process, gate } => {
                write!(f, "{process} is not started again for now: {gate}")
            }
            Self::NotOurs { process, why } => write!(f, "{process} is not started again: {why}"),
            Self::Finished { process } => write!(f, "the restart of {process} is finished"),
            Self::GaveUp => f.write_str("gave up: the restarts are used up"),
            Self::GaveUpAtRung(RungView { number, of, .. }) => {
                write!(f, "gave up, as rung {number} of {of} of its ladder says")
            }
            Self::Rearmed => f.write_str("trying again after giving up"),
            Self::Up => f.write_str("passes"),
            Self::Recovered { down } => write!(f, "passes again after {:.1} s", down.as_secs_f64()),
            Self::CheckRemoved => {
                f.write_str("was taken out of the configuration while it was down")
            }
            Self::SlotAsked { group } => write!(f, "asking for a slot of group {group}"),
            Self::SlotGranted { group } => write!(f, "has a slot of group {group}"),
            Self::ActsWithoutSlot { group, why } => write!(
                f,
                "restarting without a slot of group {group}, which cannot be asked: {why}"
            ),
            Self::SlotLost { group, why } => {
                write!(f, "has lost its slot of group {group}: {why}")
            }
            Self::SlotReleased { group } => write!(f, "gives back its slot of group {group}"),
            Self::SlotNotReleased { group, why } => {
                write!(f, "could not give back its slot of group {group}: {why}")
            }
            Self::Reporting { kind, .. } => write!(f, "reporting: {}", kind.as_str()),
            Self::Paused { reason, .. } if reason.is_empty() => f.write_str("paused"),
            Self::Paused { reason, .. } => write!(f, "paused: {reason}"),
            Self::Silenced { reason, .. } if reason.is_empty() => f.write_str("silenced"),
            Self::Silenced { reason, .. } => write!(f, "silenced: {reason}"),
            Self::Withheld { kind } => {
                write!(f, "not reported while it is silenced: {}", kind.as_str())
            }
            Self::Resumed => f.write_str("resumed"),
            Self::MaintenanceBegan(window) => {
                let held = match (window.holds_restarts, window.holds_reports) {
                    (true, true) => "restarts and reports are held back",
                    (true, false) => "restarts are held back",
                    (false, _) => "reports are held back",
                };
                write!(f, "{}: {held}", window.hold.reason)
            }
            Self::MaintenanceOver => f.write_str("maintenance is over"),
            Self::Reset => f.write_str("reset manually"),
            Self::RestartRequested => f.write_str("a manual restart is requested"),
            Self::Refused(why) => write!(f, "not restarted manually: {why}"),
            Self::ManualRestart { incident } => {
                write!(f, "restarting manually (incident {incident})")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShuttingDown => f.write_str("the watchdog is shutting down"),
            Self::NothingToRestart => f.write_str("the check restarts nothing"),
            Self::UnderWay => f.write_str("it is being restarted already"),
            Self::SameProcess { check } => {
                write!(f, "one of its processes is being restarted for {check:?}")
            }
            Self::ListFailed { error } => write!(f, "cannot list processes: {error}"),
            Self::NoProcess => f.write_str("its supervisor knows none of its processes"),
            Self::NotNow { process, state } => {
                write!(
                    f,
                    "{process} is {state}, so that it is neither stopped nor started"
                )
            }
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "still busy with the last tick",
            Self::Delayed => "still busy with the last tick; it is made up for",
            Self::ProbedAnyway => "it is probed at this moment anyway",
            Self::Stale => "the tick is stale",
            Self::NoneRunning => "none of its processes is RUNNING",
            Self::SupervisorShutdown => "the supervisor is shutting down",
        })
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Towards { fails: 0, .. } | Self::No => Ok(()),
            Self::Towards { fails, needed } if fails > needed => {
                write!(f, " [fail {fails} in a row]")
            }
            Self::Towards { fails, needed } => write!(f, " [fail {fails} of {needed}]"),
            Self::InGrace => f.write_str(" [in grace, not counted]"),
            Self::FromBeforeAction => f.write_str(" [from before the restart, not counted]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streak_is_out_of_the_needed_fails_and_beyond_them_in_a_row() {
        for (fails, text) in [
            (0, ""),
            (1, " [fail 1 of 3]"),
            (3, " [fail 3 of 3]"),
            (4, " [fail 4 in a row]"),
            (19, " [fail 19 in a row]"),
        ] {
            assert_eq!(Counted::Towards { fails, needed: 3 }.to_string(), text);
        }
    }
}
