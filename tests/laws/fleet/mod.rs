//! Law 20, with books of its own: no action of a fleet's check without a slot or a decision to do without; each slot is
//! given back exactly once, or lost; a slot that is lost stops nothing. What its rules mean in single cases is in `cases`,
//! and with reloads in `reloads`.

mod cases;
mod reloads;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use httpok::health::{
    Decision, Effect, Event, Moment, Monitor, ProcessName, ResumeResult, SlotAnswer, SlotRefusal,
    Ticket, Unreachable,
};

/// What the engine says.
pub fn slot_answer(how: u8) -> SlotAnswer {
    match how % 8 {
        0..=2 => SlotAnswer::Granted,
        3 => SlotAnswer::Refused(SlotRefusal::Taken {
            by: Vec::new(),
            ahead: None,
        }),
        4 => SlotAnswer::Refused(SlotRefusal::BudgetUsedUp {
            left: Duration::from_secs(5),
        }),
        5 => SlotAnswer::Unreachable { why: "gone".into() },
        6 => SlotAnswer::Refused(SlotRefusal::Panic { failing: 3, of: 4 }),
        _ => SlotAnswer::Refused(SlotRefusal::Denied { why: "no".into() }),
    }
}

#[derive(Debug)]
struct Slot {
    reservation: Ticket,
    question: Option<Ticket>,
    /// It was granted, or an answer was lost.
    may_be_ours: bool,
    /// An attempt may begin with it.
    is_free: bool,
}

/// The books of one host.
#[derive(Debug, Default)]
pub struct FleetAuditor {
    slots: BTreeMap<String, Slot>,
    given_back: BTreeSet<Ticket>,
    /// Processes that were stopped, and whether a start was answered since.
    unfinished: BTreeMap<ProcessName, bool>,
    /// Checks with an action under way that began with a slot.
    acting: BTreeSet<String>,
    shut_down: bool,
}

impl FleetAuditor {
    /// The newest reservation of a check.
    pub fn reservation(&self, check: &str) -> Option<Ticket> {
        self.slots.get(check).map(|slot| slot.reservation)
    }

    pub fn witness(&mut self, event: &Event, effects: &[Effect], after: &Monitor) {
        self.event(event, effects, after);
        let manual: BTreeSet<&str> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Note(note) if matches!(note.decision, Decision::ManualRestart { .. }) => {
                    Some(note.check.as_str())
                }
                _ => None,
            })
            .collect();
        for effect in effects {
            match effect {
                Effect::Reserve {
                    check,
                    ticket,
                    reservation,
                    ..
                } => self.ask(check, *ticket, *reservation),
                Effect::Release {
                    check, reservation, ..
                } => self.give_back(check, *reservation),
                Effect::Act { plan, .. }
                    if plan.scope.is_first() && !manual.contains(plan.check.as_str()) =>
                {
                    self.use_slot(&plan.check, after);
                    self.acting.insert(plan.check.clone());
                }
                Effect::Resume {
                    restart,
                    may_start: true,
                    ..
                } if !manual.contains(restart.check.as_str())
                    && self.unfinished.get(&restart.process) == Some(&true) =>
                {
                    self.use_slot(&restart.check, after);
                }
                _ => {}
            }
        }
    }

    fn event(&mut self, event: &Event, effects: &[Effect], after: &Monitor) {
        match event {
            Event::Reserved {
                check,
                ticket,
                answer,
            } => {
                let Some(slot) = self.slots.get_mut(check) else {
                    return;
                };
                if slot.question.take_if(|asked| asked == ticket).is_none() {
                    return;
                }
                let policy = after.check(check).and_then(|check| check.fleet.as_ref());
                let acts = policy.is_none_or(|policy| policy.unreachable == Unreachable::Act);
                slot.may_be_ours |= !matches!(answer, SlotAnswer::Refused(_));
                slot.is_free = match answer {
                    SlotAnswer::Granted => true,
                    SlotAnswer::Unreachable { .. } => acts,
                    SlotAnswer::Refused(_) => false,
                };
            }
            Event::LeaseLost {
                check, reservation, ..
            } => {
                let stops = |effect: &Effect| match effect {
                    Effect::Note(note) => !matches!(note.decision, Decision::SlotLost { .. }),
                    _ => true,
                };
                assert!(
                    !effects.iter().any(stops),
                    "law 20: a lost slot stops {effects:?}"
                );
                if let Some(slot) = self.slots.get_mut(check)
                    && slot.reservation == *reservation
                    && slot.question.is_none()
                {
                    slot.may_be_ours = false;
                    slot.is_free = false;
                }
            }
            Event::Acted { check, pending, .. } => {
                self.acting.remove(check);
                for restart in pending {
                    let process = restart.process.clone();
                    self.unfinished.insert(process, restart.start_answered);
                }
            }
            Event::Inherited(restart) => {
                let process = restart.process.clone();
                self.unfinished
                    .entry(process)
                    .or_insert(restart.start_answered);
            }
            Event::Resumed {
                process, result, ..
            } => match result {
                ResumeResult::NotYet { start_answered, .. } => {
                    if let Some(answered) = self.unfinished.get_mut(process) {
                        *answered |= start_answered;
                    }
                }
                // a stop may still come, and its start is owed
                ResumeResult::Runs { .. } => {}
                ResumeResult::Finished | ResumeResult::NotOurs { .. } => {
                    self.unfinished.remove(process);
                }
            },
            Event::Shutdown => self.shut_down = true,
            _ => {}
        }
    }

    fn ask(&mut self, check: &str, ticket: Ticket, reservation: Ticket) {
        assert!(!self.shut_down, "law 20: {check} asks after the shutdown");
        let known = self.slots.get(check);
        if let Some(slot) = known {
            assert!(slot.question.is_none(), "law 20: {check} asks twice");
            assert!(
                slot.reservation == reservation || !slot.may_be_ours,
                "law 20: {check} asks for another slot and keeps one"
            );
        }
        let may_be_ours = known.is_some_and(|slot| slot.may_be_ours);
        let slot = Slot {
            reservation,
            question: Some(ticket),
            may_be_ours,
            is_free: false,
        };
        self.slots.insert(check.to_owned(), slot);
    }

    fn give_back(&mut self, check: &str, reservation: Ticket) {
        let slot = self.slots.get_mut(check).expect("law 20: of nothing");
        assert_eq!(slot.reservation, reservation, "law 20: another slot");
        assert!(slot.may_be_ours, "law 20: what is not ours is given back");
        assert!(
            self.given_back.insert(reservation),
            "law 20: given back twice"
        );
        slot.may_be_ours = false;
        slot.is_free = false;
        assert!(
            !self.acting.contains(check),
            "law 20: given back during the restart"
        );
    }

    /// An attempt begins.
    fn use_slot(&mut self, check: &str, after: &Monitor) {
        let defined = after.check(check);
        if defined.is_none_or(|check| check.fleet.is_none()) {
            return;
        }
        let slot = self.slots.get_mut(check).expect("law 20: nobody was asked");
        assert!(slot.is_free, "law 20: {check} acts without a slot");
        slot.is_free = false;
    }

    /// In the end every slot was given back, or lost; or it is for a start that is owed to the end, which the next run
    /// inherits with it.
    pub fn nothing_is_kept(&self, now: Moment, after: &Monitor) {
        for (check, slot) in &self.slots {
            let owed = after
                .view(now, check)
                .is_some_and(|view| view.pending.iter().any(|pending| pending.owed));
            assert!(owed || !slot.may_be_ours, "law 20: {check} keeps {slot:?}");
        }
    }
}
