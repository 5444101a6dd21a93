//! The start of a watchdog: it takes over what earlier runs left.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::Watchdog;
use super::inheritance::inherit;
use crate::health::{DownState, Event, Incident, Memory, PendingRestart, Report, ReportKind};

/// How long the first probes wait for unfinished restarts of an earlier run.
const RECOVER_FOR: Duration = Duration::from_secs(10);

/// What a watchdog remembers of itself.
#[derive(Serialize, Deserialize)]
pub(super) struct OwnMemory {
    /// A person said that it is unhealthy, and why.
    pub unhealthy: Option<String>,
}

impl Watchdog {
    /// Takes over the programs that an earlier run left, and starts the others. `--once` starts none.
    pub(super) async fn begin_programs(&mut self) -> Result<(), String> {
        self.programs.reap_as_init();
        let defined = std::mem::take(&mut self.defined);
        if self.once {
            return Ok(());
        }
        let prepared = self.programs.preparer().prepare(defined).await?;
        self.programs.apply(prepared);
        self.programs.begun().await;
        let clients = Arc::make_mut(&mut self.executor.clients);
        self.programs.register_with(&mut clients.supervisors);
        Ok(())
    }

    /// What a person has said of the watchdog's own health holds until that is taken back.
    async fn remember_health(&mut self) {
        let remembered = self.store.own_memory(&self.key()).await;
        let Some(json) = remembered.ok().flatten() else {
            return;
        };
        match serde_json::from_str::<OwnMemory>(&json) {
            Ok(OwnMemory { unhealthy: None }) => {}
            Ok(OwnMemory {
                unhealthy: Some(reason),
            }) => {
                let why = match reason.as_str() {
                    "" => String::new(),
                    reason => format!(" ({reason})"),
                };
                self.executor.logger.trouble(&format!(
                    "httpok: unhealthy, as it was set before this run{why}: httpok health set --healthy ends it"
                ));
                self.serving.health.set_unhealthy(Some(reason));
            }
            Err(error) => {
                let text = format!("what was remembered of its own health cannot be read: {error}");
                self.executor.logger.trouble(&text);
            }
        }
    }

    /// Takes over what earlier runs remembered.
    pub(super) async fn remember(&mut self) {
        self.remember_health().await;
        let watchdog = &self.executor.intents.owner().watchdog;
        self.notification_queue.begin().await;
        let memories = self.store.memories(watchdog).await.unwrap_or_default();
        let mut remembered = Vec::new();
        for (check, json) in memories {
            match serde_json::from_str::<Memory>(&json) {
                Ok(mut memory) => {
                    self.recall_entries(&mut memory).await;
                    self.correct(&check, &mut memory);
                    if self.monitor.check(&check).is_none() && memory.incident.is_some() {
                        self.removed.push(check.clone());
                    }
                    remembered.extend(memory.incident.as_ref().map(|open| open.id.clone()));
                    self.recall_report(&check, &memory);
                    self.monitor.restore(&check, memory);
                }
                Err(error) => {
                    let text = format!("what was remembered of {check:?} cannot be read: {error}");
                    self.executor.logger.trouble(&text);
                }
            }
        }
        // the store has reported its own trouble
        let _ = self
            .store
            .end_forgotten_incidents(watchdog, remembered)
            .await;
    }

    /// Ends the incidents of checks that are not defined any more.
    pub(super) fn close_removed(&mut self) {
        for check in std::mem::take(&mut self.removed) {
            self.feed(Event::Removed { check });
        }
    }

    /// Puts the entries of an open incident back, which are stored apart from it and may be newer.
    async fn recall_entries(&self, memory: &mut Memory) {
        let Some(open) = &mut memory.incident else {
            return;
        };
        // an older version stored them together
        if open.entries.is_empty()
            && let Ok(Some(stored)) = self.store.incident(&open.id).await
        {
            (open.entries, open.dropped) = (stored.entries, stored.dropped);
        }
    }

    /// What an earlier run has reported as open is open, for notifiers that repeat that.
    fn recall_report(&self, check: &str, memory: &Memory) {
        let Some((incident, known)) = memory.incident.as_ref().zip(self.monitor.check(check))
        else {
            return;
        };
        if !incident.notified {
            return;
        }
        let kind = match memory.gave_up {
            Some(_) => ReportKind::GaveUp {
                rearm: None,
                budget: None,
                used: Vec::new(),
            },
            None => ReportKind::Down {
                state: DownState::NotifyOnly,
                update: false,
            },
        };
        self.notification_queue.recall(&Report {
            number: incident.reports,
            kind,
            at: self.executor.clock.now(),
            url: known.url.clone(),
            incident: Incident::clone(incident),
            unfinished: Vec::new(),
        });
    }

    /// Moves what a run with a wrong clock remembered of `check` to now, and says so.
    fn correct(&self, check: &str, memory: &mut Memory) {
        let Some(known) = self.monitor.check(check) else {
            return;
        };
        let by = memory.correct(self.executor.clock.now(), &known.policy);
        if by != 0 {
            let span = Duration::from_secs(by.unsigned_abs() / 1000);
            let relation = if by < 0 { "ahead of" } else { "behind" };
            self.executor.logger.trouble(&format!(
                "httpok: the clock of an earlier run was {} {relation} this one: what is remembered of {check:?} \
                 counts from now on",
                humantime::format_duration(span)
            ));
        }
    }

    /// Takes over the restarts that an earlier run left unfinished. The first probes wait a while for them.
    pub(super) async fn recover(&mut self) {
        let clients = Arc::clone(&self.executor.clients);
        let left = inherit(
            Arc::clone(&clients),
            self.executor.intents.clone(),
            self.store.clone(),
        );
        self.take_over(left.await);
        let until = Instant::now() + RECOVER_FOR;
        let is_there = |backend| clients.supervisors.has(backend);
        while self.monitor.owes_start(is_there) {
            match timeout_at(until, self.ended.recv()).await {
                Ok(Some(ended)) => self.effect_ended(ended),
                Ok(None) | Err(_) => return,
            }
        }
    }
    /// Other runs have left these restarts.
    pub(super) fn take_over(&mut self, left: Vec<PendingRestart>) {
        for restart in left {
            self.feed(Event::Inherited(Box::new(restart)));
        }
    }
}
