//! What a person asks of a running watchdog.

use super::Watchdog;
use crate::daemon::control::protocol::{ControlFault, ControlReply};
use crate::daemon::control::{Handling, PendingRequest};

impl Watchdog {
    /// Does what a person asks for.
    pub(super) fn answer(&mut self, asked: PendingRequest) {
        let answer = match asked.order(&self.monitor) {
            Handling::Refuse(answer) => answer,
            Handling::ShowStatus => ControlReply::Status {
                watchdog: self.executor.intents.owner().watchdog.clone(),
                pid: std::process::id(),
                snapshot: Box::new(self.monitor.snapshot(self.executor.clock.now())),
                programs: self.programs.list(),
            },
            Handling::Flush => {
                let (persist_queue, store) =
                    (self.executor.persist_queue.clone(), self.store.clone());
                tokio::spawn(async move {
                    persist_queue.sync().await;
                    // what cannot be written is the store's to tell
                    let _ = store.flush().await;
                    asked.answer(ControlReply::Flushed);
                });
                return;
            }
            Handling::Reload => return self.begin_reload(Some(asked)),
            Handling::Feed { check, event } => {
                self.feed(event);
                let now = self.executor.clock.now();
                match self.monitor.view(now, &check) {
                    Some(view) => ControlReply::Done {
                        at: now,
                        check: Box::new(view),
                    },
                    None => ControlReply::error(ControlFault::UnknownCheck, "it is gone"),
                }
            }
        };
        asked.answer(answer);
    }
}
