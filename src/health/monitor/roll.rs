//! Between two parts of an attempt: the proof that a member of a group is well again before the next one is
//! stopped, and the reasons to stop there. What the parts are is `health/roll.rs`.

use std::time::Duration;

use super::super::check::{Check, CheckState, Doing};
use super::super::incident::{DownState, Happening};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::plan::Scope;
use super::super::policy::NotifyMode;
use super::super::process::{Process, ProcessName};
use super::super::roll::{AttemptMode, AwaitingHealthy, Roll, alone};
use super::super::step::{Halt, Outcome};
use super::tell::LONGEST_SILENCE;
use super::{Effect, Monitor, note};

/// However long a service says that it is starting, the others wait no longer for its proof.
const LONGEST_PROOF: Duration = Duration::from_secs(600);

impl Monitor {
    /// Waits for a pass before the next member of the group.
    pub(super) fn prove(
        &mut self,
        now: Moment,
        name: &str,
        mut roll: Roll,
        process: ProcessName,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        roll.proving = Some(AwaitingHealthy {
            process,
            since: now,
            lasting: state.check.policy.grace,
        });
        state.roll = Some(roll);
        self.verify_again(now, name, out);
    }

    /// The next part, at once.
    pub(super) fn go_on(&mut self, now: Moment, name: &str, roll: Roll, out: &mut Vec<Effect>) {
        let ticket = self.next_ticket();
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        if let Some(process) = roll.next_member().cloned() {
            out.push(note(now, name, Decision::Rolling { process }));
        }
        state.roll = Some(roll);
        self.begin_part(now, name, ticket, false, out);
    }

    /// The check passes: goes on with the attempt under way. Returns whether there is one that goes on.
    pub(super) fn proven(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) -> bool {
        let Some(roll) = self.checks.get(name).and_then(|state| state.roll.as_ref()) else {
            return false;
        };
        if let Some(gate) = self.gate_of_roll(now, name, roll.by_hand) {
            self.halt(now, name, Halt::Held(gate), out);
            return false;
        }
        let after = now.since(roll.begun);
        if after >= LONGEST_SILENCE {
            self.tell_down(now, name, DownState::Back { after }, out);
        }
        let roll = self
            .checks
            .get_mut(name)
            .and_then(|state| state.roll.take());
        if let Some(roll) = roll {
            self.go_on(now, name, roll, out);
        }
        true
    }

    /// The check did not pass, or was not even looked at: stops the attempt under way when its time is over.
    /// Returns whether it still waits.
    pub(super) fn unproven(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) -> bool {
        let Some(state) = self.checks.get(name) else {
            return false;
        };
        let Some(proving) = state.roll.as_ref().and_then(|roll| roll.proving.as_ref()) else {
            return false;
        };
        let after = now.since(proving.since);
        let more = state.memory.grace_until.is_some_and(|until| now < until);
        if after < proving.lasting || more && after < LONGEST_PROOF {
            return true;
        }
        let process = proving.process.clone();
        self.halt(now, name, Halt::Unproven { process, after }, out);
        false
    }

    /// Ends the attempt under way between two of its parts.
    pub(super) fn halt(&mut self, now: Moment, name: &str, why: Halt, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let Some(roll) = state.roll.take() else {
            return;
        };
        let left = roll.left();
        let steps = alone(now, left.clone(), &why).collect();
        if let Some(incident) = state.memory.incident.as_mut() {
            incident.note(now, Happening::Acted(Outcome { steps }));
        }
        out.push(note(now, name, Decision::RollStopped { why, left }));
        self.book(now, name, &roll);
        self.look_again_at_waiting(now, out);
    }

    /// The end is near: what waits for its proof waits no more.
    pub(super) fn halt_all(&mut self, now: Moment, why: &Halt, out: &mut Vec<Effect>) {
        let waiting: Vec<String> = self
            .checks
            .iter()
            .filter(|(_, state)| state.is_proving())
            .map(|(name, _)| name.clone())
            .collect();
        for name in waiting {
            self.halt(now, &name, why.clone(), out);
        }
    }

    /// There are new definitions: an attempt goes on only for a check that stays as it is.
    pub(super) fn halt_changed(&mut self, now: Moment, checks: &[Check], out: &mut Vec<Effect>) {
        let stays = |state: &CheckState| checks.contains(&state.check);
        let changed = self.checks.iter_mut().filter(|(_, state)| !stays(state));
        let mut waiting = Vec::new();
        for (name, state) in changed {
            if state.is_proving() {
                waiting.push(name.clone());
            } else if let Some(roll) = state.roll.as_mut() {
                roll.halt = Some(Halt::Changed);
            }
        }
        for name in waiting {
            self.halt(now, &name, Halt::Changed, out);
        }
    }
}

impl CheckState {
    /// Whether an attempt waits between two of its parts.
    pub fn is_proving(&self) -> bool {
        self.roll.is_some() && !matches!(self.doing, Doing::Acting { .. })
    }

    /// What an attempt that begins now is about.
    pub(super) fn plan_roll(
        &mut self,
        now: Moment,
        looked: Option<&[Process]>,
        by_hand: bool,
    ) -> Roll {
        let memory = &mut self.memory;
        match (self.check.policy.tell, looked) {
            (NotifyMode::EveryAction, _) => Roll::whole(now, Scope::All),
            (NotifyMode::Changes, None) => Roll::whole(now, Scope::First),
            (NotifyMode::Changes, Some(chosen)) => {
                let manner = AttemptMode {
                    by_hand,
                    dry_run: self.check.dry_run,
                };
                let roll = Roll::over(now, chosen, &self.check.remedy, &memory.tried, manner);
                if roll
                    .next_member()
                    .is_some_and(|next| memory.tried.contains(next))
                {
                    // each had its turn
                    memory.tried.clear();
                }
                roll
            }
        }
    }
}
