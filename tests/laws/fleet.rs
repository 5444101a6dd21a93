//! Law 20, with books of its own: no action of a fleet's check without a slot or a decision to do without; each slot is
//! given back exactly once, or lost; a slot that is lost stops nothing. Then what its rules mean in single cases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use httpok::health::{
    Check, Decision, DownState, Effect, Event, FleetPolicy, Gate, Moment, Monitor, Process,
    ProcessName, ProcessState, ReportKind, ResumeResult, SlotAnswer, SlotRefusal, Ticket,
    Unreachable,
};

use super::episodes::{at_once, in_vain, limits, well};
use super::rules::{acts, asked, at, attempt, one, refused, tick, view};
use super::world::{definitions, process};

/// What the engine says.
pub fn slot_answer(how: u8) -> SlotAnswer {
    match how % 8 {
        0..=2 => SlotAnswer::Granted,
        3 => SlotAnswer::Refused(SlotRefusal::Taken { by: Vec::new() }),
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

/// The probe that `effects` ask for, or that a tick begins: it fails, or passes.
fn probed(monitor: &mut Monitor, now: Moment, effects: &[Effect], passes: bool) -> Vec<Effect> {
    let begun = match asked(effects) {
        Some(_) => effects.to_vec(),
        None => monitor.handle(now, tick("c0", None)),
    };
    let ticket = asked(&begun).expect("a probe begins");
    let listed = Event::Listed {
        check: "c0".into(),
        ticket,
        processes: Ok(vec![Process {
            name: process(0),
            state: ProcessState::Running,
            pid: Some(7),
            uptime: Some(3600),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }]),
        unasked: Vec::new(),
    };
    let ticket = asked(&monitor.handle(now, listed)).expect("it is probed");
    monitor.handle(
        now,
        match passes {
            true => well("c0", ticket),
            false => refused("c0", ticket),
        },
    )
}

fn fail(monitor: &mut Monitor, now: Moment) -> Vec<Effect> {
    probed(monitor, now, &[], false)
}

fn shop(unreachable: Unreachable) -> Check {
    Check {
        fleet: Some(FleetPolicy {
            group: "shop".into(),
            slots: 1,
            wait: Duration::from_secs(60),
            unreachable,
        }),
        ..one(0, at_once(), [true, false, false])
    }
}

fn monitor(unreachable: Unreachable) -> Monitor {
    Monitor::new(limits(), 7, vec![shop(unreachable)])
}

fn question(effects: &[Effect]) -> (Ticket, Duration) {
    let mut asked = effects.iter().filter_map(|effect| match effect {
        Effect::Reserve { ticket, after, .. } => Some((*ticket, *after)),
        _ => None,
    });
    asked.next().expect("it asks for a slot")
}

fn answer(monitor: &mut Monitor, now: Moment, ticket: Ticket, answer: SlotAnswer) -> Vec<Effect> {
    let check = "c0".to_owned();
    monitor.handle(
        now,
        Event::Reserved {
            check,
            ticket,
            answer,
        },
    )
}

fn releases(effects: &[Effect]) -> Vec<bool> {
    let used = effects.iter().filter_map(|effect| match effect {
        Effect::Release { used, .. } => Some(*used),
        _ => None,
    });
    used.collect()
}

fn asks(effects: &[Effect]) -> bool {
    let asks = |effect: &Effect| matches!(effect, Effect::Reserve { .. });
    effects.iter().any(asks)
}

fn reload(monitor: &mut Monitor, now: Moment, checks: Vec<Check>) -> Vec<Effect> {
    let (limits, forgot) = (limits(), Vec::new());
    monitor.handle(
        now,
        Event::Reload {
            checks: definitions(&checks),
            limits,
            forgot,
        },
    )
}

fn taken() -> SlotAnswer {
    SlotAnswer::Refused(SlotRefusal::Taken { by: Vec::new() })
}

#[test]
fn attempt_waits_for_its_slot_and_gives_it_back_when_it_is_verified() {
    let mut monitor = monitor(Unreachable::Act);
    let effects = fail(&mut monitor, at(0));
    assert!(!acts(&effects));
    let (ticket, after) = question(&effects);
    assert_eq!(after, Duration::ZERO);
    let effects = answer(&mut monitor, at(100), ticket, taken());
    let (ticket, after) = question(&effects);
    assert!(after >= Duration::from_secs(1), "{after:?}");
    assert!(!acts(&fail(&mut monitor, at(1000))));
    // it is probed again before it is acted on: what it was is old by now
    let effects = answer(&mut monitor, at(2000), ticket, SlotAnswer::Granted);
    assert!(asked(&effects).is_some() && !acts(&effects));
    let effects = probed(&mut monitor, at(2001), &effects, false);
    let (_, ticket) = attempt(&effects).expect("it acts");
    in_vain(&mut monitor, at(3000), ticket);
    let held = view(&monitor, at(3000), "c0").fleet;
    assert!(held.is_none(), "what failed holds no slot: {held:?}");
}

#[test]
fn slot_that_is_not_needed_any_more_is_given_back_unused() {
    let mut monitor = monitor(Unreachable::Act);
    let (ticket, _) = question(&fail(&mut monitor, at(0)));
    probed(&mut monitor, at(500), &[], true);
    let effects = answer(&mut monitor, at(1000), ticket, SlotAnswer::Granted);
    assert_eq!(releases(&effects), [false], "{effects:?}");
}

#[test]
fn unreachable_engine_is_as_configured() {
    for unreachable in [Unreachable::Act, Unreachable::Hold] {
        let mut monitor = monitor(unreachable);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let gone = || SlotAnswer::Unreachable { why: "gone".into() };
        let effects = answer(&mut monitor, at(100), ticket, gone());
        match unreachable {
            Unreachable::Act => assert!(asked(&effects).is_some()),
            Unreachable::Hold => assert!(question(&effects).1 >= Duration::from_secs(1)),
        }
        let effects = probed(&mut monitor, at(200), &effects, false);
        assert_eq!(acts(&effects), unreachable == Unreachable::Act);
    }
}

/// Reported once, when it has waited for longer than `wait`; a budget that is used up at once.
#[test]
fn wait_is_reported_when_it_lasts() {
    let down = |effects: &[Effect]| {
        effects.iter().any(|effect| match effect {
            Effect::Report(report) => matches!(
                &report.kind,
                ReportKind::Down {
                    state: DownState::Held(Gate::Fleet { .. }),
                    ..
                }
            ),
            _ => false,
        })
    };
    let mut waiting = monitor(Unreachable::Act);
    let (mut ticket, _) = question(&fail(&mut waiting, at(0)));
    let mut reported = Vec::new();
    for second in (10..100).step_by(10) {
        let effects = answer(&mut waiting, at(second * 1000), ticket, taken());
        (ticket, _) = question(&effects);
        reported.push(down(&effects));
    }
    assert_eq!(reported.iter().filter(|one| **one).count(), 1);
    assert_eq!(reported.iter().position(|one| *one), Some(5));
    let mut spent = monitor(Unreachable::Act);
    let (ticket, _) = question(&fail(&mut spent, at(0)));
    let left = Duration::from_secs(1800);
    let used_up = SlotAnswer::Refused(SlotRefusal::BudgetUsedUp { left });
    let effects = answer(&mut spent, at(100), ticket, used_up);
    assert!(down(&effects));
    assert!(question(&effects).1 >= Duration::from_secs(60));
    let held = view(&spent, at(100), "c0").held.unwrap_or_default();
    assert!(
        held.contains("group shop") && held.contains("1800 s"),
        "{held}"
    );
}

/// A process that we stopped is started whatever the fleet says, and its slot is asked for beside that.
#[test]
fn inherited_restart_asks_for_its_slot_first_and_waits_for_nobody() {
    let mut monitor = monitor(Unreachable::Hold);
    let restart = httpok::health::PendingRestart {
        intent: httpok::health::IntentId(1),
        check: "c0".into(),
        incident: "i-1".into(),
        process: process(0),
        pid_before: Some(10),
        stop_unclear: true,
        start_answered: false,
        start_begun: false,
        incident_ended: false,
    };
    let effects = monitor.handle(at(0), Event::Inherited(Box::new(restart)));
    let place = |is: fn(&Effect) -> bool| effects.iter().position(is);
    let reserve = place(|effect| matches!(effect, Effect::Reserve { resumes: true, .. }));
    let resume = place(|effect| matches!(effect, Effect::Resume { .. }));
    assert!(reserve.is_some() && reserve < resume, "{effects:?}");
    let (ticket, _) = question(&effects);
    let effects = answer(&mut monitor, at(10), ticket, taken());
    let lost = |effect: &Effect| matches!(effect, Effect::Note(note) if matches!(note.decision, Decision::SlotLost { .. }));
    assert!(effects.iter().any(lost), "{effects:?}");
}

/// While it waits for a slot, and while it holds one, a reload changes what is to be asked for, or takes the fleet away.
#[test]
fn reload_of_the_policy_asks_anew_and_gives_back_what_was_asked_before() {
    let other = |group: &str, slots: u32, unreachable: Unreachable| FleetPolicy {
        group: group.into(),
        slots,
        ..shop(unreachable).fleet.expect("it has one")
    };
    let (hold, act) = (Unreachable::Hold, Unreachable::Act);
    let changes = [
        Some(other("cart", 1, hold)),
        Some(other("shop", 2, hold)),
        Some(other("shop", 1, act)),
        None,
    ];
    let gone = || SlotAnswer::Unreachable { why: "gone".into() };
    for (change, first) in changes
        .iter()
        .flat_map(|change| [SlotAnswer::Granted, taken(), gone()].map(|answer| (change, answer)))
    {
        let case = format!("{first:?}, then {change:?}");
        let mut monitor = monitor(hold);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let check = Check {
            fleet: change.clone(),
            ..shop(hold)
        };
        reload(&mut monitor, at(1000), vec![check]);
        // it fails on, and asks for nothing while the question of before is open
        let effects = fail(&mut monitor, at(2000));
        assert_eq!(acts(&effects), change.is_none(), "{case}");
        let may_be_ours = !matches!(first, SlotAnswer::Refused(_));
        let effects = answer(&mut monitor, at(3000), ticket, first);
        assert_eq!(
            releases(&effects),
            vec![false; usize::from(may_be_ours)],
            "{case}"
        );
        let Some(policy) = change else {
            assert!(!asks(&effects), "{case}: {effects:?}");
            continue;
        };
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::Reserve {
                group,
                slots,
                after,
                ..
            } => Some((group.clone(), *slots, *after)),
            _ => None,
        });
        let expected = (policy.group.clone(), policy.slots, Duration::ZERO);
        assert_eq!(asked, Some(expected), "{case}");
        let (ticket, _) = question(&effects);
        let effects = answer(&mut monitor, at(3100), ticket, SlotAnswer::Granted);
        let effects = probed(&mut monitor, at(3200), &effects, false);
        assert!(acts(&effects), "{case}");
    }
}

