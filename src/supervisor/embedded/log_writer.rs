//! The process that writes a program's log files: this program, started once more. It reads the pipes that
//! are the program's outputs until every writer has closed them, so it needs no watchdog: it outlives
//! one that is killed, and the program writes on as if nothing had happened.
//!
//! A file that would become too large is renamed to a backup first, so its bound holds however fast the
//! program writes. When the disk is full the oldest backup makes room; what cannot be written at all is
//! read nevertheless, because a full disk must not stop the program, and the count of its bytes is written
//! when there is room again. Every file is reached as [`SafeDir`] says: the directory may be the program's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
};

use super::spec::LogFile;
use crate::safe_path::SafeDir;

/// The internal subcommand `__log (MAXBYTES BACKUPS PATH)...`. Only httpok itself calls it. The
/// first pipe is standard input, the second is standard output.
pub const LOG_WRITER: &str = "__log";

/// Asks it to write what it has read and to end, so that another one can go on with other bounds.
pub const FINISH: Signal = Signal::SIGUSR1;

/// What is read at once, and the longest beginning of a line that waits for its end.
const CHUNK: usize = 64 * 1024;

/// The mode of a new log file, but for the file mode creation mask.
const MODE: u32 = 0o644;

/// How long another writer may take to rotate the same file.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

static FINISHING: AtomicBool = AtomicBool::new(false);

extern "C" fn finish(_: libc::c_int) {
    FINISHING.store(true, Ordering::Relaxed);
}

/// Runs the log writer with the arguments after [`LOG_WRITER`] until the pipes end. Returns the exit status.
pub fn run_log_writer(arguments: &[OsString]) -> i32 {
    let Some(logs) = parse(arguments) else {
        eprintln!("for httpok itself");
        return 1;
    };
    match LogPipes::new(logs).and_then(LogPipes::run) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// The arguments for [`run_log_writer`].
pub fn arguments(logs: &[LogFile]) -> Vec<OsString> {
    let mut arguments = vec![OsString::from(LOG_WRITER)];
    for log in logs {
        arguments.push(log.maxbytes.to_string().into());
        arguments.push(log.backups.to_string().into());
        arguments.push(log.path.clone().into());
    }
    arguments
}

fn parse(arguments: &[OsString]) -> Option<Vec<LogFile>> {
    if ![3, 6].contains(&arguments.len()) {
        return None;
    }
    let log = |arguments: &[OsString]| {
        Some(LogFile {
            path: PathBuf::from(arguments.get(2)?),
            maxbytes: arguments.first()?.to_str()?.parse().ok()?,
            backups: arguments.get(1)?.to_str()?.parse().ok()?,
            writer: PathBuf::new(),
        })
    };
    arguments.chunks(3).map(log).collect()
}

/// The pipes with their logs.
struct LogPipes {
    open: Vec<(File, RotatedLog)>,
    /// Signals are taken only while it waits.
    waiting: SigSet,
}

impl LogPipes {
    fn new(logs: Vec<LogFile>) -> io::Result<Self> {
        let waiting = prepare_signals()?;
        let mut open = Vec::new();
        for (fd, log) in (0..).zip(logs) {
            // SAFETY: the watchdog that started this process put the pipes there, and nothing else here uses those
            // descriptors.
            let pipe = unsafe { OwnedFd::from_raw_fd(fd) };
            claim(&pipe)?;
            open.push((File::from(pipe), RotatedLog::new(log)));
        }
        Ok(Self { open, waiting })
    }

    fn run(mut self) -> io::Result<()> {
        while !self.open.is_empty() && !FINISHING.load(Ordering::Relaxed) {
            let mut polled: Vec<_> = self
                .open
                .iter()
                .map(|(pipe, _)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
                .collect();
            match ppoll(&mut polled, None, Some(self.waiting)) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let ready: Vec<_> = polled.iter().map(|fd| fd.any().unwrap_or(true)).collect();
            let mut ready = ready.into_iter();
            self.open
                .retain_mut(|(pipe, log)| !ready.next().unwrap_or(false) || log.take_from(pipe));
        }
        Ok(())
    }
}

/// Ignores signals to a whole process group: the writer must read as long as the program writes.
fn prepare_signals() -> io::Result<SigSet> {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    let noted = SigAction::new(
        SigHandler::Handler(finish),
        SaFlags::empty(),
        SigSet::empty(),
    );
    let ignored = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
        Signal::SIGXFSZ,
    ];
    let mut waiting = SigSet::empty();
    let mut finish = SigSet::empty();
    finish.add(FINISH);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&finish), Some(&mut waiting))?;
    waiting.remove(FINISH);
    // SAFETY: the handler only stores into an atomic.
    unsafe {
        for signal in ignored {
            sigaction(signal, &ignore)?;
        }
        sigaction(FINISH, &noted)?;
    }
    Ok(waiting)
}

/// Locks the pipe, so that the next watchdog finds the process that reads it (see [`reader_of`]).
fn claim(pipe: &OwnedFd) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETLK(&lock(libc::F_RDLCK)))?;
    Ok(())
}

