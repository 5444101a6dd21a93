//! Where ticks come from: supervisord's events, our own timers, or just once.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::timers::Timers;
use crate::health;
use crate::tick::{EventListener, ListenerEnd};

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
        Self::Timers(Timers::default())
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
            Self::Timers(timers) => Ok(timers.next().await),
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
