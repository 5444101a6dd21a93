//! A reload: which checks keep what they have counted, which are new, and what becomes of those that are gone. Definitions
//! that are the same ones as before, in memory, cost next to nothing: with thousands of checks nobody else has a turn
//! meanwhile.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::shared::Context;
use super::{Effect, Limits, Monitor};
use crate::health::check::{Activity, Check, CheckState};
use crate::health::memory::Memory;
use crate::health::moment::Moment;
use crate::health::step::Halt;

impl Monitor {
    /// Takes new definitions. An equal check keeps all its state; a changed one keeps what is true of the
    /// service (its incident, budget and pause) but counts anew; one that is gone is forgotten when its
    /// action, if any, has ended.
    pub(super) fn reload(
        &mut self,
        now: Moment,
        checks: Vec<Arc<Check>>,
        limits: Limits,
        effects: &mut Vec<Effect>,
    ) {
        let checks: Arc<[_]> = checks.into();
        let before = std::mem::replace(&mut self.order, Arc::clone(&checks));
        let other = fresh(&before, &checks);
        let names: HashSet<&str> = other.iter().map(|check| check.name.as_str()).collect();
        let left = fresh(&checks, &before);
        let gone = left
            .into_iter()
            .filter(|check| !names.contains(check.name.as_str()));
        let gone: Vec<_> = gone.collect();
        let mut budgets_changed = Vec::new();
        for check in &gone {
            self.halt_changed(now, &check.name, effects);
        }
        for check in &other {
            let Some(known) = self.checks.get(&check.name).map(|state| &state.check) else {
                continue;
            };
            if known.policy.restarts != check.policy.restarts {
                budgets_changed.push(&check.name);
            }
            if known != *check {
                self.halt_changed(now, &check.name, effects);
            }
        }
        let has_changed = !(gone.is_empty() && other.is_empty());
        for check in gone {
            self.remove(now, &check.name, effects);
        }
        self.shared.limits = limits;
        let owned = self.pending_with_check();
        for check in &other {
            self.define(check);
        }
        if has_changed {
            self.forget_programs();
        }
        for name in budgets_changed {
            self.with(now, name, effects, |check, cx| {
                if !check.is_at_last_rung() {
                    check.try_again(cx);
                }
            });
        }
        for process in owned {
            // a check that is gone holds its pending restarts no longer
            if !self.has_check(&process) {
                self.retry(now, &process, effects);
            }
        }
    }

    /// An attempt of a check that changes, or goes, ends with the action under way.
    fn halt_changed(&mut self, now: Moment, check: &str, effects: &mut Vec<Effect>) {
        if let Some(state) = self.checks.get_mut(check) {
            let mut cx = Context {
                now,
                shared: &mut self.shared,
                effects,
            };
            state.halt_between_parts_or_after(Halt::Changed, &mut cx);
        }
    }

    /// Takes the definitions that the monitor begins with.
    pub(super) fn define_first(&mut self, checks: Vec<Arc<Check>>) {
        self.order = checks.into();
        for check in self.definitions().iter() {
            self.define(check);
        }
    }

    fn define(&mut self, check: &Arc<Check>) {
        let name = &check.name;
        let selection = check.service();
        let Some(state) = self.checks.get_mut(name) else {
            self.shared.define_targets(name, None, selection);
            let check = Arc::clone(check);
            let state = match self.removed.remove(name) {
                Some((_, before)) => before.again(check),
                None => CheckState::new(check, Memory::default()),
            };
            self.checks
                .insert(state.check.name.clone(), Box::new(state));
            return;
        };
        state.removed = false;
        let before = std::mem::replace(&mut state.check, Arc::clone(check));
        if before == *check {
            return;
        }
        self.shared
            .define_targets(name, before.service(), selection);
        if before.warmup != check.warmup {
            state.warming = None;
        }
        if check.heartbeat.is_none() {
            state.memory.heartbeats = None;
        }
        state.forget_streak();
        state.missed = None;
        if !matches!(state.activity, Activity::Acting { .. }) {
            state.activity = Activity::Idle;
        }
    }
}

/// Those of `checks` that are not among `known` as the very same ones; equal ones may be.
fn fresh<'a>(known: &[Arc<Check>], checks: &'a [Arc<Check>]) -> Vec<&'a Arc<Check>> {
    let known: HashSet<_> = known.iter().map(Arc::as_ptr).collect();
    let checks = checks.iter();
    checks
        .filter(|check| !known.contains(&Arc::as_ptr(check)))
        .collect()
}

/// Replaces those of `new` that are equal to one of `known` by that one. To compare thousands of them takes long, so that it
/// is done beside the loop.
pub fn share_equal(known: &[Arc<Check>], new: &mut [Arc<Check>]) {
    let known: BTreeMap<&str, &Arc<Check>> = known
        .iter()
        .map(|check| (check.name.as_str(), check))
        .collect();
    for check in new {
        let before = known.get(check.name.as_str());
        if let Some(before) = before.filter(|before| **before == check) {
            *check = Arc::clone(before);
        }
    }
}
