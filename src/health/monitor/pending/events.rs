//! What the events of pending restarts lead to: one that an earlier run left, the end of a pause, the end of a try, and
//! the last try before a pause of the watchdog.

use super::schedule::{REACH, WATCH_EVERY, begin, pause, retry_without_check, wake};
use super::{Owed, Pending, Stage};
use crate::health::moment::Moment;
use crate::health::monitor::shared::Context;
use crate::health::monitor::{Effect, Monitor, Ticket};
use crate::health::note::Decision;
use crate::health::pending::{PendingRestart, ResumeResult};
use crate::health::process::ProcessName;
use crate::health::step::Outcome;

impl Monitor {
    /// An earlier run left a restart unfinished: it is tried at once.
    pub(in crate::health::monitor) fn inherit(
        &mut self,
        now: Moment,
        mut restart: PendingRestart,
        effects: &mut Vec<Effect>,
    ) {
        let process = restart.process.clone();
        if self.shared.pending.contains_key(&process) {
            return;
        }
        if let Some(heir) = self.heir_of(&restart) {
            // an incident of its own: the numbers of the other one's reports are used up
            restart.check = heir;
            restart.incident = self.shared.next_incident();
            restart.incident_ended = false;
        }
        let check = restart.check.clone();
        let stopped_in = restart.stopped_in.clone();
        let pending = Pending::new(now, restart, now);
        self.shared.pending.insert(process.clone(), pending);
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        cx.note(
            &check,
            Decision::Inherited {
                process: process.clone(),
                stopped_in,
            },
        );
        self.retry(now, &process, effects);
    }

    /// The check that restarts the process now, when the one that began the restart is not defined any more: its URL was
    /// changed, or it was renamed, while no watchdog ran.
    fn heir_of(&self, restart: &PendingRestart) -> Option<String> {
        if self.checks.contains_key(&restart.check) {
            return None;
        }
        let mut checks = self.checks();
        let heir = checks.find(|check| check.remedy.matches(&restart.process));
        heir.map(|check| check.name.clone())
    }

    /// The time is over for which a pending restart waited.
    pub(in crate::health::monitor) fn woken(
        &mut self,
        now: Moment,
        process: &ProcessName,
        ticket: Ticket,
        effects: &mut Vec<Effect>,
    ) {
        let pending = self.shared.pending.get_mut(process);
        let Some(Stage::Waiting { timer, .. }) = pending.map(|pending| &mut pending.stage) else {
            return;
        };
        if timer.take_if(|timer| *timer == ticket).is_some() {
            self.retry(now, process, effects);
        }
    }

    /// Tries to finish a pending restart if it is due and nothing holds it.
    pub(in crate::health::monitor) fn retry(
        &mut self,
        now: Moment,
        process: &ProcessName,
        effects: &mut Vec<Effect>,
    ) {
        let Some(pending) = self.shared.pending.get(process) else {
            return;
        };
        let check = pending.restart.check.clone();
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        match self.checks.get_mut(&check) {
            Some(state) => {
                state.retry(process, &mut cx);
                cx.shared.define_failing(now, state);
            }
            None => retry_without_check(process, &mut cx),
        }
    }

    /// The same for those of one check.
    pub(in crate::health::monitor) fn retry_of(
        &mut self,
        now: Moment,
        check: &str,
        effects: &mut Vec<Effect>,
    ) {
        for process in self.shared.pending_of(check) {
            self.retry(now, &process, effects);
        }
    }

    /// The same for all.
    pub(in crate::health::monitor) fn retry_all(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let all: Vec<_> = self.shared.pending.keys().cloned().collect();
        for process in all {
            self.retry(now, &process, effects);
        }
    }

    /// Whether the check of a pending restart is still defined.
    pub(in crate::health::monitor) fn has_check(&self, process: &ProcessName) -> bool {
        let pending = self.shared.pending.get(process);
        pending.is_some_and(|pending| self.checks.contains_key(&pending.restart.check))
    }

    /// The processes of pending restarts whose check is defined.
    pub(in crate::health::monitor) fn pending_with_check(&self) -> Vec<ProcessName> {
        let names = self.shared.pending.keys();
        names.filter(|name| self.has_check(name)).cloned().collect()
    }

    /// The watchdog is ending: what we stopped and owe a start is started once more, at once. The rest is left to
    /// the next run, whose intents they are.
    pub(in crate::health::monitor) fn start_once_more(
        &mut self,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let all: Vec<_> = self.shared.pending.keys().cloned().collect();
        for process in all {
            self.last_try(now, &process, effects);
        }
    }

