//! Whether to act: the gates that an action has to pass, and what follows when one is shut.
//! The order is fixed: the check's own budget, pause, reasons that are not acted on, other checks (requires, panic), a
//! restart that is not finished, processes that somebody stopped, back-off, the budget over all, a process in common,
//! concurrency, the fleet.

use std::time::Duration;

use super::super::check::CheckState;
use super::super::fleet::FleetHold;
use super::super::gate::Gate;
use super::super::incident::IncidentEvent;
use super::super::ladder::{Rung, RungView};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::policy::NotifyMode;
use super::super::process::Process;
use super::super::reason::Reason;
use super::super::remedy::Remedy;
use super::super::report::{DownState, ReportKind};
use super::shared::Context;

impl CheckState {
    /// The check is down and its last probe failed: acts, or says what holds it back.
    pub(super) fn consider(
        &mut self,
        reason: Option<Reason>,
        listed: Option<Vec<Process>>,
        cx: &mut Context<'_>,
    ) {
        cx.shared.define_failing(cx.now, self);
        let reports_actions = self.check.policy.notify == NotifyMode::EveryAction;
        if self.check.has_no_action() && !reports_actions {
            return self.report_down(DownState::NotifyOnly, cx);
        }
        self.rearm(cx);
        if self.give_up(cx) {
            return;
        }
        let remedy = self.next_remedy(listed.as_deref());
        let concerned = self.listed_for(&remedy, listed.clone());
        match self.gate(reason, &remedy, concerned.as_deref(), cx) {
            Some(gate) => self.hold(gate, cx),
            None if self.gives_up_now(listed.as_deref(), cx) => {}
            None => match self.gate_of_fleet(cx) {
                Some(gate) => self.hold(gate, cx),
                None => self.act(listed, false, cx),
            },
        }
    }

    /// What holds an action back, if anything.
    fn gate(
        &self,
        reason: Option<Reason>,
        remedy: &Remedy,
        listed: Option<&[Process]>,
        cx: &Context<'_>,
    ) -> Option<Gate> {
        if cx.shared.shutting_down {
            return Some(Gate::ShuttingDown);
        }
        if let Some(gate) = self.gate_of_pause(cx) {
            return Some(gate);
        }
        if !self.check.policy.acts_on(reason) {
            let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
            return Some(Gate::NotActedOn { reason });
        }
        if self.memory.gave_up.is_some() {
            return Some(Gate::GaveUp);
        }
        if cx.shared.limits.once && self.has_acted {
            return Some(Gate::OnceOnly);
        }
        self.gate_of_others(cx)
            .or_else(|| self.gate_of_unfinished(remedy, listed, cx))
            .or_else(|| self.gate_of_stopped(listed))
            .or_else(|| {
                let next = self.memory.next_attempt.filter(|next| cx.now < *next)?;
                Some(Gate::Backoff {
                    left: next.since(cx.now),
                })
            })
            .or_else(|| self.gate_of_overall_budget(cx))
            .or_else(|| {
                let conflicting_check = cx.shared.conflicting_check(&self.check.name, listed);
                conflicting_check.map(|check| Gate::SameProcess { check })
            })
            .or_else(|| cx.shared.concurrency(&self.check.name))
    }

    /// What holds back the rest of an attempt under way, if anything.
    pub(super) fn gate_between_parts(&self, manual: bool, cx: &Context<'_>) -> Option<Gate> {
        if cx.shared.shutting_down {
            return Some(Gate::ShuttingDown);
        }
        if manual {
            return None;
        }
        self.gate_of_pause(cx).or_else(|| self.gate_of_others(cx))
    }

    pub(super) fn gate_of_overall_budget(&self, cx: &Context<'_>) -> Option<Gate> {
        let budget = cx.shared.limits.max_restarts?;
        let exhausted = cx.shared.spent.exhausted(cx.now, budget);
        exhausted.then_some(Gate::OverallBudget)
    }

    /// What other checks say against an action.
    fn gate_of_others(&self, cx: &Context<'_>) -> Option<Gate> {
        if let Some(check) = cx.shared.failing_of(&self.check.requires) {
            return Some(Gate::Requires {
                check: check.clone(),
            });
        }
        cx.shared.panic(cx.now, &self.check.name)
    }

    /// A restart of the check is being finished, or nothing but unfinished restarts is left to act on: they are
    /// tried again by themselves. The drop-in acts at every tick that fails, like the original.
    fn gate_of_unfinished(
        &self,
        remedy: &Remedy,
        listed: Option<&[Process]>,
        cx: &Context<'_>,
    ) -> Option<Gate> {
        if self.check.policy.notify == NotifyMode::EveryAction {
            return None;
        }
        let name = &self.check.name;
        if let Some(process) = cx.shared.starting_for(name) {
            return Some(cx.shared.gate_of_pending(process, cx.now));
        }
        let unfinished = cx.shared.unfinished(Some(listed?));
        let is_left = |process: &Process| {
            remedy.acts_on(process, false)
                && !remedy.is_ourselves(&process.name)
                && !unfinished.contains(&process.name)
        };
        if listed?.iter().any(is_left) {
            return None;
        }
        Some(cx.shared.gate_of_pending(unfinished.first()?, cx.now))
    }

    /// Somebody stopped all that it restarts. The drop-in reports that at every tick, like the original.
    fn gate_of_stopped(&self, listed: Option<&[Process]>) -> Option<Gate> {
        if !self.stopped || self.check.policy.notify == NotifyMode::EveryAction {
            return None;
        }
        let own = self.own_of(listed).unwrap_or_default();
        Some(Gate::Stopped {
            processes: own.iter().map(|one| one.name.to_string()).collect(),
        })
    }

