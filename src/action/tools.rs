//! What an action works with.

use std::path::Path;

use super::capture::spec::CaptureSpec;
use super::intents::Intents;
use super::record::ActionRecord;
use crate::clock::Clock;
use crate::supervisor::Supervisors;

/// What an action works with.
pub struct Tools<'a> {
    /// They stop and start processes.
    pub supervisors: &'a Supervisors,
    /// Tells when things happen.
    pub clock: &'a Clock,
    /// Evidence before a restart.
    pub capture: Option<&'a CaptureSpec>,
    /// Where evidence is kept of a check that names no directory.
    pub evidence: &'a Path,
    /// Where it is noted that a process is about to be stopped.
    pub intents: &'a Intents,
    /// What was done so far.
    pub record: &'a ActionRecord,
}
