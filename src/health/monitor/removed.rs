//! Checks that are not defined any more. Their open incident is closed with a report, and what people and the past say of
//! them is kept by name for a while: a check that a reload takes away by mistake comes back with its pause and budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::check::{Activity, Check, CheckState};
use super::super::incident::IncidentEvent;
use super::super::memory::Memory;
use super::super::moment::Moment;
use super::super::step::Outcome;
use super::shared::Context;
use super::{Effect, Monitor};

/// They are kept for so long, and so many of them.
const KEEP_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
const MOST: usize = 100;

/// The checks that were removed, by name, and when.
pub(super) type Removed = BTreeMap<String, (Moment, Box<CheckState>)>;

impl Monitor {
    /// The state of a check that is defined, or was.
    pub(super) fn known(&self, check: &str) -> Option<&CheckState> {
        let removed = || self.removed.get(check).map(|(_, state)| state);
        self.checks.get(check).or_else(removed).map(Box::as_ref)
    }

    /// The same, to be changed.
    pub(super) fn known_mut(&mut self, check: &str) -> Option<&mut CheckState> {
        let removed = self.removed.get_mut(check).map(|(_, state)| state);
        self.checks.get_mut(check).or(removed).map(Box::as_mut)
    }

    /// Keeps what an earlier run remembered of a check that is not defined any more.
    pub(super) fn restore_removed(&mut self, check: &str, memory: Memory) {
        let defined = Arc::new(Check {
            name: check.to_owned(),
            url: String::new(),
            probe: String::new(),
            rules: Arc::default(),
        });
        let at = memory.status_since.unwrap_or_default();
        let state = CheckState::new(defined, memory);
        self.removed.insert(check.to_owned(), (at, Box::new(state)));
    }

    /// Removes a check, unless an action of it is under way, which is waited for.
    pub(super) fn remove(&mut self, now: Moment, check: &str, effects: &mut Vec<Effect>) {
        let acts = |state: &CheckState| matches!(state.activity, Activity::Acting { .. });
        match self.checks.get_mut(check) {
            Some(state) if acts(state) => state.removed = true,
            Some(_) => {
                let Some(state) = self.checks.remove(check) else {
                    return;
                };
                let before = state.check.service();
                self.shared.define_targets(check, before, None);
                self.removed.insert(check.to_owned(), (now, state));
                self.close_removed(now, check, effects);
            }
            None => {}
        }
        self.forget_long_removed(now);
    }

    /// Ends the incident of a check that is not defined any more. Not before what was stopped for it runs again: its
    /// last report says so. What waits for a supervisor that is not the one of then may wait for ever, and is named.
    pub(super) fn close_removed(&mut self, now: Moment, check: &str, effects: &mut Vec<Effect>) {
        let pending = self.shared.pending_of(check);
        let is_awaited = |process| self.shared.pending[process].is_awaited();
        if pending.iter().any(is_awaited) {
            return self.unclosed.push(check.to_owned());
        }
        if let Some((_, state)) = self.removed.get_mut(check) {
            let mut cx = Context {
                now,
                shared: &mut self.shared,
                effects,
            };
            state.close_removed(&mut cx);
        }
    }

    /// The same of those that could not be ended yet.
    pub(super) fn close_unclosed(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        for check in std::mem::take(&mut self.unclosed) {
            self.close_removed(now, &check, effects);
        }
    }

    /// Notes in its incident what was done for a check that is not defined any more.
    pub(super) fn note_removed(&mut self, now: Moment, check: &str, outcome: &Outcome) {
        if outcome.steps.is_empty() {
            return;
        }
        if let Some((_, state)) = self.removed.get_mut(check)
            && let Some(incident) = state.memory.incident.as_mut()
        {
            incident.note(now, IncidentEvent::Acted(outcome.clone()));
            state.unwritten = true;
        }
    }

    fn forget_long_removed(&mut self, now: Moment) {
        self.removed.retain(|_, (at, _)| now.since(*at) < KEEP_FOR);
        while self.removed.len() > MOST {
            let oldest = self.removed.iter().min_by_key(|(_, (at, _))| *at);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.removed.remove(&name);
        }
    }
}

impl CheckState {
    /// The state of `check`, whose name an earlier check had.
    pub(super) fn again(self, check: Arc<Check>) -> Self {
        let Memory {
            pause,
            silence,
            spent,
            samples,
            incident,
            notified_at,
            status,
            status_since,
            ..
        } = self.memory;
        let memory = Memory {
            pause,
            silence,
            spent,
            samples,
            ..Memory::default()
        };
        // an incident that could not be closed yet goes on
        let memory = match incident {
            None => memory,
            open => Memory {
                incident: open,
                notified_at,
                status,
                status_since,
                ..memory
            },
        };
        Self {
            counts: self.counts,
            closed: self.closed,
            unwritten: self.unwritten,
            ..Self::new(check, memory)
        }
    }
}
