//! How results are shown. Every format is a function from results to text: no IO, no terminal, no clock.
//! Dates are UTC: an incident is read on several machines.

pub mod columns;
mod human;
mod json;
mod nagios;
pub mod paint;
mod plain;
pub mod visible;

pub use human::{HumanOptions, human};
pub use json::json;
pub use nagios::nagios;
pub use plain::plain;

use crate::cli::check::Checked;
use crate::clock::WallClock;
use crate::health::Moment;
use crate::serve::openmetrics::Exposition;
use crate::serve::probes::{self, ProbeSample};
use std::time::Duration;

/// How long, such as `3 m 4 s`.
pub use crate::notify::text::span;

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

/// Every result in OpenMetrics text.
pub fn openmetrics(results: &[Checked]) -> String {
    let samples: Vec<_> = results
        .iter()
        .map(|checked| ProbeSample::of(&checked.name, &checked.seen, &checked.judgement))
        .collect();
    let mut page = Exposition::default();
    probes::write(&samples, &mut page);
    page.finish()
}

#[cfg(test)]
mod tests;
