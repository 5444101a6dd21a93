//! When each check is due, by our own clock: a queue, nothing of which runs by itself. A check keeps its phase,
//! however late a tick was taken; ticks that were missed (a stalled machine, a suspended laptop) are not made up for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::due::{CheckPeriod, DueList};
use super::ticks::DueTick;
use crate::health::CheckTick;

/// All first probes are spread over so long: verdicts come soon.
const FIRST: Duration = Duration::from_secs(1);

/// Later ones are spread wider where there are many of them: one may begin every so often.
const APART: Duration = Duration::from_millis(2);

/// No check is due more often.
const SHORTEST: Duration = Duration::from_millis(1);

/// Ticks that are returned at once at most, so that the loop gets to everything else between them.
const AT_ONCE: usize = 16;

/// One timer per check.
#[derive(Debug, Default)]
pub struct Timers {
    queue: BinaryHeap<Reverse<Timer>>,
    /// Until the first of them is due.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Ordered by when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    due: Instant,
    /// The place of the check in the list.
    place: u32,
    /// After the first tick: how many milliseconds it is to the second one.
    second: Option<NonZeroU32>,
}

impl Timers {
    /// The next ticks of the checks in `due`; may be dropped halfway and called again.
    pub async fn next(&mut self, due: &[CheckPeriod]) -> Vec<DueTick> {
        loop {
            let ticks = self.take_due(due, Instant::now());
            if !ticks.is_empty() {
                return ticks;
            }
            let Some(Reverse(first)) = self.queue.peek() else {
                return std::future::pending().await;
            };
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(sleep_until(first.due)));
            if sleep.deadline() != first.due {
                sleep.as_mut().reset(first.due);
            }
            sleep.as_mut().await;
        }
    }

    /// A timer whose period is the same as in `before` goes on: a reload is no reason to probe.
    pub fn set(&mut self, before: &[CheckPeriod], due: &DueList) {
        let mut running = vec![None; before.len()];
        for Reverse(timer) in std::mem::take(&mut self.queue) {
            let period = before.get(timer.place as usize);
            if let Some((known, (_, every))) = running.get_mut(timer.place as usize).zip(period) {
                *known = Some((timer, *every));
            }
        }
        let now = Instant::now();
        let periods = due.periods();
        let count = u32::try_from(periods.len().max(1)).unwrap_or(u32::MAX);
        let running = due.carry(running);
        let timers = (0..).zip(periods.iter().zip(running));
        let timers = timers.map(|(place, ((_, every), known))| {
            let going_on = known.filter(|(_, before)| before == every);
            Reverse(match going_on {
                Some((timer, _)) => Timer { place, ..timer },
                None => Timer::begin(now, place, count, (*every).max(SHORTEST)),
            })
        });
        self.queue = timers.collect::<Vec<_>>().into();
    }

    /// The ticks that are due at `now`, or as many of them as are returned at once.
    fn take_due(&mut self, due: &[CheckPeriod], now: Instant) -> Vec<DueTick> {
        let mut ticks = Vec::new();
        while ticks.len() < AT_ONCE {
            let Some(mut first) = self.queue.peek_mut() else {
                break;
            };
            let timer = &mut first.0;
            if timer.due > now {
                break;
            }
            let Some((check, every)) = due.get(timer.place as usize) else {
                PeekMut::pop(first);
                continue;
            };
            let every = (*every).max(SHORTEST);
            ticks.push(DueTick {
                place: timer.place as usize,
                tick: CheckTick {
                    check: check.to_string(),
                    age: None,
                    period: Some(every),
                },
            });
            let second = timer.second.take();
            timer.due += second.map_or(every, |millis| Duration::from_millis(millis.get().into()));
            if timer.due <= now {
                timer.due = after(timer.due, every, now);
            }
        }
        ticks
    }
}

impl Timer {
    /// That of a check that is number `place` of `count`.
    fn begin(now: Instant, place: u32, count: u32, every: Duration) -> Self {
        let (first, second) = phases(every, place, count);
        // one that is due every month needs no phase
        let second = u32::try_from((second - first).as_millis()).ok();
        Self {
            due: now + first,
            place,
            second: second.and_then(NonZeroU32::new),
        }
    }
}

/// The first of `due`, `due + every`, ... that is later than `now`.
fn after(due: Instant, every: Duration, now: Instant) -> Instant {
    let missed = (now - due).as_nanos() / every.as_nanos().max(1);
    let missed = u32::try_from(missed).unwrap_or(u32::MAX);
    let next = due + every.saturating_mul(missed.saturating_add(1));
    next.max(now + SHORTEST)
}

