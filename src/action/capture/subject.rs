//! Whom the evidence is about.

use crate::health::ProcessName;

/// A process, and the check that has it restarted.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaptureSubject<'a> {
    pub name: &'a ProcessName,
    pub pid: u32,
    pub check: &'a str,
}
