//! The status of a job: published when it has changed, before any request is answered, and logged.

use super::ProgramJob;
use crate::supervisor::embedded::identity::{self, ProcessRecord};
use crate::supervisor::embedded::status::ProgramStatus;
use crate::supervisor::embedded::unit::UnitState;

impl ProgramJob {
    /// Publishes a changed status before any request is answered.
    pub(super) fn publish(&self) {
        let lives = self.child.as_ref().map(|c| (c.pid(), c.started(), false));
        let left = self.left.as_ref().map(|f| (f.leader, f.started, true));
        let record = lives.or(left).map(|(pid, started, ended)| ProcessRecord {
            name: self.program.full_name(),
            pid,
            started,
            boot: identity::boot().to_owned(),
            fingerprint: self.fingerprint,
            stopping: matches!(self.unit.state(), UnitState::Stopping { .. }),
            ended,
        });
        let status = ProgramStatus {
            state: self.unit.state().clone(),
            record,
            started: self.started,
            last: self.last,
            crashes: self.crashes,
            expected: self.program.is_expected(self.last),
        };
        let before = self.published.send_replace(status);
        let after = self.published.borrow();
        if before.state != after.state {
            let process = after.process(&self.program.full_name());
            let (name, state, detail) = (process.name, process.state, process.detail);
            match after.state {
                UnitState::Fatal { .. } => {
                    tracing::error!("program \"{name}\" is {state}: {detail}")
                }
                UnitState::Backoff { .. }
                | UnitState::Exited {
                    expected: false, ..
                } => {
                    tracing::warn!("program \"{name}\" is {state}: {detail}");
                }
                _ if detail.is_empty() => tracing::info!("program \"{name}\" is {state}"),
                _ => tracing::info!("program \"{name}\" is {state}: {detail}"),
            }
        }
        let has_ended = |status: &ProgramStatus| status.record.as_ref().is_some_and(|r| r.ended);
        if before.record.is_some() && after.record.is_none() {
            self.remove_note();
        } else if has_ended(&after)
            && !has_ended(&before)
            && let Some(notes) = &self.shared.notes
        {
            notes.mark_ended(&self.program.full_name());
        }
        if before.record != after.record {
            self.shared.changes.send_modify(|count| *count += 1);
        }
    }
}
