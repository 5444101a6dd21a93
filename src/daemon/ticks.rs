//! Where ticks come from: supervisord's events, our own timers, or just once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::due::{CheckPeriod, DueList};
use super::timers::Timers;
use crate::health;
use crate::tick::{EventListener, ListenerEnd};

/// A source of ticks for every check.
#[derive(Debug)]
pub enum Ticks {
    /// supervisord's events. A check that is due less often than they come skips some of them.
    Listener {
        listener: EventListener,
        /// When each check of the list was last due.
        last: Vec<Option<Instant>>,
    },
    /// Our own timers.
    Timers(Timers),
    /// One tick each, then silence: the next one, by its place in the list.
    Once(usize),
}

/// A tick of the check at a place of the list.
#[derive(Debug)]
pub struct DueTick {
    pub place: usize,
    pub tick: health::CheckTick,
}

impl Ticks {
    /// supervisord's events.
    pub const fn listener(listener: EventListener) -> Self {
        Self::Listener {
            listener,
            last: Vec::new(),
        }
    }

    /// Our own timers, which begin when [`Ticks::set`] is called.
    pub fn timers() -> Self {
        Self::Timers(Timers::default())
    }

    /// One tick each.
    pub const fn once() -> Self {
        Self::Once(0)
    }

    /// Whether they are supervisord's.
    pub const fn is_listener(&self) -> bool {
        matches!(self, Self::Listener { .. })
    }

    /// Sets the checks that are to be probed, after those `before`: at the start and after a reload.
    pub fn set(&mut self, before: &[CheckPeriod], due: &DueList) {
        match self {
            Self::Listener { last, .. } => *last = due.carry(std::mem::take(last)),
            Self::Once(next) => *next = 0,
            Self::Timers(timers) => timers.set(before, due),
        }
    }

    /// The next ticks; may be dropped halfway and called again.
    ///
    /// # Errors
    /// When supervisord will send no more.
    pub async fn next(&mut self, due: &Arc<[CheckPeriod]>) -> Result<Vec<DueTick>, ListenerEnd> {
        match self {
            Self::Listener { listener, last } => {
                let tick = listener.next().await?;
                let now = Instant::now();
                last.resize(due.len(), None);
                let fits = |place: usize, every: Duration| {
                    let half = tick.period.unwrap_or_default() / 2;
                    last[place].is_none_or(|at| now.duration_since(at) + half >= every)
                };
                let chosen: Vec<_> = due
                    .iter()
                    .enumerate()
                    .filter(|(place, (_, every))| fits(*place, *every))
                    .map(|(place, (check, _))| DueTick {
                        place,
                        tick: health::CheckTick {
                            check: check.to_string(),
                            age: tick.age,
                            period: tick.period,
                        },
                    })
                    .collect();
                // a stale tick leads to no probe, so it must not keep the next tick from leading to one
                let age = tick.age.zip(tick.period);
                if age.is_none_or(|(age, period)| age <= period) {
                    chosen.iter().for_each(|due| last[due.place] = Some(now));
                }
                Ok(chosen)
            }
            Self::Timers(timers) => Ok(timers.next(due).await),
            Self::Once(next) => match due.get(*next) {
                Some((check, _)) => {
                    let place = *next;
                    *next += 1;
                    Ok(vec![DueTick {
                        place,
                        tick: health::CheckTick {
                            check: check.to_string(),
                            age: None,
                            period: None,
                        },
                    }])
                }
                None => std::future::pending().await,
            },
        }
    }
}
