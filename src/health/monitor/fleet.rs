//! The gate of the fleet: a slot is asked for before an attempt, and given back once when nothing needs it any more.
//!
//! A check needs its slot while an attempt is under way, until it is known whether the attempt helped, and while a
//! process that it stopped is owed a start. A slot is for one attempt: the next one asks again. After every event it is
//! compared what is needed, so that each end of an attempt gives the slot back, whichever way it came.

use std::time::Duration;

use super::super::backoff::Backoff;
use super::super::check::{Activity, CheckState};
use super::super::fleet::{FleetHold, FleetPolicy, SlotAnswer, SlotRefusal, Unreachable};
use super::super::gate::Gate;
use super::super::incident::DownState;
use super::super::moment::Moment;
use super::super::moments::Moments;
use super::super::note::Decision;
use super::super::process::ProcessName;
use super::pending::Pending;
use super::shared::Context;
use super::{Effect, Monitor, Ticket};

/// The pauses before a slot is asked for again.
const ASK_AGAIN: Backoff = Backoff {
    min: Duration::from_secs(1),
    max: Duration::from_secs(10),
    factor: 1.5,
};

/// The longest pause where the answer says when it is worth asking.
const LONGEST: Duration = Duration::from_secs(60);

/// However long a restarted service says that it is starting, its slot is kept no longer.
const VERIFIED_WITHIN: Duration = Duration::from_secs(600);

/// What a check has reserved, or wants to reserve.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::health) struct Reservation {
    /// Names it, whatever is asked about it.
    id: Ticket,
    /// Of whom it was asked: a reload may have changed the check's policy since.
    policy: FleetPolicy,
    /// Since when it is waited for.
    since: Moment,
    stage: Stage,
    /// The slot is ours, or an answer was lost and it may be: it has to be given back.
    may_be_ours: bool,
    /// It goes on with a restart that was begun and paid for.
    resumes: bool,
    /// How often it was refused.
    refusals: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
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

