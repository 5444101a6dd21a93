//! Between two parts of a rolling restart: the check has to pass again before the next member of a group is
//! stopped; and the reasons to stop there. What the parts are is `health/attempt.rs`.

use std::time::Duration;

use super::super::attempt::{Attempt, AttemptMode, AwaitingHealthy, left_alone};
use super::super::check::{Activity, CheckState};
use super::super::incident::IncidentEvent;
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::plan::Scope;
use super::super::policy::NotifyMode;
use super::super::process::{Process, ProcessName};
use super::super::remedy::Remedy;
use super::super::step::{Halt, Outcome};
use super::shared::Context;

/// However long a service says that it is starting, the rest of its group waits no longer for its pass.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl CheckState {
    /// Waits for a pass before the next member of the group.
    pub(super) fn await_healthy(
        &mut self,
        mut attempt: Box<Attempt>,
        process: ProcessName,
        cx: &mut Context<'_>,
    ) {
        attempt.awaiting = Some(AwaitingHealthy {
            process,
            since: cx.now,
            within: self.check.policy.grace,
        });
        self.attempt = Some(attempt);
        self.verify_again(cx);
    }

    /// The next part, at once.
    pub(super) fn go_on(&mut self, attempt: Box<Attempt>, cx: &mut Context<'_>) {
        if let Some(process) = attempt.next_member().cloned() {
            cx.note(&self.check.name, Decision::Rolling { process });
        }
        self.attempt = Some(attempt);
        self.begin_part(false, cx);
    }

    /// The check passes: goes on with the attempt under way. Returns whether there is one that goes on.
    pub(super) fn healthy_between_parts(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(attempt) = &self.attempt else {
            return false;
        };
        if let Some(gate) = self.gate_between_parts(attempt.manual, cx) {
            self.halt(Halt::Held(gate), cx);
            return false;
        }
        if let Some(attempt) = self.attempt.take() {
            self.go_on(attempt, cx);
        }
        true
    }

    /// The check did not pass, or was not even probed: stops the attempt under way when its time is over.
    /// Returns whether it still waits.
    pub(super) fn not_passed(&mut self, cx: &mut Context<'_>) -> bool {
        let attempt = self.attempt.as_ref();
        let Some(awaiting) = attempt.and_then(|attempt| attempt.awaiting.as_ref()) else {
            return false;
        };
        let after = cx.now.since(awaiting.since);
        let grace = self.memory.grace_until;
        let in_grace = grace.is_some_and(|until| cx.now < until);
        if after < awaiting.within || in_grace && after < LONGEST_WAIT {
            return true;
        }
        let process = awaiting.process.clone();
        self.halt(Halt::NotHealthy { process, after }, cx);
        false
    }

    /// Ends the attempt under way between two of its parts.
    pub(super) fn halt(&mut self, why: Halt, cx: &mut Context<'_>) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        let left = attempt.left();
        let steps = left_alone(cx.now, left.clone(), &why).collect();
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::Acted(Outcome { steps }));
        }
        cx.note(&self.check.name, Decision::RollStopped { why, left });
        self.end_attempt(&attempt, cx);
    }

    /// Ends the attempt under way: now when it is between two parts, else after the part under way.
    pub(super) fn halt_between_parts_or_after(&mut self, why: Halt, cx: &mut Context<'_>) {
        if self.is_between_parts() {
            self.halt(why, cx);
        } else if let Some(attempt) = self.attempt.as_mut() {
            attempt.halt = Some(why);
        }
    }

    /// Whether an attempt waits between two of its parts.
    pub(super) fn is_between_parts(&self) -> bool {
        self.attempt.is_some() && !matches!(self.activity, Activity::Acting { .. })
    }

    /// What an attempt that begins now is about.
    pub(super) fn plan_attempt(
        &mut self,
        now: Moment,
        remedy: &Remedy,
        listed: Option<&[Process]>,
        unfinished: Vec<ProcessName>,
        manual: bool,
    ) -> Attempt {
        let memory = &mut self.memory;
        match (self.check.policy.notify, listed) {
            (NotifyMode::EveryAction, _) => Attempt::whole(now, Scope::All, unfinished),
            (NotifyMode::Changes, None) => Attempt::whole(now, Scope::First, unfinished),
            (NotifyMode::Changes, Some(chosen)) => {
                let mode = AttemptMode {
                    manual,
                    dry_run: self.check.dry_run,
                };
                // a rung says what it restarts, whatever was restarted before
                let tried = match self.check.ladder.is_empty() || manual {
                    true => memory.tried.as_slice(),
                    false => &[],
                };
                let attempt = Attempt::over(now, chosen, remedy, tried, &unfinished, mode);
                let next = attempt.next_member();
                if next.is_some_and(|next| memory.tried.contains(next)) {
                    // each had its turn
                    memory.tried.clear();
                }
                attempt
            }
        }
    }
}
