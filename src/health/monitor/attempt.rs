//! Acting: the beginning and the end of an attempt. `gates` says whether, `rolling` what follows a part.
//! An attempt acts on the processes of one plan, counts against the budget when it has touched any, and is verified by
//! probes: a restart counts only when the check passes again.

use std::time::Duration;

use super::super::attempt::{Attempt, AttemptResult, Next, left_alone};
use super::super::check::{Activity, CheckState};
use super::super::incident::{Incident, IncidentEvent};
use super::super::ladder::{Rung, RungView, nothing_runs};
use super::super::note::Decision;
use super::super::observation::Observation;
use super::super::pending::PendingRestart;
use super::super::plan::{Plan, PlanAction, Scope};
use super::super::policy::NotifyMode;
use super::super::process::{Process, ProcessName};
use super::super::remedy::Remedy;
use super::super::report::{DownState, ReportKind};
use super::super::step::{Halt, Outcome};
use super::shared::Context;
use super::{Effect, Ticket};

/// The pause before the first probe after a restart, and between those that follow until it passes.
pub(super) const VERIFY_EVERY: Duration = Duration::from_secs(1);

impl CheckState {
    /// Begins an attempt.
    pub(super) fn act(&mut self, listed: Option<Vec<Process>>, manual: bool, cx: &mut Context<'_>) {
        self.spend_attempt(cx);
        if !manual {
            self.use_slot(cx);
        }
        self.has_acted = true;
        self.memory.verifying = None;
        let step = match manual {
            true => None,
            false => self.next_rung(listed.as_deref()),
        };
        let rung = step.map(|step| RungView::new(&self.check.ladder, step));
        let number = step.map(|(number, _)| number);
        let (action, remedy) = self.action_of(step, listed.as_deref());
        let listed = self.listed_for(&remedy, listed);
        // evidence is kept once an incident: the second core says what the first one said
        let incident = self.memory.incident.as_ref();
        let first = incident.is_none_or(|incident| incident.attempts == 0);
        let every_action = self.check.policy.notify == NotifyMode::EveryAction;
        let capture = self.check.capture && (first || every_action);
        let incident = self.memory.incident.as_mut();
        let (incident, attempt_number) = match incident {
            Some(incident) => (incident.id.clone(), incident.begin_attempt()),
            None => (String::new(), 1),
        };
        self.held = None;
        cx.shared.waiting.remove(&self.check.name);
        cx.shared.begin_attempt(&self.check.name, listed.as_deref());
        let acts_on = |process: &Process| {
            remedy.acts_on(process, manual) && !remedy.is_ourselves(&process.name)
        };
        let is_restarting = listed
            .as_ref()
            .is_none_or(|listed| listed.iter().any(acts_on));
        let unfinished = cx.shared.unfinished(None);
        let mut attempt = match action {
            PlanAction::Restart => {
                self.plan_attempt(cx.now, &remedy, listed.as_deref(), unfinished, manual)
            }
            PlanAction::Signal(_) | PlanAction::Run { .. } => {
                Attempt::whole(cx.now, Scope::All, unfinished)
            }
        };
        attempt.manual = manual;
        attempt.action = action;
        attempt.remedy = remedy;
        attempt.rungs_before = self.memory.rungs;
        attempt.rung = number;
        if let Some(number) = number {
            self.memory.rungs = number + 1;
        }
        attempt.incident.clone_from(&incident);
        attempt.capture = capture;
        attempt.listed = listed;
        self.attempt = Some(Box::new(attempt));
        let decision = Decision::Acting {
            incident,
            attempt: attempt_number,
            rung: rung.clone(),
        };
        cx.note(&self.check.name, decision);
        let escalates = self
            .attempt
            .as_ref()
            .is_some_and(|attempt| !attempt.action.is_restart());
        if self.check.dry_run {
            // what would be done is reported when it was not
        } else if let (true, Some(RungView { does, .. })) = (escalates, rung) {
            self.report_down(DownState::Escalating { does }, cx);
        } else if is_restarting {
            self.report_down(DownState::Restarting, cx);
        }
        self.begin_part(true, cx);
    }

