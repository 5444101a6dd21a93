//! Our own supervisor, for programs that nobody else looks after: supervisord's states, names and faults.
//!
//! # Theory of operation
//! Every program has a task, the *job* (`job`). It alone owns the program's state machine (`unit`), its
//! process (`child`) and its one timer; three things wake it: a request, the process's end, the timer.
//! A handle puts requests into the job's queue; each carries a ticket, which is answered when the request
//! has come to its end: a start when the program is up or will not be, a stop when it is gone. The state
//! machine bounds both, so that no ticket waits for ever. What a job is like can be read at any time
//! without asking it: it publishes before it answers.
//!
//! A program leads a session and group of its own, and writes its logs itself (`logs`): nothing ties it
//! to us. When we go, however we go, it lives on; the next watchdog finds it by its [`Record`] (which
//! `notes` keep on disk from before the program's first instruction) and looks
//! after it as if it were its own, but for its exit code, which only a parent gets to know. The other way
//! round, what a program leaves of its group when it ends is killed before the program is started again.
//!
//! Under systemd, programs outlive the service only with `KillMode=process`.

mod child;
mod fault;
mod foreground;
mod identity;
mod job;
mod logs;
mod notes;
mod polled;
mod reaper;
mod spawn;
mod spec;
mod status;
mod unit;
mod user;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

pub use fault::{Exit, SpawnError};
pub use foreground::forward;
pub use identity::Record;
pub use notes::read_notes;
pub use reaper::{become_subreaper, reap_orphans};
pub use spec::{Autorestart, Input, LogFile, Output, Program, Rlimits};
pub use user::{User, UserError};

use self::fault::Fault;
use self::job::{Handle, Request, Shared, Ticket};
use self::logs::Keeper;
use self::notes::Notes;
use super::Stream;
use crate::health::{CallError, Process, ProcessName};

/// Receipts for requests whose end somebody waits for.
type Receipts = Vec<oneshot::Receiver<Result<(), Fault>>>;

/// The programs. Clones are the same supervisor. With the last clone it ends, and its programs live on.
#[derive(Clone, Debug)]
pub struct Embedded {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    jobs: Mutex<BTreeMap<ProcessName, Handle>>,
    shared: Arc<Shared>,
    closing: AtomicBool,
}

impl Embedded {
    /// A supervisor of `programs`, none of which is started. Of two with the same name the later one
    /// counts. Needs a runtime.
    pub fn new(programs: Vec<Program>) -> Self {
        Self::made(programs, None)
    }

    /// The same, and each process is noted in `directory` before it does anything, for the next watchdog
    /// to [`read_notes`].
    pub fn noting(programs: Vec<Program>, directory: PathBuf) -> io::Result<Self> {
        Ok(Self::made(programs, Some(Notes::new(directory)?)))
    }

    fn made(programs: Vec<Program>, notes: Option<Notes>) -> Self {
        let embedded = Self {
            inner: Arc::new(Inner {
                jobs: Mutex::default(),
                shared: Arc::new(Shared {
                    keeper: Keeper::new(),
                    notes,
                    changes: watch::Sender::new(0),
                }),
                closing: AtomicBool::new(false),
            }),
        };
        for program in programs {
            embedded.add(program);
        }
        embedded
    }

    /// Takes over the processes in `records` that live, and starts what else is due, by priority. A
    /// process of a program that is not defined any more is stopped, one of a definition that changed is
    /// replaced. Returns when every program was begun, not when it is up.
    pub async fn begin(&self, records: Vec<Record>) {
        let mut records: BTreeMap<_, _> = records
            .into_iter()
            .map(|record| (record.name.clone(), record))
            .collect();
        for handle in self.by_priority() {
            let record = records.remove(&handle.program.full_name());
            let begun = handle.ask(|ticket| Request::Begin(record, ticket)).await;
            settle(begun).await;
        }
        for (name, mut record) in records {
            let stray = self.add(Program {
                group: name.group.clone(),
                autostart: false,
                autorestart: Autorestart::Never,
                ..Program::new(&name.name, Vec::new())
            });
            record.fingerprint = stray.program.fingerprint();
            let begun = stray
                .ask(|ticket| Request::Begin(Some(record), ticket))
                .await;
            settle(begun).await;
            self.retire(name);
        }
    }

