//! Writes notes beside the event loop: one thread does one request after the other, so that a note is begun before its
//! process starts and cleared after its process has ended. A state directory that does not answer delays a request by
//! [`WITHIN`] at most; programs are then started, stopped and probed without their notes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::notes::ProcessNotes;
use crate::blocking;

/// How long a request may take.
const WITHIN: Duration = Duration::from_secs(2);

/// How long it may take after an earlier one that has not ended yet.
const WITHIN_WHEN_LATE: Duration = Duration::from_millis(50);

/// Requests that wait for the directory. With more of them it is hung, and notes are lost.
const QUEUE: usize = 1024;

type Work = Box<dyn FnOnce(&ProcessNotes) + Send>;

/// The notes, and the thread that writes them. The thread ends when this is dropped.
#[derive(Debug)]
pub struct NoteWriter {
    directory: PathBuf,
    queue: SyncSender<Work>,
    is_late: Arc<AtomicBool>,
}

impl NoteWriter {
    /// Starts the thread that writes `notes`.
    pub fn new(notes: ProcessNotes) -> io::Result<Self> {
        let directory = notes.directory().to_owned();
        let (queue, requests) = sync_channel::<Work>(QUEUE);
        let is_late = Arc::<AtomicBool>::default();
        let late = Arc::clone(&is_late);
        blocking::thread("notes", move || {
            for work in requests {
                work(&notes);
                late.store(false, Ordering::Relaxed);
            }
        })?;
        Ok(Self {
            directory,
            queue,
            is_late,
        })
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has `work` done after all earlier requests. One that is late is done nevertheless, when the directory answers.
    ///
    /// # Errors
    /// The directory does not answer.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ProcessNotes) -> T + Send + 'static,
    ) -> io::Result<T> {
        let hung = || {
            let text = format!("\"{}\" does not answer", self.directory.display());
            io::Error::new(io::ErrorKind::TimedOut, text)
        };
        let (reply, done) = oneshot::channel();
        let queued = self.queue.try_send(Box::new(move |notes| {
            // the requester may have given up
            let _ = reply.send(work(notes));
        }));
        queued.map_err(|_| hung())?;
        let within = match self.is_late.load(Ordering::Relaxed) {
            true => WITHIN_WHEN_LATE,
            false => WITHIN,
        };
        match timeout(within, done).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(io::Error::other("internal error")),
            Err(_) => {
                self.is_late.store(true, Ordering::Relaxed);
                Err(hung())
            }
        }
    }
}
