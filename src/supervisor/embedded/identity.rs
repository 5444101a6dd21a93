//! Which process it is: a pid alone is not enough, as another process may get it. What the kernel keeps
//! about each under `/proc` distinguishes them, within one boot of the machine and the next.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use procfs::ProcResult;
use serde::{Deserialize, Serialize};

use crate::health::ProcessName;

/// What the next watchdog must know to supervise a program that outlives this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// The program.
    pub name: ProcessName,
    /// The process id of its leader, which is the number of its group and session, too.
    pub pid: u32,
    /// When the leader was started, in clock ticks since boot.
    pub started: u64,
    /// In which boot of the machine that was.
    pub boot: String,
    /// The definition it was started with.
    pub fingerprint: u64,
    /// The stop signal was sent.
    #[serde(default)]
    pub stopping: bool,
    /// The leader has ended, and processes that it started were left.
    #[serde(default)]
    pub ended: bool,
}

impl ProcessRecord {
    /// Whether its leader runs.
    pub fn lives(&self) -> bool {
        self.boot == boot()
            && stat(self.pid).is_ok_and(|stat| {
                stat.starttime == self.started && !matches!(stat.state, 'Z' | 'X')
            })
    }
}

/// The id of this boot of the machine; empty where it cannot be read.
pub fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| procfs::sys::kernel::random::boot_id().unwrap_or_default())
}

/// When process `pid` was started, in clock ticks since boot.
pub fn started(pid: u32) -> io::Result<u64> {
    stat(pid)
        .map(|stat| stat.starttime)
        .map_err(io::Error::other)
}

/// What the kernel says about process `pid`.
pub fn stat(pid: u32) -> ProcResult<procfs::process::Stat> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    procfs::process::Process::new(pid)?.stat()
}

/// How long a process that was started then has been up.
pub fn uptime(started: u64) -> Duration {
    let ticks = procfs::ticks_per_second().max(1);
    let started = Duration::from_millis(started.saturating_mul(1000) / ticks);
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(|now| Duration::from(now).saturating_sub(started))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_of_this_process_is_short() {
        let started = started(std::process::id()).unwrap();
        assert!(uptime(started) < Duration::from_secs(3600));
        assert_eq!(uptime(u64::MAX), Duration::ZERO);
        assert!(super::started(0).is_err() && super::started(u32::MAX).is_err());
    }
}
