//! What the reports and the notifiers share: the message between them, where and when the watchdog runs, and
//! why a message was not taken.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::health::{Moment, bounded};

/// A report as text: plain data that can wait in the outbox for days and across restarts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// One line.
    pub subject: String,
    /// Plain text, lines ended by `\n`, the last one without.
    pub text: String,
    /// When the report was made.
    pub at: SystemTime,
    /// The host it was made on.
    pub host: String,
    /// The incident: the thread it belongs to.
    pub incident: String,
    /// Its number: they count up from 1 within the thread.
    pub number: u64,
    /// The same for programs: what a webhook sends.
    pub event: serde_json::Value,
}

/// Where and since when the watchdog runs: what a report cannot know by itself.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// The host's name.
    pub host: String,
    /// Turns moments into times of day.
    pub clock: WallClock,
}

/// Turns moments of the watchdog's own clock into times of day.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// The time of day at [`Moment::ZERO`].
    pub origin: SystemTime,
}

impl WallClock {
    /// The time of day at `moment`, kept within what RFC 3339 can say.
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

    /// Only the time of day, for lines below a full stamp: `03:12:04`.
    pub fn time(self, moment: Moment) -> String {
        let stamp = self.stamp(moment);
        stamp.get(11..19).unwrap_or(&stamp).to_owned()
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// The same message may well be taken later.
    #[error("{0}")]
    Temporary(String),
    /// It will never be taken.
    #[error("{0}")]
    Permanent(String),
}

impl DeliveryError {
    /// With its text cut to [`TEXT_MAX`](crate::health::TEXT_MAX): it repeats what a server or a command said.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Temporary(why) => Self::Temporary(bounded(why)),
            Self::Permanent(why) => Self::Permanent(bounded(why)),
        }
    }

    /// Whether trying again is worth it.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary(_))
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
