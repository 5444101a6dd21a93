//! Carries reports to the notifiers through the store's outbox. Each notifier has a worker of its own, so that a dead
//! mail server delays nothing but its own mails; after a failure that worker makes a pause that grows, whatever waits.
//! A message is tried for days; when it is given up, that is said.

use crate::health::counted;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::clock::Clock;
use crate::health::{Backoff, Event, Incident, Memory, Report, ReportKind};
use crate::notify::policy::{self, NotifierPolicy};
use crate::notify::report::MailFormat;
use crate::notify::route::Route;
use crate::notify::{DeliveryError, Notification, Notifier, RenderContext};
use crate::secret;
use crate::store::{self, NextDelivery, Queueing, Store};

use super::logger::Logger;
use super::open_incidents::OpenIncidents;
use super::run_lock;

/// The pause between repetitions of what is open, for receivers that forget what is not repeated.
const REPEAT: Duration = Duration::from_secs(60);

/// The pauses between tries.
const RETRY: Backoff = Backoff {
    min: Duration::from_secs(5),
    max: Duration::from_secs(3600),
    factor: 2.0,
};

/// A message that was not delivered for so long is kept, but not tried any more.
const TRY_FOR: Duration = Duration::from_secs(5 * 24 * 3600);

/// Nor is it given up before so many tries: they take half a day.
const FEWEST_TRIES: u32 = 20;

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

/// Reports, and what they rest on: the state of their checks, and the incidents that ended.
#[derive(Debug, Default)]
pub struct ReportBatch {
    pub reports: Vec<Report>,
    pub memories: Vec<(String, Memory)>,
    pub incidents: Vec<Incident>,
}

impl ReportBatch {
    /// Whether it says something about the state of `check`.
    pub fn is_about(&self, check: &str) -> bool {
        self.memories.iter().any(|(name, _)| name == check)
            || self
                .incidents
                .iter()
                .any(|incident| incident.check == check)
    }

    /// Takes in what `later` says, which is about other checks.
    pub fn append(&mut self, later: Self) {
        self.reports.extend(later.reports);
        self.memories.extend(later.memories);
        self.incidents.extend(later.incidents);
    }
}

/// A notifier as the outbox knows it.
#[derive(Clone)]
struct Addressee {
    name: String,
    address: String,
    route: Route,
    policy: NotifierPolicy,
}

/// Puts reports into the outbox, in words.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    watchdog: String,
    format: MailFormat,
    render_context: RenderContext,
    notifiers: Vec<Addressee>,
    open: Arc<OpenIncidents>,
    logger: Logger,
    clock: Clock,
    news: Arc<Notify>,
}

impl Outbox {
    /// Puts reports into the outbox, once for each notifier, in one step with what they rest on: when a kill comes,
    /// the next run knows of all of it or of nothing. On disk when this returns.
    pub async fn take(&self, batch: ReportBatch) {
        let mut messages = Vec::new();
        for report in &batch.reports {
            messages.extend(self.messages(report));
        }
        let ended = batch.incidents.iter();
        let ended = ended.filter(|incident| incident.ended.is_some());
        ended.for_each(|incident| self.open.remove(&incident.id));
        let memories = batch.memories.iter().filter_map(|(check, memory)| {
            match serde_json::to_string(memory) {
                Ok(json) => Some((check.clone(), secret::mask_json(json))),
                Err(error) => {
                    tracing::warn!("cannot write down the state of {check:?}: {error}");
                    None
                }
            }
        });
        let memories = memories.collect();
        let saved = self
            .store
            .save_reports(&self.watchdog, messages, memories, batch.incidents);
        match saved.await {
            Ok(dropped) => {
                for lost in dropped {
                    self.logger.trouble(&format!(
                        "too many messages wait: report {} of incident {} to {} was dropped",
                        lost.number, lost.incident, lost.notifier
                    ));
                }
            }
            Err(error) => {
                for report in &batch.reports {
                    let (kind, check) = (report.kind.as_str(), &report.incident.check);
                    self.logger.trouble(&format!(
                        "cannot keep report {} ({kind}) of {check:?}: {error}",
                        report.number
                    ));
                }
            }
        }
        self.news.notify_waiters();
    }

