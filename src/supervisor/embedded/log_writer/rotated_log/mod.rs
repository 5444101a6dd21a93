//! One log file with a bound. A file that would become too large is renamed to a backup first, so its bound holds however
//! fast the program writes. When the disk is full the oldest backup makes room; what cannot be written at all is read
//! nevertheless, because a full disk must not stop the program, and the count of its bytes is written when there is room
//! again. Every file is reached as [`SafeDir`] says: the directory may be the program's.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::unread;
use crate::health::counted;
use crate::safe_path::SafeDir;
use crate::supervisor::embedded::spec::LogFile;

/// What is read at once, and the longest beginning of a line that waits for its end.
const CHUNK: usize = 64 * 1024;

/// The mode of a new log file, but for the file mode creation mask.
const MODE: u32 = 0o644;

/// How long another writer may take to rotate the same file.
const LOCK_TRIES: u32 = 20;

const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// One log file, and what is on its way there.
pub(super) struct RotatedLog {
    log: LogFile,
    open: Option<Open>,
    /// Read and not written: a line's beginning.
    held: Vec<u8>,
    /// Bytes that could not be written, and why.
    lost: u64,
    why: String,
    /// A backup was given up for want of room, and that was not enough.
    gave_room: bool,
    /// What was written last has no line end.
    is_within_line: bool,
}

struct Open {
    directory: SafeDir,
    name: OsString,
    file: File,
}

impl RotatedLog {
    pub const fn new(log: LogFile) -> Self {
        Self {
            log,
            open: None,
            held: Vec::new(),
            lost: 0,
            why: String::new(),
            gave_room: false,
            is_within_line: false,
        }
    }

    /// Reads what is there and writes it. `false`: nothing more will come.
    pub fn take_from(&mut self, pipe: &mut File) -> bool {
        // what was read is lost when this process is killed before it is written, so nothing is read before it can be
        // written; an error comes again at the write
        let _ = self.reopen();
        let mut chunk = [0; CHUNK];
        let room = CHUNK - self.held.len();
        let more = match pipe.read(&mut chunk[..room]) {
            Ok(0) => false,
            Ok(count) => {
                self.held.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
            ),
        };
        // Lines stay whole while there is more to read; what the program has paused after is written at once.
        let whole = self.held.iter().rposition(|byte| *byte == b'\n');
        let count = match whole {
            Some(end) if more && is_readable(pipe) => end + 1,
            None if more && self.held.len() < CHUNK && is_readable(pipe) => 0,
            _ => self.held.len(),
        };
        let rest = self.held.split_off(count);
        let text = mem::replace(&mut self.held, rest);
        self.write(&text);
        more
    }

    /// Writes `text`, and before it what is known about text that was lost. What cannot be written is lost.
    fn write(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let (lost, why) = (mem::take(&mut self.lost), mem::take(&mut self.why));
        if lost > 0 {
            let end = if self.is_within_line { "\n" } else { "" };
            let bytes = counted(lost, "byte", "bytes");
            let line = format!("{end}(httpok: {bytes} could not be kept here: {why})\n");
            if let Err((_, error)) = self.write_all(line.as_bytes()) {
                self.lose(lost + text.len() as u64, &error);
                return;
            }
        }
        if let Err((rest, error)) = self.write_all(text) {
            self.lose(rest as u64, &error);
        }
    }

    fn lose(&mut self, count: u64, why: &io::Error) {
        self.lost += count;
        self.why = why.to_string();
    }

    /// On failure, also returns how many bytes were not written.
    fn write_all(&mut self, mut text: &[u8]) -> Result<(), (usize, io::Error)> {
        while !text.is_empty() {
            let count = self.write_some(text).map_err(|error| (text.len(), error))?;
            if let Some(last) = text[..count].last() {
                self.is_within_line = *last != b'\n';
            }
            text = &text[count..];
        }
        Ok(())
    }

