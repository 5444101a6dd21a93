//! A group's keys in etcd, read at once: `httpok/GROUP/slot/N`, under leases that are renewed; `budget/N`, under leases
//! as long as the window, which are not; `waiting/...` and `host/...`, which say who waits and who watches. Names are
//! percent-encoded, so that a slash in one does not lead elsewhere.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::etcd_answer::Entry;
use super::spec::{Claim, GroupStatus};
use crate::health::{SlotHolder, SlotRefusal};
use crate::sorted;

/// Fewer hosts than this never fail "all at once".
const PANIC_AT_LEAST: usize = 3;

/// The keys of a group.
#[derive(Clone, Debug)]
pub(super) struct Keys(String);

impl Keys {
    pub fn of(group: &str) -> Self {
        Self(format!("httpok/{}/", encoded(group)))
    }

    /// What all of them begin with, and the first key behind them: a 0 comes right after the slash.
    pub fn range(&self) -> (&str, String) {
        (&self.0, format!("{}0", self.0.trim_end_matches('/')))
    }

    pub fn slot(&self, index: u32) -> String {
        format!("{}slot/{index}", self.0)
    }

    pub fn budget(&self, index: u32) -> String {
        format!("{}budget/{index}", self.0)
    }

    pub fn waiting(&self, holder: &SlotHolder) -> String {
        let (host, check) = (encoded(&holder.host), encoded(&holder.check));
        let machine = encoded(&holder.machine);
        format!("{}waiting/{host}/{check}/{machine}", self.0)
    }

    pub fn host(&self, host: &str) -> String {
        format!("{}host/{}", self.0, encoded(host))
    }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// A group as it stands in etcd.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub slots: Vec<Entry>,
    pub budget: Vec<Entry>,
    pub waiting: Vec<Entry>,
    hosts: Vec<String>,
}

impl Group {
    pub fn sort(keys: &Keys, entries: Vec<Entry>) -> Self {
        let mut group = Self::default();
        for entry in entries {
            let kind = entry.key.strip_prefix(&keys.0).unwrap_or_default();
            let Some((kind, name)) = kind.split_once('/') else {
                continue;
            };
            match kind {
                "slot" => group.slots.push(entry),
                "budget" => group.budget.push(entry),
                "waiting" => group.waiting.push(entry),
                "host" => {
                    let name = percent_decode_str(name).decode_utf8_lossy();
                    group.hosts.push(name.into_owned());
                }
                _ => {}
            }
        }
        group
    }

    /// The slot of the same check on the same host, perhaps of an earlier run.
    pub fn own_slot(&self, claim: &Claim) -> Option<&Entry> {
        self.slots.iter().find(|slot| {
            let holder = slot.holder();
            holder.is_some_and(|holder| holder.is_same_check(&claim.holder))
        })
    }

    /// Whether the reservation of `claim` is paid for.
    pub fn paid(&self, claim: &Claim) -> Option<&Entry> {
        let is_ours = |entry: &&Entry| is_of(entry, claim);
        self.budget.iter().find(is_ours)
    }

    /// A slot that nobody has.
    pub fn free_slot(&self, keys: &Keys, claim: &Claim) -> Option<String> {
        if self.slots.len() >= claim.slots as usize {
            return None;
        }
        let is_free = |key: &String| self.slots.iter().all(|slot| slot.key != *key);
        (0..claim.slots).map(|index| keys.slot(index)).find(is_free)
    }

    /// How many wait for a slot that have waited longer: the key of one that waits is as old as its wait. One that is dead is
    /// forgotten with its lease.
    pub fn ahead(&self, claim: &Claim) -> usize {
        let is_own = |entry: &&Entry| {
            let holder = entry.holder();
            holder.is_some_and(|holder| holder.is_same_check(&claim.holder))
        };
        let own = self.waiting.iter().find(is_own).map(|own| own.created);
        let queue = self.waiting.iter().filter(|entry| entry.is_queued());
        queue
            .filter(|entry| !is_own(entry) && own.is_none_or(|own| entry.created < own))
            .count()
    }

    /// Who holds a slot, as `claim` gets them: one that is called the same is another machine.
    pub fn taken_by(&self, claim: &Claim) -> Vec<SlotHolder> {
        let holders = self.slots.iter().filter_map(Entry::holder);
        let known = holders.map(|mut holder| {
            if holder.is_namesake(&claim.holder) {
                holder.host.push_str(", another machine of this name");
            }
            holder
        });
        known.collect()
    }

    /// A restart of the budget that nobody has.
    pub fn free_budget(&self, keys: &Keys, count: u32) -> Option<String> {
        if self.budget.len() >= count as usize {
            return None;
        }
        let is_free = |key: &String| self.budget.iter().all(|one| one.key != *key);
        (0..count).map(|index| keys.budget(index)).find(is_free)
    }

    /// Whether too many of the group's hosts fail, this one included: they are those that hold a slot or wait for one.
    pub fn panic(&self, claim: &Claim) -> Option<SlotRefusal> {
        let threshold = claim.panic_threshold?;
        let asking = self.slots.iter().chain(&self.waiting);
        let mut failing: BTreeSet<_> = asking
            .filter_map(|entry| Some(entry.holder()?.host))
            .collect();
        failing.insert(claim.holder.host.clone());
        let mut all = sorted::set(self.hosts.iter().cloned());
        all.extend(failing.iter().cloned());
        let (failing, of) = (failing.len(), all.len());
        #[expect(clippy::cast_precision_loss, reason = "a number of hosts")]
        let share = failing as f64 / of as f64;
        let is_panic = of >= PANIC_AT_LEAST && failing >= 2 && share >= threshold;
        is_panic.then_some(SlotRefusal::Panic { failing, of })
    }

    pub fn status(mut self) -> GroupStatus {
        self.waiting.sort_by_key(|entry| entry.created);
        let holders = |entries: &[Entry]| entries.iter().filter_map(Entry::holder).collect();
        GroupStatus {
            holders: holders(&self.slots),
            waiting: holders(&self.waiting),
            spent: self.budget.len() as u64,
            hosts: self.hosts,
        }
    }
}

/// Whether an entry was written for this reservation.
pub(super) fn is_of(entry: &Entry, claim: &Claim) -> bool {
    entry
        .holder()
        .is_some_and(|holder| holder.reservation == claim.holder.reservation)
}
