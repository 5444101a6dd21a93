//! The watchdog's clock, and the dates of its moments. The clock is monotonic and counts from the Unix epoch as the wall
//! clock had it at the start: moments of one run never jump, and those of two runs can be compared.

use std::time::{Duration, Instant, SystemTime};

use crate::health::Moment;

/// Reads the time as a [`Moment`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    since_epoch: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            since_epoch: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// The time.
    pub fn now(&self) -> Moment {
        Moment::from(self.since_epoch + self.started.elapsed())
    }

    /// The dates of this clock's moments by the wall clock as it is set now: the wall clock may have been set since the
    /// start, this one never is.
    pub fn wall_clock(&self) -> WallClock {
        let elapsed = Duration::from_millis(self.now().as_millis());
        let origin = SystemTime::now().checked_sub(elapsed);
        WallClock {
            origin: origin.unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }

    /// How many milliseconds the wall clock is ahead of this one, or behind when that is negative.
    pub fn wall_offset(&self) -> i64 {
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
        let wall = since(SystemTime::now()).unwrap_or_default().as_millis();
        let wall = i64::try_from(wall).unwrap_or(i64::MAX);
        wall - i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX)
    }
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