    /// From now on the programs are `programs`. What did not change runs on; what is new is begun, what
    /// changed is replaced, what is gone is stopped. Returns before all of that is done.
    pub async fn update(&self, programs: Vec<Program>) {
        if self.closing() {
            return;
        }
        let wanted: BTreeMap<_, _> = programs
            .into_iter()
            .map(|program| (program.full_name(), program))
            .collect();
        let gone: Vec<_> = self.jobs().keys().cloned().collect();
        for name in gone.into_iter().filter(|name| !wanted.contains_key(name)) {
            self.retire(name);
        }
        let mut wanted: Vec<_> = wanted.into_values().collect();
        wanted.sort_by_key(|program| program.priority);
        for program in wanted {
            let known = self.jobs().get(&program.full_name()).cloned();
            let asked = match known {
                Some(handle) => {
                    let program = Arc::new(program);
                    if let Some(known) = self.jobs().get_mut(&program.full_name()) {
                        known.program = Arc::clone(&program);
                    }
                    handle
                        .ask(|ticket| Request::Redefine(program, ticket))
                        .await
                }
                None => {
                    let handle = self.add(program);
                    handle.ask(|ticket| Request::Begin(None, ticket)).await
                }
            };
            settle(asked).await;
        }
    }

    /// Every program, by group and name.
    pub fn list(&self) -> Vec<Process> {
        self.jobs()
            .iter()
            .map(|(name, handle)| handle.status().process(name))
            .collect()
    }

