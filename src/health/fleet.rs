//! What the hosts of a fleet agree on before a restart: the slots of a group, who holds them, and what an engine
//! answers to somebody who asks for one. Data only; `monitor/fleet/` decides.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a check's restarts are agreed on with other hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetPolicy {
    /// The hosts that share slots and budget.
    pub group: String,
    /// So many of them may restart at once. At least 1.
    pub slots: u32,
    /// An attempt that waits for longer is reported.
    pub wait: Duration,
    /// What to do when the engine cannot be asked.
    pub unreachable: Unreachable,
}

/// What to do when nobody can be asked for a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreachable {
    /// Restart without a slot: this host's own budgets and gates still hold.
    #[default]
    Act,
    /// Wait until the engine answers.
    Hold,
}

/// Who holds a slot, as it stands in the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotHolder {
    /// The host.
    pub host: String,
    /// Which watchdog of which machine it is, where that is known: two hosts may be called the same by mistake.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// The check whose processes are restarted.
    pub check: String,
    /// The reservation, unique in the fleet: it costs one restart of the budget, however often it is asked for.
    pub reservation: String,
    /// When it asked, in seconds of Unix time by the host's own clock.
    pub since: u64,
}

impl SlotHolder {
    /// Whether `other` is the same check on the same host, perhaps of an earlier run: its slot goes over.
    pub fn is_same_check(&self, other: &Self) -> bool {
        self.host == other.host && self.check == other.check && !self.is_namesake(other)
    }

    /// Whether `other` has the same name and is another watchdog.
    pub fn is_namesake(&self, other: &Self) -> bool {
        let known = !self.machine.is_empty() && !other.machine.is_empty();
        self.host == other.host && known && self.machine != other.machine
    }
}

/// What came of asking for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotAnswer {
    /// It is ours until it is given back, or its lease is lost.
    Granted,
    /// There is none for now.
    Refused(SlotRefusal),
    /// Nobody answered: whether the slot is ours is not known.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// Why there is no slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotRefusal {
    /// Every slot is taken.
    Taken {
        /// By these, as far as the engine says it.
        by: Vec<SlotHolder>,
        /// So many come first when one is free, for they have waited longer; where the engine keeps a queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ahead: Option<u32>,
    },
    /// The group's restarts are used up.
    BudgetUsedUp {
        /// The next one is free after so long.
        left: Duration,
    },
    /// Too many hosts of the group fail at once.
    Panic {
        /// So many of them fail,
        failing: usize,
        /// of so many that watch.
        of: usize,
    },
    /// The engine says no in its own words.
    Denied {
        /// Its words.
        why: String,
    },
}

/// Why a check that is due waits for its fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetHold {
    /// The answer is awaited.
    Asking,
    /// It was no.
    Refused(SlotRefusal),
    /// There is none, and the check does not act without.
    Unreachable {
        /// Why.
        why: String,
    },
}

impl FleetHold {
    /// Whether it is the same reason, in whatever detail.
    pub fn is_like(&self, other: &Self) -> bool {
        let same = |one: &SlotRefusal, other: &SlotRefusal| {
            std::mem::discriminant(one) == std::mem::discriminant(other)
        };
        match (self, other) {
            (Self::Refused(one), Self::Refused(other)) => same(one, other),
            (Self::Asking, Self::Asking) | (Self::Unreachable { .. }, Self::Unreachable { .. }) => {
                true
            }
            (Self::Asking | Self::Refused(_) | Self::Unreachable { .. }, _) => false,
        }
    }
}

impl fmt::Display for SlotHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.host, self.check)
    }
}

impl fmt::Display for SlotRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { by, ahead } => {
                let ahead = ahead.unwrap_or_default();
                let by: Vec<_> = by.iter().map(ToString::to_string).collect();
                match (by.is_empty(), ahead) {
                    (true, 0) => f.write_str("every slot is taken")?,
                    (true, _) => f.write_str("a free slot is not for it")?,
                    (false, _) => write!(f, "every slot is taken, by {}", by.join(", "))?,
                }
                match ahead {
                    0 => Ok(()),
                    1 => f.write_str("; one that has waited longer comes first"),
                    _ => write!(f, "; {ahead} that have waited longer come first"),
                }
            }
            Self::BudgetUsedUp { left } => {
                let left = left.as_secs_f64().ceil();
                write!(
                    f,
                    "its restarts are used up, the next one is free in {left:.0} s"
                )
            }
            Self::Panic { failing, of } => write!(
                f,
                "{failing} of its {of} hosts fail at once, so it is not this one alone"
            ),
            Self::Denied { why } => f.write_str(why),
        }
    }
}

impl fmt::Display for FleetHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking => f.write_str("its engine is asked for a slot"),
            Self::Refused(why) => why.fmt(f),
            Self::Unreachable { why } => write!(f, "it cannot be asked for a slot: {why}"),
        }
    }
}
