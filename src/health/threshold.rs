//! Counting: how many results it takes to call a check down, and up again.
//! Either consecutive results (`fail_after`, as HAProxy and the kubelet count) or M of the last N (`fail_within`).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::policy::Fails;

/// Where a check stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not known yet: neither threshold was reached since the start. Not the same as up.
    #[default]
    Pending,
    /// It passed often enough.
    Up,
    /// It failed often enough.
    Down,
}

impl Status {
    /// The name in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// The counted results since the last action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Streak {
    fails: u32,
    passes: u32,
    /// The last results, newest last, `true` for a fail; as many as `fail_within` covers.
    window: VecDeque<bool>,
}

impl Streak {
    /// Counts a fail.
    pub fn fail(&mut self, policy: Fails) {
        self.fails = self.fails.saturating_add(1);
        self.passes = 0;
        self.push(true, policy);
    }

    /// Counts a pass: fails in a row are over.
    pub fn pass(&mut self, policy: Fails) {
        self.passes = self.passes.saturating_add(1);
        self.fails = 0;
        self.push(false, policy);
    }

    /// Forgets the fails that `fail_within` covers: after a recovery an earlier episode's are over.
    pub fn forget_fails(&mut self) {
        self.window.clear();
    }

    /// Forgets all: after an action, or when the process is another one.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether it has failed often enough to be down.
    pub fn is_down(&self, policy: Fails) -> bool {
        self.count(policy) >= Self::needed(policy)
    }

    /// The fails that count towards the threshold: in a row, or, of m of n, at most those that are needed.
    pub fn count(&self, policy: Fails) -> u32 {
        match policy {
            Fails::InARow(_) => self.fails,
            // beyond the threshold the number would be read as fails in a row, which these need not be
            Fails::Within { fails, .. } => {
                let count = self.window.iter().filter(|fail| **fail).count();
                u32::try_from(count).unwrap_or(u32::MAX).min(fails)
            }
        }
    }

    /// The fails it takes.
    pub const fn needed(policy: Fails) -> u32 {
        match policy {
            Fails::InARow(fails) | Fails::Within { fails, .. } => fails,
        }
    }

    /// Forgets passes beyond the `most` that matter.
    pub fn cap_passes(&mut self, most: u32) {
        self.passes = self.passes.min(most);
    }

    /// Passes in a row.
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    fn push(&mut self, fail: bool, policy: Fails) {
        let Fails::Within { of, .. } = policy else {
            return;
        };
        self.window.push_back(fail);
        while self.window.len() > of as usize {
            self.window.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down_after(policy: Fails, results: &str) -> Vec<bool> {
        let mut streak = Streak::default();
        results
            .chars()
            .map(|result| {
                match result {
                    'f' => streak.fail(policy),
                    _ => streak.pass(policy),
                }
                streak.is_down(policy)
            })
            .collect()
    }

    #[test]
    fn consecutive_fails_must_be_consecutive() {
        assert_eq!(
            down_after(Fails::InARow(3), "ffpffpfff"),
            [false, false, false, false, false, false, false, false, true]
        );
    }

    #[test]
    fn m_of_n_ignores_older_results() {
        let policy = Fails::Within { fails: 3, of: 5 };
        assert_eq!(
            down_after(policy, "fpfpfpppf"),
            [false, false, false, false, true, false, false, false, false]
        );
    }

    #[test]
    fn a_reset_starts_from_nothing() {
        for policy in [Fails::InARow(2), Fails::Within { fails: 2, of: 4 }] {
            let mut streak = Streak::default();
            streak.fail(policy);
            streak.reset();
            streak.fail(policy);
            assert!(!streak.is_down(policy));
        }
    }
}
