//! What the fleet holds back of a check, and what follows from an answer about its slot.

use std::time::Duration;

use super::reservation::Stage;
use crate::health::check::{Activity, CheckState};
use crate::health::fleet::{FleetHold, SlotAnswer, SlotRefusal, Unreachable};
use crate::health::gate::Gate;
use crate::health::moment::Moment;
use crate::health::monitor::Ticket;
use crate::health::monitor::pending::{self, Pending};
use crate::health::monitor::shared::Context;
use crate::health::note::Decision;
use crate::health::process::ProcessName;
use crate::health::report::DownState;

/// However long a restarted service says that it is starting, its slot is kept no longer.
const VERIFIED_WITHIN: Duration = Duration::from_secs(600);

impl CheckState {
    /// What the fleet holds back of an attempt, if anything: asks for a slot where there is none.
    pub(in crate::health::monitor) fn gate_of_fleet(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Option<Gate> {
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
    pub(in crate::health::monitor) fn use_slot(&self, cx: &mut Context<'_>) {
        if let Some(held) = cx.shared.reservations.get_mut(&self.check.name)
            && held.stage == Stage::Free
        {
            held.stage = Stage::Used { touched: false };
        }
    }

    /// A start that is owed begins, which waits for nobody: the slot of the run that stopped the process is ours to keep.
    /// It is asked for once.
    pub(in crate::health::monitor) fn resume_slot(
        &self,
        process: &ProcessName,
        cx: &mut Context<'_>,
    ) {
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
    pub(in crate::health::monitor) fn lacks_slot(&self, cx: &Context<'_>) -> bool {
        let held = cx.shared.reservations.get(&self.check.name);
        self.check.fleet.is_some() && held.is_none_or(|held| held.stage != Stage::Free)
    }

    pub(super) fn is_held_by_fleet(&self, cx: &Context<'_>) -> bool {
        let by_fleet = |gate: &Gate| matches!(gate, Gate::Fleet { .. });
        let mut pending = cx.shared.pending.values();
        self.held.as_deref().is_some_and(by_fleet)
            || pending.any(|pending| {
                pending.restart.check == self.check.name
                    && pending.held.as_ref().is_some_and(by_fleet)
            })
    }

    /// Whether it is not known yet whether the last restart helped; `None` as time leaves the question open.
    pub(super) fn is_verifying(&self, now: Option<Moment>) -> bool {
        let Some(verifying) = self.memory.verifying else {
            return false;
        };
        let Some(now) = now else { return true };
        let starts = self.memory.grace_until.is_some_and(|until| now < until);
        now < verifying.until || starts && now.since(verifying.begun) < VERIFIED_WITHIN
    }

    pub(super) fn reserved(&mut self, ticket: Ticket, answer: SlotAnswer, cx: &mut Context<'_>) {
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
        let by_fleet = matches!(self.held.as_deref(), Some(Gate::Fleet { .. }));
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
        if matches!(self.held.as_deref(), Some(Gate::Fleet { .. })) {
            self.hold(gate.clone(), cx);
        }
        for process in cx.shared.pending_of(&name) {
            let pending = cx.shared.pending.get(&process);
            let by_fleet = pending
                .and_then(|pending| pending.held.as_ref())
                .is_some_and(|held| matches!(held, Gate::Fleet { .. }));
            if by_fleet {
                pending::hold(&process, gate.clone(), cx);
            }
        }
    }

    /// Reports that it waits for its fleet: at once where that may last, else after the policy's `wait`.
    pub(in crate::health::monitor) fn report_wait(&mut self, gate: Gate, cx: &mut Context<'_>) {
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
