//! Decisions in words, one line each: what logs and `explain` say.

use std::fmt;

use super::{Counted, Decision, Dropped, Note, Refusal};
use crate::health::ladder::RungView;
use crate::health::process::ProcessState;
use crate::health::text::counted;

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
