//! A point on the watchdog's own monotonic clock. The decision core never reads a clock: every `Moment`
//! is handed in, which is what makes a run replayable.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time since the watchdog's origin, in milliseconds. Monotonic: wall-clock jumps do not move it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Moment(
    /// One more than that, so that a moment that may be missing takes no more memory: a check has many of them.
    NonZeroU64,
);

impl Moment {
    /// The origin itself.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The moment `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(millis))
    }

    /// The moment `seconds` seconds after the origin.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds * 1000)
    }

    /// Milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0.get() - 1
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// This moment `millis` milliseconds later, or earlier when that is negative; never before the origin.
    #[must_use]
    pub const fn moved(self, millis: i64) -> Self {
        Self::from_millis(self.as_millis().saturating_add_signed(millis))
    }

    /// The moment `span` before this one, never before the origin.
    pub fn before(self, span: Duration) -> Self {
        Self::from_millis(self.as_millis().saturating_sub(millis(span)))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl From<Duration> for Moment {
    fn from(since_origin: Duration) -> Self {
        Self::from_millis(millis(since_origin))
    }
}

impl From<u64> for Moment {
    fn from(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}

impl From<Moment> for u64 {
    fn from(moment: Moment) -> Self {
        moment.as_millis()
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Moment").field(&self.as_millis()).finish()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        write!(f, "{}.{:03}s", millis / 1000, millis % 1000)
    }
}

/// A moment as programs and people outside read it: RFC 3339 in UTC, to the millisecond. For
/// `#[serde(with = ...)]` of what is shown; what is only stored keeps the shorter number.
pub mod rfc3339 {
    use std::time::UNIX_EPOCH;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::{Duration, Moment};

    /// The last second that RFC 3339 can say: the end of the year 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);

    /// `2026-05-01T03:12:04.250Z`: the clock's origin is the Unix epoch.
    pub fn format(moment: Moment) -> String {
        let since = Duration::from_millis(moment.as_millis()).min(LAST);
        humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
    }

    /// The moment that `text` is.
    pub fn parse(text: &str) -> Option<Moment> {
        let date = humantime::parse_rfc3339(text).ok()?;
        Some(Moment::from(date.duration_since(UNIX_EPOCH).ok()?))
    }

    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format(*moment))
    }

    /// # Errors
    /// Also for a text that is not an RFC 3339 date since 1970.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(from)?;
        let date = humantime::parse_rfc3339(&text).map_err(de::Error::custom)?;
        let since = date.duration_since(UNIX_EPOCH).map_err(de::Error::custom)?;
        Ok(Moment::from(since))
    }

    /// The same for a moment that may be missing.
    pub mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use super::{Moment, format};

        #[derive(Deserialize)]
        struct Present(#[serde(with = "super")] Moment);

        /// # Errors
        /// Those of the serializer.
        pub fn serialize<S: Serializer>(moment: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
            moment.map(format).serialize(to)
        }

        /// # Errors
        /// Also for a text that is not an RFC 3339 date since 1970.
        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Moment>, D::Error> {
            Option::<Present>::deserialize(from).map(|moment| moment.map(|present| present.0))
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_moments_are_rfc3339_and_come_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Shown {
            #[serde(with = "rfc3339")]
            at: Moment,
            #[serde(with = "rfc3339::optional")]
            until: Option<Moment>,
        }
        for (millis, until, text) in [
            (0, None, r#"{"at":"1970-01-01T00:00:00.000Z","until":null}"#),
            (
                1_777_605_124_250,
                Some(1_777_605_184_000),
                r#"{"at":"2026-05-01T03:12:04.250Z","until":"2026-05-01T03:13:04.000Z"}"#,
            ),
        ] {
            let shown = Shown {
                at: Moment::from_millis(millis),
                until: until.map(Moment::from_millis),
            };
            assert_eq!(serde_json::to_string(&shown).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Shown>(text).expect("JSON"), shown);
        }
        for invalid in ["soon", "1960-01-01T00:00:00Z", "2026-05-01"] {
            let text = format!(r#"{{"at":{invalid:?},"until":null}}"#);
            assert!(serde_json::from_str::<Shown>(&text).is_err(), "{invalid}");
        }
        assert_eq!(
            rfc3339::format(Moment::from_millis(u64::MAX)),
            "9999-12-31T23:59:59.000Z"
        );
    }
}