/// When the first two ticks of check `index` of `count` are due; from the second one on they keep their phase.
fn phases(every: Duration, index: u32, count: u32) -> (Duration, Duration) {
    let spread = |over: Duration| over * index / count;
    let first = spread(FIRST.min(every));
    let wide = APART.saturating_mul(count).max(FIRST).min(every);
    let later = spread(wide);
    // neither at once nor much later than a period after the first one
    match later.saturating_sub(first) >= every / 2 {
        true => (first, later),
        false => (first, later + every),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{advance, timeout};

    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    fn due(periods: &[(&str, u64)]) -> DueList {
        after_list(&DueList::default(), periods)
    }

    fn after_list(before: &DueList, periods: &[(&str, u64)]) -> DueList {
        let periods = periods.iter();
        let periods = periods.map(|(check, secs)| (Arc::from(*check), Duration::from_secs(*secs)));
        DueList::after(before.periods(), periods.collect())
    }

    /// What comes within `span`, each with when it came, in milliseconds after `begun`.
    async fn within(
        (timers, due): (&mut Timers, &DueList),
        begun: Instant,
        span: Duration,
    ) -> Vec<(u128, String)> {
        let mut came = Vec::new();
        let end = Instant::now() + span;
        while let Ok(ticks) = timeout(end - Instant::now(), timers.next(due.periods())).await {
            let at = begun.elapsed().as_millis();
            came.extend(ticks.into_iter().map(|due| (at, due.tick.check)));
        }
        came
    }

    fn times(came: &[(u128, String)], check: &str) -> Vec<u128> {
        let of = came.iter().filter(|(_, name)| name == check);
        of.map(|(at, _)| *at).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_check_keeps_its_phase_and_skips_missed_ticks() {
        let mut timers = Timers::default();
        let begun = Instant::now();
        let due = due(&[("a", 10), ("b", 4)]);
        timers.set(&[], &due);
        let came = within((&mut timers, &due), begun, Duration::from_secs(21)).await;
        assert_eq!(times(&came, "a"), [0, 10_000, 20_000]);
        assert_eq!(
            times(&came, "b"),
            [500, 4_500, 8_500, 12_500, 16_500, 20_500]
        );
        advance(Duration::from_secs(27)).await;
        let came = within((&mut timers, &due), begun, Duration::from_secs(13)).await;
        assert_eq!(times(&came, "a"), [48_000, 50_000, 60_000]);
        assert_eq!(times(&came, "b"), [48_000, 48_500, 52_500, 56_500, 60_500]);
    }

    #[tokio::test(start_paused = true)]
    async fn equal_timers_survive_a_reload() {
        let mut timers = Timers::default();
        let begun = Instant::now();
        let before = due(&[("a", 10), ("gone", 10), ("changed", 10)]);
        timers.set(&[], &before);
        within((&mut timers, &before), begun, Duration::from_secs(5)).await;
        let new = [("changed", 20), ("new", 10), ("a", 10), ("b", 10)];
        let due = after_list(&before, &new);
        timers.set(before.periods(), &due);
        let came = within((&mut timers, &due), begun, Duration::from_secs(12)).await;
        assert_eq!(times(&came, "a"), [10_000]);
        assert_eq!(times(&came, "gone"), []);
        assert_eq!(times(&came, "changed"), [5_000]);
        assert_eq!(times(&came, "new"), [5_250, 15_250]);
    }

    #[tokio::test(start_paused = true)]
    async fn zero_period_and_no_check_do_no_harm() {
        let mut timers = Timers::default();
        assert!(timeout(EVERY, timers.next(&[])).await.is_err());
        let due = due(&[("a", 0)]);
        timers.set(&[], &due);
        let came = within(
            (&mut timers, &due),
            Instant::now(),
            Duration::from_millis(20),
        )
        .await;
        assert!((10..=21).contains(&came.len()), "{}", came.len());
    }

    #[test]
    fn a_few_checks_keep_their_period_from_the_start() {
        for (index, count) in [(0, 1), (0, 3), (1, 3), (2, 3), (499, 500)] {
            let (first, second) = phases(EVERY, index, count);
            assert!(first < FIRST, "{index} of {count}");
            assert_eq!(second - first, EVERY, "{index} of {count}");
        }
        let (first, second) = phases(Duration::from_millis(100), 1, 2);
        assert_eq!((first.as_millis(), second.as_millis()), (50, 150));
    }

    #[test]
    fn many_checks_begin_within_a_second_and_are_then_spread_over_the_whole_period() {
        const COUNT: u32 = 10_000;
        let mut late = vec![0; 10];
        for index in 0..COUNT {
            let (first, second) = phases(EVERY, index, COUNT);
            assert!(first < FIRST);
            let gap = second - first;
            assert!(gap >= EVERY / 2 && gap <= EVERY * 3 / 2, "{gap:?}");
            late[(second.as_secs() % 10) as usize] += 1;
        }
        assert!(
            late.iter().all(|&in_second| in_second == COUNT / 10),
            "{late:?}"
        );
    }
}
