//! A check's part in finishing its pending restart: what holds the next try back, and what the end of a try means for
//! the check's attempt, budget and incident.

use super::schedule::{REACH, begin, hold, pause, wake};
use super::{Owed, Pending, Stage};
use crate::health::attempt::AttemptResult;
use crate::health::check::CheckState;
use crate::health::gate::Gate;
use crate::health::incident::{Incident, IncidentEvent};
use crate::health::moment::Moment;
use crate::health::monitor::shared::Context;
use crate::health::note::Decision;
use crate::health::pending::PendingRestart;
use crate::health::policy::NotifyMode;
use crate::health::process::{Process, ProcessName, ProcessState};
use crate::health::report::DownState;
use crate::health::step::Outcome;
use crate::health::threshold::Status;

impl CheckState {
    /// An action began this restart and could not finish it.
    pub(in crate::health::monitor) fn left_unfinished(
        &mut self,
        begun: Moment,
        mut restart: PendingRestart,
        cx: &mut Context<'_>,
    ) {
        let process = restart.process.clone();
        restart.start_begun &= !cx.shared.is_forgotten(&process, begun);
        let (answered, unclear) = (restart.start_answered, restart.stop_unclear);
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
        let why = match unclear {
            true => "its stop was not confirmed",
            false => "its start failed",
        };
        let (why, next) = (why.to_owned(), Some(pause));
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
    pub(super) fn retry(&mut self, process: &ProcessName, cx: &mut Context<'_>) {
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
        let gate = gate.or_else(|| self.gate_of_fleet(cx));
        match gate {
            Some(gate) => hold(process, gate, cx),
            None => self.begin_try(process, cx),
        }
    }

    /// A person asks for a restart: what is unfinished of it is tried now.
    pub(in crate::health::monitor) fn retry_manually(
        &mut self,
        chosen: &[Process],
        cx: &mut Context<'_>,
    ) {
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
    pub(in crate::health::monitor) fn retry_at_once(&mut self, cx: &mut Context<'_>) {
        for process in cx.shared.pending_of(&self.check.name) {
            let pending = cx.shared.pending.get_mut(&process);
            if let Some(Stage::Waiting { due, .. }) = pending.map(|pending| &mut pending.stage) {
                *due = cx.now;
            }
        }
    }

    /// The processes were listed. One that runs although its restart is unfinished, because somebody else started
    /// it, is checked, which finishes its restart.
    pub(in crate::health::monitor) fn see_pending(
        &mut self,
        chosen: &[Process],
        cx: &mut Context<'_>,
    ) {
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

    pub(super) fn begin_try(&mut self, process: &ProcessName, cx: &mut Context<'_>) {
        let Some(pending) = cx.shared.pending.get(process) else {
            return;
        };
        let spends = pending.owed != Owed::Start;
        match spends {
            true => self.use_slot(cx),
            false => self.resume_slot(process, cx),
        }
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
    pub(super) fn restart_finished(
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
        let is_used = ended.is_some_and(|ended| ended.id == restart.incident);
        let id = match is_used || restart.incident_ended {
            true => cx.shared.next_incident(),
            false => restart.incident.clone(),
        };
        let name = &self.check.name;
        let incident = self
            .memory
            .incident
            .get_or_insert_with(|| Box::new(Incident::open(id, name, cx.now, cx.now)));
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
        if !is_open {
            // the killed run reported it to nobody, or as another check's
            self.report_down(DownState::Restarting, cx);
        }
        self.after_action(result, cx);
    }

    /// With a back-off of its own, the check makes no other attempt before the next one at this.
    pub(super) fn next_attempt_not_before(&mut self, next: Moment) {
        if !self.check.policy.backoff.min.is_zero() {
            self.memory.next_attempt = self.memory.next_attempt.max(Some(next));
        }
    }

    /// A try to finish a pending restart was in vain. The next attempt at anything comes no earlier than `next`.
    pub(super) fn start_failed(
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
