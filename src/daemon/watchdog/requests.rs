//! What a person asks of a running watchdog.

use std::time::Duration;

use tokio::time::timeout;

use super::Watchdog;
use crate::daemon::control::protocol::{ControlFault, ControlReply};
use crate::daemon::control::{Handling, PendingRequest};

/// How long the number of waiting notifications may hold up a status.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

impl Watchdog {
    /// Does what a person asks for.
    pub(super) fn answer(&mut self, asked: PendingRequest) {
        let answer = match asked.order(&self.monitor) {
            Handling::Refuse(answer) => answer,
            Handling::ShowStatus => {
                let watchdog = self.executor.intents.owner().watchdog.clone();
                let snapshot = Box::new(self.monitor.snapshot(self.executor.clock.now()));
                let programs = self.programs.list();
                let notifiers = self.notification_queue.status();
                tokio::spawn(async move {
                    // a store that hangs must not hide how the checks are
                    let notifiers = timeout(STORE_ANSWERS_WITHIN, notifiers).await;
                    asked.answer(ControlReply::Status {
                        watchdog,
                        pid: std::process::id(),
                        snapshot,
                        programs,
                        notifiers: notifiers.unwrap_or_default(),
                    });
                });
                return;
            }
            Handling::Redirect { from, to } => {
                let moved = self.notification_queue.redirect(from, to);
                tokio::spawn(async move {
                    asked.answer(match moved.await {
                        Ok(messages) => ControlReply::Moved { messages },
                        Err(why) => ControlReply::error(ControlFault::Refused, why),
                    });
                });
                return;
            }
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
