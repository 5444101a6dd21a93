//! The files in the state directory: made private, opened, replaced when they are damaged, read by those
//! commands that must not write. Nothing about what is in the tables.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::busy;
use super::schema;
use super::trouble::{FileFault, StoreTroubleKind};

/// An open database and which file it is.
pub(super) struct OpenDatabase {
    pub conn: Connection,
    pub identity: FileIdentity,
    /// The damaged one that it took the place of, and what was wrong with it.
    pub replaced: Option<(PathBuf, String)>,
}

/// A file, whatever its name becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

/// The database in `dir`.
pub(super) fn database(dir: &Path) -> PathBuf {
    dir.join("httpok.db")
}

/// Which file is at `path` now.
pub(super) fn identity(path: &Path) -> io::Result<FileIdentity> {
    let meta = fs::metadata(path)?;
    Ok(FileIdentity {
        device: meta.dev(),
        inode: meta.ino(),
    })
}

/// The bytes that may still be written in `dir`, if that is known.
pub(super) fn free(dir: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(dir).ok()?;
    // such as /proc: no disk, and so none that is full
    if stat.blocks() == 0 {
        return None;
    }
    Some(stat.blocks_available() as u64 * stat.fragment_size() as u64)
}

/// Opens the database in `dir` for writing, making both where they are missing. One that is damaged is set
/// aside for a fresh one: one that shows it on opening, or `broken`, which showed it later. All that
/// happens under a lock, so that of several watchdogs only one makes, migrates or replaces it.
pub(super) fn open(
    dir: &Path,
    broken: Option<(FileIdentity, &FileFault)>,
) -> Result<OpenDatabase, FileFault> {
    make_private_dir(dir)?;
    let _lock = lock(dir)?;
    let path = database(dir);
    let mut replaced = None;
    if let Some((known, fault)) = broken
        && identity(&path).is_ok_and(|found| found == known)
    {
        replaced = Some((set_aside(&path)?, fault.detail.clone()));
    }
    let conn = match connect(&path) {
        Err(fault) if fault.kind == StoreTroubleKind::Corrupt && replaced.is_none() => {
            replaced = Some((set_aside(&path)?, fault.detail));
            connect(&path)?
        }
        other => other?,
    };
    let identity = identity(&path)?;
    Ok(OpenDatabase {
        conn,
        identity,
        replaced,
    })
}

/// Opens the database in `dir` for reading alone. On a file system that cannot be written this works too.
pub(super) fn open_read_only(dir: &Path) -> Result<Connection, FileFault> {
    let conn = read(&database(dir))?;
    let version = schema::version(&conn)?;
    if version == 0 {
        let detail = "it is empty: no watchdog has written anything into it yet";
        return Err(FileFault::new(StoreTroubleKind::Failing, detail));
    }
    schema::refuse_newer(version)?;
    Ok(conn)
}

/// Opens what was set aside at `path`, to read what can still be read.
pub(super) fn open_damaged(path: &Path) -> Result<Connection, FileFault> {
    let conn = read(path)?;
    // Lets SQLite go on where the file is shorter than it says.
    conn.pragma_update(None, "writable_schema", true)?;
    Ok(conn)
}

fn read(path: &Path) -> Result<Connection, FileFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_handler(Some(busy::wait))?;
    match schema::version(&conn) {
        // Without write access a log that is not there cannot be made, nor is it needed.
        Err(error)
            if FileFault::of(&error).is_some_and(|f| f.kind == StoreTroubleKind::Unreachable) =>
        {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Ok(Connection::open_with_flags(immutable(path), flags)?)
        }
        _ => Ok(conn),
    }
}

/// `path` as a URI that says to SQLite that no process writes the file.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Makes `dir` for its owner alone. Every directory that is made is noted in its parent on disk: an intent
/// in a directory that a power cut takes away would be worth nothing.
fn make_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let missing: Vec<&Path> = dir.ancestors().take_while(|at| !at.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    for made in missing {
        if let Some(parent) = made.parent().filter(|path| !path.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

/// Locks `dir` among watchdogs: no lock file is left behind.
fn lock(dir: &Path) -> Result<File, FileFault> {
    let file = File::open(dir)?;
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Some network file systems cannot lock: there, other watchdogs are not noticed.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(file);
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if busy::wait(tries) => tries += 1,
            Err(TryLockError::WouldBlock) => {
                let detail = "another watchdog has been opening it for too long";
                return Err(FileFault::new(StoreTroubleKind::Locked, detail));
            }
        }
    }
}

fn connect(path: &Path) -> Result<Connection, FileFault> {
    make_private_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_handler(Some(busy::wait))?;
    // The last one to close would fold the log into the file and delete it *by name*: after the file
    // was replaced, the name is the log of the new one.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A file system without shared memory refuses WAL. SQLite then stays with its rollback journal, which
    // is as safe and only slower.
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // The cache is kept small: an idle listener must not pay for it.
    conn.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -128;",
    )?;
    conn.query_row("PRAGMA journal_size_limit = 1048576", [], |_| Ok(()))?;
    schema::migrate(&conn)?;
    Ok(conn)
}

/// Makes an empty file for its owner alone; SQLite gives `-wal` and `-shm` the same mode. An existing one is
/// not even opened: closing it again would drop the locks that other threads of this process hold on it.
fn make_private_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(file) => file.set_permissions(Permissions::from_mode(0o600)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Where nothing can be made, an existing file may still be read: SQLite will say.
        Err(_) if path.exists() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives a damaged database another name. Its log goes first: left behind, it would be taken for the fresh
/// one's.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let aside = (now.as_secs()..)
        .map(|second| with_suffix(path, &format!(".corrupt-{second}")))
        .find(|name| !name.exists())
        .unwrap_or_else(|| with_suffix(path, ".corrupt"));
    for suffix in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
