//! What a program's leading process started and left behind when it ended: processes of its group and of its
//! session, orphans that left both and became children of httpok, and the children of all these. They hold ports and
//! files that the next start needs, or finish the program's work.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::identity;
use crate::blocking;
use crate::exec::children;

/// The environment variable that identifies the program that started a process.
pub const MARK: &str = "HTTPOK_PROGRAM";

/// Reading all of `/proc` takes milliseconds; a process that hangs in the kernel may hold up its reader.
const SCAN_FOR: Duration = Duration::from_secs(2);

/// So many read at the same time. One that hangs keeps its place.
static SCANS: Semaphore = Semaphore::const_new(4);

/// The processes that one start of a program led to, without the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessFamily {
    /// The leader's pid, which is the number of its group and session.
    pub leader: u32,
    /// When the leader was started, in clock ticks since boot.
    pub started: u64,
    /// The value of [`MARK`] in its environment.
    pub mark: String,
}

/// A process as it was found: pid and start.
type FamilyMember = (u32, u64);

impl ProcessFamily {
    /// Those that live.
    ///
    /// # Errors
    /// `/proc` cannot be read, or does not answer.
    pub async fn members(&self) -> io::Result<Vec<FamilyMember>> {
        let family = self.clone();
        off_loop(move || {
            let is_orphan = |pid| !children::is_awaited(pid) && has_mark(pid, &family.mark);
            Ok(family.find(&rows()?, is_orphan))
        })
        .await
    }

    fn find(&self, rows: &[ProcessRow], is_its_orphan: impl Fn(u32) -> bool) -> Vec<FamilyMember> {
        let ourselves = std::process::id();
        let is_orphan = |row: &&ProcessRow| row.parent == ourselves && is_its_orphan(row.pid);
        let orphans = rows.iter().filter(|row| self.can_be(row)).filter(is_orphan);
        self.with_descendants(rows, orphans.map(|row| row.pid).collect())
    }

    /// Whether it is young enough, and neither the leader nor ourselves.
    fn can_be(&self, row: &ProcessRow) -> bool {
        row.started >= self.started && row.pid != self.leader && row.pid != std::process::id()
    }

