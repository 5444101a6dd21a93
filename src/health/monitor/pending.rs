//! Restarts that were begun and are not finished: what we stopped runs again, whatever happened in between.
//!
//! A pending restart is tried again by one effect at a time, answered by one event. A process that the supervisor
//! has not answered a start for since we stopped it is owed one: only an unreachable supervisor keeps it from
//! that, and it belongs to the attempt that stopped it. After a start in vain the next one is an attempt like any
//! other, held by back-off, budgets, concurrency and pause. A pause begins after one such attempt: what we
//! stopped is started once more, then it waits.

use std::time::Duration;

use super::super::attempt::AttemptResult;
use super::super::backoff::Backoff;
use super::super::check::CheckState;
use super::super::gate::Gate;
use super::super::incident::{Incident, IncidentEvent};
use super::super::moment::Moment;
use super::super::moments::Moments;
use super::super::note::Decision;
use super::super::pending::{PendingRestart, ResumeResult};
use super::super::policy::NotifyMode;
use super::super::process::{Backend, Process, ProcessName, ProcessState};
use super::super::snapshot::PendingView;
use super::super::step::Outcome;
use super::super::threshold::Status;
use super::shared::{Context, Shared};
use super::{Effect, Monitor, Ticket};

/// The pauses while the supervisor does not answer, and those of a check that has no back-off of its own.
const RETRY: Backoff = Backoff {
    min: Duration::from_secs(5),
    max: Duration::from_secs(120),
    factor: 2.0,
};

/// While the supervisor cannot be reached it is asked again sooner.
const REACH: Backoff = Backoff {
    min: Duration::from_secs(1),
    ..RETRY
};

/// A restart that was begun and is not finished, and where it stands.
#[derive(Clone, Debug)]
pub(in crate::health) struct Pending {
    pub restart: PendingRestart,
    stage: Stage,
    owed: Owed,
    /// Tries to finish it so far.
    tries: u32,
    /// What holds it, noted once.
    held: Option<Gate>,
    /// Why it does not run yet.
    failure: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Until `due`, when [`Effect::Wake`] ends.
    Waiting { due: Moment, timer: Option<Ticket> },
    /// One try is under way; `spent` when it counts as an attempt of its own. It was due at `due`.
    Trying {
        ticket: Ticket,
        begun: Moment,
        due: Moment,
        may_start: bool,
        spent: bool,
    },
}

/// What the process is owed, because we stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// A start: none was answered since the stop. Nothing holds it.
    Start,
    /// One more attempt, which a pause does not hold.
    OnceMore,
    Nothing,
}

impl Moments for Pending {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        match &mut self.stage {
            Stage::Waiting { due, timer: _ } => due.each_moment(change),
            Stage::Trying { begun, due, .. } => {
                begun.each_moment(change);
                due.each_moment(change);
            }
        }
    }
}

impl Pending {
    fn new(now: Moment, restart: PendingRestart, due: Moment) -> Self {
        let owed = match restart.start_answered {
            true => Owed::OnceMore,
            false => Owed::Start,
        };
        let due = due.max(now);
        Self {
            restart,
            stage: Stage::Waiting { due, timer: None },
            owed,
            tries: 0,
            held: None,
            failure: String::new(),
        }
    }

    /// Whether a try is under way.
    pub fn is_trying(&self) -> bool {
        matches!(self.stage, Stage::Trying { .. })
    }

    /// Whether a try is under way that may start the process.
    pub fn is_starting(&self) -> bool {
        matches!(
            self.stage,
            Stage::Trying {
                may_start: true,
                ..
            }
        )
    }

    /// Whether it is being tried, or nothing but its supervisor keeps it from a start.
    pub fn owes_start(&self) -> bool {
        self.is_trying() || self.owed == Owed::Start
    }

    /// Whether it is owed a start and was not tried yet: a run that could end now stays for that.
    pub fn is_worth_staying(&self) -> bool {
        self.owed == Owed::Start && self.tries == 0
    }

