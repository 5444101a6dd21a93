//! The gate of the fleet: a slot is asked for before an attempt, and given back once when nothing needs it any more.
//!
//! A check needs its slot while an attempt is under way, until it is known whether the attempt helped, and while a
//! process that it stopped is owed a start. A slot is for one attempt: the next one asks again. After every event it is
//! compared what is needed, so that each end of an attempt gives the slot back, whichever way it came.

mod gate;
mod reservation;

use super::pending::Pending;
use super::shared::Context;
use super::{Effect, Monitor, Ticket};
use crate::health::check::Activity;
use crate::health::fleet::{FleetHold, SlotAnswer};
use crate::health::moment::Moment;
use crate::health::note::Decision;
use reservation::Stage;

pub(in crate::health) use reservation::Reservation;

impl Monitor {
    /// It was answered about a slot.
    pub(in crate::health::monitor) fn reserved(
        &mut self,
        now: Moment,
        check: &str,
        ticket: Ticket,
        answer: SlotAnswer,
        effects: &mut Vec<Effect>,
    ) {
        let known = self.checks.get_mut(check);
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        match known {
            Some(state) => {
                state.reserved(ticket, answer, &mut cx);
                cx.shared.define_failing(now, state);
            }
            None => cx.reserved_for_nobody(check, ticket, &answer),
        }
        self.retry_of(now, check, effects);
    }

    /// A slot was not ours any more when its lease was to be renewed.
    pub(in crate::health::monitor) fn lease_lost(
        &mut self,
        now: Moment,
        check: &str,
        id: Ticket,
        why: String,
        effects: &mut Vec<Effect>,
    ) {
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        let held = cx.shared.reservations.get_mut(check);
        let Some(held) = held.filter(|held| held.id == id) else {
            return;
        };
        let group = held.policy.group.clone();
        match held.stage {
            // it is asked for again when it is needed
            Stage::Free => drop(cx.shared.reservations.remove(check)),
            Stage::Used { .. } => held.may_be_ours = false,
            // a question whose answer is lost may have been carried out since
            Stage::Asking { .. } => return,
        }
        cx.note(check, Decision::SlotLost { group, why });
    }

    /// Gives back each slot that nothing needs any more. `is_later` is false for an event that lets no time pass.
    pub(in crate::health::monitor) fn release_slots(
        &mut self,
        now: Moment,
        is_later: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.shared.reservations.is_empty() {
            return;
        }
        let over = |(check, held): (&String, &Reservation)| {
            let state = self.checks.get(check);
            let owes = |pending: &Pending| pending.restart.check == *check && pending.owes_start();
            let needs = match &held.stage {
                Stage::Asking { .. } => true,
                Stage::Free => state.is_some_and(|state| {
                    !self.shared.shutting_down && !state.removed && state.activity != Activity::Idle
                }),
                Stage::Used { .. } => {
                    self.shared.pending.values().any(owes)
                        || state.is_some_and(|state| {
                            let now = is_later.then_some(now);
                            state.attempt.is_some()
                                || !self.shared.shutting_down && state.is_verifying(now)
                        })
                }
            };
            (!needs).then(|| check.clone())
        };
        let over: Vec<_> = self.shared.reservations.iter().filter_map(over).collect();
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        for check in over {
            cx.release_slot(&check);
        }
    }

    /// Whether an answer about a slot is awaited without which a run of one tick must not end.
    pub(in crate::health::monitor) fn awaits_slot(&self) -> bool {
        let asked = |held: &Reservation| matches!(&held.stage, Stage::Asking { why, .. } if *why == FleetHold::Asking);
        !self.shared.shutting_down && self.shared.reservations.values().any(asked)
    }
}