    /// Takes back the giving up when its time has come.
    pub(super) fn rearm(&mut self, cx: &mut Context<'_>) {
        if self.rearmed_at().is_some_and(|at| cx.now >= at) {
            self.try_again(cx);
        }
    }

    /// When a check that was given up is tried again: after `rearm`, and not before the budget allows it. `None`: only
    /// manually.
    pub(super) fn rearmed_at(&self) -> Option<Moment> {
        self.rearmed_after(self.memory.gave_up?)
    }

    fn rearmed_after(&self, gave_up: Moment) -> Option<Moment> {
        let policy = &self.check.policy;
        let rearmed = gave_up + policy.rearm?;
        match policy.restarts {
            Some(budget) => Some(rearmed.max(self.memory.spent.allowed_from(budget)?)),
            None => Some(rearmed),
        }
    }

    /// The pause until then, of a check that is given up now: as it is set, or in whole seconds.
    fn pause_until_rearmed(&self, now: Moment) -> Option<Duration> {
        let pause = self.rearmed_after(now)?.since(now);
        if Some(pause) == self.check.policy.rearm {
            return Some(pause);
        }
        let rest = u64::from(pause.subsec_nanos() > 0);
        Some(Duration::from_secs(pause.as_secs() + rest))
    }

    /// Takes back the giving up when the budget allows another attempt: also one that a reload has made bigger.
    pub(super) fn try_again(&mut self, cx: &mut Context<'_>) {
        if self.memory.gave_up.is_none() || self.is_budget_exhausted(cx) {
            return;
        }
        self.memory.gave_up = None;
        self.memory.attempts = 0;
        self.memory.rungs = 0;
        self.memory.next_attempt = None;
        self.held = None;
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::Rearmed);
        }
        cx.note(&self.check.name, Decision::Rearmed);
    }

    pub(super) fn is_budget_exhausted(&self, cx: &Context<'_>) -> bool {
        let budget = self.check.policy.restarts;
        budget.is_some_and(|budget| self.memory.spent.exhausted(cx.now, budget))
    }

    /// Gives up when the budget is used up. Says so once. Returns whether it did just now.
    pub(super) fn give_up(&mut self, cx: &mut Context<'_>) -> bool {
        if self.memory.gave_up.is_some() || !self.is_budget_exhausted(cx) {
            return false;
        }
        let policy = &self.check.policy;
        let window = policy.restarts.map(|budget| budget.window);
        let used = window.map(|window| self.memory.spent.used(cx.now, window));
        let kind = ReportKind::GaveUp {
            rearm: self.pause_until_rearmed(cx.now),
            budget: policy.restarts,
            used: used.unwrap_or_default(),
        };
        self.given_up(kind, Decision::GaveUp, cx);
        true
    }

    fn given_up(&mut self, kind: ReportKind, decision: Decision, cx: &mut Context<'_>) {
        self.memory.gave_up = Some(cx.now);
        self.memory.verifying = None;
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::GaveUp);
        }
        cx.note(&self.check.name, decision);
        self.report(kind, cx);
    }

    /// Gives up when the rung of the next attempt says so. Returns whether it did.
    fn gives_up_now(&mut self, listed: Option<&[Process]>, cx: &mut Context<'_>) -> bool {
        let step = match self.next_rung(listed) {
            Some(step @ (_, Rung::GiveUp)) => step,
            Some((_, Rung::Signal(_) | Rung::Restart(_) | Rung::Run { .. })) | None => {
                return false;
            }
        };
        let rung = RungView::new(&self.check.ladder, step);
        let kind = ReportKind::GaveUp {
            rearm: self.pause_until_rearmed(cx.now),
            budget: None,
            used: Vec::new(),
        };
        self.given_up(kind, Decision::GaveUpAtRung(rung), cx);
        true
    }

    /// Whether its ladder gives up before another attempt.
    pub(super) fn is_at_last_rung(&self) -> bool {
        matches!(self.next_rung(None), Some((_, Rung::GiveUp)))
    }

    /// Notes what holds an action back, once for as long as it is the same, and reports it unless it passes by
    /// itself.
    pub(super) fn hold(&mut self, gate: Gate, cx: &mut Context<'_>) {
        let waits = matches!(
            gate,
            Gate::Concurrency { .. } | Gate::SameProcess { .. } | Gate::Unfinished { .. }
        );
        if waits {
            cx.shared.waiting.insert(self.check.name.clone());
        } else {
            cx.shared.waiting.remove(&self.check.name);
        }
        let is_noted = self.held.as_ref().is_some_and(|held| held.is_like(&gate));
        self.held = Some(Box::new(gate.clone()));
        if let Gate::Fleet { why, .. } = &gate {
            // that it is asked is noted where it is
            if !is_noted && *why != FleetHold::Asking {
                self.note_held(gate.clone(), cx);
            }
            return self.report_wait(gate, cx);
        }
        if is_noted {
            return;
        }
        self.note_held(gate.clone(), cx);
        let passes = waits
            || matches!(
                gate,
                Gate::Backoff { .. } | Gate::OnceOnly | Gate::ShuttingDown
            );
        if !passes {
            self.report_down(DownState::Held(gate), cx);
        }
    }

    fn note_held(&mut self, gate: Gate, cx: &mut Context<'_>) {
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::Held(gate.clone()));
        }
        cx.note(&self.check.name, Decision::Held(gate));
    }
}
