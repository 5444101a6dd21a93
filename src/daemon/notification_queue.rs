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
use crate::notify::report::MailFormat;
use crate::notify::{DeliveryError, Message, Notifier, RenderContext};
use crate::store::{self, MessageId, Next, Store};

use super::logger::Logger;

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
struct QueuedNotification {
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
    words: MailFormat,
    render_context: RenderContext,
    keys: Vec<String>,
    logger: Logger,
    news: Arc<Notify>,
}

impl Outbox {
    /// Puts a report into the outbox, once for each notifier. On disk when this returns.
    pub async fn take(&self, report: Report) {
        let message = self.words.tell(&report, &self.render_context);
        let queued_notification = QueuedNotification {
            kind: report.kind,
            message,
        };
        let json = match serde_json::to_string(&queued_notification) {
            Ok(json) => json,
            Err(error) => {
                let subject = &queued_notification.message.subject;
                return self
                    .logger
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
                        self.logger.trouble(&format!(
                            "too many messages wait: report {} of incident {} to {} was dropped",
                            lost.number, lost.incident, lost.notifier
                        ));
                    }
                }
                Err(error) => {
                    let subject = &queued_notification.message.subject;
                    self.logger
                        .trouble(&format!("cannot keep {subject:?}: {error}"));
                }
            }
        }
        self.news.notify_waiters();
    }
}

/// The workers, for as long as it lives.
pub struct NotificationQueue {
    workers: JoinSet<()>,
    news: Arc<Notify>,
    store: Store,
    watchdog: String,
}

/// What a courier needs to know.
pub struct NotificationQueueConfig {
    pub store: Store,
    pub watchdog: String,
    pub words: MailFormat,
    pub render_context: RenderContext,
    pub notifiers: Notifiers,
    pub logger: Logger,
    pub clock: Clock,
    pub events: mpsc::UnboundedSender<Event>,
}

impl NotificationQueue {
    /// Starts a worker for each notifier.
    pub fn start(config: NotificationQueueConfig) -> (Self, Outbox) {
        let news = Arc::new(Notify::new());
        let keys: Vec<_> = config.notifiers.keys().cloned().collect();
        let mut workers = JoinSet::new();
        for (key, notifier) in config.notifiers {
            let worker = Worker {
                key,
                notifier,
                store: config.store.clone(),
                watchdog: config.watchdog.clone(),
                logger: config.logger.clone(),
                clock: config.clock,
                events: config.events.clone(),
                news: Arc::clone(&news),
            };
            workers.spawn(worker.work());
        }
        let outbox = Outbox {
            store: config.store.clone(),
            watchdog: config.watchdog.clone(),
            words: config.words,
            render_context: config.render_context,
            keys,
            logger: config.logger,
            news: Arc::clone(&news),
        };
        let notification_queue = Self {
            workers,
            news,
            store: config.store,
            watchdog: config.watchdog,
        };
        (notification_queue, outbox)
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
    logger: Logger,
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
        let queued_notification: QueuedNotification =
            match serde_json::from_str(&queued.message.json) {
                Ok(queued_notification) => queued_notification,
                Err(error) => {
                    let why = format!("cannot be read: {error}");
                    self.logger
                        .trouble(&format!("a message to {} {why}", self.key));
                    return self.store_result(self.store.give_up(queued.id, &why).await);
                }
            };
        match self.notifier.deliver(&queued_notification.message).await {
            Ok(()) => {
                if let Notifier::Original(mail) = &self.notifier {
                    self.logger
                        .mailed(&mail.bytes(&queued_notification.message));
                }
                let subject = &queued_notification.message.subject;
                tracing::info!("told {}: {subject}", self.key);
                self.store_result(self.store.delivered(queued.id).await);
                self.tell(queued_notification, None);
            }
            Err(error) => self.failed(&queued, queued_notification, &error).await,
        }
    }

    async fn failed(
        &self,
        queued: &store::Queued,
        queued_notification: QueuedNotification,
        error: &DeliveryError,
    ) {
        let now = self.clock.now();
        let subject = &queued_notification.message.subject;
        let old = now.since(queued.message.created) >= TRY_FOR;
        if !error.is_temporary() || old {
            self.logger.trouble(&format!(
                "cannot deliver {subject:?} to {}: {error}",
                self.key
            ));
            self.give_up(queued.id, &error.to_string()).await;
            return self.tell(queued_notification, Some(error.to_string()));
        }
        if queued.attempts == 0 {
            self.logger.trouble(&format!(
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

    fn tell(&self, queued_notification: QueuedNotification, failure: Option<String>) {
        // after the end of the watchdog nobody listens
        let _ = self.events.send(Event::Delivered {
            incident: queued_notification.message.incident,
            report: queued_notification.message.number,
            kind: queued_notification.kind,
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
