//! Where ticks come from: supervisord's events, our own timers (one per check, so that none waits for
//! another), or just once.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::health;
use crate::tick::{EventListener, Interval, ListenerEnd};

/// All first probes are spread over so long: verdicts come soon.
const FIRST: Duration = Duration::from_secs(1);

/// Later ones are spread wider where there are many of them: one may begin every so often.
const APART: Duration = Duration::from_millis(2);

/// A source of ticks for every check.
#[derive(Debug)]
pub enum Ticks {
    /// supervisord's events. A check that is due less often than they come skips some of them.
    Listener {
        listener: EventListener,
        last: BTreeMap<String, Instant>,
    },
    /// Our own timers.
    Timers(Timers),
    /// One tick each, then silence.
    Once(Vec<String>),
}

/// One timer per check.
#[derive(Debug)]
pub struct Timers {
    tasks: JoinSet<()>,
    running: BTreeMap<String, (Duration, AbortHandle)>,
    sender: mpsc::Sender<health::CheckTick>,
    receiver: mpsc::Receiver<health::CheckTick>,
}

/// A check and how often it is due; zero: at every tick.
pub type CheckPeriod = (String, Duration);

impl Ticks {
    /// supervisord's events.
    pub const fn listener(listener: EventListener) -> Self {
        Self::Listener {
            listener,
            last: BTreeMap::new(),
        }
    }

    /// Our own timers, which begin when [`Ticks::set`] is called.
    pub fn timers() -> Self {
        let (sender, receiver) = mpsc::channel(64);
        Self::Timers(Timers {
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            sender,
            receiver,
        })
    }

    /// One tick each.
    pub const fn once() -> Self {
        Self::Once(Vec::new())
    }

    /// Whether they are supervisord's.
    pub const fn is_listener(&self) -> bool {
        matches!(self, Self::Listener { .. })
    }

    /// Sets the checks that are to be probed: at the start and after a reload.
    pub fn set(&mut self, due: &[CheckPeriod]) {
        match self {
            Self::Listener { .. } => {}
            Self::Once(left) => *left = due.iter().rev().map(|(check, _)| check.clone()).collect(),
            Self::Timers(timers) => timers.set(due),
        }
    }

    /// The next ticks; may be dropped halfway and called again.
    ///
    /// # Errors
    /// When supervisord will send no more.
    pub async fn next(
        &mut self,
        due: &[CheckPeriod],
    ) -> Result<Vec<health::CheckTick>, ListenerEnd> {
        match self {
            Self::Listener { listener, last } => {
                let tick = listener.next().await?;
                let now = Instant::now();
                let fits = |check: &str, every: Duration| {
                    let half = tick.period.unwrap_or_default() / 2;
                    last.get(check)
                        .is_none_or(|at| now.duration_since(*at) + half >= every)
                };
                let chosen: Vec<_> = due
                    .iter()
                    .filter(|(check, every)| fits(check, *every))
                    .map(|(check, _)| health::CheckTick {
                        check: check.clone(),
                        age: tick.age,
                        period: tick.period,
                    })
                    .collect();
                // a stale tick leads to no probe, so it must not keep the next tick from leading to one
                let age = tick.age.zip(tick.period);
                if age.is_none_or(|(age, period)| age <= period) {
                    last.extend(chosen.iter().map(|tick| (tick.check.clone(), now)));
                }
                Ok(chosen)
            }
            Self::Timers(timers) => Ok(vec![timers.next(due).await]),
            Self::Once(left) => match left.pop() {
                Some(check) => Ok(vec![health::CheckTick {
                    check,
                    age: None,
                    period: None,
                }]),
                None => std::future::pending().await,
            },
        }
    }
}

impl Timers {
    /// The next tick. A timer that broke is started again.
    async fn next(&mut self, due: &[CheckPeriod]) -> health::CheckTick {
        loop {
            tokio::select! {
                // we hold a sender ourselves, so that there is always a next one
                Some(tick) = self.receiver.recv() => return tick,
                Some(ended) = self.tasks.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        tracing::error!("internal error: a timer broke; it is started again");
                        self.running.retain(|_, (_, task)| !task.is_finished());
                        self.set(due);
                    }
                }
            }
        }
    }

    /// A timer whose period is the same goes on: a reload is no reason to probe.
    fn set(&mut self, due: &[CheckPeriod]) {
        let periods: BTreeMap<&str, Duration> = due
            .iter()
            .map(|(check, every)| (check.as_str(), *every))
            .collect();
        self.running.retain(|check, (every, task)| {
            let stays = periods.get(check.as_str()) == Some(every);
            if !stays {
                task.abort();
            }
            stays
        });
        let count = u32::try_from(due.len().max(1)).unwrap_or(u32::MAX);
        for (index, (check, every)) in (0..).zip(due) {
            if self.running.contains_key(check) {
                continue;
            }
            let (first, second) = phases(*every, index, count);
            let ticking = run(check.clone(), first, second, *every, self.sender.clone());
            let task = self.tasks.spawn(ticking);
            self.running.insert(check.clone(), (*every, task));
        }
    }
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

async fn run(
    check: String,
    first: Duration,
    second: Duration,
    every: Duration,
    sender: mpsc::Sender<health::CheckTick>,
) {
    let begun = Instant::now();
    sleep(first).await;
    let mut interval: Option<Interval> = None;
    loop {
        if let Some(interval) = &mut interval {
            interval.next().await;
        } else {
            let left = second.saturating_sub(begun.elapsed());
            interval = Some(Interval::new(left, every));
        }
        let tick = health::CheckTick {
            check: check.clone(),
            age: None,
            period: Some(every),
        };
        if sender.send(tick).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

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
