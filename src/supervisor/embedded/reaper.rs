//! Orphans: processes whose parents died come to PID 1 of a container, or to us when we asked for them,
//! and stay as zombies until they are collected.
//!
//! Children of our own are not to be collected here: whoever started one wants to know how it ended. But
//! nothing tells the two kinds apart. Time does: those who have a child collect it at once, so a zombie
//! that is still there after [`PATIENCE`] belongs to nobody.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Longer than anybody here takes to collect a child of his own.
const PATIENCE: Duration = Duration::from_secs(5);

/// From now on orphaned descendants become our children, as they do when we are PID 1.
pub fn become_subreaper() -> io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}

/// Collects orphans until it is dropped. Nothing wakes it but the end of a child. Needs a runtime.
pub async fn reap_orphans() -> io::Result<()> {
    let mut ends = signal(SignalKind::child())?;
    let mut seen = HashSet::new();
    loop {
        let now: HashSet<_> = zombies();
        // Twice seen, a patience apart. (A pid that was used anew in between would have had to end, too.)
        let (orphans, fresh) = now.into_iter().partition(|pid| seen.contains(pid));
        collect(&orphans);
        seen = fresh;
        if seen.is_empty() {
            ends.recv().await;
        } else {
            sleep(PATIENCE).await;
        }
    }
}

fn collect(orphans: &HashSet<Pid>) {
    for pid in orphans {
        match waitid(Id::Pid(*pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
            Ok(status) => tracing::debug!("collected an orphan: {status:?}"),
            // Somebody was even slower than that.
            Err(error) => tracing::debug!("did not collect {pid}: {error}"),
        }
    }
}

/// Our children that have ended and were not collected.
fn zombies() -> HashSet<Pid> {
    // Most of the time there is none, and one call tells.
    if !has_ended(Id::All) {
        return HashSet::new();
    }
    children().filter(|pid| has_ended(Id::Pid(*pid))).collect()
}

/// Whether there is a zombie among them. It stays one.
fn has_ended(which: Id<'_>) -> bool {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(
        waitid(which, peek),
        Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD)
    )
}

/// The children of all our threads: the kernel keeps a list for each.
fn children() -> impl Iterator<Item = Pid> {
    fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|list| {
            let pids: Vec<_> = list.split_ascii_whitespace().map(str::parse).collect();
            pids.into_iter().flatten().map(Pid::from_raw)
        })
}
