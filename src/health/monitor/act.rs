//! Acting: the gates an action must pass, its beginning and its end.

use std::time::Duration;

use super::super::check::{CheckState, Doing, Ticket};
use super::super::gate::Gate;
use super::super::incident::{DownState, Happening, Incident, ReportKind};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::plan::Plan;
use super::super::policy::Tell;
use super::super::process::{Process, ProcessName};
use super::super::reason::Reason;
use super::super::step::{Deed, Outcome};
use super::super::threshold::Status;
use super::{Effect, Monitor, note};

/// The first look after a restart, and the pause between those that follow until it is back.
const VERIFY_EVERY: Duration = Duration::from_secs(1);

impl Monitor {
    /// A check is down and its last look failed: acts, or says what holds it back.
    pub(super) fn consider(
        &mut self,
        now: Moment,
        name: &str,
        reason: Option<Reason>,
        looked: Option<Vec<Process>>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get(name) else {
            return;
        };
        let tells_every_action = state.check.policy.tell == Tell::EveryAction;
        if state.check.remedy.selection.is_empty() && !tells_every_action {
            self.tell_down(now, name, DownState::ToldOnly, out);
            return;
        }
        self.rearm(now, name, out);
        if self.give_up(now, name, out) {
            return;
        }
        match self.gate(now, name, reason, looked.as_deref()) {
            Some(gate) => self.hold(now, name, gate, out),
            None => self.act(now, name, looked, out),
        }
    }

    /// What holds an action back, if anything.
    fn gate(
        &self,
        now: Moment,
        name: &str,
        reason: Option<Reason>,
        looked: Option<&[Process]>,
    ) -> Option<Gate> {
        let state = self.checks.get(name)?;
        if self.shutting_down {
            return Some(Gate::ShuttingDown);
        }
        if let Some(pause) = state.paused(now) {
            return Some(Gate::Paused {
                reason: pause.reason.clone(),
            });
        }
        if !state.check.policy.acts_on(reason) {
            let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
            return Some(Gate::NotActedOn { reason });
        }
        if state.memory.gave_up.is_some() {
            return Some(Gate::GaveUp);
        }
        self.gate_of_others(name)
            .or_else(|| {
                let next = state.memory.next_attempt.filter(|next| now < *next)?;
                Some(Gate::Backoff {
                    left: next.since(now),
                })
            })
            .or_else(|| {
                let budget = self.limits.max_restarts?;
                self.spent
                    .exhausted(now, budget)
                    .then_some(Gate::OverallBudget)
            })
            .or_else(|| self.gate_of_actions(name, looked))
    }

    /// What other checks say against an action.
    fn gate_of_others(&self, name: &str) -> Option<Gate> {
        let state = self.checks.get(name)?;
        let failing = |check: &String| self.checks.get(check).is_some_and(CheckState::is_failing);
        if let Some(check) = state.check.requires.iter().find(|check| failing(check)) {
            return Some(Gate::Requires {
                check: check.clone(),
            });
        }
        let of = self.checks.len();
        let failing = self
            .checks
            .values()
            .filter(|state| state.is_failing())
            .count();
        #[expect(clippy::cast_precision_loss, reason = "a number of checks")]
        let share = failing as f64 / of as f64;
        let threshold = self.limits.panic_threshold?;
        (of >= 3 && share >= threshold).then_some(Gate::Panic { failing, of })
    }

    /// What actions under way say against another one.
    fn gate_of_actions(&self, name: &str, looked: Option<&[Process]>) -> Option<Gate> {
        if let Some(check) = self.clash(name, looked) {
            return Some(Gate::SameProcess { check });
        }
        let running = u32::try_from(self.acting().count()).unwrap_or(u32::MAX);
        (running >= self.limits.max_concurrent_restarts).then_some(Gate::Concurrency { running })
    }

    /// The check whose action is under way on one of the processes that `name` would act on.
    pub(super) fn clash(&self, name: &str, looked: Option<&[Process]>) -> Option<String> {
        let mut others = self.acting().filter(|(other, _)| *other != name);
        let clash = others.find(|(_, on)| match (on, looked) {
            (Some(names), Some(looked)) => {
                looked.iter().any(|process| names.contains(&process.name))
            }
            // who cannot tell them apart must not touch them
            (None, _) | (_, None) => true,
        });
        clash.map(|(check, _)| check.to_owned())
    }

