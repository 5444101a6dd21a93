//! The end of a process, and what is done about the processes that it leaves behind, before the next start too.

use std::time::Duration;

use super::ProgramJob;
use crate::health::{Moment, ProgramEnd, is_round};
use crate::supervisor::embedded::cleanup::{AfterCleanup, CleanupResult, Leftovers};
use crate::supervisor::embedded::family::ProcessFamily;
use crate::supervisor::embedded::fault::ProcessExit;
use crate::supervisor::embedded::status::ending;
use crate::supervisor::embedded::unit::{UnitEvent, UnitState};

/// One that ends sooner after its start ends soon.
const SHORT_RUN: Duration = Duration::from_secs(60);

/// So many short runs in a row are logged in full.
const LOGGED_RUNS: u32 = 10;

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
        let up = Moment::from(self.origin.elapsed()).since(since);
        self.short_runs = match up < SHORT_RUN {
            true => self.short_runs.saturating_add(1),
            false => 0,
        };
        let from_here = match self.short_runs {
            LOGGED_RUNS => "; of more ends like this the 20th, 50th, 100th and so on are logged",
            _ => "",
        };
        match expected {
            _ if !self.is_logged() => tracing::debug!("program \"{name}\" (pid {pid}) {how}"),
            true => tracing::info!("program \"{name}\" (pid {pid}) {how}{from_here}"),
            false => tracing::warn!("program \"{name}\" (pid {pid}) {how}{from_here}"),
        }
        self.crashes = self.crashes.saturating_add(1);
        self.ended = Some(ProgramEnd {
            how,
            code: self.last.map(ProcessExit::code),
            expected,
            up: Some(up),
        });
    }

    /// Whether its starts and ends have lines in the log: of one that ends soon after each start only some.
    pub(super) const fn is_logged(&self) -> bool {
        self.short_runs <= LOGGED_RUNS || is_round(self.short_runs)
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
