//! So many actions in so much time: a budget over a sliding window of time, never of cycles (a window
//! counted in cycles is diluted by pauses and never fires).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moment::Moment;

/// At most `count` actions within any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many.
    pub count: u32,
    /// Within how long.
    pub window: Duration,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} within {}s", self.count, self.window.as_secs())
    }
}

/// The actions that still count against a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spent(pub(super) VecDeque<Moment>);

impl Spent {
    /// Notes an action at `now` and forgets those that no window reaches any more.
    pub fn note(&mut self, now: Moment, budget: Option<Budget>) {
        self.0.push_back(now);
        let window = budget.map_or(Duration::ZERO, |budget| budget.window);
        while self.0.front().is_some_and(|&at| at + window < now) {
            self.0.pop_front();
        }
    }

    /// Counts what is in `others`, too.
    pub fn add(&mut self, others: &Self) {
        self.0.extend(&others.0);
        self.0.make_contiguous().sort_unstable();
    }

    /// Takes back what [`Self::add`] has added.
    pub fn subtract(&mut self, others: &Self) {
        others.0.iter().for_each(|&at| self.take_back(at));
    }

    /// How many actions count at `now`.
    pub fn within(&self, now: Moment, window: Duration) -> usize {
        self.0.iter().filter(|&&at| at + window >= now).count()
    }

    /// When the actions that count at `now` began.
    pub fn used(&self, now: Moment, window: Duration) -> Vec<Moment> {
        let counts = |at: &&Moment| **at + window >= now;
        self.0.iter().filter(counts).copied().collect()
    }

    /// Whether one more action at `now` would be one too many.
    pub fn exhausted(&self, now: Moment, budget: Budget) -> bool {
        self.within(now, budget.window) >= budget.count as usize
    }

    /// From when on one more action is within `budget`. `None`: never.
    pub fn allowed_from(&self, budget: Budget) -> Option<Moment> {
        let count = budget.count as usize;
        if count == 0 {
            return None;
        }
        let leaves = self.0.len().checked_sub(count).map(|index| self.0[index]);
        // an action counts until its window is over, that moment included
        Some(leaves.map_or(Moment::ZERO, |at| {
            at + budget.window + Duration::from_millis(1)
        }))
    }

    /// Takes back the action noted at `at`: it turned out to have done nothing.
    pub fn take_back(&mut self, at: Moment) {
        if let Some(index) = self.0.iter().rposition(|noted| *noted == at) {
            self.0.remove(index);
        }
    }

    /// Forgets everything: a person has said that it is fine to try again.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Reads `5/10m`: a count, a slash, a duration. The duration's grammar is the caller's.
///
/// # Errors
/// Says what a budget looks like.
pub fn parse_budget(
    text: &str,
    duration: impl Fn(&str) -> Result<Duration, String>,
) -> Result<Budget, String> {
    let invalid =
        || format!("{text:?} is not a budget: expected COUNT/DURATION, such as \"5/10m\"");
    let (count, window) = text.split_once('/').ok_or_else(invalid)?;
    let count = u32::from_str(count.trim()).map_err(|_| invalid())?;
    let window = duration(window.trim()).map_err(|why| format!("{}: {why}", invalid()))?;
    if window.is_zero() {
        return Err(format!("{text:?} is not a budget: its window is zero"));
    }
    Ok(Budget { count, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_with_time() {
        let budget = Budget {
            count: 2,
            window: Duration::from_secs(60),
        };
        let mut spent = Spent::default();
        assert!(!spent.exhausted(Moment::from_secs(0), budget));
        spent.note(Moment::from_secs(0), Some(budget));
        spent.note(Moment::from_secs(50), Some(budget));
        assert!(spent.exhausted(Moment::from_secs(60), budget));
        assert!(!spent.exhausted(Moment::from_secs(61), budget));
    }

    #[test]
    fn a_budget_of_none_allows_nothing() {
        let budget = Budget {
            count: 0,
            window: Duration::from_secs(60),
        };
        assert!(Spent::default().exhausted(Moment::ZERO, budget));
        assert_eq!(Spent::default().allowed_from(budget), None);
    }

    #[test]
    fn the_next_action_is_allowed_from_the_moment_at_which_it_is_not_one_too_many() {
        let window = Duration::from_secs(60);
        for (noted, count, expected) in [
            (&[][..], 1, 0),
            (&[5], 2, 0),
            (&[0, 50], 2, 60_001),
            (&[0, 50], 1, 110_001),
            (&[0, 20, 50], 2, 80_001),
        ] {
            let budget = Budget { count, window };
            let mut spent = Spent::default();
            for at in noted {
                spent.note(Moment::from_secs(*at), Some(budget));
            }
            let from = spent.allowed_from(budget).expect("some day");
            assert_eq!(from.as_millis(), expected, "{noted:?}, {count}");
            assert!(!spent.exhausted(from, budget), "{noted:?}, {count}");
            if expected > 0 {
                let before = from.before(Duration::from_millis(1));
                assert!(spent.exhausted(before, budget), "{noted:?}, {count}");
            }
        }
    }
}
