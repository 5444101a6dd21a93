//! What a check has reserved, or asks for: one reservation at a time, asked for again under its name, and given back
//! once.

use std::time::Duration;

use crate::health::backoff::Backoff;
use crate::health::fleet::{FleetHold, FleetPolicy, SlotAnswer, SlotRefusal};
use crate::health::moment::Moment;
use crate::health::moments::Moments;
use crate::health::monitor::shared::{Context, Shared};
use crate::health::monitor::{Effect, Ticket};
use crate::health::note::Decision;
use crate::health::snapshot::{FleetView, SlotState};

/// The pauses before a slot is asked for again.
const ASK_AGAIN: Backoff = Backoff {
    min: Duration::from_secs(1),
    max: Duration::from_secs(10),
    factor: 1.5,
};

/// The longest pause where the answer says when it is worth asking.
const LONGEST: Duration = Duration::from_secs(60);

/// What a check has reserved, or wants to reserve.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::health) struct Reservation {
    /// Names it, whatever is asked about it.
    pub(super) id: Ticket,
    /// Of whom it was asked: a reload may have changed the check's policy since.
    pub(super) policy: FleetPolicy,
    /// Since when it is waited for.
    pub(super) since: Moment,
    pub(super) stage: Stage,
    /// The slot is ours, or an answer was lost and it may be: it has to be given back.
    pub(super) may_be_ours: bool,
    /// It goes on with a restart that was begun and paid for.
    pub(super) resumes: bool,
    /// How often it was refused.
    pub(super) refusals: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    /// This question is not answered yet. `why` is what the last answer was.
    Asking { ticket: Ticket, why: FleetHold },
    /// An attempt may begin: with a slot, or without one by decision.
    Free,
    /// An attempt has begun; and whether it has touched a process.
    Used { touched: bool },
}

impl Moments for Reservation {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.since.each_moment(change);
    }
}

impl Context<'_> {
    /// Asks for a slot for `check`.
    pub(super) fn reserve(&mut self, check: &str, policy: &FleetPolicy, resumes: bool) {
        let ticket = self.shared.next_ticket();
        let reservation = Reservation {
            id: ticket,
            policy: policy.clone(),
            since: self.now,
            stage: Stage::Asking {
                ticket,
                why: FleetHold::Asking,
            },
            may_be_ours: false,
            resumes,
            refusals: 0,
        };
        let group = policy.group.clone();
        self.note(check, Decision::SlotAsked { group });
        self.shared
            .reservations
            .insert(check.to_owned(), reservation);
        self.ask(check, ticket, Duration::ZERO);
    }

    /// Asks again, after a pause that grows.
    pub(super) fn ask_again(&mut self, check: &str, why: FleetHold) {
        let ticket = self.shared.next_ticket();
        let Some(held) = self.shared.reservations.get_mut(check) else {
            return;
        };
        held.refusals = held.refusals.saturating_add(1);
        let refusals = held.refusals;
        let least = match &why {
            FleetHold::Refused(SlotRefusal::BudgetUsedUp { left }) => (*left).min(LONGEST),
            FleetHold::Refused(_) | FleetHold::Asking | FleetHold::Unreachable { .. } => {
                Duration::ZERO
            }
        };
        let is_next = matches!(&why, FleetHold::Refused(SlotRefusal::Taken { ahead: Some(ahead), .. })
            if *ahead < held.policy.slots);
        held.stage = Stage::Asking { ticket, why };
        // a slot is kept for those who come next
        let pause = self
            .shared
            .pause(ASK_AGAIN, if is_next { 1 } else { refusals });
        self.ask(check, ticket, pause.max(least));
    }

    fn ask(&mut self, check: &str, ticket: Ticket, after: Duration) {
        let Some(held) = self.shared.reservations.get(check) else {
            return;
        };
        self.effects.push(Effect::Reserve {
            check: check.to_owned(),
            ticket,
            reservation: held.id,
            group: held.policy.group.clone(),
            slots: held.policy.slots,
            resumes: held.resumes,
            after,
        });
    }

    /// A reservation is over: gives its slot back, once, if it may be ours.
    pub(super) fn release_slot(&mut self, check: &str) {
        let Some(held) = self.shared.reservations.remove(check) else {
            return;
        };
        if !held.may_be_ours {
            return;
        }
        let used = matches!(held.stage, Stage::Used { touched: true });
        let group = held.policy.group.clone();
        self.effects.push(Effect::Release {
            check: check.to_owned(),
            reservation: held.id,
            group: group.clone(),
            used,
        });
        self.note(check, Decision::SlotReleased { group });
    }

    /// It was answered about the slot of a check that is not defined any more.
    pub(super) fn reserved_for_nobody(&mut self, check: &str, ticket: Ticket, answer: &SlotAnswer) {
        let Some(held) = self.shared.asked(check, ticket) else {
            return;
        };
        held.may_be_ours |= !matches!(answer, SlotAnswer::Refused(_));
        match (held.resumes, answer) {
            // its pending restart goes on without it
            (true, SlotAnswer::Granted) => held.stage = Stage::Used { touched: true },
            _ => self.release_slot(check),
        }
    }
}

impl Shared {
    /// The reservation of `check` that waits for the answer to this question.
    pub(super) fn asked(&mut self, check: &str, ticket: Ticket) -> Option<&mut Reservation> {
        let held = self.reservations.get_mut(check)?;
        let is_it = matches!(held.stage, Stage::Asking { ticket: asked, .. } if asked == ticket);
        is_it.then_some(held)
    }

    pub(super) fn owes_start_of(&self, check: &str) -> bool {
        let mut pending = self.pending.values();
        pending.any(|pending| pending.restart.check == check && pending.owes_start())
    }

    /// An action of `check` has ended; one that touched nothing leaves the budget of the fleet as it was.
    pub(in crate::health::monitor) fn slot_touched(&mut self, check: &str) {
        if let Some(held) = self.reservations.get_mut(check)
            && let Stage::Used { touched } = &mut held.stage
        {
            *touched = true;
        }
    }

    /// What `check` has of its fleet: waits for a slot, since when, or holds one.
    pub(in crate::health::monitor) fn slot_view(&self, check: &str) -> Option<FleetView> {
        let held = self.reservations.get(check)?;
        Some(FleetView {
            group: held.policy.group.clone(),
            state: match held.stage {
                Stage::Asking { .. } => SlotState::Waiting,
                Stage::Free | Stage::Used { .. } if held.may_be_ours => SlotState::Held,
                Stage::Free | Stage::Used { .. } => SlotState::Without,
            },
            since: held.since,
        })
    }
}