    /// The rows of a report, one for each notifier that gets it.
    fn messages(&self, report: &Report) -> Vec<store::OutboxMessage> {
        let json = match self.queued(report) {
            Ok(json) => json,
            Err(error) => {
                let (kind, check) = (report.kind.as_str(), &report.incident.check);
                self.logger.trouble(&format!(
                    "cannot keep report {} ({kind}) of {check:?}: {error}",
                    report.number
                ));
                return Vec::new();
            }
        };
        self.note_open(report, &json);
        let message = |addressee: &Addressee, queueing, json: String| store::OutboxMessage {
            notifier: addressee.name.clone(),
            address: addressee.address.clone(),
            check: report.incident.check.clone(),
            incident: report.incident.id.clone(),
            number: report.number,
            json,
            created: report.at,
            queueing,
        };
        // what was queued a moment ago in other words cannot fail now
        let text = |kind: &ReportKind| match *kind == report.kind {
            true => Some(json.clone()),
            false => self.queued(&report.with_kind(kind.clone())).ok(),
        };
        let row = |addressee: &Addressee| {
            let takes = |kind: &ReportKind| addressee.route.takes(&report.with_kind(kind.clone()));
            match addressee.policy.delivery(&report.kind, &takes) {
                policy::Delivery::None => None,
                policy::Delivery::AtOnce(kind) => {
                    Some(message(addressee, Queueing::AtOnce, text(&kind)?))
                }
                policy::Delivery::HeldFor(span) => {
                    let queueing = Queueing::HeldUntil(report.at + span);
                    Some(message(addressee, queueing, json.clone()))
                }
                policy::Delivery::TakesBack { instead, otherwise } => {
                    let queueing = Queueing::TakesBack {
                        instead: instead.as_ref().and_then(text),
                        otherwise: otherwise.as_ref().and_then(text),
                    };
                    Some(message(addressee, queueing, String::new()))
                }
            }
        };
        self.notifiers.iter().filter_map(row).collect()
    }

    /// `report` in words, as JSON without secrets.
    fn queued(&self, report: &Report) -> serde_json::Result<String> {
        let render_context = RenderContext {
            // dates are right even when the clock was set after the start
            clock: self.clock.wall_clock(),
            ..self.render_context.clone()
        };
        let queued_notification = QueuedNotification {
            kind: report.kind.clone(),
            message: self.format.render(report, &render_context),
        };
        serde_json::to_string(&queued_notification).map(secret::mask_json)
    }

    /// Remembers whether the incident of `report` is open; `json` is what was queued of it.
    fn note_open(&self, report: &Report, json: &str) {
        if let Ok(queued) = serde_json::from_str::<QueuedNotification>(json) {
            let all = self.notifiers.iter();
            let getting = all.filter(|addressee| addressee.route.takes(report));
            let names = getting.map(|addressee| addressee.name.as_str());
            self.open.note(report, queued.message, names);
        }
    }

    /// An earlier run has reported that the incident of `report` is open: notifiers that repeat what is open go on.
    pub fn recall(&self, report: &Report) {
        if let Ok(json) = self.queued(report) {
            self.note_open(report, &json);
        }
        self.news.notify_waiters();
    }
}

/// The messages for one notifier, as `status` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifierStatus {
    pub name: String,
    /// Messages that wait.
    pub pending: u64,
    /// Messages that were given up.
    pub given_up: u64,
    /// False: no notifier of this name is configured, so that they wait until they are sent or dropped by hand.
    pub configured: bool,
}

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
    /// Notifiers that are paused after a failure.
    failing: Mutex<BTreeSet<String>>,
    open: Arc<OpenIncidents>,
}