    /// Whether a try is under way that counts as an attempt of its own.
    pub fn is_attempt(&self) -> bool {
        matches!(self.stage, Stage::Trying { spent: true, .. })
    }

    /// What can be shown of it.
    pub fn view(&self) -> PendingView {
        let next = match self.stage {
            Stage::Waiting { due, .. } => Some(due),
            Stage::Trying { .. } => None,
        };
        PendingView {
            process: self.restart.process.to_string(),
            trying: self.is_trying(),
            next: next.filter(|_| self.held.is_none()),
            held: self.held.as_ref().map(ToString::to_string),
            owed: self.owed != Owed::Nothing,
            failure: self.failure.clone(),
        }
    }
}

impl Monitor {
    /// An earlier run left a restart unfinished: it is tried at once.
    pub(super) fn inherit(
        &mut self,
        now: Moment,
        restart: PendingRestart,
        effects: &mut Vec<Effect>,
    ) {
        let process = restart.process.clone();
        if self.shared.pending.contains_key(&process) {
            return;
        }
        let check = restart.check.clone();
        let pending = Pending::new(now, restart, now);
        self.shared.pending.insert(process.clone(), pending);
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        let inherited = process.clone();
        cx.note(&check, Decision::Inherited { process: inherited });
        self.retry(now, &process, effects);
    }

    /// The time is over for which a pending restart waited.
    pub(super) fn woken(
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
    pub(super) fn retry(&mut self, now: Moment, process: &ProcessName, effects: &mut Vec<Effect>) {
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
    pub(super) fn retry_of(&mut self, now: Moment, check: &str, effects: &mut Vec<Effect>) {
        for process in self.shared.pending_of(check) {
            self.retry(now, &process, effects);
        }
    }

    /// The same for all.
    pub(super) fn retry_all(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let all: Vec<_> = self.shared.pending.keys().cloned().collect();
        for process in all {
            self.retry(now, &process, effects);
        }
    }

    /// Whether the check of a pending restart is still defined.
    pub(super) fn has_check(&self, process: &ProcessName) -> bool {
        let pending = self.shared.pending.get(process);
        pending.is_some_and(|pending| self.checks.contains_key(&pending.restart.check))
    }

    /// The processes of pending restarts whose check is defined.
    pub(super) fn pending_with_check(&self) -> Vec<ProcessName> {
        let names = self.shared.pending.keys();
        names.filter(|name| self.has_check(name)).cloned().collect()
    }

    /// The watchdog is ending: what we stopped and owe a start is started once more, at once. The rest is left to
    /// the next run, whose intents they are.
    pub(super) fn start_once_more(&mut self, now: Moment, effects: &mut Vec<Effect>) {
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
                    || state.gate_of_overall_budget(&cx).is_some();
                if owed == Owed::Start || !budgets {
                    state.begin_try(process, &mut cx);
                }
            }
            None if owed == Owed::Start => begin(process, true, false, &mut cx),
            None => {}
        }
    }

