//! Dates and spans for people. Everything is UTC: an incident is read on several machines.

use std::time::Duration;

use crate::clock::WallClock;
use crate::health::Moment;

const CLOCK: WallClock = WallClock::AT_START;

/// `2026-05-01 03:12:04 UTC`.
pub fn stamp(moment: Moment) -> String {
    CLOCK.stamp(moment).replace('T', " ").replace('Z', " UTC")
}

/// `03:12:04 UTC` when that is near `now`, else with its date.
pub fn near(moment: Moment, now: Moment) -> String {
    const NEAR: Duration = Duration::from_secs(12 * 3600);
    if moment.since(now).max(now.since(moment)) < NEAR {
        format!("{} UTC", CLOCK.time(moment))
    } else {
        stamp(moment)
    }
}

/// The time of day alone: `03:12:04`.
pub fn time(moment: Moment) -> String {
    CLOCK.time(moment)
}

/// How long, such as `3 m 4 s`.
pub use crate::notify::text::span;
