//! Carries reports to the notifiers through the store's outbox. Each notifier has a worker of its own, so that a dead
//! mail server delays nothing but its own mails; after a failure that worker makes a pause that grows, whatever waits.
//! A message is tried for days; when it is given up, that is said.

mod outbox;
mod receipts;
mod testing;
mod waiting;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::logger::Logger;
use super::open_incidents::OpenIncidents;
use super::run_lock;
use crate::blocking;
use crate::clock::Clock;
use crate::health::{Event, Moment, Report};
use crate::notify::policy::NotifierPolicy;
use crate::notify::report::MailFormat;
use crate::notify::route::Route;
use crate::notify::{Notifier, RenderContext};
use crate::store::{self, MessageId, Store};

use receipts::{EarlierDelivery, Receipts};

use outbox::Addressee;
pub use outbox::{Outbox, ReportBatch};
pub use testing::TestedNotifier;
pub use waiting::NotifierStatus;
use worker::{Worker, keep_working};

/// A notifier and where it delivers: two watchdogs deliver each other's messages only to the same address.
pub struct Recipient {
    pub address: String,
    /// Which reports it gets.
    pub route: Route,
    /// When it gets them.
    pub policy: NotifierPolicy,
    pub notifier: Notifier,
}

/// The notifiers by their names, which are the same in every run whatever their settings are.
pub type Notifiers = BTreeMap<String, Recipient>;

/// How reports are worded and where they go: the part of the queue that a reload changes.
pub struct Delivery {
    pub format: MailFormat,
    pub render_context: RenderContext,
    pub notifiers: Notifiers,
}

/// What a queue works with from the start to the end of the watchdog.
pub struct NotificationQueueConfig {
    pub store: Store,
    pub state_dir: PathBuf,
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
    outbox: Outbox,
}

struct Shared {
    config: NotificationQueueConfig,
    news: Arc<Notify>,
    /// Notifiers that are paused after a failure, and until when.
    failing: Mutex<BTreeMap<String, Moment>>,
    open: Arc<OpenIncidents>,
    receipts: Receipts,
}

