//! The process that writes a program's log files: this program, started once more. It reads the pipes that
//! are the program's outputs until every writer has closed them, so it needs no watchdog: it outlives
//! one that is killed, and the program writes on as if nothing had happened. Each file is a `rotated_log`.

mod rotated_log;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
};

use super::spec::LogFile;
use rotated_log::RotatedLog;

/// The internal subcommand `__log (MAXBYTES BACKUPS PATH)...`. Only httpok itself calls it. The
/// first pipe is standard input, the second is standard output.
pub const LOG_WRITER: &str = "__log";

/// Asks it to write what it has read and to end, so that another one can go on with other bounds.
pub const FINISH: Signal = Signal::SIGUSR1;

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
    use super::*;

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