    /// What an attempt at `step` of the ladder does, and to what.
    fn action_of(
        &self,
        step: Option<(u32, &Rung)>,
        listed: Option<&[Process]>,
    ) -> (PlanAction, Remedy) {
        let own = self.check.remedy.clone();
        let nothing_runs = nothing_runs(self.own_of(listed).as_deref());
        match step {
            None | Some((_, Rung::GiveUp)) => (PlanAction::Restart, own),
            Some((_, Rung::Restart(wider))) => (PlanAction::Restart, wider.clone()),
            // the last rung, and what it would signal has ended: it is started
            Some((_, Rung::Signal(_))) if nothing_runs => (PlanAction::Restart, own),
            Some((_, Rung::Signal(signal))) => (PlanAction::Signal(*signal), own),
            Some((rung, Rung::Run { command })) => {
                let command = command.clone();
                (PlanAction::Run { rung, command }, own)
            }
        }
    }

    /// Those of `listed` that an attempt with `remedy` is about.
    pub(super) fn listed_for(
        &self,
        remedy: &Remedy,
        listed: Option<Vec<Process>>,
    ) -> Option<Vec<Process>> {
        match self.check.ladder.is_empty() {
            true => listed,
            false if remedy.selection.is_empty() => Some(Vec::new()),
            false => listed.map(|listed| remedy.select(&listed)),
        }
    }

    /// The remedy of the next attempt.
    pub(super) fn next_remedy(&self, listed: Option<&[Process]>) -> Remedy {
        self.action_of(self.next_rung(listed), listed).1
    }

    /// An attempt begins now: it counts against the budgets, and the next one comes after the back-off.
    pub(super) fn spend_attempt(&mut self, cx: &mut Context<'_>) {
        let policy = &self.check.policy;
        let memory = &mut self.memory;
        let overall = cx.shared.limits.max_restarts;
        cx.shared.spent.note(cx.now, overall);
        // the next run learns from it what counts against the budget over all checks
        let budgets = policy.restarts.into_iter().chain(overall);
        let longest = budgets.max_by_key(|budget| budget.window);
        memory.spent.note(cx.now, longest);
        memory.attempts = memory.attempts.saturating_add(1);
        let pause = cx.shared.pause(policy.backoff, memory.attempts);
        memory.next_attempt = Some(cx.now + pause);
    }

    /// Begins the next part of the attempt under way.
    pub(super) fn begin_part(&mut self, first: bool, cx: &mut Context<'_>) {
        self.forget_streak();
        let ticket = cx.shared.next_ticket();
        let answer = self.answer_text();
        let Some(attempt) = self.attempt.as_mut() else {
            return;
        };
        let Some(scope) = attempt.next(first) else {
            return;
        };
        // also one that was found unfinished since the attempt began
        let unfinished = cx.shared.unfinished(None);
        let on = match &scope {
            Scope::Part { now, .. } => Some(now.clone()),
            Scope::All | Scope::First => attempt.listed.as_deref().map(names),
        };
        let on = on.map(|mut on| {
            on.retain(|name| !unfinished.contains(name));
            on
        });
        let plan = Plan {
            check: self.check.name.clone(),
            incident: attempt.incident.clone(),
            remedy: attempt.remedy.clone(),
            action: attempt.action.clone(),
            scope,
            listed: attempt.listed.clone(),
            unfinished,
            dry_run: self.check.dry_run,
            capture: attempt.capture,
            answer: answer.filter(|_| attempt.capture).unwrap_or_default(),
            manual: attempt.manual,
        };
        cx.shared.begin_action(&self.check.name, on.clone());
        self.activity = Activity::Acting {
            ticket,
            begun: cx.now,
            on,
        };
        cx.effects.push(Effect::Act {
            ticket,
            plan: Box::new(plan),
        });
    }

    /// The answer that an action is about: of the probe that led to it, or what the incident holds of the last fail.
    fn answer_text(&self) -> Option<String> {
        let incident = self.memory.incident.as_deref();
        let last = incident.and_then(Incident::last_fail);
        let seen = self.answer.as_deref().or(last.map(|last| &last.seen));
        seen.map(Observation::answer_text)
    }

