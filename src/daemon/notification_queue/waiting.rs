//! The messages that wait, by notifier: counted for `status`, reported when their notifier is not configured, and sent
//! through another notifier or dropped when an operator says so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::NotificationQueue;
use crate::health::{Moment, counted, rfc3339};
use crate::sorted;
use crate::store;

/// The messages for one notifier, as `status` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifierStatus {
    pub name: String,
    /// Messages that wait.
    pub pending: u64,
    /// Messages that were given up.
    pub given_up: u64,
    /// The report that was tried most often was made then.
    #[serde(default, with = "rfc3339::optional")]
    pub since: Option<Moment>,
    /// Why it was not taken the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When something is tried again.
    #[serde(default, with = "rfc3339::optional")]
    pub next: Option<Moment>,
    /// False: no notifier of this name is configured, so that they wait until an operator sends or drops them.
    pub configured: bool,
}

impl NotificationQueue {
    /// Says which messages wait for notifiers that are not configured, if any. Does not wait for the store.
    pub fn report_unclaimed(&self) {
        let status = self.status();
        let logger = self.shared.config.logger.clone();
        tokio::spawn(async move {
            for one in status.await {
                if !one.configured && one.pending > 0 {
                    logger.trouble(&format!(
                        "httpok: {} for the notifier {:?}, which is not configured: send them through another \
                         one with `httpok notify send {:?} NOTIFIER`, or drop them with `httpok notify drop {:?}`",
                        counted(one.pending, "notification waits", "notifications wait"),
                        one.name,
                        one.name,
                        one.name
                    ));
                }
            }
        });
    }

    /// What waits, by notifier: those that are configured, and those for which something waits all the same.
    pub fn status(&self) -> impl Future<Output = Vec<NotifierStatus>> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        let configured = sorted::set(self.workers.keys().cloned());
        async move {
            let config = &shared.config;
            let counts = config.store.messages_by_notifier(&config.watchdog);
            let counts = counts.await.unwrap_or_default();
            let waiting = config.store.waiting_by_notifier(&config.watchdog).await;
            let waiting = waiting.unwrap_or_default();
            let paused = shared.failing().clone();
            let names = sorted::set(configured.iter().chain(counts.keys()));
            let status = names.into_iter().map(|name| {
                let count = counts.get(name).copied().unwrap_or_default();
                let first = waiting.iter().find(|one| one.notifier == *name);
                let next = first.map(|first| first.next);
                NotifierStatus {
                    since: first.map(|first| first.since),
                    failure: first.and_then(|first| first.failure.clone()),
                    // before the end of its worker's pause nothing is tried
                    next: next.max(paused.get(name).copied().filter(|_| next.is_some())),
                    name: name.clone(),
                    pending: count.pending,
                    given_up: count.kept,
                    configured: configured.contains(name),
                }
            });
            status.collect()
        }
    }

    /// Has the messages for `from` delivered by `to`, or dropped when there is none. Returns how many.
    ///
    /// # Errors
    /// Says that there is no such notifier, or what is wrong with the store.
    pub fn redirect(
        &self,
        from: String,
        to: Option<String>,
    ) -> impl Future<Output = Result<usize, String>> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        let claim = to.map(|name| {
            let worker = self.workers.get(&name).ok_or_else(|| {
                let known: Vec<_> = self.workers.keys().cloned().collect();
                match known.is_empty() {
                    true => "no notifier is configured".to_owned(),
                    false => format!(
                        "there is no notifier {name:?}; there are: {}",
                        known.join(", ")
                    ),
                }
            })?;
            Ok::<_, String>(store::Claim {
                owner: shared.config.watchdog.clone(),
                address: worker.recipient.borrow().address.clone(),
                notifier: name,
            })
        });
        async move {
            let (config, now) = (&shared.config, shared.config.clock.now());
            let done = match claim.transpose()? {
                Some(claim) => config.store.redirect_messages(&from, &claim, now).await,
                None => config.store.drop_messages(&config.watchdog, &from).await,
            };
            shared.news.notify_waiters();
            done.map_err(|error| error.to_string())
        }
    }
}
