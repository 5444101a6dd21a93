//! Stops that were requested and not confirmed: the connection broke, or a deadline
//! passed. A process that is seen running after such a stop may still be stopping, and a supervisor without that
//! state reports "running". The stop is remembered here for as long as it may take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The stops of one supervisor, by the name or id of what was to stop.
#[derive(Clone, Debug, Default)]
pub struct LingeringStops(Arc<Mutex<HashMap<String, LingeringStop>>>);

#[derive(Debug)]
struct LingeringStop {
    /// Which life of it was to end; another one is not on its way down.
    life: String,
    /// How long it may take.
    takes: Duration,
    /// Until when it is waited for. Counted from the first time that it was seen after the stop was asked for:
    /// a supervisor that hung does what it was asked only when it goes on.
    until: Option<Instant>,
}

impl LingeringStops {
    /// `life` of `what` is about to be asked to stop, which takes so long at most.
    pub fn asked(&self, what: &str, life: &str, takes: Duration) {
        let stop = LingeringStop {
            life: life.to_owned(),
            takes,
            until: None,
        };
        self.stops().insert(what.to_owned(), stop);
    }

    /// The outcome of the stop is known.
    pub fn settled(&self, what: &str) {
        self.stops().remove(what);
    }

    /// Whether `what`, which was seen running at `now` in its life `life`, may still be on its way down.
    pub fn holds(&self, what: &str, life: &str, now: Instant) -> bool {
        let mut stops = self.stops();
        let Some(stop) = stops.get_mut(what) else {
            return false;
        };
        let until = *stop.until.get_or_insert(now + stop.takes);
        let holds = stop.life == life && now < until;
        if !holds {
            stops.remove(what);
        }
        holds
    }

    fn stops(&self) -> MutexGuard<'_, HashMap<String, LingeringStop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lingering_stop_is_timed_from_the_first_observation() {
        let lingering = LingeringStops::default();
        let seen = Instant::now() + Duration::from_secs(1000);
        let second = Duration::from_secs(1);
        assert!(!lingering.holds("a", "1", seen));
        lingering.asked("a", "1", 2 * second);
        assert!(lingering.holds("a", "1", seen));
        assert!(lingering.holds("a", "1", seen + second));
        assert!(!lingering.holds("a", "1", seen + 2 * second));
        assert!(!lingering.holds("a", "1", seen), "it is forgotten");
    }

    #[test]
    fn new_instance_is_not_stopping() {
        let lingering = LingeringStops::default();
        let now = Instant::now();
        lingering.asked("a", "1", Duration::from_secs(1));
        assert!(!lingering.holds("b", "1", now));
        assert!(!lingering.holds("a", "2", now));
        lingering.asked("a", "2", Duration::from_secs(1));
        lingering.settled("a");
        assert!(!lingering.holds("a", "2", now));
    }
}
