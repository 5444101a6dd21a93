//! Whether to act: the gates an action must pass, and what is said when one is shut.

use super::super::check::CheckState;
use super::super::gate::Gate;
use super::super::incident::{DownState, Happening, ReportKind};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::policy::NotifyMode;
use super::super::process::Process;
use super::super::reason::Reason;
use super::{Effect, Monitor, note};

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
        let tells_every_action = state.check.policy.tell == NotifyMode::EveryAction;
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
            None => self.act(now, name, looked, false, out),
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

    /// What holds back the rest of an attempt under way, if anything.
    pub(super) fn gate_of_roll(&self, now: Moment, name: &str, by_hand: bool) -> Option<Gate> {
        if self.shutting_down {
            return Some(Gate::ShuttingDown);
        }
        if by_hand {
            return None;
        }
        let pause = self.checks.get(name)?.paused(now);
        pause
            .map(|pause| Gate::Paused {
                reason: pause.reason.clone(),
            })
            .or_else(|| self.gate_of_others(name))
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
        let running = u32::try_from(self.rolling().count()).unwrap_or(u32::MAX);
        (running >= self.limits.max_concurrent_restarts).then_some(Gate::Concurrency { running })
    }

    /// The check whose attempt is under way on one of the processes that `name` would act on.
    pub(super) fn clash(&self, name: &str, looked: Option<&[Process]>) -> Option<String> {
        let mut others = self.rolling().filter(|(other, _)| *other != name);
        let clash = others.find(|(_, roll)| match (&roll.looked, looked) {
            (Some(theirs), Some(ours)) => ours
                .iter()
                .any(|process| theirs.iter().any(|their| their.name == process.name)),
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
}
