//! What a person asks of a running watchdog, and new settings.

use std::sync::Arc;

use super::Watchdog;
use crate::daemon::control::protocol::{Answer, Fault};
use crate::daemon::control::{Asked, Order};
use crate::daemon::courier::{Courier, Route};
use crate::daemon::ledger::Entry;
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
                let (ledger, store) = (self.executor.ledger.clone(), self.store.clone());
                tokio::spawn(async move {
                    ledger.sync().await;
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
            Order::Tell { check, event } => {
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
        self.guardian.reloading();
        let taken = self.read_again().await;
        self.guardian.ready();
        self.tell_guardian();
        taken
    }

    async fn read_again(&mut self) -> Result<(), String> {
        let Some(reload) = self.reload.as_mut() else {
            let why = "nothing to reload: there is no configuration file";
            self.executor.voice.trouble(why);
            return Err(why.to_owned());
        };
        match reload() {
            Err(why) => {
                let text = format!("the new configuration is not taken, the old one stays:\n{why}");
                self.executor.voice.trouble(&text);
                return Err(text);
            }
            Ok(mut parts) => {
                self.due = parts.due;
                self.ticks.set(&self.due);
                if let Err(why) = self.programs.define(parts.programs).await {
                    self.executor.voice.trouble(&why);
                }
                self.programs.lend(&mut parts.hands.supervisors);
                self.executor.hands = Arc::new(parts.hands);
                let (courier, outbox) = Courier::start(Route {
                    store: self.store.clone(),
                    watchdog: parts.key,
                    words: parts.words,
                    scene: parts.scene,
                    notifiers: parts.notifiers,
                    voice: self.executor.voice.clone(),
                    clock: self.executor.clock,
                    events: self.told_sender.clone(),
                });
                // the old workers end here; what they had not delivered is in the outbox
                self.courier = courier;
                self.executor.ledger.write(Entry::Outbox(Box::new(outbox)));
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