/// The process that writes what comes out of `pipe`, if there is one.
pub fn reader_of(pipe: &OwnedFd) -> Option<u32> {
    let mut found = lock(libc::F_WRLCK);
    fcntl(pipe, FcntlArg::F_GETLK(&mut found)).ok()?;
    (i32::from(found.l_type) != libc::F_UNLCK).then(|| u32::try_from(found.l_pid).ok())?
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "constants of the system that fit"
)]
fn lock(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// One log file, and what is on its way there.
struct RotatedLog {
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
    const fn new(log: LogFile) -> Self {
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
    fn take_from(&mut self, pipe: &mut File) -> bool {
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
            let line = format!("{end}(httpok: {lost} bytes could not be kept here: {why})\n");
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
fn is_readable(pipe: &impl AsRawFd) -> bool {
    unread(pipe) > 0
}

/// Bytes that wait in `pipe`.
pub fn unread(pipe: &impl AsRawFd) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open, and the kernel writes one integer.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    match asked {
        0 => usize::try_from(count).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn log(path: &Path, maxbytes: u64, backups: u32) -> RotatedLog {
        RotatedLog::new(LogFile {
            path: path.to_owned(),
            maxbytes,
            backups,
            writer: PathBuf::new(),
        })
    }

    /// The newest first.
    fn kept(path: &Path) -> Vec<String> {
        let mut paths = vec![path.to_owned()];
        paths.extend((1..9).map(|number| PathBuf::from(backup(path.as_os_str(), number))));
        let texts = paths.iter().map(fs::read_to_string);
        texts.map_while(Result::ok).collect()
    }

    #[test]
    fn no_file_exceeds_its_bound_and_lines_stay_whole() {
        type Case = (u64, u32, &'static [&'static str], &'static [&'static str]);
        let cases: [Case; 8] = [
            (0, 2, &["one\n", "two\n"], &["one\ntwo\n"]),
            (8, 2, &["one\n", "two\n"], &["one\ntwo\n"]),
            (7, 2, &["one\n", "two\n"], &["two\n", "one\n"]),
            (7, 2, &["one\ntwo\nthree\n"], &["three\n", "two\n", "one\n"]),
            (4, 1, &["one\n", "two\n", "six\n"], &["six\n", "two\n"]),
            (4, 0, &["one\n", "two\n", "six\n"], &["six\n"]),
            (
                4,
                9,
                &["a line that is long\n"],
                &["ng\n", "s lo", "at i", "e th", "lin", "a "],
            ),
            (3, 1, &["no end"], &["end", "no "]),
        ];
        for (maxbytes, backups, texts, expected) in cases {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("log");
            let mut log = log(&path, maxbytes, backups);
            for text in texts {
                log.write(text.as_bytes());
            }
            let kept = kept(&path);
            if texts[0].contains("long") {
                assert!(kept.iter().all(|text| text.len() <= 4), "{kept:?}");
                let whole: String = kept.into_iter().rev().collect();
                assert_eq!(whole, texts[0]);
            } else {
                assert_eq!(kept, expected, "{maxbytes} {backups} {texts:?}");
            }
            assert_eq!(log.lost, 0);
        }
    }

    #[test]
    fn moved_or_removed_log_is_created_again() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let mut log = log(&at("log"), 100, 2);
        log.write(b"one\n");
        fs::rename(at("log"), at("moved")).unwrap();
        log.write(b"two\n");
        fs::remove_file(at("log")).unwrap();
        log.write(b"three\n");
        assert_eq!(fs::read_to_string(at("moved")).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(at("log")).unwrap(), "three\n");
    }

    #[test]
    fn two_writers_of_one_file_rotate_it_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let (mut one, mut other) = (log(&path, 4, 3), log(&path, 4, 3));
        one.write(b"1st\n");
        other.write(b"2nd\n");
        one.write(b"3rd\n");
        other.write(b"4th\n");
        assert_eq!(kept(&path), ["4th\n", "3rd\n", "2nd\n", "1st\n"]);
    }

    #[test]
    fn a_new_file_has_the_mode_of_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "one\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        log(&path, 4, 1).write(b"two\n");
        assert_eq!(kept(&path), ["two\n", "one\n"]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    }

    #[test]
    fn links_in_place_of_log_and_backups_are_not_followed() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("secret"), "secret").unwrap();
        symlink(at("secret"), at("log.1")).unwrap();
        symlink(at("secret"), at("log.2")).unwrap();
        let mut log = log(&at("log"), 4, 2);
        log.write(b"one\ntwo\n");
        assert_eq!(fs::read_to_string(at("log.1")).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(at("secret")).unwrap(), "secret");

        fs::remove_file(at("log")).unwrap();
        symlink(at("secret"), at("log")).unwrap();
        std::os::unix::fs::lchown(at("log"), Some(65534), None).expect("this test runs as root");
        log.write(b"six\n");
        assert_eq!(log.lost, 4);
        assert_eq!(fs::read_to_string(at("secret")).unwrap(), "secret");
    }

    #[test]
    fn lost_bytes_are_counted_and_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dir/log");
        let mut log = log(&path, 0, 2);
        log.write(b"nowhere\n");
        fs::create_dir(directory.path().join("dir")).unwrap();
        log.write(b"here\n");
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("(httpok: 8 bytes could not be kept here: "),
            "{text}"
        );
        assert!(text.ends_with(")\nhere\n"), "{text}");
    }

    #[test]
    fn a_backup_that_cannot_be_made_empties_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::create_dir(directory.path().join("log.1")).unwrap();
        let mut log = log(&path, 300, 1);
        log.write(&[b'a'; 299]);
        log.write(b"one\n");
        log.write(b"two\n");
        let text = fs::read_to_string(&path).unwrap();
        let expected =
            "one\n(httpok: 299 bytes could not be kept here: the log cannot be rotated: ";
        assert!(
            text.starts_with(expected) && text.ends_with("two\n"),
            "{text}"
        );
        assert_eq!(log.lost, 0);
    }

    #[test]
    fn arguments_of_the_log_writer_round_trip() {
        let logs = [("/a b", 5, 2), ("/c", 0, 0)].map(|(path, maxbytes, backups)| LogFile {
            path: path.into(),
            maxbytes,
            backups,
            writer: PathBuf::new(),
        });
        assert_eq!(parse(&arguments(&logs)[1..]), Some(logs.to_vec()));
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&["x".into(), "1".into(), "/c".into()]), None);
    }
}
