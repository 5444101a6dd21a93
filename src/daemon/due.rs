//! Which checks are due how often, and which of them were there before a reload. What is kept of each is kept by its place
//! in this list, so that nothing is searched by name in the loop; a reload works out beside the loop where each was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A check and how often it is due; zero: at every tick.
pub type CheckPeriod = (Arc<str>, Duration);

/// The checks that are to be probed, in order.
#[derive(Clone, Debug, Default)]
pub struct DueList {
    periods: Arc<[CheckPeriod]>,
    /// The place of each in the list before.
    before: Vec<Option<u32>>,
}

impl DueList {
    /// The first list.
    pub fn new(periods: Vec<CheckPeriod>) -> Self {
        Self::after(&[], periods)
    }

    /// The list after `old`.
    pub fn after(old: &[CheckPeriod], mut periods: Vec<CheckPeriod>) -> Self {
        let places: HashMap<&str, u32> = (0..)
            .zip(old)
            .map(|(at, (name, _))| (&**name, at))
            .collect();
        let mut before = Vec::with_capacity(periods.len());
        for (name, _) in &mut periods {
            let place = places.get(&**name).copied();
            if let Some(known) = place.and_then(|place| old.get(place as usize)) {
                *name = Arc::clone(&known.0);
            }
            before.push(place);
        }
        Self {
            periods: periods.into(),
            before,
        }
    }

    /// The checks and their periods.
    pub fn periods(&self) -> &Arc<[CheckPeriod]> {
        &self.periods
    }

    /// Moves what was kept of each check of the list before to its new place.
    pub fn carry<T: Default>(&self, mut old: Vec<T>) -> Vec<T> {
        let taken = |place: &Option<u32>| {
            let place = place.map(|place| place as usize);
            let kept = place.and_then(|place| old.get_mut(place));
            kept.map(std::mem::take).unwrap_or_default()
        };
        self.before.iter().map(taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periods(names: &[&str]) -> Vec<CheckPeriod> {
        let period = |name: &&str| (Arc::from(*name), Duration::from_secs(10));
        names.iter().map(period).collect()
    }

    #[test]
    fn what_is_kept_of_a_check_moves_with_it() {
        let old = DueList::new(periods(&["a", "gone", "b"]));
        assert_eq!(old.carry(Vec::<u8>::new()), [0, 0, 0]);
        let new = DueList::after(old.periods(), periods(&["new", "b", "a"]));
        assert_eq!(new.carry(vec![1, 2, 3]), [0, 3, 1]);
        let shared =
            |at: usize, before: usize| Arc::ptr_eq(&new.periods[at].0, &old.periods[before].0);
        assert!(shared(1, 2) && shared(2, 0), "a name is there once");
    }
}
