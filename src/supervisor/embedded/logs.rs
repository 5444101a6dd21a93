//! Programs' log files are kept from growing. A program writes to its file itself, not through a pipe of
//! ours, so that it can write on when we are gone. A file that has become too large is copied to a backup
//! and emptied; as the program appends, its next line goes to the new end. The price: a line written in
//! the instant between the copy's last read and the emptying is lost. And the file may exceed its bound by
//! what is written in one [`PAUSE`].
//!
//! Nothing is polled: the kernel tells of the first write to each file after a look at it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::io::unix::AsyncFd;
use tokio::task::{AbortHandle, spawn_blocking};

use super::polled::{Owner, polled};
use super::spec::LogFile;

/// From the first write to the next look: files that are written all the time are looked at this often.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps files until it is dropped.
#[derive(Debug)]
pub struct Keeper {
    watches: Option<Arc<Watches>>,
    task: Option<AbortHandle>,
}

impl Keeper {
    /// One that keeps no file yet. Needs a runtime.
    pub fn new() -> Self {
        match Watches::new() {
            Ok(watches) => {
                let watches = Arc::new(watches);
                let task = tokio::spawn(keep(Arc::clone(&watches))).abort_handle();
                Self {
                    watches: Some(watches),
                    task: Some(task),
                }
            }
            Err(error) => {
                tracing::warn!("cannot watch log files, they will not be rotated: {error}");
                Self {
                    watches: None,
                    task: None,
                }
            }
        }
    }

    /// Keeps `log` from now on, if it has a bound.
    pub fn keep(&self, log: &LogFile) {
        if let Some(watches) = &self.watches
            && log.maxbytes > 0
        {
            watches.arm(log.clone());
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn keep(watches: Arc<Watches>) {
    loop {
        let Ok(mut guard) = watches.inotify.readable().await else {
            return;
        };
        tokio::time::sleep(PAUSE).await;
        let written = watches.written();
        guard.clear_ready();
        for log in written {
            let after = log.clone();
            if let Ok(Err(error)) = spawn_blocking(move || rotate(&log)).await {
                tracing::warn!("cannot rotate \"{}\": {error}", after.path.display());
            }
            watches.arm(after);
        }
    }
}

#[derive(Debug)]
struct Watches {
    inotify: AsyncFd<Descriptor>,
    logs: Mutex<HashMap<WatchDescriptor, LogFile>>,
}

impl Watches {
    fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Self {
            inotify: polled(Descriptor(inotify))?,
            logs: Mutex::default(),
        })
    }

    /// Waits for the next write to `log`, for one only: a busy program must not keep us busy.
    fn arm(&self, log: LogFile) {
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ONESHOT;
        match self.inotify.get_ref().0.add_watch(&log.path, flags) {
            Ok(watch) => {
                self.logs
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(watch, log);
            }
            // Somebody took it away. The program's next start makes a new one.
            Err(Errno::ENOENT) => {}
            Err(error) => tracing::warn!("cannot watch \"{}\": {error}", log.path.display()),
        }
    }

    /// The files that were written to. Their watches are spent.
    fn written(&self) -> Vec<LogFile> {
        let mut written = Vec::new();
        while let Ok(events) = self.inotify.get_ref().0.read_events() {
            let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            written.extend(events.iter().filter_map(|event| logs.remove(&event.wd)));
        }
        written
    }
}

/// tokio wants to see the number.
#[derive(Debug)]
struct Descriptor(Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Owner for Descriptor {}

/// Empties `log` into a backup if it is too large.
fn rotate(log: &LogFile) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(&log.path)?;
    if file.metadata()?.len() <= log.maxbytes {
        return Ok(());
    }
    if log.backups > 0 {
        for number in (1..log.backups).rev() {
            match fs::rename(backup(&log.path, number), backup(&log.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let newest = backup(&log.path, 1);
        if let Err(error) = copy(&mut file, &newest) {
            // Half a copy is worth nothing, and the disk may be full. The original is still whole.
            let _ = fs::remove_file(&newest);
            return Err(error);
        }
    }
    file.set_len(0)
}

fn copy(from: &mut File, to: &Path) -> io::Result<()> {
    let mode = from.metadata()?.permissions();
    let mut to = File::create(to)?;
    to.set_permissions(mode)?;
    io::copy(from, &mut to).map(drop)
}

fn backup(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

/// The last `bytes` bytes of the file at `path`, from a character's beginning on.
pub fn tail(path: &Path, bytes: u16) -> io::Result<String> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(bytes.into())))?;
    let mut end = Vec::new();
    file.take(bytes.into()).read_to_end(&mut end)?;
    let cut = if size > bytes.into() {
        let within = |byte: &&u8| **byte & 0xC0 == 0x80;
        end.iter().take(3).take_while(within).count()
    } else {
        0
    };
    Ok(String::from_utf8_lossy(&end[cut..]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_a_file_becomes_a_backup_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = LogFile {
            path: path.clone(),
            maxbytes: 4,
            backups: 2,
        };
        for text in ["first", "second", "third", "last"] {
            fs::write(&path, text).unwrap();
            rotate(&log).unwrap();
        }
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(read(&path), "last");
        assert_eq!(read(&backup(&path, 1)), "third");
        assert_eq!(read(&backup(&path, 2)), "second");
        assert!(!backup(&path, 3).exists());
    }

    #[test]
    fn without_backups_it_is_emptied() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "too long").unwrap();
        rotate(&LogFile {
            path: path.clone(),
            maxbytes: 4,
            backups: 0,
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert!(!backup(&path, 1).exists());
    }

    #[test]
    fn a_tail_begins_with_a_whole_character() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "caf\u{e9}s \u{1f600}").unwrap();
        for (bytes, text) in [
            (0, ""),
            (1, ""),
            (3, ""),
            (4, "\u{1f600}"),
            (6, "s \u{1f600}"),
            (7, "s \u{1f600}"),
            (8, "\u{e9}s \u{1f600}"),
            (99, "caf\u{e9}s \u{1f600}"),
        ] {
            assert_eq!(tail(&path, bytes).unwrap(), text, "{bytes}");
        }
    }
}
