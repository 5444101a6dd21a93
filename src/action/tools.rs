//! What an action works with.

use super::capture::CaptureSpec;
use super::intents::Intents;
use crate::clock::Clock;
use crate::supervisor::Supervisors;

/// What an action works with.
pub struct Tools<'a> {
    /// Who stops and starts.
    pub supervisors: &'a Supervisors,
    /// When things happen.
    pub clock: &'a Clock,
    /// Evidence before a restart.
    pub capture: Option<&'a CaptureSpec>,
    /// Where it is noted that a process is about to be stopped.
    pub intents: &'a Intents,
}