#[test]
fn reload_during_the_restart_keeps_its_slot_to_the_end_and_the_next_attempt_asks_by_the_new_policy()
{
    for change in [Some("cart"), None] {
        let mut monitor = monitor(Unreachable::Hold);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let effects = answer(&mut monitor, at(100), ticket, SlotAnswer::Granted);
        let effects = probed(&mut monitor, at(200), &effects, false);
        let (_, ticket) = attempt(&effects).expect("it acts");
        let fleet = change.map(|group| FleetPolicy {
            group: group.into(),
            ..shop(Unreachable::Hold).fleet.expect("it has one")
        });
        let check = Check {
            fleet,
            ..shop(Unreachable::Hold)
        };
        let effects = reload(&mut monitor, at(1000), vec![check]);
        assert!(releases(&effects).is_empty(), "{effects:?}");
        let effects = in_vain(&mut monitor, at(3000), ticket);
        let given: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Release { group, used, .. } => Some((group.as_str(), *used)),
                _ => None,
            })
            .collect();
        assert_eq!(given, [("shop", true)], "{change:?}: {effects:?}");
        let effects = fail(&mut monitor, at(60_000));
        assert_eq!(asks(&effects), change.is_some(), "{change:?}: {effects:?}");
        assert_eq!(acts(&effects), change.is_none(), "{change:?}");
    }
}

/// A check that is taken away while it holds a slot, or waits for one, keeps none.
#[test]
fn check_that_a_reload_removes_gives_its_slot_back() {
    for first in [SlotAnswer::Granted, taken()] {
        let mut monitor = monitor(Unreachable::Hold);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let mut effects = reload(&mut monitor, at(100), Vec::new());
        effects.extend(answer(&mut monitor, at(200), ticket, first.clone()));
        let is_granted = first == SlotAnswer::Granted;
        assert_eq!(releases(&effects), vec![false; usize::from(is_granted)]);
        assert!(!asks(&effects));
    }
}
