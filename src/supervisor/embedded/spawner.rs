//! The threads that start processes: to fork, and to wait until the new process has become its command, may block for
//! as long as a file system does not answer, which must not delay the event loop. A thread starts one process at a time
//! and lives on: the kernel takes "when the parent dies" to be about the thread that forked.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::child::Child;
use super::fault::SpawnError;
use crate::blocking;

/// How long a start may take, from its request until the process has become its command.
const WITHIN: Duration = Duration::from_secs(10);

type Spawned = Result<Child, SpawnError>;

/// One start for a thread.
struct SpawnRequest {
    work: Box<dyn FnOnce() -> Spawned + Send>,
    reply: oneshot::Sender<Spawned>,
    runtime: Handle,
    hung: HungStart,
}

/// Whether an earlier start of a program has not ended: another one would make two processes of it.
#[derive(Clone, Debug, Default)]
pub struct HungStart(Arc<AtomicBool>);

/// The threads that wait for a request. They end with it, and with them programs that end with us.
#[derive(Debug, Default)]
pub struct Spawners {
    idle: Mutex<Vec<Sender<SpawnRequest>>>,
}

impl Spawners {
    /// Has `work` start a process. A process that starts too late is killed. Needs a runtime.
    pub async fn spawn(
        &self,
        hung: &HungStart,
        work: impl FnOnce() -> Spawned + Send + 'static,
    ) -> Spawned {
        if hung.0.load(Ordering::Acquire) {
            return Err(failed("an earlier start has not ended"));
        }
        let idle = self.idle().pop();
        let thread = match idle {
            Some(thread) => thread,
            None => start_thread().map_err(|error| failed(&error.to_string()))?,
        };
        let (reply, spawned) = oneshot::channel();
        hung.0.store(true, Ordering::Release);
        let request = SpawnRequest {
            work: Box::new(work),
            reply,
            runtime: Handle::current(),
            hung: hung.clone(),
        };
        // a thread that has ended drops the request, and with it the reply
        let _ = thread.send(request);
        match timeout(WITHIN, spawned).await {
            Ok(Ok(spawned)) => {
                hung.0.store(false, Ordering::Release);
                self.idle().push(thread);
                spawned
            }
            Ok(Err(_)) => {
                hung.0.store(false, Ordering::Release);
                Err(failed("internal error"))
            }
            // the thread ends after this request
            Err(_) => Err(failed(&format!(
                "it has not become its command within {} s",
                WITHIN.as_secs()
            ))),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sender<SpawnRequest>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_thread() -> io::Result<Sender<SpawnRequest>> {
    let (sender, requests) = channel::<SpawnRequest>();
    blocking::thread("spawn", move || {
        for request in requests {
            let _context = request.runtime.enter();
            if let Err(late) = request.reply.send((request.work)()) {
                if let Ok(late) = late {
                    late.kill_and_collect();
                }
                request.hung.0.store(false, Ordering::Release);
            }
        }
    })?;
    Ok(sender)
}

fn failed(cause: &str) -> SpawnError {
    SpawnError::Prepare {
        step: "start its process",
        cause: cause.to_owned(),
    }
}