    /// An action has ended: the attempt goes on, or that was it.
    pub(super) fn action_ended(
        &mut self,
        ticket: Ticket,
        mut outcome: Outcome,
        pending: Vec<PendingRestart>,
        cx: &mut Context<'_>,
    ) {
        let begun = match &self.activity {
            Activity::Acting {
                ticket: asked,
                begun,
                ..
            } if *asked == ticket => *begun,
            Activity::Acting { .. }
            | Activity::Idle
            | Activity::Listing { .. }
            | Activity::Probing { .. } => return,
        };
        self.activity = Activity::Idle;
        let Some(mut attempt) = self.attempt.take() else {
            return;
        };
        let mut next = attempt.part_ended(cx.now, &mut outcome);
        if !matches!(next, Next::Over(_))
            && let Some(gate) = self.gate_between_parts(attempt.manual, cx)
        {
            next = Next::Over(Some(Halt::Held(gate)));
        }
        if let Next::Over(Some(halt)) = &next {
            let left = attempt.left();
            outcome.steps.extend(left_alone(cx.now, left, halt));
        }
        let restarted: Vec<_> = outcome.restarted().cloned().collect();
        for process in outcome.begun() {
            if !self.memory.tried.contains(process) {
                self.memory.tried.push(process.clone());
            }
        }
        self.action_ended_at(cx.now, attempt.begun, !restarted.is_empty());
        if restarted.is_empty() && outcome.escalated() {
            self.verify_without_grace(cx.now, attempt.begun);
        }
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::Acted(outcome.clone()));
        }
        cx.shared.end_action(cx.now, &self.check.name, restarted);
        cx.note(&self.check.name, Decision::Acted { outcome });
        match next {
            Next::Continue => self.go_on(attempt, cx),
            Next::AwaitHealthy(process) => self.await_healthy(attempt, process, cx),
            Next::Over(halt) => {
                if let Some(why) = halt {
                    let left = attempt.left();
                    cx.note(&self.check.name, Decision::RollStopped { why, left });
                }
                self.end_attempt(&attempt, cx);
                self.after_action(attempt.result, cx);
            }
        }
        for restart in pending {
            self.left_unfinished(begun, restart, cx);
        }
    }

    /// An attempt is over: counts it. The back-off runs from here, however long it took.
    pub(super) fn end_attempt(&mut self, attempt: &Attempt, cx: &mut Context<'_>) {
        let took = cx.now.since(attempt.begun);
        self.memory.next_attempt = self.memory.next_attempt.map(|next| next + took);
        if !attempt.result.touched {
            // nothing was done, so nothing is spent; the pause before the next try stands
            self.memory.spent.take_back(attempt.begun);
            cx.shared.spent.take_back(attempt.begun);
            if attempt.rung.is_some() && !attempt.result.dry_run {
                // who reset the ladder meanwhile has it begin again
                self.memory.rungs = self.memory.rungs.min(attempt.rungs_before);
            }
            if let Some(incident) = self.memory.incident.as_mut()
                && incident.id == attempt.incident
            {
                incident.take_back_attempt();
            }
        }
        if attempt.result.touched {
            cx.shared.slot_touched(&self.check.name);
        }
        let AttemptResult {
            touched,
            restarted,
            escalated,
            ..
        } = attempt.result;
        match escalated {
            Some(true) => self.counts.escalated += 1,
            Some(false) => self.counts.escalated_in_vain += 1,
            None => {}
        }
        // what only signals or runs a command is no restart; what it ended, and is started again, is one
        let restarts = escalated.is_none() || attempt.result.failed_start.is_some();
        match (touched, restarted) {
            (false, _) => self.counts.untouched += 1,
            (true, true) => self.counts.restarted += 1,
            (true, false) => self.counts.failed += u64::from(restarts),
        }
        cx.shared.end_attempt(&self.check.name);
    }

    /// Reports, or goes on to verify.
    pub(super) fn after_action(&mut self, result: AttemptResult, cx: &mut Context<'_>) {
        match self.check.policy.notify {
            // the original reports nothing when it could not even ask, and knows no manual restart
            NotifyMode::EveryAction if result.unreachable || self.is_only_manual() => {}
            NotifyMode::EveryAction => self.report(ReportKind::Action, cx),
            NotifyMode::Changes if self.memory.verifying.is_some() => self.verify_again(cx),
            NotifyMode::Changes => {
                let state = match result.failed_start {
                    _ if result.dry_run && !result.touched => DownState::DryRun,
                    Some(failed) => DownState::NotStarted(failed),
                    None => DownState::NothingRestarted,
                };
                self.report_down(state, cx);
            }
        }
    }

    /// Probes a restarted service again soon, unless the watchdog is ending.
    pub(super) fn verify_again(&mut self, cx: &mut Context<'_>) {
        // a heartbeat says by itself that it is there again
        let verifies =
            self.check.policy.notify == NotifyMode::Changes && self.check.heartbeat.is_none();
        if verifies && self.activity == Activity::Idle && !cx.shared.shutting_down {
            self.probe(VERIFY_EVERY, cx);
        }
    }
}

fn names(processes: &[Process]) -> Vec<ProcessName> {
    processes
        .iter()
        .map(|process| process.name.clone())
        .collect()
}
