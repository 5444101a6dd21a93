//! Which process it is: a pid alone is not enough, as another process may get it. What the kernel keeps
//! about each under `/proc` tells them apart, in this life of the machine and the next.

use std::fs;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

use crate::health::ProcessName;

/// What the next watchdog must know to look after a program that lives on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The program.
    pub name: ProcessName,
    /// The process id of its leader, which is the number of its group, too.
    pub pid: u32,
    /// When that was started, in clock ticks since the machine's.
    pub started: u64,
    /// Which life of the machine that was in.
    pub boot: String,
    /// The definition it was started with.
    pub fingerprint: u64,
    /// It was told to end.
    #[serde(default)]
    pub stopping: bool,
}

/// The name of this life of the machine; empty where there is none to be had.
pub fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    })
}

/// When process `pid` was started, in clock ticks since the machine's start.
pub fn started(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    start_of(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// How long a process that was started then has been up.
pub fn uptime(started: u64) -> Duration {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let ticks = u64::try_from(ticks).unwrap_or(100).max(1);
    let started = Duration::from_millis(started.saturating_mul(1000) / ticks);
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(|now| Duration::from(now).saturating_sub(started))
        .unwrap_or_default()
}

/// When it was started, from a line of `/proc/PID/stat`: field 22. The second is the command's name in
/// parentheses, which may hold anything, parentheses too.
pub fn start_of(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["sh", "a b", ") S 1 (", "((", ""] {
            assert_eq!(
                start_of(&format!("7 ({name}) {rest}")),
                Some(4711),
                "{name}"
            );
        }
        for stat in ["", "7 (sh", "7 (sh) S 1 2", "7 sh S"] {
            assert_eq!(start_of(stat), None, "{stat}");
        }
    }

    #[test]
    fn we_were_started_a_little_while_ago() {
        let started = started(std::process::id()).unwrap();
        assert!(uptime(started) < Duration::from_secs(3600));
        assert_eq!(uptime(u64::MAX), Duration::ZERO);
    }
}
