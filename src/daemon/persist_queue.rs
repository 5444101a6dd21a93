//! Writes down what must outlive the watchdog, one entry after the other, beside the loop. The order is the point:
//! reports are safe together with the memory that they rest on, and both are before the intent is closed; so whenever
//! the watchdog is killed, the next run either knows of a restart or finds its intent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::health::{Incident, IntentId, Memory, Note};
use crate::secret;
use crate::store::Store;

use super::logger::Logger;
use super::notification_queue::{Outbox, ReportBatch};

/// When so many entries wait for a slow disk, those that can be done without are left out.
const CROWDED: usize = 1000;

/// So many reports are written in one step at most.
const MOST_TOGETHER: usize = 100;

/// Takes entries, and never blocks.
#[derive(Clone, Debug)]
pub struct PersistQueue {
    entries: mpsc::UnboundedSender<PersistEntry>,
    waiting: Arc<AtomicUsize>,
}

/// What is written down.
pub enum PersistEntry {
    /// For the notifiers, with what they rest on.
    Reports(ReportBatch),
    /// What is remembered of a check; with `now`, before anything that comes after it.
    Memory {
        check: String,
        memory: Box<Memory>,
        now: bool,
    },
    /// An episode that was opened, or has ended.
    Incident(Box<Incident>),
    /// Decisions.
    Notes(Vec<Note>),
    /// The wall clock was set by so many milliseconds: what waits to be sent and the incidents that are open follow it.
    ClockSet { by: i64, open: Vec<Incident> },
    /// Restarts that have come to their end.
    Done(Vec<IntentId>),
    /// From now on reports go here.
    Outbox(Box<Outbox>),
    /// An answer when all before it is written.
    Sync(oneshot::Sender<()>),
}

impl PersistEntry {
    /// Whether nothing is broken when it is left out.
    const fn is_optional(&self) -> bool {
        matches!(self, Self::Notes(_) | Self::Memory { now: false, .. })
    }
}

impl PersistQueue {
    /// Starts the writer of `watchdog` in `store`. Needs a runtime.
    pub fn start(store: Store, watchdog: String, outbox: Outbox, logger: Logger) -> Self {
        let (sender, entries) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = PersistWriter {
            store,
            watchdog,
            outbox,
            logger,
            waiting: Arc::clone(&waiting),
        };
        tokio::spawn(writer.write_all(entries));
        Self {
            entries: sender,
            waiting,
        }
    }

    /// Takes an entry.
    pub fn write(&self, entry: PersistEntry) {
        if entry.is_optional() && self.waiting.load(Ordering::Relaxed) > CROWDED {
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // without a writer the runtime is going down, and we with it
        let _ = self.entries.send(entry);
    }

    /// Waits until all that was taken so far is written.
    pub async fn sync(&self) {
        let _ = self.written().await;
    }

    /// Answers when all that was taken so far is written.
    pub fn written(&self) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        self.write(PersistEntry::Sync(done));
        written
    }
}

#[derive(Clone)]
struct PersistWriter {
    store: Store,
    watchdog: String,
    outbox: Outbox,
    logger: Logger,
    waiting: Arc<AtomicUsize>,
}

impl PersistWriter {
    async fn write_all(mut self, mut entries: mpsc::UnboundedReceiver<PersistEntry>) {
        let mut trouble = self.store.watch();
        let mut batch = ReportBatch::default();
        loop {
            tokio::select! {
                entry = entries.recv() => match entry {
                    Some(entry) => {
                        self.take(entry, &mut batch).await;
                        while let Ok(entry) = entries.try_recv() {
                            self.take(entry, &mut batch).await;
                        }
                        self.write_batch(&mut batch).await;
                    }
                    None => return,
                },
                Ok(()) = trouble.changed() => {}
            }
            for trouble in self.store.take_troubles() {
                self.logger.trouble(&format!("httpok: {}", trouble.text));
            }
        }
    }

    /// Writes `entry`. Reports that wait together are written together, for each time waits for the disk; but before
    /// anything that must come after them.
    async fn take(&mut self, entry: PersistEntry, batch: &mut ReportBatch) {
        let comes_after = match &entry {
            PersistEntry::Reports(more) => {
                batch.reports.len() >= MOST_TOGETHER
                    || more.memories.iter().any(|(check, _)| batch.is_about(check))
            }
            PersistEntry::Memory { check, .. } => batch.is_about(check),
            PersistEntry::Incident(incident) => batch.is_about(&incident.check),
            PersistEntry::Notes(_) => false,
            PersistEntry::ClockSet { .. }
            | PersistEntry::Done(_)
            | PersistEntry::Outbox(_)
            | PersistEntry::Sync(_) => true,
        };
        if comes_after {
            self.write_batch(batch).await;
        }
        match entry {
            PersistEntry::Reports(more) => batch.append(more),
            PersistEntry::Outbox(outbox) => self.outbox = *outbox,
            entry => self.write_apart(entry).await,
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    async fn write_batch(&self, batch: &mut ReportBatch) {
        if !batch.reports.is_empty() {
            let batch = std::mem::take(batch);
            self.write_apart(PersistEntry::Reports(batch)).await;
        }
    }

    /// Writes in a task of its own: what breaks costs this entry, and not those behind it.
    async fn write_apart(&self, entry: PersistEntry) {
        let written = tokio::spawn(self.clone().write(entry));
        if let Err(error) = written.await {
            self.logger.trouble(&format!(
                "httpok: internal error while writing to the store: {error}"
            ));
        }
    }

    async fn write(self, entry: PersistEntry) {
        let result = match entry {
            PersistEntry::Reports(batch) => {
                self.outbox.take(batch).await;
                Ok(())
            }
            PersistEntry::Memory { check, memory, now } => {
                match serde_json::to_string(&memory).map(secret::mask_json) {
                    Ok(json) => {
                        self.store.save_memory(&self.watchdog, &check, json);
                        if now {
                            self.store.flush().await
                        } else {
                            Ok(())
                        }
                    }
                    Err(error) => {
                        tracing::warn!("cannot write down the state of {check:?}: {error}");
                        Ok(())
                    }
                }
            }
            PersistEntry::Incident(incident) => {
                self.store.save_incident(&self.watchdog, *incident).await
            }
            PersistEntry::Notes(notes) => {
                self.store.record(&self.watchdog, notes);
                Ok(())
            }
            PersistEntry::ClockSet { by, open } => {
                self.store.clock_set(&self.watchdog, by, open).await
            }
            PersistEntry::Done(intents) => {
                let mut result = Ok(());
                for intent in intents {
                    result = result.and(self.store.close_intent(intent).await);
                }
                result
            }
            PersistEntry::Outbox(_) => Ok(()),
            PersistEntry::Sync(done) => {
                let _ = done.send(());
                Ok(())
            }
        };
        if let Err(error) = result {
            tracing::warn!("cannot write to the store: {error}");
        }
    }
}
