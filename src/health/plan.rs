//! What to do about a check that is down, one time: its remedy, and the scope, which says which of the processes this
//! action is about.

use serde::{Deserialize, Serialize};

use super::ladder::Signal;
use super::process::{Backend, Process, ProcessName};
use super::remedy::Remedy;
use crate::sorted;

/// One action to perform: on the remedy's processes, if they are still those the check probed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The check whose remedy this is.
    pub check: String,
    /// The incident it belongs to.
    pub incident: String,
    /// What to do it to.
    pub remedy: Remedy,
    /// What is done to it.
    #[serde(default, skip_serializing_if = "PlanAction::is_restart")]
    pub action: PlanAction,
    /// Which part of it now.
    #[serde(default)]
    pub scope: Scope,
    /// The processes as they were before the probe; `None` when the supervisor did not say, so
    /// that there is nothing to compare with.
    pub listed: Option<Vec<Process>>,
    /// Processes whose restart is unfinished: they are left alone, because they are tried again by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<ProcessName>,
    /// Say what would be done and touch nothing.
    pub dry_run: bool,
    /// Whether evidence is kept before the restart.
    pub capture: bool,
    /// The answer that led to it, for the evidence; empty where none came or no evidence is kept.
    #[serde(skip)]
    pub answer: String,
    /// A person asked for it: also what does not run is started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
}

impl Plan {
    /// Whether `process` is restarted or started by it.
    pub const fn acts_on(&self, process: &Process) -> bool {
        self.remedy.acts_on(process, self.manual)
    }
}

/// What a plan does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanAction {
    /// The processes are restarted.
    #[default]
    Restart,
    /// Those that are RUNNING get a signal.
    Signal(Signal),
    /// The command of this rung is run, and no process is touched.
    Run { rung: u32, command: String },
}

impl PlanAction {
    /// Whether processes are stopped and started.
    pub const fn is_restart(&self) -> bool {
        matches!(self, Self::Restart)
    }
}

/// Which of a remedy's processes one action is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of them in a row, whatever becomes of each, as the original does.
    #[default]
    All,
    /// The first that can be restarted: nobody could say before which there are.
    First,
    /// These, of which at most one is restarted. The others of the same attempt have actions of their own.
    Part {
        now: Vec<ProcessName>,
        /// What is to follow when this went well.
        rest: Vec<ProcessName>,
        /// Whether the attempt begins with it.
        first: bool,
    },
}

impl Scope {
    /// Whether `name` is meant.
    pub fn covers(&self, name: &ProcessName) -> bool {
        match self {
            Self::All | Self::First => true,
            Self::Part { now, .. } => now.contains(name),
        }
    }

    /// The supervisors of `remedy` that have to be asked for it.
    pub fn backends(&self, remedy: &Remedy) -> Vec<Backend> {
        match self {
            Self::Part {
                now, first: false, ..
            } => {
                let mut backends: Vec<_> = now.iter().map(|name| name.backend).collect();
                sorted::plain(&mut backends);
                backends.dedup();
                backends
            }
            Self::All | Self::First | Self::Part { .. } => remedy.backends(),
        }
    }

    /// Whether an attempt begins with it.
    pub const fn is_first(&self) -> bool {
        match self {
            Self::All | Self::First => true,
            Self::Part { first, .. } => *first,
        }
    }
}