    /// A try to finish a pending restart has ended.
    pub(super) fn resumed(
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
        if touched {
            self.shared.touched(now, [process.clone()]);
        }
        let name = pending.restart.check.clone();
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
            ResumeResult::NotYet {
                why,
                start_answered,
                start_begun,
            } => {
                pending.tries = pending.tries.saturating_add(1);
                let tries = pending.tries;
                pending.restart.stop_unclear = false;
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

impl Shared {
    /// The clients of these supervisors do not remember any more that a start of ours failed.
    pub(super) fn forget_starts(&mut self, now: Moment, forgot: &[Backend]) {
        self.forgot
            .extend(forgot.iter().map(|backend| (*backend, now)));
        for (process, pending) in &mut self.pending {
            if forgot.contains(&process.backend) {
                pending.restart.start_begun = false;
            }
        }
    }

    /// Whether a start of a task that began at `begun` is remembered by no client: a reload has replaced it since.
    fn is_forgotten(&self, process: &ProcessName, begun: Moment) -> bool {
        let forgot = self.forgot.get(&process.backend);
        forgot.is_some_and(|at| begun <= *at)
    }

    /// The processes of the pending restarts of `check`.
    pub(super) fn pending_of(&self, check: &str) -> Vec<ProcessName> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        let pending = self.pending.iter();
        let mine = pending.filter(|(_, pending)| pending.restart.check == check);
        mine.map(|(process, _)| process.clone()).collect()
    }
}

impl CheckState {
    /// An action began this restart and could not finish it.
    pub(super) fn left_unfinished(
        &mut self,
        begun: Moment,
        mut restart: PendingRestart,
        cx: &mut Context<'_>,
    ) {
        let process = restart.process.clone();
        restart.start_begun &= !cx.shared.is_forgotten(&process, begun);
        let answered = restart.start_answered;
        let backoff = Some((self.check.policy.backoff, self.memory.attempts));
        let pause = match answered {
            true => pause(backoff, 1, cx.shared),
            false => cx.shared.pause(REACH, 1),
        };
        if answered {
            self.next_attempt_not_before(cx.now + pause);
        }
        let pending = Pending::new(cx.now, restart, cx.now + pause);
        cx.shared.pending.insert(process.clone(), pending);
        let (why, next) = ("its start failed".to_owned(), Some(pause));
        if cx.shared.shutting_down {
            if !answered {
                self.begin_try(&process, cx);
            }
            return;
        }
        cx.note(
            &self.check.name,
            Decision::NotRunningYet {
                process: process.clone(),
                why,
                tries: 0,
                next,
            },
        );
        wake(&process, cx);
    }

    /// Tries to finish a pending restart if it is due and nothing holds it.
    fn retry(&mut self, process: &ProcessName, cx: &mut Context<'_>) {
        if cx.shared.shutting_down || wake(process, cx) || cx.shared.is_acting_on(process) {
            return;
        }
        let Some(owed) = cx.shared.pending.get(process).map(|pending| pending.owed) else {
            return;
        };
        if owed == Owed::Start {
            return self.begin_try(process, cx);
        }
        if self.attempt.is_some() {
            // one attempt of a check at a time; its end comes back to this
            return;
        }
        self.rearm(cx);
        let gate = match owed {
            Owed::OnceMore => None,
            Owed::Start | Owed::Nothing => self.gate_of_pause(cx),
        };
        let gate = gate.or_else(|| {
            if self.memory.incident.is_some() {
                self.give_up(cx);
            }
            let gave_up = self.memory.gave_up.is_some() || self.is_budget_exhausted(cx);
            gave_up.then_some(Gate::GaveUp)
        });
        let gate = gate
            .or_else(|| self.gate_of_overall_budget(cx))
            .or_else(|| cx.shared.concurrency(&self.check.name));
        match gate {
            Some(gate) => hold(process, gate, cx),
            None => self.begin_try(process, cx),
        }
    }

    /// A person asks for a restart: what is unfinished of it is tried now.
    pub(super) fn retry_manually(&mut self, chosen: &[Process], cx: &mut Context<'_>) {
        for process in cx.shared.unfinished(Some(chosen)) {
            let pending = cx.shared.pending.get(&process);
            let waits = pending.is_some_and(|pending| {
                // another check's is that check's to try, and to pay for
                !pending.is_trying() && pending.restart.check == self.check.name
            });
            if waits && !cx.shared.is_acting_on(&process) {
                self.begin_try(&process, cx);
            }
        }
    }

    /// A person says that it is fine to try again: what is pending is due.
    pub(super) fn retry_at_once(&mut self, cx: &mut Context<'_>) {
        for process in cx.shared.pending_of(&self.check.name) {
            let pending = cx.shared.pending.get_mut(&process);
            if let Some(Stage::Waiting { due, .. }) = pending.map(|pending| &mut pending.stage) {
                *due = cx.now;
            }
        }
    }

    /// The processes were listed. One that runs although its restart is unfinished, because somebody else started
    /// it, is checked, which finishes its restart.
    pub(super) fn see_pending(&mut self, chosen: &[Process], cx: &mut Context<'_>) {
        if cx.shared.pending.is_empty() || cx.shared.shutting_down {
            return;
        }
        for process in chosen {
            let name = &process.name;
            let pending = cx.shared.pending.get(name);
            let waits = pending.is_some_and(|pending| !pending.is_trying());
            let runs = process.state == ProcessState::Running;
            if waits && runs && !cx.shared.is_acting_on(name) {
                begin(name, false, false, cx);
            }
        }
    }

    fn begin_try(&mut self, process: &ProcessName, cx: &mut Context<'_>) {
        let Some(pending) = cx.shared.pending.get(process) else {
            return;
        };
        let spends = pending.owed != Owed::Start;
        if spends {
            self.spend_attempt(cx);
            if let Some(incident) = self.memory.incident.as_mut() {
                incident.begin_attempt();
            }
        }
        begin(process, true, spends, cx);
    }

    /// A pending restart is finished: what was done for it belongs to its incident, of which this may be all that
    /// is known.
    fn restart_finished(
        &mut self,
        restart: &PendingRestart,
        begun: Moment,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) {
        if outcome.steps.is_empty() {
            return;
        }
        let restarted: Vec<_> = outcome.restarted().cloned().collect();
        let ended = self.closed.as_mut();
        let ended = ended.filter(|ended| ended.id == restart.incident);
        let is_over = ended.is_some() || restart.incident_ended;
        let is_open = self.memory.incident.is_some();
        if !is_open && is_over && self.check.policy.notify == NotifyMode::Changes {
            // people were notified of the stop, and that the check passes all the same
            if let Some(ended) = ended {
                ended.note(cx.now, IncidentEvent::Acted(outcome.clone()));
                self.unwritten = true;
            }
            self.action_ended_at(cx.now, begun, !restarted.is_empty());
            self.memory.verifying = None;
            self.counts.restarted += 1;
            cx.shared.touched(cx.now, restarted);
            cx.note(&self.check.name, Decision::Acted { outcome });
            return;
        }
        let ended = self.closed.as_ref();
        let id = match ended.is_some_and(|ended| ended.id == restart.incident) {
            true => cx.shared.next_incident(),
            false => restart.incident.clone(),
        };
        let name = &self.check.name;
        let incident = self
            .memory
            .incident
            .get_or_insert_with(|| Incident::open(id, name, cx.now, cx.now));
        incident.attempts = incident.attempts.max(1);
        incident.note(cx.now, IncidentEvent::Acted(outcome.clone()));
        self.set_status(cx.now, Status::Down);
        self.action_ended_at(cx.now, begun, !restarted.is_empty());
        match restarted.is_empty() {
            true => self.counts.failed += 1,
            false => self.counts.restarted += 1,
        }
        cx.shared.touched(cx.now, restarted);
        let result = AttemptResult {
            touched: outcome.touched(),
            ..AttemptResult::default()
        };
        cx.note(&self.check.name, Decision::Acted { outcome });
        self.after_action(result, cx);
    }

    /// With a back-off of its own, the check makes no other attempt before the next one at this.
    fn next_attempt_not_before(&mut self, next: Moment) {
        if !self.check.policy.backoff.min.is_zero() {
            self.memory.next_attempt = self.memory.next_attempt.max(Some(next));
        }
    }

    /// A try to finish a pending restart was in vain. The next attempt at anything comes no earlier than `next`.
    fn start_failed(
        &mut self,
        outcome: Outcome,
        touched: bool,
        next: Moment,
        cx: &mut Context<'_>,
    ) {
        if !touched {
            return;
        }
        self.counts.failed += 1;
        self.next_attempt_not_before(next);
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::Acted(outcome));
        }
    }
}

