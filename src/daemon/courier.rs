//! Carries reports to the notifiers. Each notifier has a queue and a worker of its own, so that a dead mail
//! server delays nothing but its own mails; within a queue the order is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::health::{Backoff, Event, Report, ReportKind};
use crate::notify::report::Words;
use crate::notify::{DeliveryError, Message, Notifier, Scene};

use super::voice::Voice;

/// Messages that may wait for one notifier; of more, the oldest is dropped.
const WAITING: usize = 1000;

/// The pauses between tries.
const RETRY: Backoff = Backoff {
    min: Duration::from_secs(5),
    max: Duration::from_secs(3600),
    factor: 2.0,
};

/// Takes reports, for as long as it lives.
pub struct Courier {
    words: Words,
    scene: Scene,
    lines: Vec<Arc<Line>>,
    events: mpsc::UnboundedSender<Event>,
    _workers: JoinSet<()>,
}

/// What waits for one notifier.
struct Line {
    notifier: Notifier,
    waiting: Mutex<VecDeque<Job>>,
    news: Notify,
    idle: Notify,
}

struct Job {
    message: Message,
    receipt: Arc<Receipt>,
}

/// Becomes the one event of a report when the last of its messages is done with.
struct Receipt {
    incident: String,
    report: u64,
    kind: ReportKind,
    failures: Mutex<Vec<String>>,
    events: mpsc::UnboundedSender<Event>,
}

impl Courier {
    /// A courier to `notifiers`, who speaks in `words`.
    pub fn new(
        words: Words,
        scene: Scene,
        notifiers: Vec<Notifier>,
        voice: &Voice,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let lines: Vec<_> = notifiers
            .into_iter()
            .map(|notifier| {
                Arc::new(Line {
                    notifier,
                    waiting: Mutex::default(),
                    news: Notify::new(),
                    idle: Notify::new(),
                })
            })
            .collect();
        let mut workers = JoinSet::new();
        for line in &lines {
            workers.spawn(work(Arc::clone(line), voice.clone()));
        }
        Self {
            words,
            scene,
            lines,
            events,
            _workers: workers,
        }
    }

    /// Takes a report. Comes back at once.
    pub fn take(&self, report: Report) {
        let receipt = Arc::new(Receipt {
            incident: report.incident.id.clone(),
            report: report.number,
            kind: report.kind.clone(),
            failures: Mutex::default(),
            events: self.events.clone(),
        });
        let message = self.words.tell(&report, &self.scene);
        for line in &self.lines {
            let job = Job {
                message: message.clone(),
                receipt: Arc::clone(&receipt),
            };
            line.push(job);
        }
    }

    /// Waits until nothing waits any more, but no longer than `patience`.
    pub async fn finish(&self, patience: Duration) {
        let all = async {
            for line in &self.lines {
                while !line.is_empty() {
                    line.idle.notified().await;
                }
            }
        };
        // who waits longer is told so by the line that was not sent
        let _ = timeout(patience, all).await;
    }
}

impl Line {
    fn push(&self, job: Job) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING
            && let Some(oldest) = waiting.pop_front()
        {
            oldest
                .receipt
                .fail("dropped: too many messages wait".to_owned());
        }
        waiting.push_back(job);
        self.news.notify_one();
    }

    fn first(&self) -> Option<Message> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.front().map(|job| job.message.clone())
    }

    fn pop(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    }

    fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_empty()
    }
}

impl Receipt {
    fn fail(&self, why: String) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push(why);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let failures = std::mem::take(
            self.failures
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        // after the end of the watchdog nobody listens
        let _ = self.events.send(Event::Delivered {
            incident: std::mem::take(&mut self.incident),
            report: self.report,
            kind: self.kind.clone(),
            failure: (!failures.is_empty()).then(|| failures.join("; ")),
        });
    }
}

async fn work(line: Arc<Line>, voice: Voice) {
    let mut tries = 0;
    loop {
        let Some(message) = line.first() else {
            line.idle.notify_one();
            line.news.notified().await;
            continue;
        };
        tries += 1;
        match line.notifier.deliver(&message).await {
            Ok(()) => {
                if let Notifier::Original(mail) = &line.notifier {
                    voice.mailed(&mail.bytes(&message));
                }
                drop(line.pop());
            }
            Err(DeliveryError::Permanent(why)) => {
                voice.trouble(&format!("cannot deliver {:?}: {why}", message.subject));
                if let Some(job) = line.pop() {
                    job.receipt.fail(why);
                }
            }
            Err(DeliveryError::Temporary(why)) => {
                if tries == 1 {
                    voice.trouble(&format!(
                        "cannot deliver {:?} yet, will try again: {why}",
                        message.subject
                    ));
                }
                sleep(RETRY.pause(tries, message.number)).await;
                continue;
            }
        }
        tries = 0;
    }
}
