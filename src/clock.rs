//! The watchdog's clock, and the dates of its moments. The clock is monotonic, also counts while the machine sleeps, and
//! counts from the Unix epoch as the wall clock had it at the start. When the wall clock is set, the loop moves this one
//! after it, with all moments that it keeps: spans stay as they are, and dates are right.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::health::Moment;

/// Reads the time as a [`Moment`]. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The date of the machine's start, in milliseconds since the Unix epoch, as far as it is known.
    origin: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            origin: Arc::new(AtomicI64::new(wall_millis() - since_boot())),
        }
    }

    /// The time.
    pub fn now(&self) -> Moment {
        let origin = self.origin.load(Ordering::Relaxed);
        Moment::ZERO.moved(origin.saturating_add(since_boot()))
    }

    /// Follows the wall clock, which was set by so many milliseconds.
    pub fn move_by(&self, millis: i64) {
        self.origin.fetch_add(millis, Ordering::Relaxed);
    }

    /// The same clock as it is set now: spans that begin and end by it are right whenever the other is moved.
    #[must_use]
    pub fn pinned(&self) -> Self {
        let origin = self.origin.load(Ordering::Relaxed);
        Self {
            origin: Arc::new(AtomicI64::new(origin)),
        }
    }

    /// How many milliseconds this clock is ahead of `other`, or behind when that is negative.
    pub fn ahead_of(&self, other: &Self) -> i64 {
        self.origin.load(Ordering::Relaxed) - other.origin.load(Ordering::Relaxed)
    }

    /// The dates of this clock's moments by the wall clock as it is set now: this one follows it a moment later, and not
    /// by less than seconds.
    pub fn wall_clock(&self) -> WallClock {
        let elapsed = Duration::from_millis(self.now().as_millis());
        let origin = SystemTime::now().checked_sub(elapsed);
        WallClock {
            origin: origin.unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }

    /// How many milliseconds the wall clock is ahead of this one, or behind when that is negative.
    pub fn wall_offset(&self) -> i64 {
        let now = i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX);
        wall_millis() - now
    }
}

fn wall_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since the machine's start, with the time that it slept.
fn since_boot() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Turns moments into dates.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// The date of [`Moment::ZERO`].
    pub origin: SystemTime,
}

impl WallClock {
    /// Dates by the wall clock as it was set at the watchdog's start.
    pub const AT_START: Self = Self {
        origin: SystemTime::UNIX_EPOCH,
    };

    /// The date of `moment`, no later than RFC 3339 can say.
    pub fn at(self, moment: Moment) -> SystemTime {
        const LAST: Duration = Duration::from_secs(253_402_300_799);
        let origin = self
            .origin
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let since = origin.saturating_add(Duration::from_millis(moment.as_millis()));
        SystemTime::UNIX_EPOCH + since.min(LAST)
    }

    /// The same as text: `2026-05-01T03:12:04Z`.
    pub fn stamp(self, moment: Moment) -> String {
        humantime::format_rfc3339_seconds(self.at(moment)).to_string()
    }

    /// Only the time of day: `03:12:04`.
    pub fn time(self, moment: Moment) -> String {
        let stamp = self.stamp(moment);
        stamp.get(11..19).unwrap_or(&stamp).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_times_of_day_and_never_panic() {
        let clock = WallClock {
            origin: SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_605_124),
        };
        assert_eq!(clock.stamp(Moment::ZERO), "2026-05-01T03:12:04Z");
        assert_eq!(clock.stamp(Moment::from_secs(60)), "2026-05-01T03:13:04Z");
        assert_eq!(clock.time(Moment::from_secs(60)), "03:13:04");
        let end = clock.stamp(Moment::from_millis(u64::MAX));
        assert_eq!(end, "9999-12-31T23:59:59Z");
        let before = WallClock {
            origin: SystemTime::UNIX_EPOCH - Duration::from_secs(5),
        };
        assert_eq!(before.stamp(Moment::ZERO), "1970-01-01T00:00:00Z");
    }
}
