//! A reload: which checks keep what they have counted, which are new, and what becomes of those that are gone. Definitions
//! that are the same ones as before, in memory, cost next to nothing: with thousands of checks nobody else has a turn
//! meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use super::shared::Context;
use super::{Effect, Limits, Monitor};
use crate::health::check::{Activity, Check, CheckState};
use crate::health::memory::Memory;
use crate::health::moment::Moment;
use crate::health::step::Halt;
use crate::sorted;

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
        let left = fresh(&checks, &before);
        let mut budgets_changed = Vec::new();
        let mut taken = 0;
        let new = fresh(&before, &checks);
        let has_changed = !left.is_empty() || !new.is_empty();
        for check in new {
            let Some(state) = self.checks.get_mut(&check.name) else {
                self.define(check);
                continue;
            };
            taken += usize::from(!std::mem::take(&mut state.removed));
            if state.check.policy.restarts != check.policy.restarts {
                budgets_changed.push(&check.name);
            }
            let mut cx = Context {
                now,
                shared: &mut self.shared,
                effects,
            };
            state.take_definition(check, &mut cx);
        }
        // each is gone, or has a new definition: mostly all have one
        if taken < left.len() {
            let names: HashSet<&str> = checks.iter().map(|check| check.name.as_str()).collect();
            for check in left {
                if !names.contains(check.name.as_str()) {
                    self.halt_gone(now, &check.name, effects);
                    self.remove(now, &check.name, effects);
                }
            }
        }
        self.shared.limits = limits;
        let owned = self.pending_with_check();
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

    /// An attempt of a check that goes ends with the action under way.
    fn halt_gone(&mut self, now: Moment, check: &str, effects: &mut Vec<Effect>) {
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

    /// Takes a check that is new.
    fn define(&mut self, check: &Arc<Check>) {
        let name = &check.name;
        self.shared.define_targets(name, None, check.service());
        let check = Arc::clone(check);
        let state = match self.removed.remove(name) {
            Some((_, before)) => before.again(check),
            None => CheckState::new(check, Memory::default()),
        };
        self.checks
            .insert(state.check.name.clone(), Box::new(state));
    }
}

impl CheckState {
    /// Takes `check` for its definition. If it is another one, an attempt ends with the action under way, and counting begins
    /// anew.
    fn take_definition(&mut self, check: &Arc<Check>, cx: &mut Context<'_>) {
        if self.check == *check {
            self.check = Arc::clone(check);
            return;
        }
        self.halt_between_parts_or_after(Halt::Changed, cx);
        let before = std::mem::replace(&mut self.check, Arc::clone(check));
        cx.shared
            .define_targets(&check.name, before.service(), check.service());
        if before.warmup != check.warmup {
            self.warming = None;
        }
        if check.heartbeat.is_none() {
            self.memory.heartbeats = None;
        }
        self.forget_streak();
        self.missed = None;
        self.probed = None;
        if !matches!(self.activity, Activity::Acting { .. }) {
            self.activity = Activity::Idle;
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
    let known = sorted::map(known.iter().map(|check| (check.name.as_str(), check)));
    for check in new {
        let before = known.get(check.name.as_str());
        if let Some(before) = before.filter(|before| **before == check) {
            *check = Arc::clone(before);
        }
    }
}
