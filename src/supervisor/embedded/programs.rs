//! The programs as a whole: taking them over, changing their definitions, showing them.
//! Each program has a job of its own (`job`); here they are found by name, begun by priority, and compared on a reload.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use super::fault::ProgramError;
use super::handle::JobHandle;
use super::handle::{JobRequest, settle};
use super::identity::ProcessRecord;
use super::job::JobContext;
use super::logs::LogWriters;
use super::note_writer::NoteWriter;
use super::notes::ProcessNotes;
use super::spawner::Spawners;
use super::spec::Program;
use super::status::ProgramUpdate;
use super::unit::Autorestart;
use crate::health::{CallError, Process, ProcessName};
use crate::sorted;
use crate::supervisor::Supervisor;

/// So many updates are kept for a reader that is late.
const UPDATES: usize = 1024;

/// The programs. Clones are the same supervisor. With the last clone it ends, and its programs live on.
#[derive(Clone, Debug)]
pub struct Embedded {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    jobs: Mutex<BTreeMap<ProcessName, JobHandle>>,
    shared: Arc<JobContext>,
    address: String,
    closing: AtomicBool,
    updating: tokio::sync::Mutex<()>,
}

impl Embedded {
    /// A supervisor of `programs`, none of which is started. Of two with the same name the later one
    /// counts. Needs a runtime.
    pub fn new(programs: Vec<Program>) -> Self {
        Self::made(programs, None)
    }

    /// The same, and each process is noted in `directory` before it does anything, for the next watchdog
    /// to [read](super::read_notes). Blocks.
    pub fn noting(programs: Vec<Program>, directory: PathBuf) -> io::Result<Self> {
        let notes = ProcessNotes::new(directory)?;
        notes.tidy(&programs)?;
        Ok(Self::made(programs, Some(NoteWriter::new(notes)?)))
    }

