//! Ticks beside probes: which of them lead to a probe of their own, are made up for, or are lost.

use std::time::Duration;

use httpok::health::{
    ActionStep, Effect, Event, Fails, Limits, Monitor, Outcome, Policy, Process, ProcessState, Step,
};

use super::rules::{asked, at, attempt, fail, one, policy, refused, tick};
use super::world::{definitions, process};

/// The columns: how long the tick waits, its period, and whether it is made up for.
#[test]
fn tick_during_a_probe_is_made_up_for_unless_stale() {
    for (waits, period, made_up) in [
        (400, Some(1), true),
        (1500, Some(1), false),
        (1500, None, true),
    ] {
        let checks = vec![one(0, policy(), [false; 3])];
        let mut monitor = Monitor::new(Limits::default(), 1, checks);
        let first = asked(&monitor.handle(at(0), tick("c0", period))).expect("a probe");
        // two of them are made up for once
        for millis in [600, 700] {
            assert_eq!(asked(&monitor.handle(at(millis), tick("c0", period))), None);
        }
        let end = at(600 + waits);
        let effects = monitor.handle(end, refused("c0", first));
        assert_eq!(
            asked(&effects).is_some(),
            made_up,
            "{waits} ms of {period:?}"
        );
        if let Some(second) = asked(&effects) {
            assert_eq!(asked(&monitor.handle(end, refused("c0", second))), None);
        }
    }
    let checks = vec![one(0, Policy::drop_in(), [false; 3])];
    let mut monitor = Monitor::new(Limits::default(), 1, checks);
    let first = asked(&monitor.handle(at(0), tick("c0", None))).expect("a probe");
    let _ = monitor.handle(at(10), tick("c0", None));
    let effects = monitor.handle(at(20), refused("c0", first));
    assert_eq!(
        asked(&effects),
        None,
        "the drop-in loses it, as the original"
    );
}

/// While a restart is verified the next probe waits a second: a tick within that second is this probe, or both would be seen at
/// once and count twice when the grace is over.
#[test]
fn tick_before_a_probe_that_waits_is_that_probe() {
    let policy = Policy {
        fail: Fails::InARow(2),
        grace: Duration::from_secs(12),
        ..policy()
    };
    let checks = vec![one(0, policy, [true, false, false])];
    let mut monitor = Monitor::new(Limits::default(), 1, checks);
    let running = ProcessState::Running;
    let (_, ticket) = (0..3)
        .find_map(|probe| attempt(&fail(&mut monitor, at(probe * 100), "c0", running, 9000)))
        .expect("an attempt");
    let step = |action| Step {
        at: at(10_000),
        took: Duration::ZERO,
        process: Some(process(0)),
        action,
    };
    let started = ActionStep::Started { error: None };
    let settled = ActionStep::Settled {
        state: running,
        pid: Some(8),
    };
    let ended = Event::Acted {
        check: "c0".to_owned(),
        ticket,
        outcome: Outcome {
            steps: vec![step(started), step(settled)],
        },
        pending: Vec::new(),
    };
    let mut effects = monitor.handle(at(10_000), ended);
    let mut probes = 0;
    for second in 10.. {
        let Some(listing) = asked(&effects) else {
            // the grace is over: from here on ticks alone lead to probes
            break;
        };
        let ticked = monitor.handle(at(second * 1000 + 200), tick("c0", Some(5)));
        assert_eq!(asked(&ticked), None);
        let listed = Event::Listed {
            check: "c0".to_owned(),
            ticket: listing,
            processes: Ok(vec![listed(0, running, 8, second - 9)]),
            unasked: Vec::new(),
        };
        let due = at((second + 1) * 1000);
        let probe = asked(&monitor.handle(due, listed)).expect("it is probed");
        let end = at((second + 1) * 1000 + 5);
        effects = monitor.handle(end, refused("c0", probe));
        let begins_at_once =
            |effect: &Effect| matches!(effect, Effect::List { after, .. } if after.is_zero());
        assert!(
            !effects.iter().any(begins_at_once),
            "at {second}: {effects:?}"
        );
        probes += 1;
    }
    assert_eq!(probes, 12, "one a second");
    let soon = monitor.handle(at(22_400), tick("c0", Some(5)));
    assert_eq!(asked(&soon), None, "the last probe was just now");
    let later = monitor.handle(at(22_600), tick("c0", Some(5)));
    assert!(asked(&later).is_some(), "this tick is one of its own");
}

/// A tick just after a probe that had another reason is that probe; a check that a reload has changed is probed anew.
#[test]
fn changed_check_is_probed_however_soon_after_a_probe() {
    let checks = vec![one(0, policy(), [false; 3])];
    let mut monitor = Monitor::new(Limits::default(), 1, checks.clone());
    let first = asked(&monitor.handle(at(0), tick("c0", Some(5)))).expect("a probe");
    let _ = monitor.handle(at(5), refused("c0", first));
    assert_eq!(asked(&monitor.handle(at(9), tick("c0", Some(5)))), None);
    let mut changed = checks;
    changed[0].policy.pass_after = 2;
    let reload = Event::Reload {
        checks: definitions(&changed),
        limits: Limits::default(),
        forgot: Vec::new(),
    };
    let _ = monitor.handle(at(10), reload);
    assert!(asked(&monitor.handle(at(11), tick("c0", Some(5)))).is_some());
}

fn listed(index: usize, state: ProcessState, pid: u32, up: u64) -> Process {
    Process {
        name: process(index),
        state,
        pid: Some(pid),
        uptime: Some(up),
        detail: String::new(),
        instance: None,
        aliases: Vec::new(),
    }
}
