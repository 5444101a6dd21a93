//! Maintenance windows: feeds the decision core when one of them begins, changes and is over.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};

use super::Watchdog;
use crate::health::{Event, MaintenanceWindow};
use crate::sorted;
use crate::tick::maintenance::{MaintenanceSpec, next_change, open};

/// The wall clock may be set at any time, so it is read so often.
const READ_AT_LEAST: Duration = Duration::from_secs(30);

/// An end that moves by less is the same end: the moments of two readings differ a little.
const SAME_END: Duration = Duration::from_secs(2);

/// The windows, and those that the decision core knows to be open.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    pub specs: Vec<MaintenanceSpec>,
    open: BTreeMap<String, MaintenanceWindow>,
    /// When they are to be determined again: worked out then, and not in each turn of the loop.
    next: Option<Instant>,
}

impl Maintenance {
    pub(super) fn new(specs: Vec<MaintenanceSpec>) -> Self {
        Self {
            specs,
            open: BTreeMap::new(),
            next: None,
        }
    }

    /// Comes back when the windows are to be determined.
    pub(super) async fn due(&self) {
        match self.next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// They were determined at `now`.
    fn determined(&mut self, now: SystemTime) {
        let wait = next_change(&self.specs, now).and_then(|next| next.duration_since(now).ok());
        let wait = wait.unwrap_or(READ_AT_LEAST).min(READ_AT_LEAST);
        let next = Instant::now() + wait.max(Duration::from_millis(10));
        self.next = (!self.specs.is_empty()).then_some(next);
    }
}

impl Watchdog {
    /// Feeds the decision core which windows are open, where that has changed.
    pub(super) fn keep_maintenance(&mut self) {
        self.update_maintenance(false);
    }

    /// There are new windows or new checks, which know of none.
    pub(super) fn set_maintenance(&mut self, specs: Vec<MaintenanceSpec>) {
        self.maintenance.specs = specs;
        self.update_maintenance(true);
    }

    fn update_maintenance(&mut self, anew: bool) {
        let wall = SystemTime::now();
        self.maintenance.determined(wall);
        if self.maintenance.specs.is_empty() && self.maintenance.open.is_empty() {
            return;
        }
        let now = self.executor.clock.now();
        let names = self.monitor.checks().map(|check| check.name.as_str());
        let found = open(&self.maintenance.specs, names, wall, now);
        let before = std::mem::replace(&mut self.maintenance.open, found.clone());
        let all = sorted::set(before.keys().chain(found.keys()).cloned());
        for check in all {
            let (old, new) = (before.get(&check), found.get(&check));
            if anew || !old.zip(new).is_some_and(|(old, new)| is_same(old, new)) {
                let window = new.cloned();
                self.feed(Event::Maintenance { check, window });
            }
        }
    }
}

fn is_same(old: &MaintenanceWindow, new: &MaintenanceWindow) -> bool {
    let what = |window: &MaintenanceWindow| {
        let reason = window.hold.reason.clone();
        (reason, window.holds_restarts, window.holds_reports)
    };
    let ends = old.hold.until.zip(new.hold.until);
    let apart = ends.map(|(old, new)| old.since(new).max(new.since(old)));
    what(old) == what(new) && apart.is_none_or(|apart| apart < SAME_END)
}