    /// Takes back the giving up when its time has come and the budget allows it.
    fn rearm(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let policy = &state.check.policy;
        let (Some(gave_up), Some(rearm)) = (state.memory.gave_up, policy.rearm) else {
            return;
        };
        let spent = policy
            .restarts
            .is_some_and(|budget| state.memory.spent.exhausted(now, budget));
        if now.since(gave_up) >= rearm && !spent {
            state.memory.gave_up = None;
            state.memory.attempts = 0;
            state.memory.next_attempt = None;
            state.held = None;
            if let Some(incident) = state.memory.incident.as_mut() {
                incident.note(now, Happening::Rearmed);
            }
            out.push(note(now, name, Decision::Rearmed));
        }
    }

    /// Gives up when the budget is used up. Says so once. Returns whether it did just now.
    fn give_up(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) -> bool {
        let Some(state) = self.checks.get_mut(name) else {
            return false;
        };
        let Some(budget) = state.check.policy.restarts else {
            return false;
        };
        if state.memory.gave_up.is_some() || !state.memory.spent.exhausted(now, budget) {
            return false;
        }
        state.memory.gave_up = Some(now);
        state.memory.verifying = None;
        if let Some(incident) = state.memory.incident.as_mut() {
            incident.note(now, Happening::GaveUp);
            // who hears that it was given up knows that it is down
            incident.told = true;
        }
        let rearm = state.check.policy.rearm;
        out.push(note(now, name, Decision::GaveUp));
        self.report(now, name, ReportKind::GaveUp { rearm }, out);
        true
    }

    /// Notes what holds an action back, once for as long as it is the same, and tells those who wait.
    fn hold(&mut self, now: Moment, name: &str, gate: Gate, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        state.waiting = matches!(gate, Gate::Concurrency { .. } | Gate::SameProcess { .. });
        let kind = std::mem::discriminant(&gate);
        let noted = state.held.as_ref().map(std::mem::discriminant);
        state.held = Some(gate.clone());
        if noted == Some(kind) {
            return;
        }
        if let Some(incident) = state.memory.incident.as_mut() {
            incident.note(now, Happening::Held(gate.clone()));
        }
        out.push(note(now, name, Decision::Held(gate.clone())));
        let passing = state.waiting || matches!(gate, Gate::Backoff { .. } | Gate::ShuttingDown);
        if !passing {
            self.tell_down(now, name, DownState::Held(gate), out);
        }
    }

    pub(super) fn act(
        &mut self,
        now: Moment,
        name: &str,
        looked: Option<Vec<Process>>,
        out: &mut Vec<Effect>,
    ) {
        let ticket = self.next_ticket();
        let seed = self.seed ^ ticket.0;
        self.spent.note(now, self.limits.max_restarts);
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let policy = &state.check.policy;
        let memory = &mut state.memory;
        memory.spent.note(now, policy.restarts);
        memory.attempts = memory.attempts.saturating_add(1);
        memory.next_attempt = Some(now + policy.backoff.pause(memory.attempts, seed));
        memory.verifying = None;
        let id = memory
            .incident
            .as_ref()
            .map(|incident| incident.id.clone())
            .unwrap_or_default();
        // evidence is kept once an incident: the second core says what the first one said
        let first = memory
            .incident
            .as_ref()
            .is_none_or(|incident| incident.attempts == 0);
        let capture = state.check.capture && (first || policy.tell == Tell::EveryAction);
        if let Some(incident) = memory.incident.as_mut() {
            incident.attempts = incident.attempts.saturating_add(1);
        }
        let attempt = memory.attempts;
        state.held = None;
        state.waiting = false;
        state.forget_streak();
        state.doing = Doing::Acting {
            ticket,
            begun: now,
            on: looked.as_ref().map(|processes| names(processes)),
        };
        let plan = Plan {
            check: name.to_owned(),
            incident: id.clone(),
            remedy: state.check.remedy.clone(),
            looked,
            dry_run: state.check.dry_run,
            capture,
        };
        out.push(note(
            now,
            name,
            Decision::Acting {
                incident: id,
                attempt,
            },
        ));
        out.push(Effect::Act {
            ticket,
            plan: Box::new(plan),
        });
    }

