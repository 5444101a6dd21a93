//! Where one episode of a check ends and the next begins, each as a small story.

use std::time::Duration;

use httpok::health::{
    ActionStep, Budget, Check, Effect, Event, Fails, Limits, Moment, Monitor, Observation, Outcome,
    Policy, ProcessState, StatusLine, Step, Ticket,
};

use super::rules::{acts, asked, at, attempt, fail, one, policy, tick, view};
use super::world::process;

const RUNNING: ProcessState = ProcessState::Running;

fn at_once() -> Policy {
    Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        restarts: None,
        ..policy()
    }
}

fn limits() -> Limits {
    Limits {
        max_restarts: None,
        panic_threshold: None,
        ..Limits::default()
    }
}

/// A probe of a check that restarts nothing, which passes.
fn pass(monitor: &mut Monitor, now: Moment, check: &str) {
    let ticket = asked(&monitor.handle(now, tick(check, None))).expect("a probe begins");
    let _ = monitor.handle(now, well(check, ticket));
}

fn well(check: &str, ticket: Ticket) -> Event {
    Event::Observed {
        check: check.to_owned(),
        ticket,
        seen: Box::new(Observation {
            status: Some(StatusLine {
                version: "HTTP/1.1".to_owned(),
                code: 200,
                reason: "OK".to_owned(),
            }),
            ..Observation::default()
        }),
    }
}

/// The end of an action that has stopped `p0` in vain, so that no probe follows at once.
fn in_vain(monitor: &mut Monitor, now: Moment, ticket: Ticket) {
    let step = Step {
        at: now,
        took: Duration::ZERO,
        process: Some(process(0)),
        action: ActionStep::Stopped { error: None },
    };
    let ended = Event::Acted {
        check: "c0".to_owned(),
        ticket,
        outcome: Outcome { steps: vec![step] },
        pending: Vec::new(),
    };
    let _ = monitor.handle(now, ended);
}

#[test]
fn a_single_fail_after_a_recovery_is_no_next_incident_with_fail_within() {
    let within = Policy {
        fail: Fails::Within { fails: 3, of: 5 },
        ..at_once()
    };
    let checks = vec![one(0, within, [false; 3])];
    let mut monitor = Monitor::new(limits(), 1, checks);
    for second in 0..3 {
        let _ = fail(&mut monitor, at(second * 1000), "c0", RUNNING, 900);
    }
    let down = view(&monitor, at(2000), "c0");
    assert!(down.incident.is_some(), "3 of 5");
    pass(&mut monitor, at(3000), "c0");
    assert!(view(&monitor, at(3000), "c0").incident.is_none());
    let _ = fail(&mut monitor, at(4000), "c0", RUNNING, 900);
    let again = view(&monitor, at(4000), "c0");
    assert!(again.incident.is_none(), "one fail since the recovery");
}

#[test]
fn a_run_of_one_tick_restarts_once() {
    let limits = Limits {
        once: true,
        ..limits()
    };
    for (limits, attempts) in [(limits, 1), (self::limits(), 3)] {
        let checks = vec![one(0, at_once(), [true, false, false])];
        let mut monitor = Monitor::new(limits, 1, checks);
        let mut seen = 0;
        for minute in 0..3 {
            let now = at(minute * 60_000);
            let effects = fail(&mut monitor, now, "c0", RUNNING, 9_000);
            if let Some((_, ticket)) = attempt(&effects) {
                seen += 1;
                in_vain(&mut monitor, now, ticket);
            }
        }
        assert_eq!(seen, attempts);
    }
}

/// The columns: the budget after the reload, and whether the check is restarted then.
#[test]
fn a_bigger_budget_lifts_a_give_up_at_once() {
    let budget = |count| Budget {
        count,
        window: Duration::from_secs(3600),
    };
    let defined = |count| -> Vec<Check> {
        let policy = Policy {
            restarts: Some(budget(count)),
            rearm: None,
            ..at_once()
        };
        vec![one(0, policy, [true, false, false])]
    };
    for (count, lifted) in [(1, false), (2, true)] {
        let mut monitor = Monitor::new(limits(), 1, defined(1));
        let effects = fail(&mut monitor, at(0), "c0", RUNNING, 9_000);
        let (_, ticket) = attempt(&effects).expect("the first attempt");
        in_vain(&mut monitor, at(1000), ticket);
        let effects = fail(&mut monitor, at(60_000), "c0", RUNNING, 9_000);
        assert!(!acts(&effects));
        assert!(view(&monitor, at(60_000), "c0").gave_up.is_some());
        let reload = Event::Reload {
            checks: defined(count),
            limits: limits(),
            forgot: Vec::new(),
        };
        let _ = monitor.handle(at(61_000), reload);
        let gave_up = view(&monitor, at(61_000), "c0").gave_up;
        assert_eq!(gave_up.is_none(), lifted, "{count}");
        let effects: Vec<Effect> = fail(&mut monitor, at(120_000), "c0", RUNNING, 9_000);
        assert_eq!(acts(&effects), lifted, "{count}");
    }
}