    /// The program `name`.
    pub fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        Ok(self.handle(name)?.status().process(name))
    }

    /// Stops `name`; answered when it is gone.
    pub async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        self.ask(name, Request::Stop).await
    }

    /// Starts `name`; answered when it is up, or will not be.
    pub async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        if self.closing() {
            return Err(Fault::Closing.about(name));
        }
        self.ask(name, Request::Start).await
    }

    /// Sends `name` alone, not its group, the signal `signal`: `HUP`, `SIGHUP` or `1`.
    pub async fn signal(&self, name: &ProcessName, signal: &str) -> Result<(), CallError> {
        let number =
            signal_number(signal).ok_or_else(|| Fault::BadSignal(signal.to_owned()).about(name))?;
        self.ask(name, |ticket| Request::Signal(number, ticket))
            .await
    }

    /// At most the last `bytes` bytes of what `name` wrote to `stream`; empty when that is no file.
    pub async fn log_tail(
        &self,
        name: &ProcessName,
        stream: Stream,
        bytes: u16,
    ) -> Result<String, CallError> {
        let program = self.handle(name)?.program;
        let output = match stream {
            Stream::Stdout => &program.stdout,
            Stream::Stderr => &program.stderr,
        };
        let Output::File(log) = output else {
            return Ok(String::new());
        };
        let path = log.path.clone();
        let tail = tokio::task::spawn_blocking(move || logs::tail(&path, bytes)).await;
        tail.unwrap_or_else(|error| Err(error.into()))
            .map_err(|error| CallError::Unreachable {
                detail: format!("cannot read \"{}\": {error}", log.path.display()),
            })
    }

    /// Stops every program, those of the highest priority number first and each number at once. What is
    /// left after `within` is killed. From here on nothing is started any more.
    pub async fn shutdown(&self, within: Duration) {
        self.inner.closing.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + within;
        let handles = self.by_priority();
        for level in handles
            .chunk_by(|one, other| one.program.priority == other.program.priority)
            .rev()
        {
            let receipts = ask_all(level, Request::Stop).await;
            if timeout_at(deadline, settle(receipts)).await.is_err() {
                tracing::warn!("programs did not stop in time and are killed");
                settle(ask_all(&handles, Request::Kill).await).await;
                return;
            }
        }
    }

    /// What the next watchdog must know to look after the programs that run.
    pub fn records(&self) -> Vec<Record> {
        self.jobs()
            .values()
            .filter_map(|handle| handle.status().record)
            .collect()
    }

    /// Changes whenever [`Embedded::records`] does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.changes.subscribe()
    }

    /// Waits until `name` has come to its end by itself and will not be started again, and gives the exit
    /// code for one who ran only this program. What was stopped is waited for until it is started again.
    pub async fn over(&self, name: &ProcessName) -> Result<i32, CallError> {
        let status = self.handle(name)?.wait(|status| status.state.over()).await;
        let status = status.ok_or_else(|| gone(name))?;
        Ok(status.exit_code().unwrap_or(1))
    }

    /// The exit code with which `name` ended, if it did.
    pub fn exit_code(&self, name: &ProcessName) -> Option<i32> {
        self.handle(name).ok()?.status().exit_code()
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<ProcessName, Handle>> {
        self.inner
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> bool {
        self.inner.closing.load(Ordering::Relaxed)
    }

    fn handle(&self, name: &ProcessName) -> Result<Handle, CallError> {
        let handle = self.jobs().get(name).cloned();
        handle.ok_or_else(|| Fault::BadName.about(name))
    }

    fn add(&self, program: Program) -> Handle {
        let name = program.full_name();
        let handle = Handle::new(Arc::new(program), Arc::clone(&self.inner.shared));
        self.jobs().insert(name, handle.clone());
        handle
    }

    /// Stops `name`, and forgets it when it is gone. Until then its record is kept, and it cannot be
    /// started a second time.
    fn retire(&self, name: ProcessName) {
        let embedded = self.clone();
        tokio::spawn(async move {
            let Ok(retired) = embedded.handle(&name) else {
                return;
            };
            let stopped = embedded.ask(&name, Request::Stop).await;
            if !embedded.forget(&name, &retired.program) {
                // Another reload brought it back.
                let _ = embedded.start(&name).await;
                return;
            }
            match stopped {
                Err(error) if !error.is_fault(CallError::NOT_RUNNING) => {
                    tracing::warn!(
                        "cannot stop \"{name}\", which is not defined any more: {error}"
                    );
                }
                _ => tracing::info!("\"{name}\" is not defined any more"),
            }
        });
    }

    /// Whether `name` was still defined as `program`.
    fn forget(&self, name: &ProcessName, program: &Arc<Program>) -> bool {
        let mut jobs = self.jobs();
        let same = jobs
            .get(name)
            .is_some_and(|handle| Arc::ptr_eq(&handle.program, program));
        if same {
            jobs.remove(name);
        }
        same
    }

    fn by_priority(&self) -> Vec<Handle> {
        let mut handles: Vec<_> = self.jobs().values().cloned().collect();
        handles.sort_by_key(|handle| handle.program.priority);
        handles
    }

    async fn ask(
        &self,
        name: &ProcessName,
        request: impl FnOnce(Ticket) -> Request,
    ) -> Result<(), CallError> {
        let receipt = self.handle(name)?.ask(request).await;
        let answer = receipt.ok_or_else(|| gone(name))?.await;
        answer
            .map_err(|_| gone(name))?
            .map_err(|fault| fault.about(name))
    }
}

/// Its job panicked: there is no other way for one to end before its handles.
fn gone(name: &ProcessName) -> CallError {
    CallError::Unreachable {
        detail: format!("nobody looks after \"{name}\" any more"),
    }
}

async fn ask_all(handles: &[Handle], request: fn(Ticket) -> Request) -> Receipts {
    let mut receipts = Vec::with_capacity(handles.len());
    for handle in handles {
        receipts.extend(handle.ask(request).await);
    }
    receipts
}

/// Waits until all are answered, whatever the answers.
async fn settle(receipts: impl IntoIterator<Item = oneshot::Receiver<Result<(), Fault>>>) {
    for receipt in receipts {
        let _ = receipt.await;
    }
}

/// The number of the signal `HUP`, `SIGHUP` or `1`.
fn signal_number(text: &str) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    let signal = match upper.parse::<i32>() {
        Ok(number) => Signal::try_from(number),
        Err(_) if upper.starts_with("SIG") => upper.parse(),
        Err(_) => format!("SIG{upper}").parse(),
    };
    signal.ok().map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("HUP", Some(1)),
            ("hup", Some(1)),
            ("SIGHUP", Some(1)),
            ("1", Some(1)),
            ("USR2", Some(12)),
            ("", None),
            ("0", None),
            ("-9", None),
            ("999", None),
            ("SIG", None),
            ("HUP ", None),
        ] {
            assert_eq!(signal_number(text), number, "{text:?}");
        }
    }
}
