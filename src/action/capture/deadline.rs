//! The end of all evidence of one process, at a time or with the watchdog, and work on files that must not outlast it.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::blocking;

use super::super::Shutdown;

/// A text that was found may be written down for so long, even when finding it took all the time.
const WRITE_FOR: Duration = Duration::from_secs(1);

/// Why there is no evidence when the watchdog ends.
pub(super) const ENDING: &str = "the watchdog is ending";

/// When the restart goes on, with or without evidence.
#[derive(Clone, Debug)]
pub(in crate::action) struct Deadline {
    at: Instant,
    shutdown: Shutdown,
}

impl Deadline {
    /// So long from now, or when the watchdog ends.
    pub(in crate::action) fn after(span: Duration, shutdown: &Shutdown) -> Self {
        let now = Instant::now();
        Self {
            at: now.checked_add(span).unwrap_or(now),
            shutdown: shutdown.clone(),
        }
    }

    /// This one, or so long from now when that is sooner.
    pub(super) fn or_after(&self, span: Duration) -> Self {
        let sooner = Self::after(span, &self.shutdown);
        Self {
            at: self.at.min(sooner.at),
            ..sooner
        }
    }

    /// The time that is left; none says so.
    pub(super) fn left(&self) -> Result<Duration, String> {
        if self.shutdown.has_begun() {
            return Err(ENDING.to_owned());
        }
        let left = self.at.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err("no time was left for it".to_owned()),
            false => Ok(left),
        }
    }

    /// The end of `work`, if it comes in time.
    pub(super) async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.until_shutdown(timeout_at(self.at, work)).await?.ok()
    }

    /// The end of `work`, if it comes before that of the watchdog.
    pub(super) async fn until_shutdown<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.shutdown.begun() => None,
        }
    }
}

/// Evidence is written by so many threads at most. On a disk that hangs they hang for good, and the others of
/// the runtime, which resolve names, are needed.
static WRITERS: Semaphore = Semaphore::const_new(2);

/// Does `work` on files on a thread of its own: a disk that hangs must not block the watchdog.
pub(super) async fn write<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = timeout(WRITE_FOR, async {
        let permit = WRITERS.acquire().await;
        let task = blocking::run("evidence", move || {
            let done = work();
            drop(permit);
            done
        });
        task.await
    });
    match done.await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the disk did not answer in time".to_owned()),
    }
}
