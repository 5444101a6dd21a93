//! Carries reports to the notifiers through the store's outbox. Each notifier has a worker of its own, so
//! that a dead mail server delays nothing but its own mails. A message is tried for days, and told when it
//! is given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::Clock;
use crate::health::{Backoff, Event, Report, ReportKind};
use crate::notify::report::MailFormat;
use crate::notify::{DeliveryError, Notification, Notifier, RenderContext};
use crate::store::{self, NextDelivery, Store};

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

/// The pause before a worker that broke is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The pause after the store could not say what is due.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// What waits in the outbox: a message, and which report it is.
#[derive(Debug, Serialize, Deserialize)]
struct QueuedNotification {
    kind: ReportKind,
    message: Notification,
}

/// The notifiers by their keys, which are the same in every run.
pub type Notifiers = BTreeMap<String, Notifier>;

/// Puts reports into the outbox, in words.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    watchdog: String,
    format: MailFormat,
    render_context: RenderContext,
    keys: Vec<String>,
    logger: Logger,
    news: Arc<Notify>,
}

impl Outbox {
    /// Puts a report into the outbox, once for each notifier. On disk when this returns.
    pub async fn take(&self, report: Report) {
        let message = self.format.tell(&report, &self.render_context);
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
            let row = store::OutboxMessage {
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

/// How reports are worded and who gets them: the part of the queue that a reload changes.
pub struct Delivery {
    pub format: MailFormat,
    pub render_context: RenderContext,
    pub notifiers: Notifiers,
}

/// What a queue works with from the start to the end of the watchdog.
pub struct NotificationQueueConfig {
    pub store: Store,
    pub watchdog: String,
    pub logger: Logger,
    pub clock: Clock,
    pub events: mpsc::UnboundedSender<Event>,
}

/// One worker for each notifier, for as long as it lives.
pub struct NotificationQueue {
    shared: Arc<Shared>,
    workers: BTreeMap<String, RunningWorker>,
    /// Workers of notifiers that are gone: they finish the delivery under way.
    leaving: JoinSet<()>,
}

struct Shared {
    config: NotificationQueueConfig,
    news: Arc<Notify>,
}

/// A worker and the way to its notifier's settings. It ends after the delivery under way when that is dropped.
struct RunningWorker {
    notifier: watch::Sender<Arc<Notifier>>,
    task: JoinSet<()>,
}

impl NotificationQueue {
    /// Starts a worker for each notifier. Needs a runtime.
    pub fn start(config: NotificationQueueConfig, delivery: Delivery) -> (Self, Outbox) {
        let news = Arc::new(Notify::new());
        let mut queue = Self {
            shared: Arc::new(Shared { config, news }),
            workers: BTreeMap::new(),
            leaving: JoinSet::new(),
        };
        let outbox = queue.reconfigure(delivery);
        (queue, outbox)
    }

    /// From now on reports are delivered like that. A delivery under way goes on with the settings that it began
    /// with; a notifier that is paused after a failure is tried again at once.
    pub fn reconfigure(&mut self, delivery: Delivery) -> Outbox {
        let Delivery {
            format,
            render_context,
            notifiers,
        } = delivery;
        let keys = notifiers.keys().cloned().collect();
        let before = std::mem::take(&mut self.workers);
        for (name, worker) in before {
            if notifiers.contains_key(&name) {
                self.workers.insert(name, worker);
            } else {
                let RunningWorker { notifier, mut task } = worker;
                drop(notifier);
                self.leaving.spawn(async move {
                    let _ = task.join_next().await;
                });
            }
        }
        for (name, notifier) in notifiers {
            let notifier = Arc::new(notifier);
            match self.workers.get(&name) {
                Some(worker) => {
                    worker.notifier.send_replace(notifier);
                }
                None => {
                    let worker = self.start_worker(name.clone(), notifier);
                    self.workers.insert(name, worker);
                }
            }
        }
        // of those that have left nothing is to be kept
        while self.leaving.try_join_next().is_some() {}
        let config = &self.shared.config;
        Outbox {
            store: config.store.clone(),
            watchdog: config.watchdog.clone(),
            format,
            render_context,
            keys,
            logger: config.logger.clone(),
            news: Arc::clone(&self.shared.news),
        }
    }

    fn start_worker(&self, name: String, notifier: Arc<Notifier>) -> RunningWorker {
        let (notifier, settings) = watch::channel(notifier);
        let worker = Worker {
            name,
            notifier: settings,
            shared: Arc::clone(&self.shared),
            failures: 0,
        };
        let mut task = JoinSet::new();
        task.spawn(keep_working(worker));
        RunningWorker { notifier, task }
    }

    /// There is something to be asked for.
    pub fn wake(&self) {
        self.shared.news.notify_waiters();
    }

    /// Waits until nothing waits that was never tried, but no longer than `patience`; then ends the workers, each
    /// after the delivery under way. What is left stays in the outbox.
    pub async fn finish(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        let all = async {
            while self.has_news().await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        // what waits longer is delivered by the next run
        let _ = timeout_at(until, all).await;
        for worker in std::mem::take(&mut self.workers).into_values() {
            let RunningWorker { notifier, mut task } = worker;
            drop(notifier);
            self.leaving.spawn(async move {
                let _ = task.join_next().await;
            });
        }
        let left = async { while self.leaving.join_next().await.is_some() {} };
        // a delivery that takes longer is cut off, and its message is delivered again by the next run
        let _ = timeout_at(until, left).await;
        self.leaving.shutdown().await;
    }

    /// Whether a message waits that was never tried.
    async fn has_news(&self) -> bool {
        self.wake();
        let config = &self.shared.config;
        !self.workers.is_empty()
            && config
                .store
                .untried(&config.watchdog)
                .await
                .is_ok_and(|count| count > 0)
    }
}

/// Works until the notifier is gone. A worker that breaks is started again: its messages are in the store.
async fn keep_working(worker: Worker) {
    loop {
        let mut task = JoinSet::new();
        task.spawn(worker.clone().work());
        match task.join_next().await {
            Some(Err(error)) => {
                worker.shared.config.logger.trouble(&format!(
                    "httpok: internal error while notifying {:?}: {error}; it is tried again in {} s",
                    worker.name,
                    RESTART_PAUSE.as_secs()
                ));
                sleep(RESTART_PAUSE).await;
            }
            Some(Ok(())) | None => return,
        }
    }
}

#[derive(Clone)]
struct Worker {
    name: String,
    notifier: watch::Receiver<Arc<Notifier>>,
    shared: Arc<Shared>,
    /// Deliveries that failed in a row.
    failures: u32,
}

impl Worker {
    async fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        let config = &shared.config;
        loop {
            // listen before asking, so that no news falls in between
            let news = shared.news.notified();
            let now = config.clock.now();
            let due = config
                .store
                .next_due(now, &self.name, &config.watchdog, LEASE);
            let pause = match due.await {
                Ok(NextDelivery::Deliver(queued)) => {
                    self.deliver(*queued).await;
                    Some(Duration::ZERO)
                }
                Ok(NextDelivery::At(then)) => Some(then.since(now).max(Duration::from_millis(10))),
                Ok(NextDelivery::Nothing) => None,
                Err(error) => {
                    tracing::warn!("cannot read what is to be delivered: {error}");
                    Some(STORE_PAUSE)
                }
            };
            let over = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.notifier.changed() => match changed {
                    Ok(()) => self.failures = 0,
                    Err(_) => return,
                },
                () = over => {}
                () = news => {}
            }
        }
    }

    async fn deliver(&mut self, queued: store::QueuedMessage) {
        let config = &Arc::clone(&self.shared).config;
        let queued_notification: QueuedNotification =
            match serde_json::from_str(&queued.message.json) {
                Ok(queued_notification) => queued_notification,
                Err(error) => {
                    let why = format!("cannot be read: {error}");
                    config
                        .logger
                        .trouble(&format!("a message to {} {why}", self.name));
                    return self.store_result(config.store.give_up(queued.id, &why).await);
                }
            };
        let notifier = Arc::clone(&self.notifier.borrow());
        match notifier.deliver(&queued_notification.message).await {
            Ok(()) => {
                // first of all, so that a kill from now on sends it no second time
                self.store_result(config.store.delivered(queued.id).await);
                self.failures = 0;
                if let Notifier::Original(mail) = &*notifier {
                    config
                        .logger
                        .mailed(&mail.bytes(&queued_notification.message));
                }
                let subject = &queued_notification.message.subject;
                tracing::info!("notified {}: {subject}", self.name);
                self.report_delivery(queued_notification, None);
            }
            Err(error) => self.failed(&queued, queued_notification, &error).await,
        }
    }

    async fn failed(
        &mut self,
        queued: &store::QueuedMessage,
        queued_notification: QueuedNotification,
        error: &DeliveryError,
    ) {
        let config = &Arc::clone(&self.shared).config;
        let now = config.clock.now();
        let subject = &queued_notification.message.subject;
        let old = now.since(queued.message.created) >= TRY_FOR;
        if !error.is_temporary() || old {
            config.logger.trouble(&format!(
                "cannot deliver {subject:?} to {}: {error}",
                self.name
            ));
            let why = error.to_string();
            self.store_result(config.store.give_up(queued.id, &why).await);
            return self.report_delivery(queued_notification, Some(why));
        }
        if queued.attempts == 0 {
            config.logger.trouble(&format!(
                "cannot deliver {subject:?} to {} yet, it is tried again: {error}",
                self.name
            ));
        }
        let tries = queued.attempts.saturating_add(1);
        let pause = RETRY.pause(tries, queued.message.number ^ now.as_millis());
        let why = error.to_string();
        self.store_result(config.store.failed(queued.id, now + pause, &why).await);
    }

    /// Tells the decision core that a notification was delivered, or was given up.
    fn report_delivery(&self, queued_notification: QueuedNotification, failure: Option<String>) {
        // after the end of the watchdog nobody listens
        let _ = self.shared.config.events.send(Event::Delivered {
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
                self.name
            );
        }
    }
}
