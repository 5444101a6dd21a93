//! When a check's failures lead to an action, and when they must not.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::Backoff;
use super::budget::Budget;
use super::reason::Reason;

/// One check's policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How many counted fails make it down.
    pub fail: Fails,
    /// How many passes in a row make it up again. At least 1.
    pub pass_after: u32,
    /// For so long after the program's start fails are not counted. The first pass ends it.
    pub grace: Duration,
    /// The pause between attempts.
    pub backoff: Backoff,
    /// At most so many attempts; then give up. `None` is without limit.
    pub restarts: Option<Budget>,
    /// So long after giving up it is tried again. `None`: only manually.
    pub rearm: Option<Duration>,
    /// Which fails lead to an action. `None` is all.
    pub act_on: Option<BTreeSet<Reason>>,
    /// When people are notified.
    pub notify: NotifyMode,
}

impl Policy {
    /// The original's: act whenever this tick's verdict is fail, notify every time.
    pub fn drop_in() -> Self {
        Self {
            fail: Fails::InARow(1),
            grace: Duration::ZERO,
            backoff: Backoff::NONE,
            restarts: None,
            rearm: None,
            notify: NotifyMode::EveryAction,
            ..Self::default()
        }
    }

    /// Whether a fail for `reason` leads to an action.
    pub fn acts_on(&self, reason: Option<Reason>) -> bool {
        match (&self.act_on, reason) {
            (Some(reasons), Some(reason)) => reasons.contains(&reason),
            // a rule of the check said "fail" without one of our reasons: nothing to filter by
            (Some(_), None) | (None, _) => true,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fail: Fails::InARow(3),
            pass_after: 1,
            grace: Duration::from_secs(30),
            backoff: Backoff::default(),
            restarts: Some(Budget {
                count: 5,
                window: Duration::from_secs(600),
            }),
            rearm: Some(Duration::from_secs(1800)),
            act_on: None,
            notify: NotifyMode::Changes,
        }
    }
}

/// How many counted fails make a check down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fails {
    /// So many in a row. At least 1.
    InARow(u32),
    /// `fails` of the last `of` results; `1 <= fails <= of`.
    Within { fails: u32, of: u32 },
}

/// When people are notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyMode {
    /// After every action, as the original: one mail a failing tick.
    EveryAction,
    /// When something changes: down, recovered, given up.
    Changes,
}
