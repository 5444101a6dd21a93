//! Carries reports to the notifiers through the store's outbox. Each notifier has a worker of its own, so
//! that a dead mail server delays nothing but its own mails. A message is tried for days, and told when it
//! is given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::health::{Backoff, Event, Report, ReportKind};
use crate::notify::report::Words;
use crate::notify::{DeliveryError, Message, Notifier, Scene};
use crate::store::{self, MessageId, Next, Store};

use super::voice::Voice;

/// The pauses between tries.
const RETRY: Backoff = Backoff {
    min: Duration::from_secs(5),
    max: Duration::from_secs(3600),
    factor: 2.0,
};

/// A message that nobody took for so long is kept, but not tried any more.
const TRY_FOR: Duration = Duration::from_secs(5 * 24 * 3600);

/// A worker that was killed has lost its message for so long. Longer than any notifier's deadline.
const LEASE: Duration = Duration::from_secs(120);

/// The pause after the store could not say what is due.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// What waits in the outbox: a message, and which report it is.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    kind: ReportKind,
    message: Message,
}

/// The notifiers by their keys, which are the same in every run.
pub type Notifiers = BTreeMap<String, Notifier>;

/// Puts reports into the outbox, in words.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    watchdog: String,
    words: Words,
    scene: Scene,
    keys: Vec<String>,
    voice: Voice,
    news: Arc<Notify>,
}

impl Outbox {
    /// Puts a report into the outbox, once for each notifier. On disk when this returns.
    pub async fn take(&self, report: Report) {
        let message = self.words.tell(&report, &self.scene);
        let parcel = Parcel {
            kind: report.kind,
            message,
        };
        let json = match serde_json::to_string(&parcel) {
            Ok(json) => json,
            Err(error) => {
                let subject = &parcel.message.subject;
                return self
                    .voice
                    .trouble(&format!("cannot keep {subject:?}: {error}"));
            }
        };
        for key in &self.keys {
            let row = store::Message {
                notifier: key.clone(),
                incident: report.incident.id.clone(),
                number: report.number,
                json: json.clone(),
                created: report.at,
            };
            match self.store.enqueue(&self.watchdog, row).await {
                Ok(enqueued) => {
                    for lost in enqueued.dropped {
                        self.voice.trouble(&format!(
                            "too many messages wait: report {} of incident {} to {} was dropped",
                            lost.number, lost.incident, lost.notifier
                        ));
                    }
                }
                Err(error) => {
                    let subject = &parcel.message.subject;
                    self.voice
                        .trouble(&format!("cannot keep {subject:?}: {error}"));
                }
            }
        }
        self.news.notify_waiters();
    }
}

/// The workers, for as long as it lives.
pub struct Courier {
    workers: JoinSet<()>,
    news: Arc<Notify>,
    store: Store,
    watchdog: String,
}

/// What a courier needs to know.
pub struct Route {
    pub store: Store,
    pub watchdog: String,
    pub words: Words,
    pub scene: Scene,
    pub notifiers: Notifiers,
    pub voice: Voice,
    pub clock: Clock,
    pub events: mpsc::UnboundedSender<Event>,
}

impl Courier {
    /// Starts a worker for each notifier.
    pub fn start(route: Route) -> (Self, Outbox) {
        let news = Arc::new(Notify::new());
        let keys: Vec<_> = route.notifiers.keys().cloned().collect();
        let mut workers = JoinSet::new();
        for (key, notifier) in route.notifiers {
            let worker = Worker {
                key,
                notifier,
                store: route.store.clone(),
                watchdog: route.watchdog.clone(),
                voice: route.voice.clone(),
                clock: route.clock,
                events: route.events.clone(),
                news: Arc::clone(&news),
            };
            workers.spawn(worker.work());
        }
        let outbox = Outbox {
            store: route.store.clone(),
            watchdog: route.watchdog.clone(),
            words: route.words,
            scene: route.scene,
            keys,
            voice: route.voice,
            news: Arc::clone(&news),
        };
        let courier = Self {
            workers,
            news,
            store: route.store,
            watchdog: route.watchdog,
        };
        (courier, outbox)
    }

