//! The store's thread: started with the first request, one request after the other, each answered within a
//! deadline or given up by the caller. What a request does is in `database`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::database::Database;
use super::files;
use super::pending::Pending;
use super::trouble::{self, StoreError};
use crate::blocking;

/// Longer than everything that the thread itself waits for, but a disk that hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// After one request was not answered in time the store counts as away until it answers any: no request waits longer
/// than this then, so that a disk that hangs delays one restart and not each.
const ANSWER_WHILE_AWAY: Duration = Duration::from_millis(50);

/// Requests that may wait for the thread; the others wait for their place.
const MOST_REQUESTS: usize = 64;

type StoreJob = Box<dyn FnOnce(&mut Database) + Send>;

pub(super) struct StoreThread {
    pub pending: Arc<Pending>,
    dir: PathBuf,
    state: Mutex<State>,
    places: Arc<Semaphore>,
    is_away: Arc<AtomicBool>,
}

enum State {
    New,
    /// The thread ends when the last sender is gone.
    Running(Sender<StoreJob>),
    Closed,
}

impl StoreThread {
    pub fn new(dir: PathBuf) -> Self {
        Self {
            pending: Arc::new(Pending::new()),
            dir,
            state: Mutex::new(State::New),
            places: Arc::new(Semaphore::new(MOST_REQUESTS)),
            is_away: Arc::default(),
        }
    }

    /// Has `request` done and returns its answer. A request that was sent is done even when no caller waits for
    /// the answer any more.
    pub async fn call<T: Send + 'static>(
        &self,
        request: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = async {
            let place = Arc::clone(&self.places).acquire_owned().await;
            let (answer, answered) = oneshot::channel();
            let is_away = Arc::clone(&self.is_away);
            self.send(Box::new(move |database| {
                // Nobody may be waiting any more.
                let _ = answer.send(request(database));
                is_away.store(false, Ordering::Relaxed);
                drop(place);
            }))?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        };
        let patience = match self.is_away.load(Ordering::Relaxed) {
            true => ANSWER_WHILE_AWAY,
            false => ANSWER_WITHIN,
        };
        match timeout(patience, answer).await {
            Ok(answer) => answer,
            Err(_) if patience == ANSWER_WHILE_AWAY => Err(StoreError::Slow(ANSWER_WITHIN)),
            Err(_) => {
                self.is_away.store(true, Ordering::Relaxed);
                let path = files::database(&self.dir);
                self.pending.report(trouble::slow(&path, ANSWER_WITHIN));
                Err(StoreError::Slow(ANSWER_WITHIN))
            }
        }
    }

    /// Has the thread write what is pending when it is due. Called once per batch, so it needs no place.
    pub fn wake(&self) {
        if let Err(error) = self.send(Box::new(|_| ())) {
            tracing::debug!("decisions are not stored: {error}");
        }
    }

    /// Ends the thread after all that was asked before.
    pub async fn close(&self, within: Duration) -> Result<(), StoreError> {
        let state = std::mem::replace(&mut *self.state(), State::Closed);
        let State::Running(requests) = state else {
            return Ok(());
        };
        let (answer, answered) = oneshot::channel();
        let last: StoreJob = Box::new(move |database| {
            database.close();
            let _ = answer.send(());
        });
        if requests.send(last).is_err() {
            return Err(StoreError::Closed);
        }
        drop(requests);
        match timeout(within, answered).await {
            Ok(answer) => answer.map_err(|_| StoreError::Closed),
            Err(_) => Err(StoreError::Slow(within)),
        }
    }

    fn send(&self, request: StoreJob) -> Result<(), StoreError> {
        let mut state = self.state();
        if let State::New = *state {
            *state = State::Running(self.start()?);
        }
        match &*state {
            State::Running(requests) => requests.send(request).map_err(|_| StoreError::Closed),
            State::New | State::Closed => Err(StoreError::Closed),
        }
    }

    fn start(&self) -> Result<Sender<StoreJob>, StoreError> {
        let (requests, inbox) = mpsc::channel();
        let database = Database::new(self.dir.clone(), Arc::clone(&self.pending));
        blocking::thread("store", move || serve(database, &inbox)).map_err(StoreError::Thread)?;
        Ok(requests)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of the thread.
fn serve(mut database: Database, inbox: &Receiver<StoreJob>) {
    loop {
        let request = match database.due() {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match request {
            Ok(request) => {
                // a request that breaks is answered with an error, and costs no other
                let done = catch_unwind(AssertUnwindSafe(|| request(&mut database)));
                if done.is_err() {
                    tracing::error!("internal error: a request to the store panicked");
                    database.reopen();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        database.maintain();
    }
    database.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hung_disk_is_waited_for_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let thread = StoreThread::new(dir.path().to_owned());
        let (release, hang) = mpsc::channel::<()>();
        let hung = thread.call(move |_| {
            // ends when the test drops the other end
            let _ = hang.recv();
            Ok(())
        });
        let begun = tokio::time::Instant::now();
        assert!(matches!(hung.await, Err(StoreError::Slow(_))));
        assert_eq!(begun.elapsed(), ANSWER_WITHIN);
        for _ in 0..10 {
            let next = thread.call(|_| Ok(())).await;
            assert!(matches!(next, Err(StoreError::Slow(_))));
        }
        assert!(begun.elapsed() < ANSWER_WITHIN + Duration::from_secs(1));
        drop(release);
        while thread.is_away.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        tokio::time::resume();
        assert!(
            matches!(thread.call(|_| Ok(7)).await, Ok(7)),
            "it answers again"
        );
    }
}
