//! The event loop, and work that may block (files, name services, long computations) on threads of its own beside it.
//! A thread that cannot be started is an error of that one piece of work: tokio's own pool panics then, in the task
//! that asked.

use std::fs::File;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

/// Threads at the same time, over the whole process. One that hangs keeps its place.
const MOST: usize = 16;

static SHARED: Places = Places::new(MOST);

/// Starts a thread named `name` that does `work`. All go through one type, or the standard library's part of the start would
/// be in the program once for each of them.
///
/// # Errors
/// The system has no more threads.
pub fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let work: Box<dyn FnOnce() + Send> = Box::new(work);
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
}

/// Places for threads of one kind of work.
pub struct Places(Semaphore);

/// Why a piece of work has no result.
#[derive(Debug, thiserror::Error)]
pub enum BlockingError {
    /// The system has no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// It panicked.
    #[error("internal error: the work panicked")]
    Panicked,
}

/// So many descriptors an event loop opens for itself, and some more: tokio panics where it gets none for signals.
const DESCRIPTORS: usize = 8;

/// An event loop on the thread that blocks on it.
///
/// # Errors
/// The system has no resources for it.
pub fn event_loop() -> io::Result<Runtime> {
    let spare: Vec<File> = (0..DESCRIPTORS)
        .map(|_| File::open("/dev/null"))
        .collect::<Result<_, _>>()?;
    drop(spare);
    // few: nearly all that blocks has threads of its own
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MOST)
        .build()
}

/// Does `work` on a thread named `name` and waits for its end; while too many are under way it waits for a place.
/// Work that has begun goes on when nobody waits for it any more.
///
/// # Errors
/// No thread can be started, or `work` panics.
pub async fn run<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BlockingError> {
    SHARED.run(name, work).await
}

impl Places {
    /// So many.
    pub const fn new(count: usize) -> Self {
        Self(Semaphore::const_new(count))
    }

    /// As [`run`], in one of these places.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn run<T: Send + 'static>(
        &'static self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, BlockingError> {
        // it is never closed
        let place = self.0.acquire().await;
        let (sender, done) = oneshot::channel();
        thread(name, move || {
            let done = work();
            drop(place);
            // nobody may be waiting any more
            let _ = sender.send(done);
        })
        .map_err(BlockingError::Thread)?;
        done.await.map_err(|_| BlockingError::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_off_the_loop_and_a_panic_is_an_error() {
        let thread = run("test", || thread::current().name().map(str::to_owned)).await;
        assert_eq!(thread.expect("done").as_deref(), Some("test"));
        for _ in 0..2 * MOST {
            let broken = run("test", || panic!("as it is meant")).await;
            assert!(matches!(broken, Err(BlockingError::Panicked)));
        }
        assert_eq!(run("test", || 7).await.expect("its place is free again"), 7);
    }
}
