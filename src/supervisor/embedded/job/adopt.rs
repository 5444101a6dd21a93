//! What a job takes over from an earlier watchdog: a process that runs, one that was being stopped, and what one that
//! ended has left.

use super::{ProgramJob, ignored_reply};
use crate::supervisor::embedded::child::Child;
use crate::supervisor::embedded::cleanup::Leftovers;
use crate::supervisor::embedded::identity::{self, ProcessRecord};
use crate::supervisor::embedded::unit::{Autorestart, UnitEvent, UnitState};

impl ProgramJob {
    pub(super) async fn begin(&mut self, record: Option<ProcessRecord>) {
        if *self.unit.state() != UnitState::Stopped {
            return;
        }
        let adopted = record.as_ref().and_then(|record| {
            let child = Child::adopt(record)?;
            self.fingerprint = record.fingerprint;
            Some(child)
        });
        // A program that ran at the last observation and ended unobserved would have been restarted.
        let died = record.as_ref().is_some_and(|record| !record.ended);
        let due =
            self.program.autostart || (died && self.program.autorestart != Autorestart::Never);
        if let Some(child) = adopted {
            let up = identity::uptime(child.started());
            self.started = Some(child.started());
            self.shared.log_writers.adopt(child.pid(), &self.program);
            self.child = Some(child);
            self.handle(UnitEvent::Adopted { up }).await;
            if record.is_some_and(|record| record.stopping) {
                self.finish_stop(due).await;
            } else {
                self.replace_if_unfit().await;
            }
            return;
        }
        if let Some(record) = record {
            self.clear_note().await;
            self.fingerprint = record.fingerprint;
            self.left = (record.boot == identity::boot() && self.program.killasgroup)
                .then(|| self.family(record.pid, record.started));
            if record.stopping && self.left.is_some() && !due {
                self.stopping.push(ignored_reply());
                self.handle(UnitEvent::StopRest).await;
            }
        }
        if due {
            self.start(ignored_reply()).await;
        } else if self.rest.is_none() {
            self.rest = self.left.clone().map(Leftovers::counted);
        }
    }

    /// An earlier watchdog had sent the stop signal, and its effect is unknown: the process is stopped again.
    pub(super) async fn finish_stop(&mut self, due: bool) {
        self.stopping.push(ignored_reply());
        self.handle(UnitEvent::Stop).await;
        if due {
            self.start(ignored_reply()).await;
        }
    }
}
