//! Notes on disk about the processes of programs, for the next watchdog. A note is begun before the fork and finished
//! by the new process itself, before it becomes the command: at no instant can the watchdog be
//! killed and leave a program without a note, which the next watchdog would start a second time.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::RawFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use procfs::FromRead;
use procfs::process::Stat;
use serde::{Deserialize, Serialize};

use super::identity::{self, ProcessRecord};
use super::spec::Program;
use crate::health::ProcessName;

/// The longest line of `/proc/self/stat`: 52 numbers and a name.
const STAT: usize = 2048;

/// What a note takes up on the disk is a multiple of this, from its first process on.
const ROOM: usize = 4096;

/// A directory of notes, one for each program that has run.
#[derive(Debug)]
pub struct ProcessNotes {
    directory: PathBuf,
}

/// A line of a note whose process was sent the stop signal,
const STOPPING: &str = "stopping";
/// and of one that has ended, and left processes that it had started.
const ENDED: &str = "ended";

/// The longest file name that is made of a program's name; longer ones end with a hash.
const LONGEST_NAME: usize = 100;

/// What stands as it is in a file name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b':');

/// A note's first line. The second is what the kernel says about the process.
#[derive(Serialize, Deserialize)]
struct NotesHead {
    name: ProcessName,
    boot: String,
    fingerprint: u64,
}

impl ProcessNotes {
    /// The notes in `directory`, which is made if it is not there.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self { directory })
    }

    /// Begins the note on `program`, for its new process to `sign`. It is written into the room of the one before: a disk
    /// that is full by now has that room all the same.
    pub fn begin(&self, program: &Program) -> io::Result<File> {
        let mut file = open_new(&self.path(&program.full_name()))?;
        let text = head(program.full_name(), program.fingerprint())?;
        let end = text.len() as u64;
        rewrite(&file, text)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(file)
    }

    /// Notes a process that could not be noted before it became its command, if it still runs.
    pub fn add(&self, record: &ProcessRecord) -> io::Result<()> {
        let mut text = head(record.name.clone(), record.fingerprint)?;
        text.extend(fs::read(format!("/proc/{}/stat", record.pid))?);
        let noted = self::record(&String::from_utf8_lossy(&text));
        match noted.is_some_and(|noted| noted == *record) {
            true => rewrite(&open_new(&self.path(&record.name))?, text),
            false => Ok(()),
        }
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the note on `name` is finished.
    pub fn knows(&self, name: &ProcessName) -> bool {
        read(&self.path(name)).is_ok_and(|note| record(&note).is_some())
    }

    /// Adds to the note on `name` that its process is being stopped.
    pub fn mark_stopping(&self, name: &ProcessName) {
        self.mark(name, STOPPING);
    }

    /// Adds to the note on `name` that its process has ended, and that what it started may live on.
    pub fn mark_ended(&self, name: &ProcessName) {
        self.mark(name, ENDED);
    }

    fn mark(&self, name: &ProcessName, word: &str) {
        let marked = open(&self.path(name)).and_then(|mut file| match text(&mut file)?.len() {
            0 => Ok(()),
            end => file.write_all_at(format!("{word}\n").as_bytes(), end as u64),
        });
        match marked {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot note that \"{name}\" is {word}: {error}");
            }
            _ => {}
        }
    }

    /// Makes the note on `name` empty: its process has ended. Its room is kept for the next one.
    pub fn clear(&self, name: &ProcessName) {
        let cleared = open(&self.path(name)).and_then(|file| rewrite(&file, Vec::new()));
        match cleared {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot clear the note on \"{name}\": {error}");
            }
            _ => {}
        }
    }

    /// Throws away what is no note on a process, but for the room of `programs`.
    pub fn tidy(&self, programs: &[Program]) -> io::Result<()> {
        let kept: BTreeSet<_> = programs
            .iter()
            .map(|program| self.path(&program.full_name()))
            .collect();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if !kept.contains(&path) && read(&path).is_ok_and(|note| record(&note).is_none()) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// A program's name may be too long for a file's, and hold what that must not.
    fn path(&self, name: &ProcessName) -> PathBuf {
        let text = format!("{}:{}", name.group, name.name);
        let mut file = utf8_percent_encode(&text, PLAIN).to_string();
        if file.len() > LONGEST_NAME {
            let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            file.truncate(LONGEST_NAME);
            for byte in hash.as_ref() {
                file.push_str(&format!("{byte:02x}"));
            }
        }
        self.directory.join(file)
    }
}

/// Every finished note in `directory`; none if there is no such directory. One that cannot be read is
/// logged and does not hide the others.
pub fn read_notes(directory: &Path) -> io::Result<Vec<ProcessRecord>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut records = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match read(&path) {
            // What is half written belongs to a process that never became its command.
            Ok(note) => records.extend(record(&note)),
            Err(error) => tracing::warn!("cannot read \"{}\": {error}", path.display()),
        }
    }
    Ok(records)
}

/// Moves the notes in `from` that are `wanted` to `into`, unless there is one on a process that runs. Returns what they say.
pub fn move_notes(
    from: &Path,
    into: &Path,
    wanted: impl Fn(&ProcessRecord) -> bool,
) -> io::Result<Vec<ProcessRecord>> {
    let from = ProcessNotes::new(from.to_owned())?;
    let into = ProcessNotes::new(into.to_owned())?;
    let mut moved = Vec::new();
    for noted in read_notes(&from.directory)? {
        let place = into.path(&noted.name);
        let known = read(&place).ok().and_then(|note| record(&note));
        if wanted(&noted) && !known.is_some_and(|known| known.lives()) {
            fs::rename(from.path(&noted.name), place)?;
            moved.push(noted);
        }
    }
    Ok(moved)
}