    /// What lives of `found`, of its group and session, and of all their descendants.
    fn with_descendants(&self, rows: &[ProcessRow], mut found: BTreeSet<u32>) -> Vec<FamilyMember> {
        let is_reused = |row: &ProcessRow| row.pid == self.leader && row.started != self.started;
        let reused = rows.iter().any(is_reused);
        let rows: Vec<_> = rows.iter().filter(|row| self.can_be(row)).collect();
        for row in &rows {
            let together = row.group == self.leader || row.session == self.leader;
            if together && !reused && self.leader != 0 {
                found.insert(row.pid);
            }
        }
        loop {
            let before = found.len();
            for row in &rows {
                if found.contains(&row.parent) {
                    found.insert(row.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        let living = |row: &&&ProcessRow| found.contains(&row.pid) && !row.is_zombie;
        let members = rows.iter().filter(living);
        members.map(|row| (row.pid, row.started)).collect()
    }
}

/// All processes of `leaders` and with `mark` in their environment, the leaders themselves and all descendants among them.
pub fn all_of(leaders: &[ProcessFamily], mark: &str) -> io::Result<Vec<FamilyMember>> {
    let ourselves = std::process::id();
    let rows = rows()?;
    let mut found: BTreeSet<FamilyMember> = BTreeSet::new();
    let marked = ProcessFamily {
        leader: 0,
        started: 0,
        mark: mark.to_owned(),
    };
    for family in leaders.iter().chain([&marked]) {
        let has_our_mark = |row: &ProcessRow| row.pid != ourselves && has_mark(row.pid, mark);
        let roots = rows
            .iter()
            .filter(|row| has_our_mark(row))
            .map(|row| row.pid);
        found.extend(family.with_descendants(&rows, roots.collect()));
        let is_leader = |row: &&ProcessRow| {
            (row.pid, row.started) == (family.leader, family.started) && !row.is_zombie
        };
        found.extend(
            rows.iter()
                .filter(is_leader)
                .map(|row| (row.pid, row.started)),
        );
    }
    Ok(found.into_iter().collect())
}

/// Sends each of `members` that still lives the signal with this number.
pub fn signal(members: &[FamilyMember], number: i32) {
    let Some(signal) = Signal::from_named_raw(number) else {
        return;
    };
    for &(pid, started) in members {
        let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            continue;
        };
        // First the descriptor, then the start time: so both are about the same process.
        let Ok(fd) = pidfd_open(id, PidfdFlags::empty()) else {
            continue;
        };
        if identity::started(pid).is_ok_and(|now| now == started)
            && let Err(error) = pidfd_send_signal(&fd, signal)
        {
            tracing::debug!("cannot send {signal:?} to process {pid}: {error}");
        }
    }
}

/// What is read of each process.
struct ProcessRow {
    pid: u32,
    parent: u32,
    group: u32,
    session: u32,
    started: u64,
    is_zombie: bool,
}

fn rows() -> io::Result<Vec<ProcessRow>> {
    let processes = procfs::process::all_processes().map_err(io::Error::other)?;
    let stats = processes.filter_map(|process| process.ok()?.stat().ok());
    let number = |number: i32| number.try_into().unwrap_or_default();
    let rows = stats.map(|stat| ProcessRow {
        pid: number(stat.pid),
        parent: number(stat.ppid),
        group: number(stat.pgrp),
        session: number(stat.session),
        started: stat.starttime,
        is_zombie: matches!(stat.state, 'Z' | 'X'),
    });
    Ok(rows.collect())
}

fn has_mark(pid: u32, mark: &str) -> bool {
    let process = i32::try_from(pid).map(procfs::process::Process::new);
    let environment = process.ok().and_then(Result::ok).map(|p| p.environ());
    environment.is_some_and(|found| {
        found.is_ok_and(|found| {
            found
                .get(OsStr::new(MARK))
                .is_some_and(|value| value == mark)
        })
    })
}

/// The result of `work`, done on a thread of its own.
async fn off_loop<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let scans = timeout(SCAN_FOR, SCANS.acquire()).await?;
    let permit = scans.map_err(io::Error::other)?;
    let (send, done) = oneshot::channel();
    blocking::thread("processes", move || {
        // Nobody waits for a result that comes too late.
        let _ = send.send(work());
        drop(permit);
    })?;
    match timeout(SCAN_FOR, done).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(io::Error::other("the reader ended")),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_group_session_parent_and_mark() {
        let family = ProcessFamily {
            leader: 50,
            started: 1000,
            mark: "web:web".to_owned(),
        };
        let us = std::process::id();
        let row = |pid, parent, group, session| ProcessRow {
            pid,
            parent,
            group,
            session,
            started: 2000,
            is_zombie: false,
        };
        let stranger = row(60, 1, 60, 60);
        for (what, changed, marked, expected) in [
            ("in its group", row(60, 1, 50, 9), false, vec![60]),
            ("in its session", row(60, 1, 60, 50), false, vec![60]),
            ("an orphan of its", row(60, us, 60, 60), true, vec![60]),
            ("another's orphan", row(60, us, 60, 60), false, vec![]),
            ("marked, not ours", row(60, 1, 60, 60), true, vec![]),
            (
                "older",
                ProcessRow {
                    started: 9,
                    ..row(60, 1, 50, 50)
                },
                false,
                vec![],
            ),
            (
                "a zombie",
                ProcessRow {
                    is_zombie: true,
                    ..row(60, 1, 50, 50)
                },
                false,
                vec![],
            ),
            (
                "the leader",
                ProcessRow {
                    started: 1000,
                    ..row(50, 1, 50, 50)
                },
                false,
                vec![],
            ),
            ("a child's child", row(60, 61, 60, 60), false, vec![60, 61]),
        ] {
            let between = row(61, 1, if expected.len() == 2 { 50 } else { 61 }, 61);
            let found = family.find(&[changed, between], |_| marked);
            let pids: Vec<_> = found.into_iter().map(|(pid, _)| pid).collect();
            assert_eq!(pids, expected, "{what}");
        }
        let reused = [row(50, 1, 50, 50), row(60, 50, 50, 50), stranger];
        assert_eq!(family.find(&reused, |_| false), []);
    }
}