    /// Writes a prefix of `text`, which is not empty, and returns its length.
    fn write_some(&mut self, text: &[u8]) -> io::Result<usize> {
        let size = self.reopen()?.file.metadata()?.len();
        let room = match self.log.maxbytes {
            0 => u64::MAX,
            most => most.saturating_sub(size),
        };
        let Some(part) = fitting(text, room, size == 0) else {
            self.rotate()?;
            return Ok(0);
        };
        let written = self.reopen()?.file.write(part);
        match written {
            Ok(count) => {
                self.gave_room = false;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) if is_full(&error) && !self.gave_room && self.remove_oldest() => {
                self.gave_room = true;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// The file that has the log's name. It is opened again after it was moved or removed.
    fn reopen(&mut self) -> io::Result<&mut Open> {
        let is_same = self.open.as_ref().is_some_and(|open| {
            let named = std::fs::metadata(&self.log.path);
            let known = open.file.metadata();
            matches!((named, known), (Ok(named), Ok(known))
                if (named.dev(), named.ino()) == (known.dev(), known.ino()))
        });
        if !is_same {
            self.open = None;
        }
        if self.open.is_none() {
            let (directory, name) = SafeDir::of_file(&self.log.path)?;
            let file = directory.append(&name, MODE)?;
            self.open = Some(Open {
                directory,
                name,
                file,
            });
        }
        self.open.as_mut().ok_or_else(|| Errno::ENOENT.into())
    }

    /// Gives the file the name of the newest backup and begins a new one. Where that cannot be, the file is
    /// emptied: its bound holds in any case.
    fn rotate(&mut self) -> io::Result<()> {
        let backups = self.log.backups;
        let open = self.reopen()?;
        // Another writer of the same file must not rotate it a second time.
        let _lock = locked(&open.file);
        let known = open.file.metadata()?;
        let is_ours = open
            .directory
            .stat(&open.name)
            .is_ok_and(|named| named.st_ino == known.ino() && named.st_dev == known.dev());
        if !is_ours {
            self.open = None;
            return Ok(());
        }
        match shift(&open.directory, &open.name, backups).and_then(|()| fresh(open)) {
            Ok(file) => open.file = file,
            Err(error) => {
                open.file.set_len(0)?;
                let why = io::Error::other(format!("the log cannot be rotated: {error}"));
                self.lose(known.len(), &why);
            }
        }
        Ok(())
    }

    fn remove_oldest(&self) -> bool {
        let Some(open) = &self.open else { return false };
        (1..=self.log.backups)
            .rev()
            .any(|number| open.directory.remove(&backup(&open.name, number)).is_ok())
    }
}

/// As much of `text` as fits into `room`, to the end of a line. `None`: the file must be rotated first. A line
/// that is longer than an `empty` file may be is cut.
fn fitting(text: &[u8], room: u64, empty: bool) -> Option<&[u8]> {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if text.len() <= room {
        return Some(text);
    }
    let fits = &text[..room];
    match fits.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => Some(&fits[..=end]),
        None if empty && room > 0 => Some(fits),
        None => None,
    }
}

/// Makes each backup one older and the log the newest one. Without backups the log is removed.
fn shift(directory: &SafeDir, name: &OsStr, backups: u32) -> io::Result<()> {
    if backups == 0 {
        return directory.remove(name);
    }
    for number in (1..backups).rev() {
        let (from, to) = (backup(name, number), backup(name, number + 1));
        match directory.rename(&from, directory, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    directory.rename(name, directory, &backup(name, 1))
}

/// Locks `file`, unless another process holds the lock for too long: every process that may read it can lock it.
fn locked(file: &File) -> Option<Flock<File>> {
    let mut file = file.try_clone().ok()?;
    for _ in 0..LOCK_TRIES {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((file, _)) => file,
        };
        std::thread::sleep(LOCK_PAUSE);
    }
    None
}

/// A new file in the place of the one in `open`, with its owner and mode.
fn fresh(open: &Open) -> io::Result<File> {
    let before = open.file.metadata()?;
    let file = match open.directory.append_new(&open.name, MODE) {
        // Another process created the file first. It did not exist a moment ago, so it holds nothing of value.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open.directory.remove(&open.name)?;
            open.directory.append_new(&open.name, MODE)
        }
        other => other,
    }?;
    // An owner that cannot be given away is no reason to have no log.
    let _ = fchown(&file, Some(before.uid()), Some(before.gid()));
    let mode = std::fs::Permissions::from_mode(before.mode() & 0o666);
    let _ = file.set_permissions(mode);
    Ok(file)
}

/// The name of the backup with this number.
pub fn backup(name: &OsStr, number: u32) -> OsString {
    let mut backup = name.to_owned();
    backup.push(OsStr::from_bytes(format!(".{number}").as_bytes()));
    backup
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether a read would not wait.
pub(super) fn is_readable(pipe: &impl AsRawFd) -> bool {
    unread(pipe) > 0
}