fn record(note: &str) -> Option<ProcessRecord> {
    let (head, rest) = note.split_once('\n')?;
    let (stat, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    let head: NotesHead = serde_json::from_str(head).ok()?;
    let stat = Stat::from_read(stat.as_bytes()).ok()?;
    Some(ProcessRecord {
        name: head.name,
        pid: stat.pid.try_into().ok()?,
        started: stat.starttime,
        boot: head.boot,
        fingerprint: head.fingerprint,
        stopping: rest.lines().any(|line| line == STOPPING),
        ended: rest.lines().any(|line| line == ENDED),
    })
}

/// Finishes the note behind `note`. Runs in the new process: system calls only, and no allocation.
pub fn sign(note: RawFd) -> io::Result<()> {
    let mut stat = [0_u8; STAT];
    // SAFETY: the path ends in a zero, the buffer has the length that is passed, and what is written of it
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

/// A note is a file of ours: a link in its place is an error, and a pipe holds nothing up.
const NO_LINK: i32 = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;

/// No note is longer, in bytes.
const LONGEST: u64 = 1 << 20;

fn read(path: &Path) -> io::Result<String> {
    text(&mut open(path)?)
}

/// What is written in a note, without the room behind it.
fn text(note: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    note.take(LONGEST).read_to_end(&mut bytes)?;
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Puts `text` in the place of all that is in a note, and takes the room for what is still to come.
fn rewrite(note: &File, mut text: Vec<u8>) -> io::Result<()> {
    let length = usize::try_from(note.metadata()?.len().min(LONGEST)).unwrap_or(0);
    let whole = (text.len() + STAT).next_multiple_of(ROOM).max(length);
    text.resize(whole, 0);
    note.write_all_at(&text, 0)
}

/// The first line of the note on a process of this boot.
fn head(name: ProcessName, fingerprint: u64) -> io::Result<Vec<u8>> {
    let boot = identity::boot().to_owned();
    let mut line = serde_json::to_vec(&NotesHead {
        name,
        boot,
        fingerprint,
    })?;
    line.push(b'\n');
    Ok(line)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(NO_LINK);
    options.open(path)
}

fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).custom_flags(NO_LINK).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn signed_note_is_read_and_unsigned_note_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("notes");
        assert_eq!(read_notes(&place).unwrap(), []);
        let notes = ProcessNotes::new(place.clone()).unwrap();
        let program = Program {
            group: "../a b".to_owned(),
            ..Program::new("caf\u{e9}/.".repeat(200), vec!["true".to_owned()])
        };
        let file = notes.begin(&program).unwrap();
        assert_eq!(read_notes(&place).unwrap(), []);
        sign(file.as_raw_fd()).unwrap();
        let ourselves = ProcessRecord {
            name: program.full_name(),
            pid: std::process::id(),
            started: identity::started(std::process::id()).unwrap(),
            boot: identity::boot().to_owned(),
            fingerprint: program.fingerprint(),
            stopping: false,
            ended: false,
        };
        assert_eq!(
            read_notes(&place).unwrap(),
            std::slice::from_ref(&ourselves)
        );
        assert!(notes.knows(&ourselves.name));
        for _ in 0..2 {
            notes.mark_stopping(&ourselves.name);
            let stopping = ProcessRecord {
                stopping: true,
                ..ourselves.clone()
            };
            assert_eq!(read_notes(&place).unwrap(), [stopping]);
        }
        notes.clear(&program.full_name());
        notes.clear(&program.full_name());
        notes.mark_stopping(&program.full_name());
        assert!(!notes.knows(&program.full_name()));
        assert_eq!(read_notes(&place).unwrap(), []);
        let count = || fs::read_dir(&place).unwrap().count();
        notes.tidy(std::slice::from_ref(&program)).unwrap();
        assert_eq!(count(), 1, "the room of a program that is defined");
        notes.add(&ourselves).unwrap();
        assert_eq!(
            read_notes(&place).unwrap(),
            std::slice::from_ref(&ourselves)
        );
        notes.tidy(&[]).unwrap();
        assert_eq!(count(), 1, "it runs");
        notes.clear(&program.full_name());
        let another = ProcessRecord {
            started: ourselves.started + 1,
            ..ourselves
        };
        notes.add(&another).unwrap();
        assert_eq!(read_notes(&place).unwrap(), []);
        notes.tidy(&[]).unwrap();
        assert_eq!(count(), 0);
    }

    /// A note that an earlier version wrote has no room behind it.
    #[test]
    fn shorter_note_of_an_earlier_version_is_read_and_marked() {
        let directory = tempfile::tempdir().unwrap();
        let notes = ProcessNotes::new(directory.path().to_owned()).unwrap();
        let program = Program::new("web", vec!["true".to_owned()]);
        let file = notes.begin(&program).unwrap();
        sign(file.as_raw_fd()).unwrap();
        let path = notes.path(&program.full_name());
        let text = read(&path).unwrap();
        fs::write(&path, text).unwrap();
        notes.mark_stopping(&program.full_name());
        let records = read_notes(directory.path()).unwrap();
        assert!(records[0].stopping && records.len() == 1, "{records:?}");
        notes.clear(&program.full_name());
        assert_eq!(read_notes(directory.path()).unwrap(), []);
        notes.begin(&program).unwrap();
        assert_eq!(fs::metadata(path).unwrap().len(), ROOM as u64);
    }
}
