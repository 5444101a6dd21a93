//! Helpers that several test binaries share.
#![allow(dead_code, reason = "no test binary uses all of them")]

pub mod ports;
pub mod supervisord;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` holds, and fails the test with `what` when it does not within `limit`.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process `pid` lives: neither gone nor a zombie that nobody has collected yet.
pub fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
