//! The watchdog's own timer. It keeps its phase: the tick number n is due at start + n periods, however late an
//! earlier one was taken, and ticks that were missed (a stalled machine, a suspended laptop) are not
//! made up for.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Tick;

/// Ticks once per period.
#[derive(Debug)]
pub struct Interval(tokio::time::Interval);

impl Interval {
    /// The name of its ticks.
    pub const NAME: &'static str = "timer";

    /// The first tick comes after `delay`, then one per `period`, which is at least a millisecond.
    pub fn new(delay: Duration, period: Duration) -> Self {
        let period = period.max(Duration::from_millis(1));
        let mut interval = interval_at(Instant::now() + delay, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self(interval)
    }

    /// The next tick. May be dropped halfway and called again.
    pub async fn next(&mut self) -> Tick {
        let due = self.0.tick().await;
        Tick {
            name: Self::NAME.to_owned(),
            period: Some(self.0.period()),
            age: Some(due.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep};

    const PERIOD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn interval_keeps_its_phase_and_skips_missed_ticks() {
        let start = Instant::now();
        let mut interval = Interval::new(Duration::from_secs(3), PERIOD);
        let mut times = Vec::new();
        for work in [0, 4, 0, 27, 0, 0] {
            let tick = interval.next().await;
            times.push((start.elapsed().as_secs(), tick.age.unwrap().as_secs()));
            sleep(Duration::from_secs(work)).await;
        }
        // The work of 27 s makes the tick at 43 late and swallows the one at 53.
        assert_eq!(
            times,
            [(3, 0), (13, 0), (23, 0), (33, 0), (60, 17), (63, 0)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tick_reports_its_delay() {
        let mut interval = Interval::new(Duration::ZERO, PERIOD);
        advance(Duration::from_secs(2)).await;
        let tick = interval.next().await;
        assert_eq!(tick.name, "timer");
        assert_eq!(tick.period, Some(PERIOD));
        assert!(tick.age.unwrap() >= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn zero_period_does_not_panic() {
        let mut interval = Interval::new(Duration::ZERO, Duration::ZERO);
        interval.next().await;
        interval.next().await;
    }
}
