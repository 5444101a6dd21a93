//! "Time to probe": from supervisord's TICK events or the watchdog's own timer; and the signals that ask the
//! watchdog to stop or to read its configuration again. What follows from a tick is decided elsewhere.

pub mod calendar;
mod fd;
mod listener;
pub mod maintenance;
mod protocol;
mod signals;

use std::time::{Duration, SystemTime};

pub use listener::{EventListener, ListenerEnd};
pub use protocol::{ListenerEvent, ListenerItem, ListenerParser};
pub use signals::{Signal, Signals};

/// It is time to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// supervisord's event name, such as `TICK_5`.
    pub name: String,
    /// The time between two ticks of this name, where it is known.
    pub period: Option<Duration>,
    /// How long ago it was due; zero when that lies ahead (clocks are set back), `None` when unknown.
    pub age: Option<Duration>,
}

impl Tick {
    /// The tick that `event` is, if it is one: names that begin with `TICK` count, as in the original.
    /// `now` is the wall clock, which is what supervisord dates its events by.
    pub fn from_event(event: &ListenerEvent, now: SystemTime) -> Option<Self> {
        let rest = event.name.strip_prefix("TICK")?;
        let seconds = rest
            .strip_prefix('_')
            .and_then(|period| period.parse().ok());
        let when = event
            .payload
            .split_ascii_whitespace()
            .find_map(|token| token.strip_prefix("when:"))
            .and_then(|when| when.parse().ok())
            .and_then(|when| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(when)));
        Some(Self {
            name: event.name.clone(),
            period: seconds.filter(|&s| s > 0).map(Duration::from_secs),
            age: when.map(|when| now.duration_since(when).unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_begin_with_tick_are_ticks() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_500);
        let seconds = |s| Some(Duration::from_secs(s));
        let half = Some(Duration::from_millis(500));
        for (name, payload, tick) in [
            ("TICK_5", "when:1000", Some((seconds(5), half))),
            ("TICK_3600", "when:1000", Some((seconds(3600), half))),
            ("TICK_60", "when:1001", Some((seconds(60), seconds(0)))),
            ("TICK_60", "x:1 when:1000 y:2", Some((seconds(60), half))),
            ("TICK_5", "", Some((seconds(5), None))),
            ("TICK_5", "when:soon", Some((seconds(5), None))),
            (
                "TICK_5",
                "when:18446744073709551615",
                Some((seconds(5), None)),
            ),
            ("TICK_0", "when:1000", Some((None, half))),
            ("TICK", "when:1000", Some((None, half))),
            ("TICKLE", "when:1000", Some((None, half))),
            ("tick_5", "when:1000", None),
            ("PROCESS_STATE_RUNNING", "when:1000", None),
        ] {
            let event = ListenerEvent {
                name: name.to_owned(),
                payload: payload.to_owned(),
            };
            let found = Tick::from_event(&event, now);
            assert_eq!(
                found.as_ref().map(|tick| (tick.period, tick.age)),
                tick,
                "{name} {payload}"
            );
            assert!(found.is_none_or(|tick| tick.name == name));
        }
    }
}