impl Shared {
    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, Moment>> {
        // a map is whole after every statement
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// What a command of an earlier run did with a message is in the store from now on.
    async fn settle(&self, id: MessageId, state: EarlierDelivery) {
        let known = match state {
            EarlierDelivery::Taken => self.config.store.delivered(id).await,
            EarlierDelivery::NotTaken | EarlierDelivery::UnderWay => {
                self.config.store.again(id).await
            }
        };
        if known.is_ok() {
            let receipts = self.receipts.clone();
            let _ = blocking::run("receipts", move || receipts.end(id)).await;
        }
        self.news.notify_waiters();
    }

    /// Waits for the end of a command that an earlier run had started, within the lease of its delivery.
    async fn await_earlier(self: Arc<Self>, id: MessageId) {
        let until = Instant::now() + worker::LEASE;
        loop {
            sleep(LOOK_EVERY).await;
            let receipts = self.receipts.clone();
            let state = blocking::run("receipts", move || receipts.state(id)).await;
            match state {
                Ok(EarlierDelivery::UnderWay) | Err(_) if Instant::now() < until => {}
                Ok(state) => return self.settle(id, state).await,
                Err(_) => return self.settle(id, EarlierDelivery::NotTaken).await,
            }
        }
    }
}

/// How often it is checked whether a command of an earlier run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A worker and the way to its notifier's settings. It ends after the delivery under way when that is dropped.
struct RunningWorker {
    recipient: watch::Sender<Arc<Recipient>>,
    task: JoinSet<()>,
}

impl NotificationQueue {
    /// Starts a worker for each notifier. Needs a runtime.
    pub fn start(config: NotificationQueueConfig, delivery: Delivery) -> (Self, Outbox) {
        let receipts = Receipts::new(&config.state_dir, &config.watchdog);
        let shared = Arc::new(Shared {
            config,
            receipts,
            news: Arc::default(),
            failing: Mutex::default(),
            open: Arc::default(),
        });
        let outbox = Outbox {
            store: shared.config.store.clone(),
            watchdog: shared.config.watchdog.clone(),
            format: delivery.format.clone(),
            render_context: delivery.render_context.clone(),
            notifiers: Vec::new(),
            open: Arc::clone(&shared.open),
            logger: shared.config.logger.clone(),
            clock: shared.config.clock.clone(),
            news: Arc::clone(&shared.news),
            events: shared.config.events.clone(),
        };
        let mut queue = Self {
            shared,
            workers: BTreeMap::new(),
            leaving: JoinSet::new(),
            outbox,
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
        let names = notifiers
            .iter()
            .map(|(name, recipient)| Addressee {
                name: name.clone(),
                address: recipient.address.clone(),
                route: recipient.route.clone(),
                policy: recipient.policy,
            })
            .collect();
        let before = std::mem::take(&mut self.workers);
        for (name, worker) in before {
            if notifiers.contains_key(&name) {
                self.workers.insert(name, worker);
            } else {
                self.shared.failing().remove(&name);
                self.let_leave(worker);
            }
        }
        for (name, recipient) in notifiers {
            let recipient = Arc::new(recipient);
            match self.workers.get(&name) {
                Some(worker) => {
                    worker.recipient.send_replace(recipient);
                }
                None => {
                    let worker = self.start_worker(name.clone(), recipient);
                    self.workers.insert(name, worker);
                }
            }
        }
        // of those that have left nothing is to be kept
        while self.leaving.try_join_next().is_some() {}
        self.outbox = Outbox {
            format,
            render_context,
            notifiers: names,
            ..self.outbox.clone()
        };
        self.outbox.clone()
    }

    fn start_worker(&self, name: String, recipient: Arc<Recipient>) -> RunningWorker {
        let (recipient, settings) = watch::channel(recipient);
        let worker = Worker {
            name,
            recipient: settings,
            shared: Arc::clone(&self.shared),
            failures: 0,
            paused_until: None,
            repeat_at: Instant::now(),
        };
        let mut task = JoinSet::new();
        task.spawn(keep_working(worker));
        RunningWorker { recipient, task }
    }

    /// Has a worker end after the delivery under way.
    fn let_leave(&mut self, worker: RunningWorker) {
        let RunningWorker {
            recipient,
            mut task,
        } = worker;
        drop(recipient);
        self.leaving.spawn(async move {
            // a worker that broke has left its messages in the store
            let _ = task.join_next().await;
        });
    }

    /// Takes over what earlier runs left: what this watchdog was delivering when it was killed, and what waits for
    /// the same addresses in the name of watchdogs that do not run any more.
    pub async fn begin(&self) {
        let config = &self.shared.config;
        self.settle_earlier().await;
        for (name, worker) in &self.workers {
            let claim = store::Claim {
                owner: config.watchdog.clone(),
                notifier: name.clone(),
                address: worker.recipient.borrow().address.clone(),
            };
            let owners = config.store.owners_of(&claim).await.unwrap_or_default();
            for owner in owners {
                if owner != config.watchdog && !run_lock::is_running(&config.state_dir, &owner) {
                    let _ = config.store.inherit_messages(&owner, &claim).await;
                }
            }
        }
        self.wake();
        self.report_unclaimed();
    }

    /// Finds out what became of the deliveries that a killed run had begun, and has the others begun again.
    async fn settle_earlier(&self) {
        let config = &self.shared.config;
        let receipts = self.shared.receipts.clone();
        let left = blocking::run("receipts", move || receipts.left()).await;
        let mut under_way = Vec::new();
        for (id, state) in left.unwrap_or_default() {
            match state {
                EarlierDelivery::UnderWay => under_way.push(id),
                EarlierDelivery::Taken | EarlierDelivery::NotTaken => {
                    self.shared.settle(id, state).await
                }
            }
        }
        // the store reports its own trouble
        let _ = config
            .store
            .reclaim(&config.watchdog, under_way.clone())
            .await;
        for id in under_way {
            tokio::spawn(Arc::clone(&self.shared).await_earlier(id));
        }
    }

    /// See [`Outbox::recall`].
    pub fn recall(&self, report: &Report) {
        self.outbox.recall(report);
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
            self.let_leave(worker);
        }
        let left = async { while self.leaving.join_next().await.is_some() {} };
        // a delivery that takes longer is cut off, and its message is delivered again by the next run
        let _ = timeout_at(until, left).await;
        self.leaving.shutdown().await;
    }

    /// Whether a message waits that was never tried, and whose notifier takes messages.
    async fn has_news(&self) -> bool {
        self.wake();
        let config = &self.shared.config;
        if self.workers.is_empty() {
            return false;
        }
        let counts = config.store.messages_by_notifier(&config.watchdog).await;
        let failing = self.shared.failing().clone();
        counts.is_ok_and(|counts| {
            counts.iter().any(|(name, count)| {
                count.untried > 0 && self.workers.contains_key(name) && !failing.contains_key(name)
            })
        })
    }
}