impl Shared {
    fn failing(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // a set is whole after every statement
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker and the way to its notifier's settings. It ends after the delivery under way when that is dropped.
struct RunningWorker {
    recipient: watch::Sender<Arc<Recipient>>,
    task: JoinSet<()>,
}

impl NotificationQueue {
    /// Starts a worker for each notifier. Needs a runtime.
    pub fn start(config: NotificationQueueConfig, delivery: Delivery) -> (Self, Outbox) {
        let shared = Arc::new(Shared {
            config,
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
        // the store reports its own trouble
        let _ = config.store.reclaim(&config.watchdog).await;
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

    /// See [`Outbox::recall`].
    pub fn recall(&self, report: &Report) {
        self.outbox.recall(report);
    }

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
        let configured: BTreeSet<_> = self.workers.keys().cloned().collect();
        async move {
            let config = &shared.config;
            let counts = config.store.messages_by_notifier(&config.watchdog);
            let counts = counts.await.unwrap_or_default();
            let names: BTreeSet<_> = configured.iter().chain(counts.keys()).collect();
            let status = names.into_iter().map(|name| {
                let count = counts.get(name).copied().unwrap_or_default();
                NotifierStatus {
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
                count.untried > 0 && self.workers.contains_key(name) && !failing.contains(name)
            })
        })
    }
}

/// Delivers in a task of its own: a delivery that breaks, such as for want of a thread, is one that failed.
async fn deliver_apart(
    recipient: Arc<Recipient>,
    message: Notification,
) -> Result<(), DeliveryError> {
    let mut task = JoinSet::new();
    task.spawn(async move { recipient.notifier.deliver(&message).await });
    match task.join_next().await {
        Some(Ok(delivered)) => delivered,
        Some(Err(error)) => Err(DeliveryError::Temporary(format!("internal error: {error}"))),
        None => Err(DeliveryError::Temporary("internal error".to_owned())),
    }
}

/// Works until the notifier is gone. A worker that breaks is started again: its messages are in the store.
async fn keep_working(worker: Worker) {
    loop {
        let mut task = JoinSet::new();
        task.spawn(worker.clone().work());
        match task.join_next().await {
            Some(Err(error)) => {
                let logger = &worker.shared.config.logger;
                logger.trouble(&format!(
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
    recipient: watch::Receiver<Arc<Recipient>>,
    shared: Arc<Shared>,
    /// Deliveries that failed in a row.
    failures: u32,
    /// After a failure nothing is tried before this.
    paused_until: Option<Instant>,
    /// Open incidents are sent again then, where the notifier wants that.
    repeat_at: Instant,
}

/// What a worker waits for.
enum Wait {
    /// News, or for so long.
    News(Option<Duration>),
    /// Until then, whatever the news are.
    Until(Instant),
}

impl Worker {
    async fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            // listen before asking, so that no news falls in between
            let news = shared.news.notified();
            let is_repeated = self.recipient.borrow().notifier.is_repeated();
            if is_repeated && self.repeat_at <= Instant::now() {
                self.repeat().await;
            }
            let repeat_at = self.repeat_at;
            let wait = match self.paused_until.take() {
                Some(until) if until > Instant::now() => {
                    self.paused_until = Some(until);
                    Wait::Until(until)
                }
                _ => self.deliver_next().await,
            };
            let over = async {
                match wait {
                    Wait::Until(until) => sleep_until(until).await,
                    Wait::News(Some(pause)) => {
                        tokio::select! { () = sleep(pause) => {} () = news => {} }
                    }
                    Wait::News(None) => news.await,
                }
            };
            tokio::select! {
                biased;
                changed = self.recipient.changed() => match changed {
                    Ok(()) => self.works_again().await,
                    Err(_) => return,
                },
                () = over => {}
                () = sleep_until(repeat_at), if is_repeated => {}
            }
        }
    }

    /// Sends the open incidents again. Reports that wait are no hindrance: what is sent is how it is now.
    async fn repeat(&mut self) {
        self.repeat_at = Instant::now() + REPEAT;
        let open = self.shared.open.of(&self.name);
        if open.is_empty() {
            return;
        }
        let recipient = Arc::clone(&self.recipient.borrow());
        let mut task = JoinSet::new();
        task.spawn(async move { recipient.notifier.repeat(&open).await });
        match task.join_next().await {
            Some(Ok(Ok(()))) if self.failures > 0 => self.works_again().await,
            Some(Ok(Ok(()))) | None => {}
            Some(Ok(Err(error))) => {
                tracing::info!("cannot send open incidents to {} again: {error}", self.name);
            }
            Some(Err(error)) => {
                tracing::warn!("cannot send open incidents to {} again: {error}", self.name);
            }
        }
    }

    async fn deliver_next(&mut self) -> Wait {
        let config = &Arc::clone(&self.shared).config;
        let now = config.clock.now();
        let claim = store::Claim {
            owner: config.watchdog.clone(),
            notifier: self.name.clone(),
            address: self.recipient.borrow().address.clone(),
        };
        match config.store.next_due(now, &claim, LEASE).await {
            Ok(NextDelivery::Deliver(queued)) => {
                self.deliver(*queued).await;
                Wait::News(Some(Duration::ZERO))
            }
            Ok(NextDelivery::At(then)) => {
                Wait::News(Some(then.since(now).max(Duration::from_millis(10))))
            }
            Ok(NextDelivery::Nothing) => Wait::News(None),
            Err(error) => {
                tracing::warn!("cannot read what is to be delivered: {error}");
                Wait::Until(Instant::now() + STORE_PAUSE)
            }
        }
    }

    /// The notifier takes messages again, or has other settings: nothing waits for the end of a pause.
    async fn works_again(&mut self) {
        self.failures = 0;
        self.paused_until = None;
        self.shared.failing().remove(&self.name);
        let config = &self.shared.config;
        let now = config.clock.now();
        let retried = config.store.retry_now(&config.watchdog, &self.name, now);
        self.store_result(retried.await);
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
        let recipient = Arc::clone(&self.recipient.borrow());
        let message = queued_notification.message.clone();
        match deliver_apart(Arc::clone(&recipient), message).await {
            Ok(()) => {
                // first of all, so that a kill from now on sends it no second time
                self.store_result(config.store.delivered(queued.id).await);
                if self.failures > 0 {
                    self.works_again().await;
                }
                if let Notifier::Original(mail) = &recipient.notifier {
                    config
                        .logger
                        .mailed(&mail.bytes(&queued_notification.message));
                }
                let subject = &queued_notification.message.subject;
                tracing::info!("notified {}: {subject}", self.name);
                self.report_delivery(queued.message.check.clone(), queued_notification, None);
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
        let tries = queued.attempts.saturating_add(1);
        // a date alone proves nothing: the clock may have been behind when the message was made
        let old = now.since(queued.message.created) >= TRY_FOR && tries >= FEWEST_TRIES;
        if !error.is_temporary() || old {
            config.logger.trouble(&format!(
                "cannot deliver {subject:?} to {}: {error}",
                self.name
            ));
            let why = error.to_string();
            self.store_result(config.store.give_up(queued.id, &why).await);
            return self.report_delivery(
                queued.message.check.clone(),
                queued_notification,
                Some(why),
            );
        }
        if queued.attempts == 0 {
            config.logger.trouble(&format!(
                "cannot deliver {subject:?} to {} yet, it is tried again: {error}",
                self.name
            ));
        }
        self.failures = self.failures.saturating_add(1);
        self.shared.failing().insert(self.name.clone());
        let seed = queued.message.number ^ now.as_millis();
        // what the other side asks for is the least
        let least = error.not_before().unwrap_or_default();
        self.paused_until = Some(Instant::now() + RETRY.pause(self.failures, seed).max(least));
        let next = now + RETRY.pause(tries, seed).max(least);
        let why = error.to_string();
        self.store_result(config.store.failed(queued.id, next, &why).await);
    }

    /// Tells the decision core that a notification was delivered, or was given up.
    fn report_delivery(
        &self,
        check: String,
        queued_notification: QueuedNotification,
        failure: Option<String>,
    ) {
        // after the end of the watchdog there is no receiver
        let _ = self.shared.config.events.send(Event::Delivered {
            check,
            incident: queued_notification.message.incident,
            report: queued_notification.message.number,
            kind: queued_notification.kind,
            notifier: self.name.clone(),
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
