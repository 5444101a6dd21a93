//! A program's leading process: its end, its signals. Held by a pidfd, which works alike for children of this watchdog
//! and for those that another watchdog left, and which never means another process. Dropping it leaves
//! the process alone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::fault::ProcessExit;
use super::identity::{self, ProcessRecord};
use crate::exec::children::Awaited;

/// A process that leads its group.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    started: u64,
    fd: AsyncFd<OwnedFd>,
    /// Set for a child of this process, so that the reaper of orphans does not collect it.
    _awaited: Option<Awaited>,
}

impl Child {
    /// Watches process `pid`, a child of this process that was not collected. Needs a runtime.
    pub fn of(pid: u32, awaited: Option<Awaited>) -> io::Result<Self> {
        let (number, pid) = (pid, id(pid)?);
        Ok(Self {
            pid,
            started: identity::started(number)?,
            fd: polled(pidfd_open(pid, PidfdFlags::empty())?)?,
            _awaited: awaited,
        })
    }

    /// The process in `record`, if it lives. Needs a runtime.
    pub fn adopt(record: &ProcessRecord) -> Option<Self> {
        if record.boot != identity::boot() {
            return None;
        }
        // First the descriptor, then the start time: so both are about the same process.
        let pid = id(record.pid).ok()?;
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let started = identity::started(record.pid).ok()?;
        if started != record.started || has_ended(&fd) {
            return None;
        }
        Some(Self {
            pid,
            started,
            fd: polled(fd).ok()?,
            _awaited: None,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// When it was started, in clock ticks since boot.
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

    /// Sends it alone the signal with this number.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(number).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(pidfd_send_signal(self.fd.get_ref(), signal)?)
    }

    /// Sends its whole group the signal with this number. Nothing happens when it has ended: its number may
    /// belong to another group then.
    pub fn signal_group(&self, number: i32) -> io::Result<()> {
        if has_ended(self.fd.get_ref()) {
            return Ok(());
        }
        let signal = Signal::from_named_raw(number).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(kill_process_group(self.pid, signal)?)
    }

    /// Kills its whole group, and waits for its end. Blocks.
    pub fn kill_and_collect(self) {
        // it may have ended
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = waitid(
            WaitId::PidFd(self.fd.get_ref().as_fd()),
            WaitIdOptions::EXITED,
        );
    }

    /// Collects it after its end. `None`: it is another process's child, of which only its parent knows how
    /// it ended.
    pub fn collect(self) -> Option<ProcessExit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let ended = waitid(WaitId::PidFd(self.fd.get_ref().as_fd()), options);
        ended.ok().flatten().as_ref().and_then(exit)
    }
}

fn id(pid: u32) -> io::Result<Pid> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Registers the pidfd with the runtime. Needs a runtime.
fn polled(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: `OwnedFd` keeps the same descriptor open until it is dropped, and `AsyncFd` ends its registration
    // before it drops the descriptor.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// Whether it has ended. It may still be a zombie, if its parent is slow to collect it.
fn has_ended(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ended| ended > 0)
}

fn exit(status: &WaitIdStatus) -> Option<ProcessExit> {
    let code = status.exit_status().map(ProcessExit::Code);
    code.or_else(|| status.terminating_signal().map(ProcessExit::Signal))
}
