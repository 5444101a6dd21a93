//! The programs of the configuration file, from our start to our end: taken over from an earlier run, or
//! started; defined anew on reload; stopped at the end, or left to the next run. What becomes of one while
//! it runs is its supervisor's business.
//!
//! Each watchdog has notes of its own in the state directory, and a lock beside them: two that were started
//! with the same file must not both supervise its programs. The lock goes with the process that holds it,
//! and with what that was just about to start, so that its next holder finds every note finished.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, timeout};

use crate::blocking;
use crate::health::{Backend, Process};
use crate::supervisor::Supervisors;
use crate::supervisor::embedded::{
    Embedded, ProcessRecord, Program, ProgramUpdate, become_subreaper, read_notes, reap_orphans,
};

use super::former_names;
use super::logger::Logger;
use super::program_updates::ProgramUpdates;
use super::state_dir::short;

/// How long the state directory may take to open the lock, and to read the notes.
const NOTES_WITHIN: Duration = Duration::from_secs(5);

/// How long an earlier run may take to be gone, and what it was just starting to be started.
const LOCK_FOR: Duration = Duration::from_secs(5);
const LOCK_EVERY: Duration = Duration::from_millis(20);

/// What the configuration says about programs.
#[derive(Debug, Default)]
pub struct Definitions {
    /// The programs.
    pub programs: Vec<Program>,
    /// They run on when we end.
    pub leave: bool,
}

/// Supervises the programs, if there are any.
#[derive(Debug)]
pub struct Programs {
    notes: PathBuf,
    leave: bool,
    supervisor: Option<Embedded>,
    updates: Option<ProgramUpdates>,
    reaper: Option<AbortHandle>,
    /// The last change of definitions, until every program of it was begun.
    changing: Option<JoinHandle<()>>,
    lock: Option<Flock<File>>,
    logger: Logger,
}

impl Programs {
    /// Those of the watchdog `key`, whose state is in `dir`. Nothing is done yet.
    pub fn new(dir: &Path, key: &str, logger: Logger) -> Self {
        Self {
            notes: dir.join(format!("programs-{}", short(key))),
            leave: false,
            supervisor: None,
            updates: None,
            reaper: None,
            changing: None,
            lock: None,
            logger,
        }
    }

    /// Collects orphans if nobody else can: as the first process of a container we are the parent of all
    /// of them. Needs a runtime.
    pub fn reap_as_init(&mut self) {
        if process::id() == 1 {
            self.reap();
        }
    }

    /// What a definition has to be prepared with.
    pub fn preparer(&self) -> Preparer {
        Preparer {
            notes: self.notes.clone(),
            taken_over: self.supervisor.is_some(),
            logger: self.logger.clone(),
        }
    }

    /// From now on the programs are as prepared; nothing of it waits. The first time, what an earlier run left
    /// is taken over: what is not wanted any more is stopped, too. Needs a runtime.
    pub fn apply(&mut self, prepared: Prepared) {
        let Prepared { wanted, taken_over } = prepared;
        self.leave = wanted.leave;
        let before = self.changing.take();
        let change = match (taken_over, self.supervisor.clone()) {
            (Some(taken_over), None) => {
                if let Err(why) = become_subreaper() {
                    tracing::warn!("what programs leave behind will not be collected: {why}");
                }
                self.reap();
                self.lock = taken_over.lock;
                let supervisor = taken_over.supervisor.clone();
                self.updates = Some(ProgramUpdates::of(&supervisor));
                self.supervisor = Some(taken_over.supervisor);
                tokio::spawn(async move { supervisor.begin(taken_over.records).await })
            }
            (_, Some(supervisor)) => tokio::spawn(async move {
                if let Some(before) = before {
                    // one that broke has left its programs as they were
                    let _ = before.await;
                }
                supervisor.update(wanted.programs).await;
            }),
            (None, None) => return,
        };
        self.changing = Some(change);
    }

    /// Waits until every program was begun.
    pub async fn begun(&mut self) {
        if let Some(changing) = self.changing.take() {
            // a task that broke leaves the programs to their checks
            let _ = changing.await;
        }
    }

    /// Where checks find the programs.
    pub fn register_with(&self, supervisors: &mut Supervisors) {
        if let Some(supervisor) = &self.supervisor {
            supervisors.insert(Backend::Embedded, supervisor.clone());
        }
    }

    /// Their supervisor, when there are any.
    pub const fn supervisor(&self) -> Option<&Embedded> {
        self.supervisor.as_ref()
    }

    /// What is new of a program. Cancel-safe.
    pub async fn next_update(&mut self) -> ProgramUpdate {
        match &mut self.updates {
            Some(updates) => updates.next().await,
            None => std::future::pending().await,
        }
    }

    /// Every program as it is now.
    pub fn list(&self) -> Vec<Process> {
        self.supervisor
            .as_ref()
            .map_or_else(Vec::new, Embedded::list)
    }

