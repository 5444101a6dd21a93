//! Why an action that is due is held back.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fleet::FleetHold;

/// Why an action that is due is held back. The first that applies is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The watchdog is ending.
    ShuttingDown,
    /// A person paused the check.
    Paused { reason: String },
    /// The fail's reason is not in `act_on`.
    NotActedOn { reason: String },
    /// The restarts are used up.
    GaveUp,
    /// A check that this one requires is failing: a restart would not help.
    Requires { check: String },
    /// Too many services began to fail at about the same time: it is not this one. `failing` of `of` did within
    /// `window`; below `needed` restarts go on. Checks that restart a process in common are one service.
    Panic {
        failing: usize,
        of: usize,
        #[serde(default)]
        needed: usize,
        #[serde(default)]
        window: Duration,
    },
    /// None of its processes is RUNNING: all were stopped by somebody, and stay so until somebody starts them.
    Stopped { processes: Vec<String> },
    /// The pause after the last attempt is not over.
    Backoff { left: Duration },
    /// This run is one of a single tick (`--once`), and has acted.
    OnceOnly,
    /// The budget over all checks is used up.
    OverallBudget,
    /// As many restarts as allowed are under way.
    Concurrency { running: u32 },
    /// One of its processes is being restarted for another check.
    SameProcess { check: String },
    /// The restart of its process is unfinished and is tried again by itself; after `left`, unless that is held, too, or
    /// is under way.
    Unfinished {
        process: String,
        #[serde(default)]
        left: Option<Duration>,
    },
    /// The hosts of its group do not let it restart yet.
    Fleet { group: String, why: FleetHold },
}

impl Gate {
    /// Whether it is the same reason, in whatever detail: it is noted once for as long as it is.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fleet { why, .. }, Self::Fleet { why: other, .. }) => why.is_like(other),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShuttingDown => f.write_str("the watchdog is shutting down"),
            Self::Paused { reason } if reason.is_empty() => f.write_str("the check is paused"),
            Self::Paused { reason } => write!(f, "the check is paused: {reason}"),
            Self::NotActedOn { reason } => write!(f, "{reason} is not among the reasons to act on"),
            Self::GaveUp => f.write_str("it was given up"),
            Self::Requires { check } => write!(f, "{check:?}, which it requires, is failing too"),
            Self::Panic {
                failing,
                of,
                needed,
                window,
            } => {
                let window = window.as_secs();
                write!(
                    f,
                    "{failing} of {of} services began to fail within {window} s, so it is not this \
                     one alone; it is restarted when fewer than {needed} fail so, or manually \
                     (panic_threshold, panic_window)"
                )
            }
            Self::Stopped { processes } => {
                let names = processes.join(", ");
                let until = match processes.len() {
                    1 => "is STOPPED: it is left alone until somebody starts it",
                    _ => "are STOPPED: they are left alone until somebody starts them",
                };
                write!(f, "{names} {until}")
            }
            Self::Backoff { left } => {
                write!(
                    f,
                    "the next attempt is due in {:.0} s",
                    left.as_secs_f64().ceil()
                )
            }
            Self::OnceOnly => {
                f.write_str("this run of one tick has restarted it already, the next run goes on")
            }
            Self::OverallBudget => f.write_str("the restarts over all checks are used up for now"),
            Self::Concurrency { running } => {
                let running = match running {
                    1 => "another restart is".to_owned(),
                    more => format!("{more} restarts are"),
                };
                write!(
                    f,
                    "{running} under way, which is as many as allowed (max_concurrent_restarts)"
                )
            }
            Self::SameProcess { check } => {
                write!(f, "one of its processes is being restarted for {check:?}")
            }
            Self::Unfinished { process, left } => {
                write!(
                    f,
                    "the restart of {process} is unfinished and is tried again "
                )?;
                match left {
                    Some(left) => write!(f, "in {:.0} s", left.as_secs_f64().ceil()),
                    None => f.write_str("by itself"),
                }
            }
            Self::Fleet { group, why } => {
                write!(f, "it waits for its fleet (group {group}): {why}")
            }
        }
    }
}
