//! How long the store's thread waits for other processes that hold the database. SQLite's own timeout adds up the
//! naps that it meant to take, which on a busy host is far less than the time that went by.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// While nothing is known to be wrong.
pub(super) const USUAL: Duration = Duration::from_secs(5);

/// While answers come from memory: no request waits for the file then.
pub(super) const BRIEF: Duration = Duration::from_millis(200);

const LONGEST_NAP: u64 = 50;

thread_local! {
    // The handler that SQLite calls is a bare function: what it has to know is kept beside it.
    static PATIENCE: Cell<Duration> = const { Cell::new(USUAL) };
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Does `work` while waiting no longer than `patience`.
pub(super) fn with<T>(patience: Duration, work: impl FnOnce() -> T) -> T {
    let before = PATIENCE.replace(patience);
    let done = work();
    PATIENCE.set(before);
    done
}

/// Waits a little, before the try after the given number of `tries`; `false` when it has been long enough.
pub(super) fn wait(tries: i32) -> bool {
    let now = Instant::now();
    let since = SINCE.get().filter(|_| tries > 0).unwrap_or(now);
    SINCE.set(Some(since));
    if now.duration_since(since) >= PATIENCE.get() {
        return false;
    }
    // Not all at the same time again.
    let longest = (1 << tries.clamp(0, 6)).min(LONGEST_NAP);
    std::thread::sleep(Duration::from_millis(fastrand::u64(1..=longest)));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_wait_is_bounded_and_resets() {
        with(Duration::from_millis(20), || {
            for _ in 0..2 {
                let begun = Instant::now();
                let tries = (0..).take_while(|tries| wait(*tries)).count();
                assert!(tries > 0);
                assert!(begun.elapsed() >= Duration::from_millis(20));
            }
        });
        assert_eq!(PATIENCE.get(), USUAL);
    }
}
