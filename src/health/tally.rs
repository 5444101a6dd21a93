//! What is counted of a check, for numbers that are shown. Nothing is decided by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
}
