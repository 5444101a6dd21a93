//! Counters of one run, for the summary at its end.

use std::time::Duration;

use crate::health::{Decision, Verdict};

/// Counters of one run, for the summary at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Probes that were judged.
    pub probes: u64,
    /// Those that failed.
    pub fails: u64,
    /// Processes that were started again.
    pub restarts: u64,
    /// Times that a check passed again after it had been down.
    pub recoveries: u64,
    /// From the start to the end.
    pub lasted: Duration,
}

impl RunCounts {
    /// Takes what was decided into account.
    pub(super) fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::Judged { verdict, .. } => {
                self.probes += 1;
                self.fails += u64::from(*verdict == Verdict::Fail);
            }
            Decision::Acted { outcome } => self.restarts += outcome.restarted().count() as u64,
            Decision::Recovered { .. } => self.recoveries += 1,
            _ => {}
        }
    }
}
