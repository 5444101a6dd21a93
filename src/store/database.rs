//! Answers requests on the store's thread: from the file while that works, from memory while it does not; moves
//! the rows when one takes the other's place. What the requests mean is not known here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::busy;
use super::files::{self, FileIdentity, OpenDatabase};
use super::history;
use super::in_memory;
use super::pending::Pending;
use super::reserve::Reserve;
use super::rows::{int, json};
use super::trouble::{self, FileFault, StoreError, StoreTrouble, StoreTroubleKind};

/// In memory, the file is tried again after this, then less and less often.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Old decisions of a check are dropped after so many new ones: to search for them each time costs too much.
const PRUNE_EVERY: u32 = 128;

/// How a request uses the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DatabaseUse {
    /// It only reads.
    Read,
    /// It writes, and may be lost when the power fails; not when the watchdog dies.
    Write,
    /// It writes, and is on disk before the answer.
    Durable,
}

pub(super) struct Database {
    dir: PathBuf,
    pending: Arc<Pending>,
    backend: DatabaseBackend,
    reserve: Reserve,
    /// Decisions written since the last pruning, by watchdog and check.
    unpruned: HashMap<(String, String), u32>,
}

enum DatabaseBackend {
    /// Nothing was asked yet.
    None,
    File {
        conn: Connection,
        identity: FileIdentity,
    },
    Memory {
        conn: Connection,
        /// The file that its rows were copied from.
        source: Option<FileIdentity>,
        retry: Instant,
        pause: Duration,
    },
}

impl Database {
    pub fn new(dir: PathBuf, pending: Arc<Pending>) -> Self {
        Self {
            reserve: Reserve::new(&dir),
            dir,
            pending,
            backend: DatabaseBackend::None,
            unpruned: HashMap::new(),
        }
    }

    /// Has `trouble` reported.
    pub fn report(&self, trouble: StoreTrouble) {
        self.pending.report(trouble);
    }

    /// Whether what is written goes to the file, and not to memory alone.
    pub const fn is_on_disk(&self) -> bool {
        matches!(
            self.backend,
            DatabaseBackend::None | DatabaseBackend::File { .. }
        )
    }

    /// The database's path.
    pub fn path(&self) -> PathBuf {
        files::database(&self.dir)
    }

    /// Does `request` on the file, or when that fails, in memory. It may be done twice, so it must come to
    /// the same.
    pub fn run<T>(
        &mut self,
        how: DatabaseUse,
        request: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut done = None;
        self.attempt(how, &mut |conn| {
            done = Some(request(conn)?);
            Ok(())
        })?;
        done.ok_or_else(|| StoreError::Refused("nothing was done".to_owned()))
    }