impl Monitor {
    /// It was answered about a slot.
    pub(super) fn reserved(
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
    pub(super) fn lease_lost(
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
        held.may_be_ours = false;
        let group = held.policy.group.clone();
        match held.stage {
            // it is asked for again when it is needed
            Stage::Free => drop(cx.shared.reservations.remove(check)),
            Stage::Used { .. } => {}
            Stage::Asking { .. } => return,
        }
        cx.note(check, Decision::SlotLost { group, why });
    }

    /// Gives back each slot that nothing needs any more. `is_later` is false for an event that lets no time pass.
    pub(super) fn release_slots(&mut self, now: Moment, is_later: bool, effects: &mut Vec<Effect>) {
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
    pub(super) fn awaits_slot(&self) -> bool {
        let asked = |held: &Reservation| matches!(&held.stage, Stage::Asking { why, .. } if *why == FleetHold::Asking);
        !self.shared.shutting_down && self.shared.reservations.values().any(asked)
    }
}

impl CheckState {
    /// What the fleet holds back of an attempt, if anything: asks for a slot where there is none.
    pub(super) fn gate_of_fleet(&mut self, cx: &mut Context<'_>) -> Option<Gate> {
        let policy = self.check.fleet.as_ref()?;
        if self.check.dry_run {
            return None;
        }
        let name = &self.check.name;
        let waits = self.is_held_by_fleet(cx);
        let why = match cx.shared.reservations.get_mut(name) {
            Some(held) => match &held.stage {
                Stage::Free if held.policy == *policy => return None,
                Stage::Free | Stage::Used { .. } => {
                    // a slot is for one attempt, and of one group
                    cx.release_slot(name);
                    None
                }
                Stage::Asking { why, .. } => {
                    if !waits {
                        held.since = cx.now;
                    }
                    Some(why.clone())
                }
            },
            None => None,
        };
        let why = why.unwrap_or_else(|| {
            cx.reserve(name, policy, false);
            FleetHold::Asking
        });
        let group = policy.group.clone();
        Some(Gate::Fleet { group, why })
    }

    /// An attempt of the check begins: with the slot that it has.
    pub(super) fn use_slot(&self, cx: &mut Context<'_>) {
        if let Some(held) = cx.shared.reservations.get_mut(&self.check.name)
            && held.stage == Stage::Free
        {
            held.stage = Stage::Used { touched: false };
        }
    }

    /// A start that is owed begins, which waits for nobody: the slot of the run that stopped the process is ours to keep.
    /// It is asked for once.
    pub(super) fn resume_slot(&self, process: &ProcessName, cx: &mut Context<'_>) {
        let pending = cx.shared.pending.get(process);
        if let Some(policy) = &self.check.fleet
            && pending.is_some_and(Pending::is_first_try)
            && !self.check.dry_run
            && !cx.shared.shutting_down
            && !cx.shared.reservations.contains_key(&self.check.name)
        {
            cx.reserve(&self.check.name, policy, true);
        }
    }

    /// Whether an attempt would need a slot that it does not have.
    pub(super) fn lacks_slot(&self, cx: &Context<'_>) -> bool {
        let held = cx.shared.reservations.get(&self.check.name);
        self.check.fleet.is_some() && held.is_none_or(|held| held.stage != Stage::Free)
    }

    fn is_held_by_fleet(&self, cx: &Context<'_>) -> bool {
        let by_fleet = |gate: &Gate| matches!(gate, Gate::Fleet { .. });
        let mut pending = cx.shared.pending.values();
        self.held.as_ref().is_some_and(by_fleet)
            || pending.any(|pending| {
                pending.restart.check == self.check.name
                    && pending.held.as_ref().is_some_and(by_fleet)
            })
    }

    /// Whether it is not known yet whether the last restart helped; `None` as time leaves the question open.
    fn is_verifying(&self, now: Option<Moment>) -> bool {
        let Some(verifying) = self.memory.verifying else {
            return false;
        };
        let Some(now) = now else { return true };
        let starts = self.memory.grace_until.is_some_and(|until| now < until);
        now < verifying.until || starts && now.since(verifying.begun) < VERIFIED_WITHIN
    }

    fn reserved(&mut self, ticket: Ticket, answer: SlotAnswer, cx: &mut Context<'_>) {
        let name = self.check.name.clone();
        let waits = !cx.shared.shutting_down && self.is_held_by_fleet(cx);
        let Some(held) = cx.shared.asked(&name, ticket) else {
            return;
        };
        held.may_be_ours |= !matches!(answer, SlotAnswer::Refused(_));
        if !held.resumes && self.check.fleet.as_ref() != Some(&held.policy) {
            return self.ask_by_new_policy(waits, cx);
        }
        let acts_without = held.policy.unreachable == Unreachable::Act && !held.resumes;
        let group = held.policy.group.clone();
        match answer {
            SlotAnswer::Granted => {
                held.stage = match held.resumes {
                    true => Stage::Used { touched: true },
                    false => Stage::Free,
                };
                cx.note(&name, Decision::SlotGranted { group });
                self.go_on_with_slot(waits, cx);
            }
            SlotAnswer::Unreachable { why } if acts_without => {
                held.stage = Stage::Free;
                if waits {
                    cx.note(&name, Decision::ActsWithoutSlot { group, why });
                }
                self.go_on_with_slot(waits, cx);
            }
            SlotAnswer::Unreachable { why } => {
                self.no_slot(waits, FleetHold::Unreachable { why }, cx);
            }
            SlotAnswer::Refused(why) => self.no_slot(waits, FleetHold::Refused(why), cx),
        }
    }

    /// A reload has changed what is to be asked for: the answer was to a question of before.
    fn ask_by_new_policy(&mut self, waits: bool, cx: &mut Context<'_>) {
        let name = &self.check.name;
        cx.release_slot(name);
        match &self.check.fleet {
            Some(policy) if waits => cx.reserve(name, policy, false),
            Some(_) => {}
            None => self.go_on_with_slot(waits, cx),
        }
    }

    /// What was seen before it was waited for is old by now. A probe that is under way says how the check is.
    fn go_on_with_slot(&mut self, waits: bool, cx: &mut Context<'_>) {
        let by_fleet = matches!(self.held, Some(Gate::Fleet { .. }));
        if waits && by_fleet && self.activity == Activity::Idle {
            self.probe(Duration::ZERO, cx);
        }
    }

    /// There is no slot: asks again after a pause, if it is still wanted.
    fn no_slot(&mut self, waits: bool, hold: FleetHold, cx: &mut Context<'_>) {
        let name = self.check.name.clone();
        let Some(held) = cx.shared.reservations.get(&name) else {
            return;
        };
        let group = held.policy.group.clone();
        let is_lost = held.resumes && matches!(hold, FleetHold::Refused(_));
        let goes_on = match held.resumes {
            true => !is_lost && !cx.shared.shutting_down && cx.shared.owes_start_of(&name),
            false => waits,
        };
        if is_lost {
            let why = hold.to_string();
            let group = group.clone();
            cx.note(&name, Decision::SlotLost { group, why });
        }
        if !goes_on {
            return cx.release_slot(&name);
        }
        if cx.shared.limits.once {
            // the next run asks again
            cx.release_slot(&name);
        } else {
            cx.ask_again(&name, hold.clone());
        }
        let gate = Gate::Fleet { group, why: hold };
        if matches!(self.held, Some(Gate::Fleet { .. })) {
            self.hold(gate.clone(), cx);
        }
        for process in cx.shared.pending_of(&name) {
            let pending = cx.shared.pending.get(&process);
            let by_fleet = pending
                .and_then(|pending| pending.held.as_ref())
                .is_some_and(|held| matches!(held, Gate::Fleet { .. }));
            if by_fleet {
                super::pending::hold(&process, gate.clone(), cx);
            }
        }
    }

    /// Reports that it waits for its fleet: at once where that may last, else after the policy's `wait`.
    pub(super) fn report_wait(&mut self, gate: Gate, cx: &mut Context<'_>) {
        let Gate::Fleet { why, .. } = &gate else {
            return;
        };
        let lasts = match why {
            FleetHold::Asking => false,
            FleetHold::Refused(SlotRefusal::BudgetUsedUp { .. } | SlotRefusal::Panic { .. }) => {
                true
            }
            FleetHold::Refused(SlotRefusal::Taken { .. } | SlotRefusal::Denied { .. })
            | FleetHold::Unreachable { .. } => {
                let held = cx.shared.reservations.get(&self.check.name);
                held.is_some_and(|held| cx.now.since(held.since) >= held.policy.wait)
            }
        };
        if lasts {
            self.report_down(DownState::Held(gate), cx);
        }
    }
}

impl Context<'_> {
    /// Asks for a slot for `check`.
    fn reserve(&mut self, check: &str, policy: &FleetPolicy, resumes: bool) {
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
    fn ask_again(&mut self, check: &str, why: FleetHold) {
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
        held.stage = Stage::Asking { ticket, why };
        let pause = self.shared.pause(ASK_AGAIN, refusals);
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
    fn release_slot(&mut self, check: &str) {
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
    fn reserved_for_nobody(&mut self, check: &str, ticket: Ticket, answer: &SlotAnswer) {
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

impl super::shared::Shared {
    /// The reservation of `check` that waits for the answer to this question.
    fn asked(&mut self, check: &str, ticket: Ticket) -> Option<&mut Reservation> {
        let held = self.reservations.get_mut(check)?;
        let is_it = matches!(held.stage, Stage::Asking { ticket: asked, .. } if asked == ticket);
        is_it.then_some(held)
    }

    fn owes_start_of(&self, check: &str) -> bool {
        let mut pending = self.pending.values();
        pending.any(|pending| pending.restart.check == check && pending.owes_start())
    }

    /// An action of `check` has ended; one that touched nothing leaves the budget of the fleet as it was.
    pub fn slot_touched(&mut self, check: &str) {
        if let Some(held) = self.reservations.get_mut(check)
            && let Stage::Used { touched } = &mut held.stage
        {
            *touched = true;
        }
    }

    /// What `check` has of its fleet: waits for a slot, since when, or holds one.
    pub fn slot_view(&self, check: &str) -> Option<super::super::snapshot::FleetView> {
        use super::super::snapshot::{FleetView, SlotState};
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