    /// Stops them, or leaves them to the next run. May be dropped halfway: what still runs is left, too.
    pub fn end(&self) -> impl Future<Output = ()> + use<> {
        let (supervisor, leave) = (self.supervisor.clone(), self.leave);
        async move {
            match supervisor {
                Some(_) if leave => tracing::info!("the programs run on"),
                Some(supervisor) => supervisor.shutdown(supervisor.longest_stop()).await,
                None => {}
            }
        }
    }

    fn reap(&mut self) {
        if self.reaper.is_some() {
            return;
        }
        let reaping = tokio::spawn(async {
            if let Err(why) = reap_orphans().await {
                tracing::warn!("cannot collect orphans: {why}");
            }
        });
        self.reaper = Some(reaping.abort_handle());
    }
}

/// Everything about new definitions that can fail, done before anything of the old ones is touched.
#[derive(Debug)]
pub struct Preparer {
    notes: PathBuf,
    taken_over: bool,
    logger: Logger,
}

/// Definitions that are ready to be applied.
#[derive(Debug)]
pub struct Prepared {
    wanted: Definitions,
    taken_over: Option<TakenOver>,
}

/// What an earlier run left, and the supervisor that goes on with it.
#[derive(Debug)]
struct TakenOver {
    lock: Option<Flock<File>>,
    records: Vec<ProcessRecord>,
    supervisor: Embedded,
}

impl Preparer {
    /// Prepares `wanted`. Needs a runtime.
    ///
    /// # Errors
    /// Another watchdog supervises the programs.
    pub async fn prepare(self, wanted: Definitions) -> Result<Prepared, String> {
        let is_new = !self.taken_over && (!wanted.programs.is_empty() || self.notes.exists());
        let taken_over = match is_new {
            true => Some(self.take_over(wanted.programs.clone()).await?),
            false => None,
        };
        Ok(Prepared { wanted, taken_over })
    }

    async fn take_over(self, programs: Vec<Program>) -> Result<TakenOver, String> {
        let lock = self.locked().await?;
        let (notes, noting) = (self.notes.clone(), programs.clone());
        let runtime = Handle::current();
        let read = beside_the_loop(move || {
            let _context = runtime.enter();
            let mut records = read_notes(&notes);
            if let Ok(records) = &mut records {
                match former_names::orphans_of(&notes, &noting) {
                    Ok(orphans) => records.extend(orphans),
                    Err(why) => {
                        tracing::warn!("what watchdogs of other files left is not known: {why}");
                    }
                }
            }
            Ok((records, Embedded::noting(noting, notes)))
        });
        let (records, supervisor) = match read.await {
            Ok(read) => read,
            Err(why) => (Ok(Vec::new()), Err(why)),
        };
        let records = records.unwrap_or_else(|why| {
            self.unknown("what an earlier run left is not known", &why);
            Vec::new()
        });
        let supervisor = supervisor.unwrap_or_else(|why| {
            let text =
                "programs are started, but when httpok is killed the next run will not know them";
            self.unknown(text, &why);
            Embedded::new(programs)
        });
        Ok(TakenOver {
            lock,
            records,
            supervisor,
        })
    }

    /// The lock, or none where there can be none: a state directory that cannot be used must not keep
    /// programs from being started.
    async fn locked(&self) -> Result<Option<Flock<File>>, String> {
        let path = self.notes.with_extension("lock");
        let until = Instant::now() + LOCK_FOR;
        let opened = path.clone();
        let mut file = match beside_the_loop(move || open(&opened)).await {
            Ok(file) => file,
            Err(why) => {
                self.unknown("programs are not locked", &why);
                return Ok(None);
            }
        };
        loop {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Some(lock)),
                Err((file, Errno::EWOULDBLOCK)) if Instant::now() < until => file,
                Err((_, Errno::EWOULDBLOCK)) => {
                    return Err(format!(
                        "another watchdog supervises the programs of this configuration: it has {} locked",
                        path.display()
                    ));
                }
                Err((_, why)) => {
                    self.unknown("programs are not locked", &why.into());
                    return Ok(None);
                }
            };
            sleep(LOCK_EVERY).await;
        }
    }

    fn unknown(&self, what: &str, why: &io::Error) {
        let notes = self.notes.display();
        self.logger
            .trouble(&format!("httpok: {what}: {notes}: {why}"));
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        if let Some(reaper) = &self.reaper {
            reaper.abort();
        }
    }
}

/// Does what may wait for the state directory on a thread of its own, and waits [`NOTES_WITHIN`] for it.
pub async fn beside_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match timeout(NOTES_WITHIN, blocking::run("notes", work)).await {
        Ok(done) => done.map_err(io::Error::other)?,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it does not answer",
        )),
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)
}
