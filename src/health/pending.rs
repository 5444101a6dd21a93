//! A restart that was begun and is not finished: the process was stopped for it, or is about to be, and is not
//! RUNNING again yet. When it is tried again is the monitor's decision.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::ProcessName;

/// Names an intent in the store. Drawn at random, so that it stays the same wherever the intent is kept.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct IntentId(pub i64);

/// A restart that was begun and is not finished, with the intent that stands for it in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRestart {
    /// Its intent, closed when the restart is finished.
    pub intent: IntentId,
    /// The check that it was begun for.
    pub check: String,
    /// The incident that it belongs to.
    pub incident: String,
    /// The process that has to run again.
    pub process: ProcessName,
    /// Its pid before the stop: a process that still runs with it was never stopped.
    pub pid_before: Option<u32>,
    /// The stop may still be performed, or be under way: the run that asked for it was killed, or had no answer.
    #[serde(default)]
    pub stop_unclear: bool,
    /// The supervisor answered to a start after the stop: the process was started, if in vain.
    #[serde(default)]
    pub start_answered: bool,
    /// A start had an effect on the process. If it is STOPPED after that, an operator stopped it.
    #[serde(default)]
    pub start_begun: bool,
    /// Its incident has ended, so that people know of the stop.
    #[serde(default)]
    pub incident_ended: bool,
    /// The supervisor that it was stopped in, when the configuration has another one now, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_in: Option<String>,
}

/// The result of one try to finish a pending restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeResult {
    /// The process runs: the restart is finished.
    Finished,
    /// The process runs, and nobody knows whether the stop was performed: it may still come, within this time after
    /// the supervisor's first answer.
    Runs { stop_within: Duration },
    /// The process is not ours to start any more, and why: the restart is over.
    NotOurs { why: String },
    /// The process does not run yet, and why.
    NotYet {
        why: String,
        /// The supervisor answered to a start that was made in this try.
        start_answered: bool,
        /// That start had an effect on the process.
        start_begun: bool,
    },
}
