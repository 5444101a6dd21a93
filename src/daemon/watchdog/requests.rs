//! What a person asks of a running watchdog, and new settings.

use std::sync::Arc;

use super::Watchdog;
use crate::daemon::control::protocol::{Answer, Fault};
use crate::daemon::control::{Asked, Order};
use crate::daemon::notification_queue::{NotificationQueue, NotificationQueueConfig};
use crate::daemon::persist_queue::Entry;
use crate::health::Event;

impl Watchdog {
    /// Does what a person asks for.
    pub(super) async fn answer(&mut self, asked: Asked) {
        let answer = match asked.order(&self.monitor) {
            Order::Refuse(answer) => answer,
            Order::Show => Answer::Status {
                watchdog: self.executor.intents.owner().watchdog.clone(),
                pid: std::process::id(),
                snapshot: Box::new(self.monitor.snapshot(self.executor.clock.now())),
                programs: self.programs.list(),
            },
            Order::Flush => {
                let (persist_queue, store) =
                    (self.executor.persist_queue.clone(), self.store.clone());
                tokio::spawn(async move {
                    persist_queue.sync().await;
                    // what cannot be written is the store's to tell
                    let _ = store.flush().await;
                    asked.answer(Answer::Flushed);
                });
                return;
            }
            Order::Reload => match self.take_new_settings().await {
                Ok(()) => Answer::Reloaded {
                    checks: self.due.len(),
                },
                Err(why) => Answer::error(Fault::NotReloaded, why),
            },
            Order::NotifyMode { check, event } => {
                self.feed(event);
                let now = self.executor.clock.now();
                match self.monitor.view(now, &check) {
                    Some(view) => Answer::Done {
                        at: now,
                        check: Box::new(view),
                    },
                    None => Answer::error(Fault::UnknownCheck, "it is gone"),
                }
            }
        };
        asked.answer(answer);
    }

    pub(super) async fn take_new_settings(&mut self) -> Result<(), String> {
        self.sd_notify.reloading();
        let taken = self.read_again().await;
        self.sd_notify.ready();
        self.update_sd_notify();
        taken
    }

    async fn read_again(&mut self) -> Result<(), String> {
        let Some(reload) = self.reload.as_mut() else {
            let why = "nothing to reload: there is no configuration file";
            self.executor.logger.trouble(why);
            return Err(why.to_owned());
        };
        match reload() {
            Err(why) => {
                let text = format!("the new configuration is not taken, the old one stays:\n{why}");
                self.executor.logger.trouble(&text);
                return Err(text);
            }
            Ok(mut parts) => {
                self.due = parts.due;
                self.ticks.set(&self.due);
                if let Err(why) = self.programs.define(parts.programs).await {
                    self.executor.logger.trouble(&why);
                }
                self.programs.lend(&mut parts.clients.supervisors);
                self.executor.clients = Arc::new(parts.clients);
                let (notification_queue, outbox) =
                    NotificationQueue::start(NotificationQueueConfig {
                        store: self.store.clone(),
                        watchdog: parts.key,
                        words: parts.words,
                        render_context: parts.render_context,
                        notifiers: parts.notifiers,
                        logger: self.executor.logger.clone(),
                        clock: self.executor.clock,
                        events: self.told_sender.clone(),
                    });
                // the old workers end here; what they had not delivered is in the outbox
                self.notification_queue = notification_queue;
                self.executor
                    .persist_queue
                    .write(Entry::Outbox(Box::new(outbox)));
                self.feed(Event::Reload {
                    checks: parts.checks,
                    limits: parts.limits,
                });
                tracing::info!("the new configuration is taken");
            }
        }
        Ok(())
    }
}
