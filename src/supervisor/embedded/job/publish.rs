//! The status of a job: published when it has changed, before any request is answered, and logged.

use super::ProgramJob;
use crate::supervisor::embedded::identity::{self, ProcessRecord};
use crate::supervisor::embedded::notes::ProcessNotes;
use crate::supervisor::embedded::status::{ProgramStatus, ProgramUpdate};
use crate::supervisor::embedded::unit::UnitState;

impl ProgramJob {
    /// Publishes a changed status before any request is answered.
    pub(super) async fn publish(&mut self) {
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
            restarted: self.restarted,
            last: self.last,
            crashes: self.crashes,
            expected: self.program.is_expected(self.last),
        };
        let change = self.replace_status(status);
        if change.is_other {
            self.shared.changes.send_modify(|count| *count += 1);
        }
        if change.is_gone {
            self.clear_note().await;
        } else if change.has_ended {
            self.change_note("is marked", ProcessNotes::mark_ended)
                .await;
        }
    }

    /// Publishes `status`, and logs and sends another state.
    fn replace_status(&mut self, status: ProgramStatus) -> RecordChange {
        let ended = self.ended.take();
        let before = self.published.send_replace(status);
        let after = self.published.borrow();
        if before.state != after.state || ended.is_some() {
            let update = ProgramUpdate::new(self.program.full_name(), &after, ended);
            // nobody may listen
            let _ = self.shared.updates.send(update);
        }
        if before.state != after.state {
            let process = after.process(&self.program.full_name());
            let (name, state, detail) = (process.name, process.state, process.detail);
            let comes_again = matches!(
                after.state,
                UnitState::Spawning { .. }
                    | UnitState::Starting { .. }
                    | UnitState::Running { .. }
                    | UnitState::Exited { again: Some(_), .. }
            );
            match after.state {
                // as was said before it had a process
                UnitState::Starting { .. } => tracing::debug!("program \"{name}\" is {state}"),
                _ if comes_again && !self.is_logged() => {
                    tracing::debug!("program \"{name}\" is {state}: {detail}");
                }
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
        RecordChange {
            is_other: before.record != after.record,
            is_gone: before.record.is_some() && after.record.is_none(),
            has_ended: has_ended(&after) && !has_ended(&before),
        }
    }
}

/// What is new of a program's record.
struct RecordChange {
    /// Anything.
    is_other: bool,
    /// There is none any more.
    is_gone: bool,
    /// Its process has ended, and has left others.
    has_ended: bool,
}