    /// An action has ended.
    pub(super) fn ended(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        outcome: Outcome,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let (begun, on) = match &state.doing {
            Doing::Acting {
                ticket: asked,
                begun,
                on,
            } if *asked == ticket => (*begun, on.clone()),
            Doing::Acting { .. } | Doing::Idle | Doing::Listing { .. } | Doing::Probing { .. } => {
                return;
            }
        };
        state.doing = Doing::Idle;
        let restarted: Vec<_> = outcome.restarted().cloned().collect();
        let touched = outcome.touched();
        if !touched {
            // nothing was done, so nothing is spent; the pause before the next try stands
            state.memory.spent.take_back(begun);
            self.spent.take_back(begun);
        }
        match (touched, restarted.is_empty()) {
            (false, _) => state.tally.untouched += 1,
            (true, true) => state.tally.failed += 1,
            (true, false) => state.tally.restarted += 1,
        }
        state.acted(now, begun, !restarted.is_empty());
        // the back-off runs from the end of an action, however long it took
        let took = now.since(begun);
        state.memory.next_attempt = state.memory.next_attempt.map(|next| next + took);
        if let Some(incident) = state.memory.incident.as_mut() {
            incident.note(now, Happening::Acted(outcome.clone()));
        }
        self.acted = Some(now);
        for process in on.into_iter().flatten().chain(restarted) {
            self.acted_on.insert(process, now);
        }
        let blind = outcome.blind();
        let dry_run = outcome
            .steps
            .iter()
            .any(|step| matches!(step.deed, Deed::Skipped(super::super::step::Skip::DryRun)));
        out.push(note(now, name, Decision::Acted { outcome }));
        self.after_action(
            now,
            name,
            After {
                touched,
                blind,
                dry_run,
            },
            out,
        );
        self.forget_if_gone(name);
        self.look_again_at_waiting(now, out);
    }

    /// A restart that was left half done has come to its end. Its incident may be all that is known of it.
    pub(super) fn resumed(
        &mut self,
        now: Moment,
        name: &str,
        id: &str,
        outcome: Outcome,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let restarted: Vec<_> = outcome.restarted().cloned().collect();
        let incident = state
            .memory
            .incident
            .get_or_insert_with(|| Incident::open(id.to_owned(), name, now, now));
        incident.attempts = incident.attempts.max(1);
        incident.note(now, Happening::Acted(outcome.clone()));
        state.stand(now, Status::Down);
        state.acted(now, now, !restarted.is_empty());
        self.acted = Some(now);
        for process in restarted {
            self.acted_on.insert(process, now);
        }
        let after = After {
            touched: outcome.touched(),
            blind: false,
            dry_run: false,
        };
        out.push(note(now, name, Decision::Acted { outcome }));
        self.after_action(now, name, after, out);
    }

    /// Tells, or goes on to verify.
    fn after_action(&mut self, now: Moment, name: &str, after: After, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get(name) else {
            return;
        };
        match state.check.policy.tell {
            // the original says nothing when it could not even ask, and knows no restart by hand
            Tell::EveryAction if after.blind || state.is_only_by_hand() => {}
            Tell::EveryAction => self.report(now, name, ReportKind::Action, out),
            Tell::Changes if state.memory.verifying.is_some() => self.verify_again(now, name, out),
            Tell::Changes => {
                let state = if after.dry_run && !after.touched {
                    DownState::DryRun
                } else {
                    DownState::NothingRestarted
                };
                self.tell_down(now, name, state, out);
            }
        }
    }

    /// Looks at a restarted service again soon, unless the end is near.
    pub(super) fn verify_again(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        let fits = self.checks.get(name).is_some_and(|state| {
            state.doing == Doing::Idle && state.check.policy.tell == Tell::Changes
        });
        if fits && !self.shutting_down {
            self.look(now, name, VERIFY_EVERY, out);
        }
    }

    /// Checks that had to wait for this action are looked at anew: what they saw is old by now.
    fn look_again_at_waiting(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if self.shutting_down {
            return;
        }
        let waiting: Vec<String> = self
            .checks
            .iter()
            .filter(|(_, state)| state.waiting && state.doing == Doing::Idle)
            .map(|(name, _)| name.clone())
            .collect();
        for name in waiting {
            if let Some(state) = self.checks.get_mut(&name) {
                state.waiting = false;
                state.held = None;
            }
            self.look(now, &name, Duration::ZERO, out);
        }
    }

    fn forget_if_gone(&mut self, name: &str) {
        if !self.order.iter().any(|known| known == name) {
            self.checks.remove(name);
        }
    }
}

/// What is to be known of an action when it is over.
struct After {
    touched: bool,
    blind: bool,
    dry_run: bool,
}

fn names(processes: &[Process]) -> Vec<ProcessName> {
    processes
        .iter()
        .map(|process| process.name.clone())
        .collect()
}