    fn attempt(
        &mut self,
        how: DatabaseUse,
        request: &mut dyn FnMut(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.settle();
        if how == DatabaseUse::Durable {
            // The disk is at work anyway: what waits goes along, right behind.
            self.pending.retry_soon();
        }
        // Once more after a damaged file was replaced; not for ever, on a disk that damages them all.
        for _ in 0..2 {
            let DatabaseBackend::File { conn, identity } = &self.backend else {
                break;
            };
            match transact(conn, how, request) {
                Ok(()) => return Ok(()),
                Err(error) => match FileFault::of(&error) {
                    None => return Err(refused(&error)),
                    Some(fault) if fault.kind == StoreTroubleKind::Corrupt => {
                        let identity = *identity;
                        self.open(Some((identity, &fault)));
                    }
                    Some(fault) => self.fall_back_to_memory(&fault),
                },
            }
        }
        if let DatabaseBackend::File { .. } = self.backend {
            self.fall_back_to_memory(&FileFault::new(
                StoreTroubleKind::Failing,
                "it was damaged again as soon as it was made",
            ));
        }
        match &self.backend {
            DatabaseBackend::Memory { conn, .. } => {
                transact(conn, how, request).map_err(|error| refused(&error))?;
                if how != DatabaseUse::Read
                    && let Err(error) = self.reserve.follow(conn)
                {
                    // the trouble with the file itself is reported
                    tracing::debug!("the reserve for intents cannot be used: {error}");
                }
                Ok(())
            }
            DatabaseBackend::None | DatabaseBackend::File { .. } => Err(StoreError::Refused(
                "there is no memory left for it".to_owned(),
            )),
        }
    }

    /// Opens the file if that was not tried yet, or if it is time to try it again, or if another file has
    /// come in its place.
    pub fn settle(&mut self) {
        match &self.backend {
            DatabaseBackend::None => self.open(None),
            DatabaseBackend::File { identity, .. } => {
                // Replaced by another watchdog because it was damaged, or removed by someone.
                if files::identity(&self.path()).ok() != Some(*identity) {
                    self.open(None);
                }
            }
            DatabaseBackend::Memory { retry, .. } => {
                if Instant::now() >= *retry {
                    busy::with(busy::BRIEF, || self.open(None));
                }
            }
        }
    }

    /// Begins anew with the file: a request broke in the middle, and its transaction with it.
    pub fn reopen(&mut self) {
        if let DatabaseBackend::File { .. } = self.backend {
            self.backend = DatabaseBackend::None;
        }
    }

    /// When the thread has to see to something by itself.
    pub fn due(&self) -> Option<Instant> {
        let retry = match &self.backend {
            DatabaseBackend::Memory { retry, .. } => Some(*retry),
            DatabaseBackend::None | DatabaseBackend::File { .. } => None,
        };
        [retry, self.pending.due()].into_iter().flatten().min()
    }

    /// Sees to what is due.
    pub fn maintain(&mut self) {
        if !matches!(self.backend, DatabaseBackend::None) {
            self.settle();
        }
        if self.pending.due().is_some_and(|due| due <= Instant::now()) {
            self.write_waiting(DatabaseUse::Write);
        }
    }

    /// Writes what can wait, in one transaction.
    pub fn write_waiting(&mut self, how: DatabaseUse) {
        let waiting = self.pending.take();
        if waiting.is_empty() {
            return;
        }
        let now = unix_millis();
        let mut notes = Vec::new();
        for (watchdog, note) in &waiting.notes {
            match json("a decision", note) {
                Ok(text) => notes.push((watchdog, &note.check, text)),
                Err(error) => tracing::warn!("{error}"),
            }
        }
        let new = notes.iter().map(|(watchdog, check, _)| (*watchdog, *check));
        let prune = self.due_for_pruning(new);
        let keep = match self.backend {
            DatabaseBackend::Memory { .. } => history::KEPT_NOTES_IN_MEMORY,
            DatabaseBackend::None | DatabaseBackend::File { .. } => history::KEPT_NOTES,
        };
        let written = self.run(how, |conn| {
            for ((watchdog, check), memory) in &waiting.memories {
                history::save_memory(conn, watchdog, check, memory, now)?;
            }
            for (watchdog, check, text) in &notes {
                history::add_note(conn, watchdog, check, text, now)?;
            }
            for (watchdog, check) in &prune {
                history::prune_notes(conn, watchdog, check, keep)?;
            }
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!("check state and decisions are not stored: {error}");
        }
    }

    /// Folds the log into the file: what comes next reads one file, and it can be copied alone.
    pub fn close(&mut self) {
        self.write_waiting(DatabaseUse::Write);
        if let DatabaseBackend::Memory { .. } = self.backend {
            self.open(None); // the last chance
        }
        if let DatabaseBackend::File { conn, .. } = &self.backend {
            // Where others use the file the log may stay.
            let folded = busy::with(busy::BRIEF, || {
                conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            });
            if let Err(error) = folded {
                // The log stays and is read again next time: nothing is lost.
                tracing::debug!("the store's log stays beside it: {error}");
            }
        }
        self.backend = DatabaseBackend::None;
    }

    /// The checks of `new` decisions that are due for pruning. A check is due with its first one too:
    /// short runs would never come to a count.
    fn due_for_pruning<'a>(
        &mut self,
        new: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Vec<(String, String)> {
        let mut due = Vec::new();
        for (watchdog, check) in new {
            let key = (watchdog.clone(), check.clone());
            match self.unpruned.get_mut(&key) {
                Some(count) if *count + 1 < PRUNE_EVERY => *count += 1,
                _ => {
                    self.unpruned.insert(key.clone(), 0);
                    due.push(key);
                }
            }
        }
        due
    }

    /// Opens the file and moves what was kept in memory over to it. `broken` is replaced, and so is a file
    /// that turns out to be damaged when it is moved into.
    fn open(&mut self, broken: Option<(FileIdentity, &FileFault)>) {
        let opened = self.open_once(broken).or_else(|(fault, found)| {
            match found.filter(|_| fault.kind == StoreTroubleKind::Corrupt) {
                Some(found) => self.open_once(Some((found, &fault))),
                None => Err((fault, None)),
            }
        });
        match opened {
            Ok(backend) => {
                self.backend = backend;
                self.pending.show(None);
                self.use_reserve();
            }
            Err((fault, _)) => self.fall_back_to_memory(&fault),
        }
    }

    /// The file works: it takes what is in the reserve, and there is room for the reserve itself.
    fn use_reserve(&mut self) {
        let DatabaseBackend::File { conn, .. } = &self.backend else {
            return;
        };
        let imported = conn
            .execute_batch("PRAGMA synchronous = FULL")
            .map_err(std::io::Error::other)
            .and_then(|()| self.reserve.import(conn, true))
            .and_then(|()| {
                conn.execute_batch("PRAGMA synchronous = NORMAL")
                    .map_err(std::io::Error::other)
            });
        if let Err(error) = imported {
            // the file can be opened, and yet it does not take what is in the reserve
            let fault = FileFault::new(StoreTroubleKind::Failing, error.to_string());
            return self.fall_back_to_memory(&fault);
        }
        if let Err(error) = self.reserve.allocate() {
            tracing::warn!(
                "no room is reserved for restarts on a full disk in \"{}\": {error}",
                self.dir.display()
            );
        }
    }

    /// On failure, says which file it was that could be opened but not used.
    fn open_once(
        &self,
        broken: Option<(FileIdentity, &FileFault)>,
    ) -> Result<DatabaseBackend, (FileFault, Option<FileIdentity>)> {
        let opened = files::open(&self.dir, broken).map_err(|fault| (fault, None))?;
        let found = opened.identity;
        self.restore(opened).map_err(|fault| (fault, Some(found)))
    }

    /// Makes the opened file the store's home, with what is only in the home before.
    fn restore(&self, opened: OpenDatabase) -> Result<DatabaseBackend, FileFault> {
        let OpenDatabase {
            conn,
            identity,
            replaced,
        } = opened;
        if let Some((aside, detail)) = replaced {
            let rescued = rescue(&aside, &conn);
            let rows = *rescued.as_ref().unwrap_or(&0);
            let trouble = trouble::set_aside(&self.path(), &aside, rows, &detail);
            self.pending.report(trouble);
            rescued?;
        }
        // Opening alone needs no sync; what comes from memory was promised to be on disk.
        let how = match self.backend {
            DatabaseBackend::None => DatabaseUse::Write,
            DatabaseBackend::File { .. } | DatabaseBackend::Memory { .. } => DatabaseUse::Durable,
        };
        transact(&conn, how, &mut |file| {
            match &self.backend {
                DatabaseBackend::None => {}
                DatabaseBackend::File { conn: before, .. } => in_memory::carry_over(before, file)?,
                DatabaseBackend::Memory { conn, source, .. } => {
                    if *source != Some(identity) {
                        in_memory::carry_over(conn, file)?;
                    }
                    in_memory::merge(conn, file)?;
                }
            }
            history::forget_old(file, unix_millis())
        })?;
        Ok(DatabaseBackend::File { conn, identity })
    }

    /// Goes on in memory because of `fault`, and has that reported.
    fn fall_back_to_memory(&mut self, fault: &FileFault) {
        let fault = fault.clone().or_full(files::free(&self.dir));
        let trouble = fault.message(&self.path());
        self.pending.report(trouble.clone());
        self.pending.show(Some(trouble));
        let (built, source) = match &mut self.backend {
            DatabaseBackend::Memory { retry, pause, .. } => {
                *pause = (*pause * 2).min(LAST_RETRY);
                *retry = Instant::now() + *pause;
                return;
            }
            DatabaseBackend::File { conn, identity } => {
                (in_memory::build(Some(conn)), Some(*identity))
            }
            // Rows of a newer version may mean something else: they are not read.
            DatabaseBackend::None if fault.kind == StoreTroubleKind::Newer => {
                (in_memory::build(None), None)
            }
            DatabaseBackend::None => {
                let source = files::identity(&self.path()).ok();
                let file = files::open_read_only(&self.dir).ok();
                (in_memory::build(file.as_ref()), source)
            }
        };
        self.backend = match built {
            Ok(conn) => {
                // what an earlier run could not write to the file either
                if let Err(error) = self.reserve.import(&conn, false) {
                    tracing::debug!("the reserve for intents cannot be read: {error}");
                }
                DatabaseBackend::Memory {
                    conn,
                    source,
                    retry: Instant::now() + FIRST_RETRY,
                    pause: FIRST_RETRY,
                }
            }
            Err(fault) => {
                tracing::error!("no memory for what cannot be stored: {}", fault.detail);
                DatabaseBackend::None
            }
        };
    }
}

/// Copies what can be read of the damaged database `aside` into `fresh`.
fn rescue(aside: &Path, fresh: &Connection) -> Result<usize, FileFault> {
    let Ok(damaged) = files::open_damaged(aside) else {
        return Ok(0);
    };
    let mut saved = 0;
    transact(fresh, DatabaseUse::Durable, &mut |fresh| {
        saved = in_memory::salvage(&damaged, fresh)?;
        Ok(())
    })?;
    Ok(saved)
}

/// Does `request` in a transaction. The write lock is taken at its beginning: a reader that becomes a writer
/// can fail at once where a writer waits.
fn transact(
    conn: &Connection,
    how: DatabaseUse,
    request: &mut dyn FnMut(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let behavior = match how {
        DatabaseUse::Read => TransactionBehavior::Deferred,
        DatabaseUse::Write | DatabaseUse::Durable => TransactionBehavior::Immediate,
    };
    // With a log, NORMAL syncs it only before it is folded into the file, and a commit may be lost when the
    // power fails; FULL syncs it with each commit, and with that all earlier ones
    // (https://www.sqlite.org/pragma.html#pragma_synchronous). It cannot be changed in a transaction.
    if how == DatabaseUse::Durable {
        conn.execute_batch("PRAGMA synchronous = FULL")?;
    }
    let done = Transaction::new_unchecked(conn, behavior).and_then(|tx| {
        request(&tx)?;
        tx.commit()
    });
    if how == DatabaseUse::Durable {
        conn.execute_batch("PRAGMA synchronous = NORMAL")?;
    }
    done
}

fn refused(error: &rusqlite::Error) -> StoreError {
    StoreError::Refused(error.to_string())
}

pub(super) fn unix_millis() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    int(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