/// The pause before a start is tried again: the check's own back-off, where it has one.
fn pause(backoff: Option<(Backoff, u32)>, tries: u32, shared: &mut Shared) -> Duration {
    let own = backoff.map(|(backoff, attempts)| shared.pause(backoff, attempts.max(1)));
    match own.filter(|own| !own.is_zero()) {
        Some(own) => own,
        None => shared.pause(RETRY, tries),
    }
}

/// A restart whose check is gone: nothing but the budget over all checks and the number of restarts holds it.
fn retry_without_check(process: &ProcessName, cx: &mut Context<'_>) {
    if cx.shared.shutting_down || wake(process, cx) || cx.shared.is_acting_on(process) {
        return;
    }
    let Some(pending) = cx.shared.pending.get(process) else {
        return;
    };
    let check = pending.restart.check.clone();
    let spends = pending.owed != Owed::Start;
    let gate = match cx.shared.limits.max_restarts {
        Some(budget) if spends && cx.shared.spent.exhausted(cx.now, budget) => {
            Some(Gate::OverallBudget)
        }
        _ if spends => cx.shared.concurrency(&check),
        _ => None,
    };
    let Some(gate) = gate else {
        if spends {
            cx.shared.spent.note(cx.now, cx.shared.limits.max_restarts);
        }
        return begin(process, true, spends, cx);
    };
    hold(process, gate, cx);
    // no tick will ask for it again
    let later = cx.now + RETRY.max;
    if let Some(Stage::Waiting { due, .. }) = cx
        .shared
        .pending
        .get_mut(process)
        .map(|pending| &mut pending.stage)
    {
        *due = later;
    }
    wake(process, cx);
}