    fn last_try(&mut self, now: Moment, process: &ProcessName, effects: &mut Vec<Effect>) {
        let Some(pending) = self.shared.pending.get(process) else {
            return;
        };
        if pending.owed == Owed::Nothing || pending.is_trying() || self.shared.is_acting_on(process)
        {
            return;
        }
        let owed = pending.owed;
        let check = pending.restart.check.clone();
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        match self.checks.get_mut(&check) {
            Some(state) => {
                let budgets = state.is_budget_exhausted(&cx)
                    || state.memory.gave_up.is_some()
                    || state.gate_of_overall_budget(&cx).is_some()
                    || state.lacks_slot(&cx);
                if owed == Owed::Start || !budgets {
                    state.begin_try(process, &mut cx);
                }
            }
            None if owed == Owed::Start => begin(process, true, false, &mut cx),
            None => {}
        }
    }

    /// A try to finish a pending restart has ended.
    pub(in crate::health::monitor) fn resumed(
        &mut self,
        now: Moment,
        process: &ProcessName,
        ticket: Ticket,
        outcome: Outcome,
        result: ResumeResult,
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut pending) = self.shared.pending.remove(process) else {
            return;
        };
        let (begun, due, spent) = match pending.stage {
            Stage::Trying {
                ticket: asked,
                begun,
                due,
                spent,
                ..
            } if asked == ticket => (begun, due, spent),
            Stage::Trying { .. } | Stage::Waiting { .. } => {
                self.shared.pending.insert(process.clone(), pending);
                return;
            }
        };
        self.shared.released = true;
        let touched = outcome.touched();
        let name = pending.restart.check.clone();
        if !self.checks.contains_key(&name) {
            self.note_removed(now, &name, &outcome);
        }
        if touched {
            self.shared.touched(now, [process.clone()]);
            self.shared.slot_touched(&name);
        }
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        let mut state = self.checks.get_mut(&name);
        if spent && !touched {
            cx.shared.spent.take_back(begun);
            if let Some(state) = state.as_mut() {
                state.memory.spent.take_back(begun);
                if let Some(incident) = state.memory.incident.as_mut() {
                    incident.take_back_attempt();
                }
            }
        }
        let process = process.clone();
        match result {
            ResumeResult::Finished => {
                cx.note(&name, Decision::Finished { process });
                if let Some(state) = state {
                    state.restart_finished(&pending.restart, begun, outcome, &mut cx);
                    cx.shared.define_failing(now, state);
                }
            }
            ResumeResult::NotOurs { why } => {
                cx.note(&name, Decision::NotOurs { process, why });
            }
            ResumeResult::Runs { stop_within } => {
                let until = *pending.stop_until.get_or_insert(now + stop_within);
                "it runs, but its stop may still be performed".clone_into(&mut pending.failure);
                if let Some(state) = state {
                    state.restart_finished(&pending.restart, begun, outcome.clone(), &mut cx);
                    cx.shared.define_failing(now, state);
                    // it is reported now: what comes later opens no incident of this name again
                    pending.restart.incident_ended |= !outcome.steps.is_empty();
                }
                // what was started in this try is not counted again
                let started = outcome.settled_pid();
                pending.restart.pid_before = started.or(pending.restart.pid_before);
                if cx.shared.shutting_down {
                    // the next run watches it
                    pending.owed = Owed::Nothing;
                }
                let due = until.min(now + WATCH_EVERY);
                pending.stage = Stage::Waiting { due, timer: None };
                cx.shared.pending.insert(process.clone(), pending);
                // at once when the time is over
                if !wake(&process, &mut cx) {
                    self.retry(now, &process, effects);
                }
            }
            ResumeResult::NotYet {
                why,
                start_answered,
                start_begun,
            } => {
                pending.tries = pending.tries.saturating_add(1);
                let tries = pending.tries;
                // without an answer to a start nothing is known of the stop
                pending.restart.stop_unclear &= !start_answered;
                pending.restart.start_answered |= start_answered;
                pending.restart.start_begun |=
                    start_begun && !cx.shared.is_forgotten(&process, begun);
                pending.failure.clone_from(&why);
                let backoff = state.as_ref().map(|state| {
                    let policy = &state.check.policy;
                    (policy.backoff, state.memory.attempts)
                });
                if start_answered {
                    pending.owed = Owed::Nothing;
                }
                let pause = match (start_answered, backoff) {
                    (false, _) => cx.shared.pause(REACH, pending.tries),
                    (true, backoff) => pause(backoff, pending.tries, cx.shared),
                };
                let ending = cx.shared.shutting_down;
                if ending {
                    pending.owed = Owed::Nothing;
                }
                // a try that could not start it changes nothing about when it is due
                let due = due.max(now + pause);
                pending.stage = Stage::Waiting { due, timer: None };
                cx.shared.pending.insert(process.clone(), pending);
                if let Some(state) = state {
                    state.start_failed(outcome, touched, due, &mut cx);
                }
                let next = (!ending).then_some(due.since(now));

                cx.note(
                    &name,
                    Decision::NotRunningYet {
                        process: process.clone(),
                        why,
                        tries,
                        next,
                    },
                );
                wake(&process, &mut cx);
            }
        }
    }
}
