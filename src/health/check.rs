//! A check: its definition, and what it is doing just now: an enum with its data, so that no probe and action can overlap
//! by mistake. Its state is in `state`, what is remembered of it in `memory`.

mod state;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::fleet::FleetPolicy;
use super::histogram::Histogram;
use super::ladder::Rung;
use super::moment::Moment;
use super::monitor::Ticket;
use super::policy::Policy;
use super::process::{Process, ProcessName};
use super::program::ProgramCheck;
use super::remedy::{Remedy, Selection};
use super::verdict_counts::VerdictCounts;
use super::warmup::WarmUp;

pub(super) use state::CheckState;

/// A check as defined: what it is, and its rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Unique.
    pub name: String,
    /// What is asked, without secrets.
    pub url: String,
    /// Stands for everything about the probe that the decision core does not see; another value is another check.
    pub probe: String,
    /// There once for all checks that have equal ones, where they are made with a [`Pool`](super::Pool).
    #[serde(flatten)]
    pub rules: Arc<CheckRules>,
}

/// What is expected of a check, and what is done about it. Thousands of checks have the same, made of one default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRules {
    /// What a passing answer looks like.
    pub expectation: Expectation,
    /// When fails lead to an action.
    pub policy: Policy,
    /// What is done.
    pub remedy: Remedy,
    /// What is done at which attempt instead, if it is not always the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Rung>,
    /// Checks that must not be failing for a restart to make sense.
    pub requires: Vec<String>,
    /// Say what would be done and touch nothing.
    pub dry_run: bool,
    /// Whether evidence is kept before a restart.
    pub capture: bool,
    /// What is asked once after each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmUp>,
    /// It is not probed, but sends a heartbeat at least so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Duration>,
    /// It is not probed, but is about a program of ours that no other check names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramCheck>,
    /// Its restarts are agreed on with other hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetPolicy>,
}

impl Default for CheckRules {
    /// A status of 200, or people are notified.
    fn default() -> Self {
        Self {
            expectation: Expectation::default(),
            policy: Policy::default(),
            remedy: Remedy::NONE,
            ladder: Vec::new(),
            requires: Vec::new(),
            dry_run: false,
            capture: false,
            warmup: None,
            heartbeat: None,
            program: None,
            fleet: None,
        }
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            name,
            url,
            probe,
            rules,
        } = self;
        (name, url, probe) == (&other.name, &other.url, &other.probe)
            && (Arc::ptr_eq(rules, &other.rules) || rules == &other.rules)
    }
}

impl Deref for Check {
    type Target = CheckRules;

    fn deref(&self) -> &CheckRules {
        &self.rules
    }
}

impl DerefMut for Check {
    /// The rules of this check alone: those that others share stay as they are.
    fn deref_mut(&mut self) -> &mut CheckRules {
        Arc::make_mut(&mut self.rules)
    }
}

impl Check {
    /// What every attempt together can act on: its own processes, and those of wider rungs.
    pub fn reach(&self) -> Remedy {
        let mut reach = self.remedy.clone();
        for rung in &self.ladder {
            if let Rung::Restart(wider) = rung {
                reach.selection = reach.selection.and(&wider.selection);
            }
        }
        reach
    }

    /// What it restarts, as the service that it is among others; `None`: the check of a program is none, and says nothing
    /// about the others.
    pub(super) fn service(&self) -> Option<&Selection> {
        self.program.is_none().then_some(&self.remedy.selection)
    }

    /// Whether anything is asked: otherwise what is said is judged.
    pub fn is_probed(&self) -> bool {
        self.heartbeat.is_none() && self.program.is_none()
    }

    /// Whether it is about `process`: restarts it at some attempt, or watches it alone.
    pub fn concerns(&self, process: &ProcessName) -> bool {
        let restarts = |remedy: &Remedy| remedy.selection.matches(process, remedy.default);
        let by_rung = |rung: &Rung| matches!(rung, Rung::Restart(wider) if restarts(wider));
        let program = self.program.as_ref();
        restarts(&self.remedy)
            || self.ladder.iter().any(by_rung)
            || program.is_some_and(|program| program.process == *process)
    }

    /// Whether an attempt does nothing at all: people are only notified.
    pub fn has_no_action(&self) -> bool {
        self.remedy.selection.is_empty() && self.ladder.is_empty()
    }
}

/// What a check is doing just now. A probe and an action exclude each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Activity {
    /// Waiting for a tick.
    Idle,
    /// Waiting for the supervisor's list.
    Listing {
        ticket: Ticket,
        /// When it is asked for: a probe after a restart waits a second.
        begun: Moment,
        /// For a manual restart, not for a probe.
        manual: bool,
    },
    /// Waiting for the answer.
    Probing {
        ticket: Ticket,
        begun: Moment,
        listed: Option<Vec<Process>>,
    },
    /// Waiting for the action to end. `None`: it is not known which processes it touches.
    Acting {
        ticket: Ticket,
        begun: Moment,
        on: Option<Vec<ProcessName>>,
    },
}

/// Counters of a check since the start of the watchdog. They are shown; nothing is decided by them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Probes by verdict.
    #[serde(alias = "looks")]
    pub probes: VerdictCounts,
    /// Incidents that were opened.
    pub incidents: u64,
    /// Attempts after which a process was RUNNING again.
    pub restarted: u64,
    /// Attempts that touched a process in vain.
    pub failed: u64,
    /// Attempts that touched nothing.
    pub untouched: u64,
    /// Rungs of the ladder that sent a signal or ran a command.
    #[serde(default)]
    pub escalated: u64,
    /// Rungs that were to do so and could not.
    #[serde(default)]
    pub escalated_in_vain: u64,
    /// How long the probes took.
    #[serde(default)]
    pub durations: Histogram,
    /// Ticks that led to no probe because none of the check's processes was RUNNING.
    #[serde(default)]
    pub idle: u64,
}

impl CheckCounts {
    /// Whether there was a verdict, or nothing to ask for.
    pub fn has_begun(&self) -> bool {
        self.idle > 0 || self.probes.total() > 0
    }
}

/// A tick that came while the check was being probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MissedTick {
    pub at: Moment,
    pub period: Option<Duration>,
}