/// Whether a pending restart is not due yet, or is being tried. Sees to it that it is looked at when it is due.
fn wake(process: &ProcessName, cx: &mut Context<'_>) -> bool {
    let Some(pending) = cx.shared.pending.get(process) else {
        return true;
    };
    let Stage::Waiting { due, timer } = pending.stage else {
        return true;
    };
    if cx.now >= due {
        return false;
    }
    if timer.is_none() && !cx.shared.shutting_down {
        let ticket = cx.shared.next_ticket();
        if let Some(pending) = cx.shared.pending.get_mut(process) {
            let timer = Some(ticket);
            pending.stage = Stage::Waiting { due, timer };
        }
        cx.effects.push(Effect::Wake {
            process: process.clone(),
            ticket,
            after: due.since(cx.now),
        });
    }
    true
}

/// Begins a try.
fn begin(process: &ProcessName, may_start: bool, spent: bool, cx: &mut Context<'_>) {
    let ticket = cx.shared.next_ticket();
    let Some(pending) = cx.shared.pending.get_mut(process) else {
        return;
    };
    let due = match pending.stage {
        Stage::Waiting { due, .. } | Stage::Trying { due, .. } => due,
    };
    if may_start {
        pending.held = None;
    }
    pending.stage = Stage::Trying {
        ticket,
        begun: cx.now,
        due,
        may_start,
        spent,
    };
    let restart = pending.restart.clone();
    if may_start {
        let process = process.clone();
        cx.note(&restart.check, Decision::Resuming { process });
    }
    cx.effects.push(Effect::Resume {
        ticket,
        restart: Box::new(restart),
        may_start,
    });
}

/// Notes what holds a pending restart, once for as long as it is the same.
fn hold(process: &ProcessName, gate: Gate, cx: &mut Context<'_>) {
    let Some(pending) = cx.shared.pending.get_mut(process) else {
        return;
    };
    let kind = std::mem::discriminant(&gate);
    let noted = pending.held.as_ref().map(std::mem::discriminant);
    pending.held = Some(gate.clone());
    if noted != Some(kind) {
        let check = pending.restart.check.clone();
        let process = process.clone();
        cx.note(&check, Decision::ResumeHeld { process, gate });
    }
}
