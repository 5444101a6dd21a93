//! A program's process: its end, its signals. Held by a pidfd, which works alike for children of our own
//! and for those that another watchdog left, and which never means another process. Dropping it leaves
//! the process alone.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;

use super::fault::Exit;
use super::identity::{self, Record};
use super::polled::polled;

/// A process that leads its group.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    started: u64,
    fd: AsyncFd<OwnedFd>,
}

impl Child {
    /// Looks after process `pid`, a child of ours that was not collected. Needs a runtime.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            started: identity::started(pid)?,
            fd: polled(open(pid)?)?,
        })
    }

    /// The process in `record`, if it lives. Needs a runtime.
    pub fn adopt(record: &Record) -> Option<Self> {
        if record.boot != identity::boot() {
            return None;
        }
        // First the descriptor, then the look: what it says is said about the same process.
        let fd = open(record.pid).ok()?;
        let started = identity::started(record.pid).ok()?;
        if started != record.started || has_ended(&fd) {
            return None;
        }
        Some(Self {
            pid: record.pid,
            started,
            fd: polled(fd).ok()?,
        })
    }

    /// Its process id.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// When it was started, in clock ticks since the machine's start.
    pub const fn started(&self) -> u64 {
        self.started
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        if let Err(error) = self.fd.readable().await {
            // Only a runtime that shuts down gives one, and then there is nothing to wait for.
            tracing::error!("cannot watch process {}: {error}", self.pid);
            std::future::pending::<()>().await;
        }
    }

    /// Sends it the signal with this number.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        send(&self.fd, number)
    }

    /// Sends its group `signal`. Nothing happens when it has ended.
    pub fn signal_group(&self, signal: Signal) {
        // While it is there, even as a zombie, the group's number is its own.
        if send(&self.fd, 0).is_ok() {
            self.kill_group(signal);
        }
    }

    /// After its end: kills what is left of its group, so that nobody holds a port that its successor
    /// wants, and collects it. `None`: another process's child, of which only its parent knows how it
    /// ended.
    pub fn collect(self) -> Option<Exit> {
        let exit = wait(&self.fd, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        // Ours is a zombie until it is collected, so its number is still taken. A stranger may be collected
        // already, but the kernel gives its number to nobody as long as the group has members, and
        // numbers go round too slowly for another to have it by now.
        self.kill_group(Signal::SIGKILL);
        let exit = exit.ok()?;
        let _ = wait(&self.fd, libc::WEXITED | libc::WNOHANG);
        exit
    }

    fn kill_group(&self, signal: Signal) {
        let group = i32::try_from(self.pid).map(Pid::from_raw);
        match group
            .map_err(|_| Errno::ESRCH)
            .and_then(|group| killpg(group, signal))
        {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(
                    "cannot send {signal} to process group {}: {error}",
                    self.pid
                );
            }
        }
    }
}

/// A descriptor for process `pid`. It is not inherited by children.
fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::ESRCH)?;
    // SAFETY: two integers go in, a new descriptor comes out, which nobody else knows.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Whether it has ended. It may still be a zombie, if its parent is slow to collect it.
fn has_ended(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ended| ended > 0)
}

fn send(fd: &impl AsRawFd, number: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open; without details (null) the signal is as from kill().
    let sent = unsafe {
        let none = std::ptr::null::<libc::siginfo_t>();
        libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), number, none, 0)
    };
    Ok(Errno::result(sent).map(drop)?)
}

/// How it ended; `Ok(None)` when it has not. Not nix's waitid(), which fails on real-time signals.
fn wait(fd: &impl AsRawFd, flags: i32) -> io::Result<Option<Exit>> {
    let id = libc::id_t::try_from(fd.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    // SAFETY: all-zero is a valid siginfo_t; the kernel fills it in, and its status is only read where it
    // says that a child ended, for which that field is defined.
    let (code, status) = unsafe {
        let mut info: libc::siginfo_t = mem::zeroed();
        Errno::result(libc::waitid(libc::P_PIDFD, id, &raw mut info, flags))?;
        (info.si_code, info.si_status())
    };
    Ok(match code {
        libc::CLD_EXITED => Some(Exit::Code(status)),
        libc::CLD_KILLED | libc::CLD_DUMPED => Some(Exit::Signal(status)),
        _ => None,
    })
}
