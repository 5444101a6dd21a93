//! What another definition of the program, after a reload, changes for the process that runs or has failed.

use super::{ProgramJob, ignored_reply};
use crate::supervisor::embedded::unit::{UnitEvent, UnitState};

impl ProgramJob {
    /// A process of another definition makes way for one of this. One that could not be started, or has
    /// ended by itself, gets another chance.
    pub(super) async fn replace_if_unfit(&mut self) {
        let unfit = self.fingerprint != self.program.fingerprint();
        match self.unit.state() {
            UnitState::Starting { .. } | UnitState::Running { .. } | UnitState::Backoff { .. }
                if unfit =>
            {
                self.stopping.push(ignored_reply());
                self.handle(UnitEvent::Stop).await;
                self.start(ignored_reply()).await;
            }
            UnitState::Exited { .. } if unfit && self.program.autostart => {
                self.start(ignored_reply()).await
            }
            UnitState::Stopped
            | UnitState::Spawning { .. }
            | UnitState::Starting { .. }
            | UnitState::Running { .. }
            | UnitState::Backoff { .. }
            | UnitState::Stopping { .. }
            | UnitState::Exited { .. }
            | UnitState::Fatal { .. } => {}
        }
    }

    /// After a reload what could not be started gets another chance: what it lacked may be there now. What has run and
    /// ended, well or not, is not to be run again by itself: otherwise it would have been.
    pub(super) async fn start_what_failed(&mut self) {
        if let UnitState::Fatal { .. } = self.unit.state() {
            self.start(ignored_reply()).await;
        }
    }
}
