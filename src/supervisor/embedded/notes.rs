//! Which processes are ours, on disk, for the next watchdog. A note is begun before the fork and finished
//! by the new process itself, before it becomes the command: there is no instant in which we could be
//! killed and leave a program behind that nobody knows of, to be started a second time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::identity::{self, Record};
use super::spec::Program;
use crate::health::ProcessName;

/// The longest line of `/proc/self/stat`: 52 numbers and a name.
const STAT: usize = 2048;

/// A directory of notes, one for each program that runs.
#[derive(Debug)]
pub struct Notes {
    directory: PathBuf,
}

/// A note's third line, if its process was told to end.
const STOPPING: &str = "stopping\n";

/// A note's first line. The second is what the kernel says about the process.
#[derive(Serialize, Deserialize)]
struct Head {
    name: ProcessName,
    boot: String,
    fingerprint: u64,
}

impl Notes {
    /// The notes in `directory`, which is made if it is not there.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self { directory })
    }

    /// Begins the note on `program`, for its new process to `sign`.
    pub fn begin(&self, program: &Program) -> io::Result<File> {
        let head = Head {
            name: program.full_name(),
            boot: identity::boot().to_owned(),
            fingerprint: program.fingerprint(),
        };
        let mut line = serde_json::to_vec(&head)?;
        line.push(b'\n');
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path(&head.name))?;
        file.write_all(&line)?;
        Ok(file)
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the note on `name` is finished.
    pub fn knows(&self, name: &ProcessName) -> bool {
        fs::read(self.path(name))
            .is_ok_and(|note| record(&String::from_utf8_lossy(&note)).is_some())
    }

    /// Adds to the note on `name` that its process is told to end.
    pub fn mark_stopping(&self, name: &ProcessName) {
        let file = OpenOptions::new().append(true).open(self.path(name));
        match file.and_then(|mut file| file.write_all(STOPPING.as_bytes())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot note that \"{name}\" is stopped: {error}");
            }
            _ => {}
        }
    }

    /// Throws the note on `name` away: its process has ended.
    pub fn remove(&self, name: &ProcessName) {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove the note on \"{name}\": {error}");
            }
            _ => {}
        }
    }

    /// Names may hold what file names must not.
    fn path(&self, name: &ProcessName) -> PathBuf {
        let mut file = String::new();
        for byte in format!("{}:{}", name.group, name.name).bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b':' => {
                    file.push(byte.into());
                }
                byte => file.push_str(&format!("%{byte:02x}")),
            }
        }
        self.directory.join(file)
    }
}

/// Every finished note in `directory`; none if there is no such directory. One that cannot be read is
/// told and does not hide the others.
pub fn read_notes(directory: &Path) -> io::Result<Vec<Record>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut records = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match fs::read(&path) {
            // What is half written belongs to a process that never became its command.
            Ok(note) => records.extend(record(&String::from_utf8_lossy(&note))),
            Err(error) => tracing::warn!("cannot read \"{}\": {error}", path.display()),
        }
    }
    Ok(records)
}

fn record(note: &str) -> Option<Record> {
    let (head, rest) = note.split_once('\n')?;
    let (stat, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    let head: Head = serde_json::from_str(head).ok()?;
    Some(Record {
        name: head.name,
        pid: stat.split_once(' ')?.0.parse().ok()?,
        started: identity::start_of(stat)?,
        boot: head.boot,
        fingerprint: head.fingerprint,
        stopping: rest.starts_with(STOPPING.trim_end()),
    })
}

/// Finishes the note behind `note`. Runs in the new process: system calls only, and no allocation.
pub fn sign(note: RawFd) -> io::Result<()> {
    let mut stat = [0_u8; STAT];
    // SAFETY: the path ends in a zero, the buffer has the length that is told, and what is written of it
    // was read before.
    unsafe {
        let own = libc::open(
            c"/proc/self/stat".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        if own == -1 {
            return Err(io::Error::last_os_error());
        }
        let read = libc::read(own, stat.as_mut_ptr().cast(), STAT);
        libc::close(own);
        let Ok(length) = usize::try_from(read) else {
            return Err(io::Error::last_os_error());
        };
        let written = libc::write(note, stat.as_ptr().cast(), length);
        if written != read {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_signed_note_is_read_back_and_an_unsigned_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("notes");
        assert_eq!(read_notes(&place).unwrap(), []);
        let notes = Notes::new(place.clone()).unwrap();
        let program = Program {
            group: "../a b".to_owned(),
            ..Program::new("caf\u{e9}/.", vec!["true".to_owned()])
        };
        let file = notes.begin(&program).unwrap();
        assert_eq!(read_notes(&place).unwrap(), []);
        sign(file.as_raw_fd()).unwrap();
        let ourselves = Record {
            name: program.full_name(),
            pid: std::process::id(),
            started: identity::started(std::process::id()).unwrap(),
            boot: identity::boot().to_owned(),
            fingerprint: program.fingerprint(),
            stopping: false,
        };
        assert_eq!(
            read_notes(&place).unwrap(),
            std::slice::from_ref(&ourselves)
        );
        assert!(notes.knows(&ourselves.name));
        for _ in 0..2 {
            notes.mark_stopping(&ourselves.name);
            let stopping = Record {
                stopping: true,
                ..ourselves.clone()
            };
            assert_eq!(read_notes(&place).unwrap(), [stopping]);
        }
        notes.remove(&program.full_name());
        notes.remove(&program.full_name());
        notes.mark_stopping(&program.full_name());
        assert!(!notes.knows(&program.full_name()));
        assert_eq!(read_notes(&place).unwrap(), []);
    }
}
