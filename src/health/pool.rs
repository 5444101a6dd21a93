//! Equal values that are there once. Thousands of checks are made of one default, so that most of what they say is the same.
//! The values have no order and no hash, so that a new one is compared with those that were met last.

use std::sync::Arc;

/// So many are compared. Checks that are alike mostly follow each other in a file.
const COMPARED: usize = 32;

/// The values that were met last, the newest first.
#[derive(Debug)]
pub struct Pool<T> {
    recent: Vec<Arc<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { recent: Vec::new() }
    }
}

impl<T: PartialEq> Pool<T> {
    /// `value`, or an equal one that was met before.
    pub fn share(&mut self, value: T) -> Arc<T> {
        let mut shared = Arc::new(value);
        self.share_again(&mut shared);
        shared
    }

    /// Replaces `value` by an equal one that was met before, if there is one.
    pub fn share_again(&mut self, value: &mut Arc<T>) {
        let known = self.recent.iter().position(|known| known == value);
        match known {
            Some(at) => self.recent[..=at].rotate_right(1),
            None => {
                self.recent.truncate(COMPARED - 1);
                self.recent.insert(0, Arc::clone(value));
            }
        }
        *value = Arc::clone(&self.recent[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_there_once_however_they_follow_each_other() {
        let mut pool = Pool::default();
        let first: Vec<_> = (0..COMPARED).map(|number| pool.share(number)).collect();
        for number in (0..COMPARED).rev() {
            let again = pool.share(number);
            assert!(Arc::ptr_eq(&again, &first[number]), "{number}");
        }
        assert_eq!(pool.recent.len(), COMPARED);
    }

    #[test]
    fn what_was_not_met_for_long_is_another_one() {
        let mut pool = Pool::default();
        let first = pool.share(0);
        (1..=COMPARED).for_each(|number| drop(pool.share(number)));
        let again = pool.share(0);
        assert_eq!(first, again);
        assert!(!Arc::ptr_eq(&first, &again));
        assert_eq!(pool.recent.len(), COMPARED);
    }
}
