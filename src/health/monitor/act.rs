//! Acting: the beginning and the end of an attempt. `gates.rs` says whether, `roll.rs` what follows a part.

use std::time::Duration;

use super::super::check::Doing;
use super::super::incident::{DownState, Happening, Incident, ReportKind};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::plan::{Plan, Scope};
use super::super::policy::NotifyMode;
use super::super::process::{Process, ProcessName};
use super::super::roll::{AttemptResult, Next, Roll, alone};
use super::super::step::{Halt, Outcome};
use super::super::threshold::Status;
use super::super::ticket::Ticket;
use super::{Effect, Monitor, note};

/// The first look after a restart, and the pause between those that follow until it is back.
const VERIFY_EVERY: Duration = Duration::from_secs(1);

impl Monitor {
    /// Begins an attempt.
    pub(super) fn act(
        &mut self,
        now: Moment,
        name: &str,
        looked: Option<Vec<Process>>,
        by_hand: bool,
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
        let incident = memory
            .incident
            .as_ref()
            .map(|incident| incident.id.clone())
            .unwrap_or_default();
        // evidence is kept once an incident: the second core says what the first one said
        let first = memory
            .incident
            .as_ref()
            .is_none_or(|incident| incident.attempts == 0);
        let capture = state.check.capture && (first || policy.tell == NotifyMode::EveryAction);
        if let Some(incident) = memory.incident.as_mut() {
            incident.attempts = incident.attempts.saturating_add(1);
        }
        let attempt = memory.attempts;
        state.held = None;
        state.waiting = false;
        let mut roll = state.plan_roll(now, looked.as_deref(), by_hand);
        roll.by_hand = by_hand;
        roll.incident.clone_from(&incident);
        roll.capture = capture;
        roll.looked = looked;
        state.roll = Some(roll);
        out.push(note(now, name, Decision::Acting { incident, attempt }));
        self.begin_part(now, name, ticket, true, out);
    }

    /// Begins the next part of the attempt under way.
    pub(super) fn begin_part(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        first: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        state.forget_streak();
        let Some(roll) = state.roll.as_mut() else {
            return;
        };
        let Some(scope) = roll.next(first) else {
            return;
        };
        let on = match &scope {
            Scope::Part { now, .. } => Some(now.clone()),
            Scope::All | Scope::First => roll.looked.as_deref().map(names),
        };
        let plan = Plan {
            check: name.to_owned(),
            incident: roll.incident.clone(),
            remedy: state.check.remedy.clone(),
            scope,
            looked: roll.looked.clone(),
            dry_run: state.check.dry_run,
            capture: roll.capture,
            by_hand: roll.by_hand,
        };
        state.doing = Doing::Acting {
            ticket,
            begun: now,
            on,
        };
        out.push(Effect::Act {
            ticket,
            plan: Box::new(plan),
        });
    }

    /// An action has ended: the attempt goes on, or that was it.
    pub(super) fn ended(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        mut outcome: Outcome,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let on = match &state.doing {
            Doing::Acting {
                ticket: asked, on, ..
            } if *asked == ticket => on.clone(),
            Doing::Acting { .. } | Doing::Idle | Doing::Listing { .. } | Doing::Probing { .. } => {
                return;
            }
        };
        state.doing = Doing::Idle;
        let Some(mut roll) = state.roll.take() else {
            return;
        };
        let mut then = roll.then(now, &mut outcome);
        if !matches!(then, Next::Over(_))
            && let Some(gate) = self.gate_of_roll(now, name, roll.by_hand)
        {
            then = Next::Over(Some(Halt::Held(gate)));
        }
        if let Next::Over(Some(halt)) = &then {
            outcome.steps.extend(alone(now, roll.left(), halt));
        }
        let restarted: Vec<_> = outcome.restarted().cloned().collect();
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        for process in outcome.begun() {
            if !state.memory.tried.contains(process) {
                state.memory.tried.push(process.clone());
            }
        }
        state.acted(now, roll.begun, !restarted.is_empty());
        if let Some(incident) = state.memory.incident.as_mut() {
            incident.note(now, Happening::Acted(outcome.clone()));
        }
        self.acted = Some(now);
        for process in on.into_iter().flatten().chain(restarted) {
            self.acted_on.insert(process, now);
        }
        out.push(note(now, name, Decision::Acted { outcome }));
        match then {
            Next::Next => self.go_on(now, name, roll, out),
            Next::Prove(process) => self.prove(now, name, roll, process, out),
            Next::Over(halt) => {
                if let Some(why) = halt {
                    let left = roll.left();
                    out.push(note(now, name, Decision::RollStopped { why, left }));
                }
                self.book(now, name, &roll);
                self.after_action(now, name, roll.came, out);
                self.forget_if_gone(name);
                self.look_again_at_waiting(now, out);
            }
        }
    }

    /// An attempt is over: counts it. The back-off runs from here, however long it took.
    pub(super) fn book(&mut self, now: Moment, name: &str, roll: &Roll) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let took = now.since(roll.begun);
        state.memory.next_attempt = state.memory.next_attempt.map(|next| next + took);
        if !roll.came.touched {
            // nothing was done, so nothing is spent; the pause before the next try stands
            state.memory.spent.take_back(roll.begun);
            self.spent.take_back(roll.begun);
        }
        match (roll.came.touched, roll.came.restarted) {
            (false, _) => state.tally.untouched += 1,
            (true, false) => state.tally.failed += 1,
            (true, true) => state.tally.restarted += 1,
        }
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
        let came = AttemptResult {
            touched: outcome.touched(),
            ..AttemptResult::default()
        };
        out.push(note(now, name, Decision::Acted { outcome }));
        self.after_action(now, name, came, out);
    }

    /// Tells, or goes on to verify.
    fn after_action(
        &mut self,
        now: Moment,
        name: &str,
        came: AttemptResult,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get(name) else {
            return;
        };
        match state.check.policy.tell {
            // the original says nothing when it could not even ask, and knows no restart by hand
            NotifyMode::EveryAction if came.blind || state.is_only_by_hand() => {}
            NotifyMode::EveryAction => self.report(now, name, ReportKind::Action, out),
            NotifyMode::Changes if state.memory.verifying.is_some() => {
                self.verify_again(now, name, out)
            }
            NotifyMode::Changes => {
                let state = if came.dry_run && !came.touched {
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
            state.doing == Doing::Idle && state.check.policy.tell == NotifyMode::Changes
        });
        if fits && !self.shutting_down {
            self.look(now, name, VERIFY_EVERY, out);
        }
    }

    /// Checks that had to wait for this action are looked at anew: what they saw is old by now.
    pub(super) fn look_again_at_waiting(&mut self, now: Moment, out: &mut Vec<Effect>) {
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

fn names(processes: &[Process]) -> Vec<ProcessName> {
    processes
        .iter()
        .map(|process| process.name.clone())
        .collect()
}
