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

    /// The date of a moment.
    pub fn date(moment: Moment) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(moment.as_millis())
    }
}
