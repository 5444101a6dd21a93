//! The end of a process, and what is done about the processes that it leaves behind, before the next start too.

use super::ProgramJob;
use crate::health::{Moment, ProgramEnd};
use crate::supervisor::embedded::cleanup::{AfterCleanup, CleanupResult, Leftovers};
use crate::supervisor::embedded::family::ProcessFamily;
use crate::supervisor::embedded::fault::ProcessExit;
use crate::supervisor::embedded::status::ending;
use crate::supervisor::embedded::unit::{UnitEvent, UnitState};

impl ProgramJob {
    /// The processes of the start that `pid` leads.
    pub(super) fn family(&self, pid: u32, started: u64) -> ProcessFamily {
        ProcessFamily {
            leader: pid,
            started,
            mark: self.program.mark(),
        }
    }

    /// The process has ended. When it was asked to, it is waited for what it left; what a crash left is killed;
    /// and what it left when it ended as expected (a new master, after an upgrade in place) lives on.
    pub(super) async fn leader_ended(&mut self) {
        let Some(child) = self.child.take() else {
            return;
        };
        let family = self.family(child.pid(), child.started());
        self.last = child.collect();
        self.report_end(family.leader);
        if !self.program.killasgroup {
            self.handle(UnitEvent::Exited(self.last)).await;
            return;
        }
        self.left = Some(family.clone());
        if let UnitState::Stopping { killed, .. } = *self.unit.state() {
            self.rest = Some(match (killed, self.program.stopasgroup) {
                (true, _) => Leftovers::killed(family, AfterCleanup::Ended),
                (false, true) => Leftovers::waited_for(family),
                (false, false) => {
                    Leftovers::ending(family, self.program.stopsignal, self.program.stopwaitsecs)
                }
            });
            return;
        }
        self.handle(UnitEvent::Exited(self.last)).await;
        if self.rest.is_none() {
            let expected = matches!(self.unit.state(), UnitState::Exited { expected: true, .. });
            self.rest = Some(match expected {
                true => Leftovers::counted(family),
                false => Leftovers::killed(family, AfterCleanup::Nothing),
            });
        }
    }

    /// Logs the exit of a running program, and keeps it for the next update. The program may be RUNNING again in the
    /// same instant.
    pub(super) fn report_end(&mut self, pid: u32) {
        let UnitState::Running { since } = *self.unit.state() else {
            return;
        };
        let name = self.program.full_name();
        let expected = self.program.is_expected(self.last);
        let how = ending(self.last, expected);
        match expected {
            true => tracing::info!("program \"{name}\" (pid {pid}) {how}"),
            false => tracing::warn!("program \"{name}\" (pid {pid}) {how}"),
        }
        self.crashes = self.crashes.saturating_add(1);
        self.ended = Some(ProgramEnd {
            how,
            code: self.last.map(ProcessExit::code),
            expected,
            up: Some(Moment::from(self.origin.elapsed()).since(since)),
        });
    }

    /// Handles the result of one poll of the leftover processes.
    pub(super) async fn handle_cleanup(&mut self, left: CleanupResult) {
        let next = match (left, &self.rest) {
            (CleanupResult::Some, _) | (_, None) => return,
            (CleanupResult::Nothing, Some(rest)) => {
                self.left = None;
                rest.next
            }
            (CleanupResult::Forgotten, Some(rest)) => match rest.next {
                // it stays in STOPPING until nothing is left
                AfterCleanup::Ended => return,
                next => next,
            },
        };
        self.rest = None;
        match next {
            AfterCleanup::Ended => self.handle(UnitEvent::Exited(self.last)).await,
            AfterCleanup::Spawn => {
                let event = self.spawn().await;
                self.handle(event).await;
            }
            AfterCleanup::Nothing => {}
        }
    }

    /// Whether a start waits until what the last process left is gone.
    pub(super) fn is_clearing(&self) -> bool {
        self.rest
            .as_ref()
            .is_some_and(|rest| rest.next == AfterCleanup::Spawn)
    }

    /// First what the last process left is killed: it may hold a port that the next one needs.
    pub(super) async fn clear_and_spawn(&mut self) -> Option<UnitEvent> {
        let Some(left) = self.left.clone() else {
            return Some(self.spawn().await);
        };
        self.rest = Some(Leftovers::killed(left, AfterCleanup::Spawn));
        None
    }
}
