//! The worker of one notifier: takes what is due from the outbox, delivers it, and pauses after a failure. A message is
//! tried for days; when it is given up, the worker logs that and reports it to the decision core.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::outbox::QueuedNotification;
use super::{Recipient, Shared};
use crate::blocking;
use crate::exec::Receipt;
use crate::health::{Backoff, Event, Moment, bounded};
use crate::notify::{DeliveryError, Notification, Notifier, Taken};
use crate::store::{self, MessageId, NextDelivery};

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
pub(super) const LEASE: Duration = Duration::from_secs(120);

/// The pause before a worker that broke is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The pause after the store could not say what is due.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Delivers in a task of its own: a delivery that breaks, such as for want of a thread, is one that failed.
async fn deliver_apart(
    recipient: Arc<Recipient>,
    message: Notification,
    receipt: Option<Receipt>,
) -> Result<Taken, DeliveryError> {
    let mut task = JoinSet::new();
    task.spawn(async move { recipient.notifier.deliver(&message, receipt).await });
    match task.join_next().await {
        Some(Ok(delivered)) => delivered,
        Some(Err(error)) => Err(DeliveryError::Temporary(format!("internal error: {error}"))),
        None => Err(DeliveryError::Temporary("internal error".to_owned())),
    }
}

/// Works until the notifier is gone. A worker that breaks is started again: its messages are in the store.
pub(super) async fn keep_working(worker: Worker) {
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
pub(super) struct Worker {
    pub name: String,
    pub recipient: watch::Receiver<Arc<Recipient>>,
    pub shared: Arc<Shared>,
    /// Deliveries that failed in a row.
    pub failures: u32,
    /// After a failure nothing is tried before this.
    pub paused_until: Option<Instant>,
    /// Open incidents are sent again then, where the notifier wants that.
    pub repeat_at: Instant,
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
        let receipt = self.begin_receipt(&recipient, queued.id).await;
        let has_receipt = receipt.is_some();
        match deliver_apart(Arc::clone(&recipient), message, receipt).await {
            Ok(taken) => {
                // first of all, so that a kill from now on sends it no second time
                match taken.deferred.is_empty() && taken.refused.is_empty() {
                    true => self.store_result(config.store.delivered(queued.id).await),
                    false => self.keep_rest(&queued, &queued_notification, &taken).await,
                }
                if self.failures > 0 {
                    self.works_again().await;
                }
                if let Notifier::Original(mail) = &recipient.notifier {
                    config
                        .logger
                        .mailed(&mail.bytes(&queued_notification.message));
                }
                let subject = &queued_notification.message.subject;
                let refused = taken.refused_text();
                match &refused {
                    None => tracing::info!("notified {}: {subject}", self.name),
                    Some(refused) => config.logger.trouble(&format!(
                        "{subject:?} was taken from {}, but not for everybody: {refused}",
                        self.name
                    )),
                }
                let check = queued.message.check.clone();
                self.report_delivery(check, queued_notification, None, refused);
            }
            Err(error) => self.failed(&queued, queued_notification, &error).await,
        }
        if has_receipt {
            // the store knows what came of it
            let receipts = self.shared.receipts.clone();
            let _ = blocking::run("receipts", move || receipts.end(queued.id)).await;
        }
    }

    /// Keeps a message for the recipients who have not got it: it is tried again while some of them may, and then
    /// given up for the others.
    async fn keep_rest(
        &self,
        queued: &store::QueuedMessage,
        queued_notification: &QueuedNotification,
        taken: &Taken,
    ) {
        let missed = taken.deferred.iter().chain(&taken.refused);
        let mut message = queued_notification.message.clone();
        message.only_to = missed.clone().map(|one| one.address.clone()).collect();
        let left = QueuedNotification {
            kind: queued_notification.kind.clone(),
            message,
        };
        let why: Vec<_> = missed.map(|one| one.why.as_str()).collect();
        let why = bounded(why.join("; "));
        let next = self.next_try(queued, None);
        let store = &self.shared.config.store;
        let kept = match serde_json::to_string(&left) {
            Ok(json) => {
                let kept = store.delivered_in_part(queued.id, json, next, why.clone());
                match (kept.await, taken.deferred.is_empty()) {
                    (Ok(()), true) => store.give_up(queued.id, &why).await,
                    (kept, _) => kept,
                }
            }
            // it was JSON before
            Err(_) => store.delivered(queued.id).await,
        };
        self.store_result(kept);
    }

    /// When a message is tried again that was not taken now; `least` is what the other side asks for.
    fn next_try(&self, queued: &store::QueuedMessage, least: Option<Duration>) -> Moment {
        let now = self.shared.config.clock.now();
        let seed = queued.message.number ^ now.as_millis();
        let tries = queued.attempts.saturating_add(1);
        now + RETRY.pause(tries, seed).max(least.unwrap_or_default())
    }

    /// The receipt of a delivery by a command. Without one, as on a full disk, a kill makes it come twice.
    async fn begin_receipt(&self, recipient: &Recipient, id: MessageId) -> Option<Receipt> {
        if !recipient.notifier.has_receipts() {
            return None;
        }
        let receipts = self.shared.receipts.clone();
        let begun = blocking::run("receipts", move || receipts.begin(id)).await;
        begun
            .map_err(std::io::Error::other)
            .flatten()
            .inspect_err(|why| tracing::debug!("no receipt for a delivery: {why}"))
            .ok()
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
                None,
            );
        }
        if queued.attempts == 0 {
            config.logger.trouble(&format!(
                "cannot deliver {subject:?} to {} yet, it is tried again: {error}",
                self.name
            ));
        }
        let least = error.not_before();
        // a server that does not take it for some recipients takes the other messages
        if queued_notification.message.only_to.is_empty() {
            self.failures = self.failures.saturating_add(1);
            let seed = queued.message.number ^ now.as_millis();
            let pause = RETRY
                .pause(self.failures, seed)
                .max(least.unwrap_or_default());
            self.paused_until = Some(Instant::now() + pause);
            self.shared.failing().insert(self.name.clone(), now + pause);
        }
        let next = self.next_try(queued, least);
        let why = error.to_string();
        self.store_result(config.store.failed(queued.id, next, &why).await);
    }

    /// Tells the decision core that a notification was delivered, or was given up.
    fn report_delivery(
        &self,
        check: String,
        queued_notification: QueuedNotification,
        failure: Option<String>,
        refused: Option<String>,
    ) {
        let notifier = match queued_notification.message.only_to.join(", ") {
            all if all.is_empty() => self.name.clone(),
            some => format!("{} ({some})", self.name),
        };
        // after the end of the watchdog there is no receiver
        let _ = self.shared.config.events.send(Event::Delivered {
            check,
            incident: queued_notification.message.incident,
            report: queued_notification.message.number,
            kind: queued_notification.kind,
            notifier,
            failure,
            refused,
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
