//! Helpers that several test binaries share.
#![allow(dead_code, reason = "no test binary uses all of them")]

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
