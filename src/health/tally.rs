//! What is counted of a check, for numbers that are shown. Nothing is decided by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::verdict::Verdict;

/// What a check came to since the start of the watchdog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Looks by verdict.
    pub looks: BTreeMap<Verdict, u64>,
    /// Episodes that were opened.
    pub incidents: u64,
    /// Actions after which a process was RUNNING again.
    pub restarted: u64,
    /// Actions that touched a process in vain.
    pub failed: u64,
    /// Actions that touched nothing.
    pub untouched: u64,
    /// How long the looks took.
    #[serde(default)]
    pub durations: Histogram,
    /// Ticks that led to no look because none of the check's processes was running.
    #[serde(default)]
    pub idle: u64,
}

impl Tally {
    /// Whether there was a verdict, or nothing to ask for.
    pub fn has_begun(&self) -> bool {
        self.idle > 0 || !self.looks.is_empty()
    }
}
