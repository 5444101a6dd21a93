//! The end of all evidence of one process, and work on files that must not outlast it.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::blocking;

/// A text that was found may be written down for so long, even when finding it took all the time.
const WRITE_FOR: Duration = Duration::from_secs(1);

/// When the restart goes on, with or without evidence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub(super) fn after(span: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(span).unwrap_or(now))
    }

    /// This one, or so long from now when that is sooner.
    pub(super) fn or_after(&self, span: Duration) -> Self {
        Self(self.0.min(Self::after(span).0))
    }

    /// The time that is left; none says so.
    pub(super) fn left(&self) -> Result<Duration, String> {
        let left = self.0.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err("no time was left for it".to_owned()),
            false => Ok(left),
        }
    }

    /// The end of `work`, if it comes in time.
    pub(super) async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.0, work).await.ok()
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
