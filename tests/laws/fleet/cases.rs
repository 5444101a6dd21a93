//! What law 20 means in single cases.

use std::time::Duration;

use httpok::health::{
    Check, Decision, DownState, Effect, Event, FleetPolicy, Gate, Moment, Monitor, Process,
    ProcessState, ReportKind, SlotAnswer, SlotRefusal, Ticket, Unreachable,
};

use crate::episodes::{at_once, in_vain, limits, well};
use crate::rules::{acts, asked, at, attempt, one, refused, tick, view};
use crate::world::process;

/// The probe that `effects` ask for, or that a tick begins: it fails, or passes.
pub fn probed(monitor: &mut Monitor, now: Moment, effects: &[Effect], passes: bool) -> Vec<Effect> {
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

pub fn fail(monitor: &mut Monitor, now: Moment) -> Vec<Effect> {
    probed(monitor, now, &[], false)
}

pub fn shop(unreachable: Unreachable) -> Check {
    let mut check = one(0, at_once(), [true, false, false]);
    check.fleet = Some(FleetPolicy {
        group: "shop".into(),
        slots: 1,
        wait: Duration::from_secs(60),
        unreachable,
    });
    check
}

pub fn monitor(unreachable: Unreachable) -> Monitor {
    Monitor::new(limits(), 7, vec![shop(unreachable)])
}

pub fn question(effects: &[Effect]) -> (Ticket, Duration) {
    let mut asked = effects.iter().filter_map(|effect| match effect {
        Effect::Reserve { ticket, after, .. } => Some((*ticket, *after)),
        _ => None,
    });
    asked.next().expect("it asks for a slot")
}

pub fn answer(
    monitor: &mut Monitor,
    now: Moment,
    ticket: Ticket,
    answer: SlotAnswer,
) -> Vec<Effect> {
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

pub fn releases(effects: &[Effect]) -> Vec<bool> {
    let used = effects.iter().filter_map(|effect| match effect {
        Effect::Release { used, .. } => Some(*used),
        _ => None,
    });
    used.collect()
}

pub fn asks(effects: &[Effect]) -> bool {
    let asks = |effect: &Effect| matches!(effect, Effect::Reserve { .. });
    effects.iter().any(asks)
}

pub fn taken() -> SlotAnswer {
    SlotAnswer::Refused(SlotRefusal::Taken {
        by: Vec::new(),
        ahead: None,
    })
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
        stopped_in: None,
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

/// A question without an answer may have been carried out, whatever is lost meanwhile: it is given back.
#[test]
fn slot_that_may_be_ours_is_given_back_also_when_a_lease_is_lost_while_it_is_asked_for() {
    let mut monitor = monitor(Unreachable::Hold);
    let (ticket, _) = question(&fail(&mut monitor, at(0)));
    let gone = SlotAnswer::Unreachable { why: "gone".into() };
    let (again, _) = question(&answer(&mut monitor, at(100), ticket, gone));
    let lost = Event::LeaseLost {
        check: "c0".into(),
        reservation: ticket,
        why: "it has expired".into(),
    };
    assert_eq!(monitor.handle(at(200), lost), []);
    probed(&mut monitor, at(300), &[], true);
    let effects = answer(&mut monitor, at(2000), again, taken());
    assert_eq!(releases(&effects), [false], "{effects:?}");
}
