//! What the handles and the thread share beside the requests: writes that can wait, and troubles that are
//! to be reported. Never touches the disk, never blocks for long.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::trouble::{StoreTrouble, StoreTroubleKind};
use crate::health::Note;

/// Writes that can wait are written together after so long.
const BATCH_AFTER: Duration = Duration::from_secs(10);

/// So many decisions are not kept waiting.
const BATCH_SIZE: usize = 256;

/// More decisions than these wait only when the disk hangs: then the oldest go.
const MOST_WAITING: usize = 4096;

/// The same trouble is reported again only after this.
const REPORT_AGAIN: Duration = Duration::from_secs(3600);

/// No more troubles than these wait to be reported.
const MOST_UNREPORTED: usize = 32;

pub(super) struct Pending {
    waiting: Mutex<WaitingWrites>,
    troubles: Mutex<Troubles>,
    current: watch::Sender<Option<StoreTrouble>>,
}

/// Writes that can wait.
#[derive(Default)]
pub(super) struct WaitingWrites {
    /// Decisions, by watchdog.
    pub notes: VecDeque<(String, Note)>,
    /// The newest state of each check, by watchdog and check.
    pub memories: HashMap<(String, String), String>,
    /// When the first of them came.
    since: Option<Instant>,
    /// Someone wants them written now.
    retry_soon: bool,
}

#[derive(Default)]
struct Troubles {
    unreported: Vec<StoreTrouble>,
    /// Damage is reported each time: each time something else is lost.
    reported: HashMap<(StoreTroubleKind, Option<String>), Instant>,
}

impl Pending {
    pub fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            troubles: Mutex::default(),
            current: watch::Sender::new(None),
        }
    }

    /// Lets `notes` wait. Returns whether the thread must be woken to see to it.
    pub fn add_notes(&self, watchdog: &str, notes: Vec<Note>) -> bool {
        let mut waiting = guard(&self.waiting);
        let before = waiting.notes.len();
        waiting
            .notes
            .extend(notes.into_iter().map(|note| (watchdog.to_owned(), note)));
        let too_many = waiting.notes.len().saturating_sub(MOST_WAITING);
        waiting.notes.drain(..too_many);
        let full = before < BATCH_SIZE && waiting.notes.len() >= BATCH_SIZE;
        waiting.begin() || full
    }

    /// Lets the newest state of a check wait. Returns whether the thread must be woken to see to it.
    pub fn add_memory(&self, watchdog: &str, check: &str, memory: String) -> bool {
        let mut waiting = guard(&self.waiting);
        waiting
            .memories
            .insert((watchdog.to_owned(), check.to_owned()), memory);
        waiting.begin()
    }

    /// The state of a check that waits is not to be written any more: a newer one is written by other means.
    pub fn forget_memory(&self, watchdog: &str, check: &str) {
        let mut waiting = guard(&self.waiting);
        let key = (watchdog.to_owned(), check.to_owned());
        waiting.memories.remove(&key);
    }

    /// Has what waits written as soon as the thread has nothing else to do.
    pub fn retry_soon(&self) {
        let mut waiting = guard(&self.waiting);
        waiting.retry_soon = waiting.since.is_some();
    }

    /// When what waits is due.
    pub fn due(&self) -> Option<Instant> {
        let waiting = guard(&self.waiting);
        let since = waiting.since?;
        if waiting.retry_soon || waiting.notes.len() >= BATCH_SIZE {
            return Some(since);
        }
        Some(since + BATCH_AFTER)
    }

    /// Takes what waits.
    pub fn take(&self) -> WaitingWrites {
        std::mem::take(&mut guard(&self.waiting))
    }

    /// Has `trouble` reported, unless that was just done.
    pub fn report(&self, trouble: StoreTrouble) {
        let mut troubles = guard(&self.troubles);
        let now = Instant::now();
        troubles
            .reported
            .retain(|_, at| now.duration_since(*at) < REPORT_AGAIN);
        let each = (trouble.kind == StoreTroubleKind::Corrupt).then(|| trouble.text.clone());
        let key = (trouble.kind, each);
        if troubles.reported.contains_key(&key) || troubles.unreported.len() >= MOST_UNREPORTED {
            return;
        }
        troubles.reported.insert(key, now);
        troubles.unreported.push(trouble);
    }

    /// Takes the troubles that were not reported yet.
    pub fn take_troubles(&self) -> Vec<StoreTrouble> {
        std::mem::take(&mut guard(&self.troubles).unreported)
    }

    /// Shows how the store is now.
    pub fn show(&self, trouble: Option<StoreTrouble>) {
        self.current.send_if_modified(|current| {
            let other = *current != trouble;
            *current = trouble;
            other
        });
    }

    /// How the store is, and what becomes of it.
    pub fn watch(&self) -> watch::Receiver<Option<StoreTrouble>> {
        self.current.subscribe()
    }
}

impl WaitingWrites {
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.memories.is_empty()
    }

    /// Returns whether these are the first that wait.
    fn begin(&mut self) -> bool {
        let first = self.since.is_none() && !self.is_empty();
        if first {
            self.since = Some(Instant::now());
        }
        first
    }
}

/// What is behind the lock is whole after every statement, so a panic elsewhere spoils nothing.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
