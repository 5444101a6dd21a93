//! Reaps orphans: a process without a parent becomes a child of PID 1 or of the nearest subreaper,
//! and stays a zombie until it is collected. Children that another task waits for are not collected here.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::prctl;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::exec::children;

/// The pause before orphans are collected that ended while a child was being started.
const AGAIN: Duration = Duration::from_millis(100);

/// Makes this process a subreaper: orphaned descendants become its children, as they do for PID 1.
pub fn become_subreaper() -> io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}

/// Collects orphans as soon as they end, until it is dropped. Needs a runtime.
pub async fn reap_orphans() -> io::Result<()> {
    let mut ends = signal(SignalKind::child())?;
    loop {
        let is_done = !has_ended(WaitId::All) || children::for_orphans(our_children(), collect);
        tokio::select! {
            end = ends.recv() => if end.is_none() {
                return std::future::pending().await;
            },
            () = sleep(AGAIN), if !is_done => {}
        }
    }
}

fn collect(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    if has_ended(WaitId::Pid(pid)) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(pid), options);
        tracing::debug!("collected orphan {pid}: {status:?}");
    }
}

/// Whether there is a zombie among them. It stays one.
fn has_ended(which: WaitId<'_>) -> bool {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(which, peek), Ok(Some(_)))
}

/// The children of all threads of this process: the kernel keeps a list for each.
fn our_children() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let pids = list.split_ascii_whitespace().map(str::parse);
            pids.flatten().collect::<Vec<_>>()
        })
        .collect()
}