    /// There is something to be asked for.
    pub fn wake(&self) {
        self.news.notify_waiters();
    }

    /// Waits until nothing waits any more, but no longer than `patience`; then stops the workers. What is
    /// left stays in the outbox.
    pub async fn finish(&mut self, patience: Duration) {
        let all = async {
            while self.has_news().await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        // who waits longer is served by the next run
        let _ = timeout(patience, all).await;
        self.workers.shutdown().await;
    }

    /// Whether a message waits that was never tried.
    async fn has_news(&self) -> bool {
        self.wake();
        !self.workers.is_empty()
            && self
                .store
                .untried(&self.watchdog)
                .await
                .is_ok_and(|count| count > 0)
    }
}

struct Worker {
    key: String,
    notifier: Notifier,
    store: Store,
    watchdog: String,
    voice: Voice,
    clock: Clock,
    events: mpsc::UnboundedSender<Event>,
    news: Arc<Notify>,
}

impl Worker {
    async fn work(self) {
        loop {
            // listen before asking, so that no news falls in between
            let news = self.news.notified();
            let now = self.clock.now();
            let due = self.store.next_due(now, &self.key, &self.watchdog, LEASE);
            match due.await {
                Ok(Next::Deliver(queued)) => self.deliver(*queued).await,
                Ok(Next::At(then)) => {
                    // either is a reason to ask again
                    let _ = timeout(then.since(now).max(Duration::from_millis(10)), news).await;
                }
                Ok(Next::Nothing) => news.await,
                Err(error) => {
                    tracing::warn!("cannot ask what is to be delivered: {error}");
                    sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    async fn deliver(&self, queued: store::Queued) {
        let parcel: Parcel = match serde_json::from_str(&queued.message.json) {
            Ok(parcel) => parcel,
            Err(error) => {
                let why = format!("cannot be read: {error}");
                self.voice
                    .trouble(&format!("a message to {} {why}", self.key));
                return self.store_result(self.store.give_up(queued.id, &why).await);
            }
        };
        match self.notifier.deliver(&parcel.message).await {
            Ok(()) => {
                if let Notifier::Original(mail) = &self.notifier {
                    self.voice.mailed(&mail.bytes(&parcel.message));
                }
                let subject = &parcel.message.subject;
                tracing::info!("told {}: {subject}", self.key);
                self.store_result(self.store.delivered(queued.id).await);
                self.tell(parcel, None);
            }
            Err(error) => self.failed(&queued, parcel, &error).await,
        }
    }

    async fn failed(&self, queued: &store::Queued, parcel: Parcel, error: &DeliveryError) {
        let now = self.clock.now();
        let subject = &parcel.message.subject;
        let old = now.since(queued.message.created) >= TRY_FOR;
        if !error.is_temporary() || old {
            self.voice.trouble(&format!(
                "cannot deliver {subject:?} to {}: {error}",
                self.key
            ));
            self.give_up(queued.id, &error.to_string()).await;
            return self.tell(parcel, Some(error.to_string()));
        }
        if queued.attempts == 0 {
            self.voice.trouble(&format!(
                "cannot deliver {subject:?} to {} yet, it is tried again: {error}",
                self.key
            ));
        }
        let tries = queued.attempts.saturating_add(1);
        let pause = RETRY.pause(tries, queued.message.number ^ now.as_millis());
        let why = error.to_string();
        self.store_result(self.store.failed(queued.id, now + pause, &why).await);
    }

    async fn give_up(&self, id: MessageId, why: &str) {
        self.store_result(self.store.give_up(id, why).await);
    }

    fn tell(&self, parcel: Parcel, failure: Option<String>) {
        // after the end of the watchdog nobody listens
        let _ = self.events.send(Event::Delivered {
            incident: parcel.message.incident,
            report: parcel.message.number,
            kind: parcel.kind,
            failure,
        });
    }

    fn store_result(&self, result: Result<(), store::StoreError>) {
        if let Err(error) = result {
            tracing::warn!(
                "cannot note what became of a message to {}: {error}",
                self.key
            );
        }
    }
}
