//! A reload: which checks keep what they have counted, which are new, and what becomes of those that are gone.

use std::collections::BTreeMap;

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
        checks: Vec<Check>,
        limits: Limits,
        effects: &mut Vec<Effect>,
    ) {
        let new: BTreeMap<&str, &Check> = checks
            .iter()
            .map(|check| (check.name.as_str(), check))
            .collect();
        for (name, state) in &mut self.checks {
            if new.get(name.as_str()) != Some(&&state.check) {
                let mut cx = Context {
                    now,
                    shared: &mut self.shared,
                    effects,
                };
                state.halt_between_parts_or_after(Halt::Changed, &mut cx);
            }
        }
        let gone = |name: &&String| !new.contains_key(name.as_str());
        let gone: Vec<_> = self.checks.keys().filter(gone).cloned().collect();
        for name in &gone {
            self.remove(now, name, effects);
        }
        self.shared.limits = limits;
        let owned = self.pending_with_check();
        let has_other_budget = |state: &CheckState| {
            let new = new.get(state.check.name.as_str());
            new.is_some_and(|new| new.policy.restarts != state.check.policy.restarts)
        };
        let budgets_changed: Vec<_> = self
            .checks
            .values()
            .filter(|state| has_other_budget(state))
            .map(|state| state.check.name.clone())
            .collect();
        self.define(checks);
        for name in budgets_changed {
            self.with(now, &name, effects, |check, cx| {
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

    pub(super) fn define(&mut self, checks: Vec<Check>) {
        self.order = checks.iter().map(|check| check.name.clone()).collect();
        for check in checks {
            if let Some(state) = self.checks.get_mut(&check.name) {
                state.removed = false;
            }
            self.shared
                .define_targets(&check.name, Some(&check.remedy.selection));
            match self.checks.get_mut(&check.name) {
                Some(state) if state.check == check => {}
                Some(state) => {
                    if state.check.warmup != check.warmup {
                        state.warming = None;
                    }
                    if check.heartbeat.is_none() {
                        state.memory.heartbeats = None;
                    }
                    state.check = check;
                    state.forget_streak();
                    state.missed = None;
                    if !matches!(state.activity, Activity::Acting { .. }) {
                        state.activity = Activity::Idle;
                    }
                }
                None => {
                    let name = check.name.clone();
                    let state = match self.removed.remove(&name) {
                        Some((_, before)) => before.again(check),
                        None => CheckState::new(check, Memory::default()),
                    };
                    self.checks.insert(name, Box::new(state));
                }
            }
        }
    }
}
