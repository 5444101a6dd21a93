//! The watchdog's clock: monotonic, counted from the Unix epoch as it stood at the start. Moments of one
//! run never jump; those of two runs can be compared; every one of them is a date.

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

    /// What is to be added to a moment of this clock to get its date by the wall clock as it is set now: the wall
    /// clock may have been set since the start, this one never is.
    pub fn wall_origin(&self) -> SystemTime {
        let elapsed = Duration::from_millis(self.now().as_millis());
        SystemTime::now()
            .checked_sub(elapsed)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// How many milliseconds the wall clock is ahead of this one, or behind when that is negative.
    pub fn wall_offset(&self) -> i64 {
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
        let wall = since(SystemTime::now()).unwrap_or_default().as_millis();
        let wall = i64::try_from(wall).unwrap_or(i64::MAX);
        wall - i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX)
    }

    /// The date of a moment.
    pub fn date(moment: Moment) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(moment.as_millis())
    }
}