    fn made(programs: Vec<Program>, notes: Option<NoteWriter>) -> Self {
        let address = match &notes {
            Some(notes) => format!("embedded in {}", notes.directory().display()),
            None => "embedded".to_owned(),
        };
        let embedded = Self {
            inner: Arc::new(Inner {
                jobs: Mutex::default(),
                shared: Arc::new(JobContext {
                    spawners: Spawners::default(),
                    log_writers: LogWriters::default(),
                    notes,
                    changes: watch::Sender::new(0),
                    updates: broadcast::Sender::new(UPDATES),
                }),
                address,
                closing: AtomicBool::new(false),
                updating: tokio::sync::Mutex::default(),
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
    pub async fn begin(&self, records: Vec<ProcessRecord>) {
        let records = records.into_iter();
        let mut records = sorted::map(records.map(|record| (record.name.clone(), record)));
        for handle in self.by_priority() {
            let record = records.remove(&handle.program.full_name());
            let begun = handle.ask(|ticket| JobRequest::Begin(record, ticket)).await;
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
                .ask(|ticket| JobRequest::Begin(Some(record), ticket))
                .await;
            settle(begun).await;
            self.stop_removed(name);
        }
    }

    /// From now on the programs are `programs`. What did not change runs on; what is gone is stopped; and when
    /// that has ended (a new program may want its port), what is new is begun, and what changed is replaced.
    /// Returns before all of that is done.
    pub async fn update(&self, programs: Vec<Program>) {
        if self.closing() {
            return;
        }
        let programs = programs.into_iter();
        let wanted = sorted::map(programs.map(|program| (program.full_name(), program)));
        let gone: Vec<_> = self.jobs().keys().cloned().collect();
        let gone = gone.into_iter().filter(|name| !wanted.contains_key(name));
        let retired: Vec<_> = gone.map(|name| self.stop_removed(name)).collect();
        let mut wanted: Vec<_> = wanted.into_values().collect();
        sorted::by_key(&mut wanted, |program| program.priority);
        let changes: Vec<_> = wanted
            .into_iter()
            .map(|program| self.define(program))
            .collect();
        let is_free = retired.is_empty();
        let embedded = self.clone();
        let updated = tokio::spawn(async move {
            // one update after the other
            let _turn = embedded.inner.updating.lock().await;
            for retired in retired {
                let _ = retired.await;
            }
            for (handle, known) in changes {
                if !embedded.closing() && embedded.is_current(&handle) {
                    let program = Arc::clone(&handle.program);
                    let asked = handle.ask(|ticket| match known {
                        true => JobRequest::Redefine(program, ticket),
                        false => JobRequest::Begin(None, ticket),
                    });
                    settle(asked.await).await;
                }
            }
        });
        if is_free {
            let _ = updated.await;
        }
    }

    /// The job of `program`, and whether there was one before.
    fn define(&self, program: Program) -> (JobHandle, bool) {
        if let Some(known) = self.jobs().get_mut(&program.full_name()) {
            known.program = Arc::new(program);
            known.retired = false;
            return (known.clone(), true);
        }
        (self.add(program), false)
    }

    /// Whether its job is still current, and not about to end.
    fn is_current(&self, handle: &JobHandle) -> bool {
        let jobs = self.jobs();
        let now = jobs.get(&handle.program.full_name());
        now.is_some_and(|now| !now.retired && now.is_same_job(handle))
    }

    /// The directory of its notes, which no other watchdog has.
    pub(super) fn directory(&self) -> &str {
        &self.inner.address
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

    /// What the next watchdog must know to supervise the running programs.
    pub fn records(&self) -> Vec<ProcessRecord> {
        self.jobs()
            .values()
            .filter_map(|handle| handle.status().record)
            .collect()
    }

    /// Changes whenever [`Embedded::records`] does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.changes.subscribe()
    }

    /// What becomes of each program from now on.
    pub fn updates(&self) -> broadcast::Receiver<ProgramUpdate> {
        self.inner.shared.updates.subscribe()
    }

    /// Each program as it is now, for who has missed updates.
    pub fn states(&self) -> Vec<ProgramUpdate> {
        let jobs = self.jobs();
        let state = |(name, handle): (&ProcessName, &JobHandle)| {
            let mut update = ProgramUpdate::new(name.clone(), &handle.status(), None);
            // it is not known whether that end was missed
            update.change.end = None;
            update
        };
        jobs.iter().map(state).collect()
    }

    pub(super) fn log_writers(&self) -> &LogWriters {
        &self.inner.shared.log_writers
    }

    pub(super) fn jobs(&self) -> MutexGuard<'_, BTreeMap<ProcessName, JobHandle>> {
        self.inner
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing is started.
    pub(super) fn close(&self) {
        self.inner.closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn closing(&self) -> bool {
        self.inner.closing.load(Ordering::Relaxed)
    }

    pub(super) fn handle(&self, name: &ProcessName) -> Result<JobHandle, CallError> {
        let handle = self.jobs().get(name).cloned();
        handle.ok_or_else(|| ProgramError::BadName.about(name))
    }

    fn add(&self, program: Program) -> JobHandle {
        let name = program.full_name();
        let handle = JobHandle::new(Arc::new(program), Arc::clone(&self.inner.shared));
        self.jobs().insert(name, handle.clone());
        handle
    }

    /// Stops `name`, and forgets it when it is gone. Until then its record is kept, and it cannot be
    /// started a second time.
    fn stop_removed(&self, name: ProcessName) -> JoinHandle<()> {
        if let Some(handle) = self.jobs().get_mut(&name) {
            handle.retired = true;
        }
        let embedded = self.clone();
        tokio::spawn(async move {
            let Ok(retired) = embedded.handle(&name) else {
                return;
            };
            let stopped = embedded.ask(&name, JobRequest::Stop).await;
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
        })
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

    pub(super) fn by_priority(&self) -> Vec<JobHandle> {
        let mut handles: Vec<_> = self.jobs().values().cloned().collect();
        sorted::by_key(&mut handles, |handle| handle.program.priority);
        handles
    }
}
