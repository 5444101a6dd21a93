//! What came of an action, and what of it is still to be finished.

use crate::health::{Outcome, ProcessName};
use crate::store::IntentId;

/// What an action did, and what it must not forget.
#[derive(Debug, Default)]
pub struct Performed {
    /// All that was done.
    pub outcome: Outcome,
    /// The intents of processes that run again, or were left alone after all: to be closed as soon as
    /// the outcome is safe.
    pub done: Vec<IntentId>,
    /// The intents of processes that do not run yet.
    pub unfinished: Vec<(IntentId, Unfinished)>,
}

/// A restart that was begun and of which it is not known that it ended well.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The process.
    pub process: ProcessName,
    /// Its pid before the stop: the same one still running was never stopped.
    pub pid_before: Option<u32>,
    /// A start of ours has begun. If it is found STOPPED after that, an operator did it.
    pub has_begun: bool,
}
