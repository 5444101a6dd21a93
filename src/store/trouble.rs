//! What can be wrong with the store, in the words of its messages, and the errors its callers get. A trouble is
//! never an error of a caller: the store goes on in memory.

use crate::health::counted;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;

/// Why the store cannot keep things on disk. Reported once, with the text in `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreTrouble {
    /// Of which kind.
    pub kind: StoreTroubleKind,
    /// The database.
    pub path: PathBuf,
    /// What is wrong, what is lost by it, and what to do.
    pub text: String,
}

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreTroubleKind {
    /// There is no room on the disk, or the quota is used up.
    Full,
    /// The directory, the file or its file system cannot be written.
    ReadOnly,
    /// The directory or the file cannot be opened.
    Unreachable,
    /// What is in the file is not what was written: it was set aside and a fresh one was made.
    Corrupt,
    /// The file was written by a newer httpok.
    Newer,
    /// Someone else holds the file for too long.
    Locked,
    /// The disk failed, or did something else that is not understood.
    Failing,
    /// A stored intent cannot be read.
    Unreadable,
    /// A waiting notification cannot be read.
    UnreadableMessages,
    /// The disk takes too long.
    Slow,
}

/// What a failed try to use the file came to: a trouble that does not know its path yet.
#[derive(Clone, Debug)]
pub(super) struct FileFault {
    pub kind: StoreTroubleKind,
    pub detail: String,
}

impl FileFault {
    pub fn new(kind: StoreTroubleKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// What `error` says about the file, or `None` when only the request itself was at fault.
    pub fn of(error: &rusqlite::Error) -> Option<Self> {
        use StoreTroubleKind as Kind;
        let rusqlite::Error::SqliteFailure(cause, _) = error else {
            return None;
        };
        let kind = match cause.code {
            ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch => {
                return None;
            }
            ErrorCode::DiskFull => Kind::Full,
            ErrorCode::ReadOnly => Kind::ReadOnly,
            ErrorCode::PermissionDenied | ErrorCode::CannotOpen => Kind::Unreachable,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Corrupt,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => Kind::Locked,
            _ => Kind::Failing,
        };
        Some(Self::new(kind, error.to_string()))
    }

    /// A full disk shows in many ways, such as a shared-memory file that cannot grow. `free` is the room
    /// that is left, when it could be asked.
    pub fn or_full(self, free: Option<u64>) -> Self {
        const NEXT_TO_NOTHING: u64 = 64 * 1024;
        match self.kind {
            StoreTroubleKind::Failing | StoreTroubleKind::Unreachable
                if free.is_some_and(|bytes| bytes < NEXT_TO_NOTHING) =>
            {
                Self::new(StoreTroubleKind::Full, self.detail)
            }
            _ => self,
        }
    }

    /// The message about it, for the database at `path`.
    pub fn message(&self, path: &Path) -> StoreTrouble {
        let (invalid, remedy) = match self.kind {
            StoreTroubleKind::Full => ("cannot be written, the disk is full", "make room"),
            StoreTroubleKind::ReadOnly => (
                "cannot be written",
                "make the directory writable for this user, or name another one: \"state_dir\" in the file, --state-dir, or STATE_DIRECTORY",
            ),
            StoreTroubleKind::Unreachable => (
                "cannot be opened",
                "make the directory accessible for this user, or name another one: \"state_dir\" in the file, --state-dir, or STATE_DIRECTORY",
            ),
            StoreTroubleKind::Corrupt => ("is damaged", "check the disk"),
            StoreTroubleKind::Newer => (
                "was written by a newer httpok and is not touched",
                "update this httpok, or name another one: \"state_dir\" in the file, --state-dir, or STATE_DIRECTORY",
            ),
            StoreTroubleKind::Locked => (
                "is held by another program",
                "end what holds it, such as an open transaction in sqlite3",
            ),
            StoreTroubleKind::Failing
            | StoreTroubleKind::Unreadable
            | StoreTroubleKind::UnreadableMessages
            | StoreTroubleKind::Slow => ("cannot be used", "check the disk"),
        };
        StoreTrouble {
            kind: self.kind,
            path: path.to_owned(),
            text: format!(
                "the store \"{}\" {invalid} ({}): watching and restarting go on; what would be stored is \
                 kept in memory until the store can be written again, and is lost if the watchdog ends \
                 before; {remedy}",
                path.display(),
                self.detail
            ),
        }
    }
}

impl From<rusqlite::Error> for FileFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(&error).unwrap_or_else(|| Self::new(StoreTroubleKind::Failing, error.to_string()))
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreTroubleKind::Full,
            io::ErrorKind::ReadOnlyFilesystem => StoreTroubleKind::ReadOnly,
            _ => StoreTroubleKind::Unreachable,
        };
        Self::new(kind, error.to_string())
    }
}

/// A corrupt database at `path` was set aside; `rescued` rows could still be read from it.
pub(super) fn set_aside(path: &Path, aside: &Path, rescued: usize, detail: &str) -> StoreTrouble {
    StoreTrouble {
        kind: StoreTroubleKind::Corrupt,
        path: path.to_owned(),
        text: format!(
            "the store \"{}\" was damaged ({detail}): a fresh one was made with {} that \
             could still be read, the others are lost; the damaged one is kept as \"{}\": look at the \
             disk, and remove it when it is not needed",
            path.display(),
            counted(rescued, "row", "rows"),
            aside.display()
        ),
    }
}

/// `count` intents at `path` are written in words that this version does not know.
pub(super) fn unreadable_intents(path: &Path, count: usize) -> StoreTrouble {
    StoreTrouble {
        kind: StoreTroubleKind::Unreadable,
        path: path.to_owned(),
        text: format!(
            "{count} open intents in the store \"{}\" cannot be read: the processes they name may have \
             been left stopped; to see them: sqlite3 {} 'select * from intents'",
            path.display(),
            path.display()
        ),
    }
}

/// `count` messages at `path` cannot be read.
pub(super) fn unreadable_messages(path: &Path, count: usize) -> StoreTrouble {
    StoreTrouble {
        kind: StoreTroubleKind::UnreadableMessages,
        path: path.to_owned(),
        text: format!(
            "{count} waiting notifications in the store \"{}\" cannot be read and were set aside; the others are \
             delivered; to see them: sqlite3 {} \"select * from outbox where state = 'kept'\"",
            path.display(),
            path.display()
        ),
    }
}

/// No answer came from the store at `path` within `after`.
pub(super) fn slow(path: &Path, after: Duration) -> StoreTrouble {
    StoreTrouble {
        kind: StoreTroubleKind::Slow,
        path: path.to_owned(),
        text: format!(
            "the store \"{}\" did not answer within {} s: watching and restarting go on, but nothing is \
             known to be stored; check the disk",
            path.display(),
            after.as_secs()
        ),
    }
}

/// Why the store did not do what it was asked, not even in memory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// Its thread cannot be started.
    #[error("cannot start the store's thread: {0}")]
    Thread(#[source] io::Error),
    /// It did not answer; what was asked may still be done.
    #[error("the store did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// A message is too large to be queued.
    #[error("a message of {bytes} bytes is too large: at most {most} are stored")]
    TooLarge { bytes: u64, most: u64 },
    /// It cannot be written down.
    #[error("cannot write {what} as JSON: {cause}")]
    Json {
        what: &'static str,
        #[source]
        cause: serde_json::Error,
    },
    /// SQLite refused it.
    #[error("the store refused: {0}")]
    Refused(String),
    /// There is nothing to read.
    #[error("cannot read the store \"{}\": {detail}", path.display())]
    Unreadable { path: PathBuf, detail: String },
}
