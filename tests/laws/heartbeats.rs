//! Checks that send heartbeats, each as a small story: what is in time, what is overdue, and what a restart, a reload and
//! another run of the watchdog change about that.

use std::time::Duration;

use httpok::health::{
    ActionStep, Backoff, Check, CheckView, Effect, Event, Fails, Limits, Memory, Moment, Monitor,
    Outcome, Policy, Process, ProcessState, Reason, ReportKind, Status, Step, Ticket, Verdict,
};

use super::rules::{asked, at, attempt, one, policy, tick, view};
use super::world::{definitions, process};

const EVERY: Duration = Duration::from_secs(100);

fn checks(targets: [bool; 3]) -> Vec<Check> {
    let policy = Policy {
        fail: Fails::InARow(1),
        grace: Duration::from_secs(30),
        backoff: Backoff::NONE,
        ..policy()
    };
    let mut check = one(0, policy, targets);
    check.heartbeat = Some(EVERY);
    vec![check]
}

fn monitor(targets: [bool; 3]) -> Monitor {
    Monitor::new(Limits::default(), 1, checks(targets))
}

fn second(seconds: u64) -> Moment {
    at(seconds * 1000)
}

fn beat(monitor: &mut Monitor, seconds: u64, failure: Option<&str>) -> Vec<Effect> {
    let event = Event::Heartbeat {
        check: "c0".to_owned(),
        failure: failure.map(str::to_owned),
    };
    let effects = monitor.handle(second(seconds), event);
    listed(monitor, seconds, effects)
}

fn tick_at(monitor: &mut Monitor, seconds: u64) -> Vec<Effect> {
    let effects = monitor.handle(second(seconds), tick("c0", None));
    listed(monitor, seconds, effects)
}

/// Answers the list that `effects` ask for, if they do.
fn listed(monitor: &mut Monitor, seconds: u64, effects: Vec<Effect>) -> Vec<Effect> {
    let Some(ticket) = asked(&effects) else {
        return effects;
    };
    let running = Process {
        name: process(0),
        state: ProcessState::Running,
        pid: Some(7),
        uptime: Some(9_000),
        detail: String::new(),
        instance: None,
        aliases: Vec::new(),
    };
    let listed = Event::Listed {
        check: "c0".to_owned(),
        ticket,
        processes: Ok(vec![running]),
        unasked: Vec::new(),
    };
    monitor.handle(second(seconds), listed)
}

fn restarted(monitor: &mut Monitor, seconds: u64, ticket: Ticket) {
    let step = |action| Step {
        at: second(seconds),
        took: Duration::ZERO,
        process: Some(process(0)),
        action,
    };
    let steps = vec![
        step(ActionStep::Stopped { error: None }),
        step(ActionStep::Started { error: None }),
        step(ActionStep::Settled {
            state: ProcessState::Running,
            pid: Some(8),
        }),
    ];
    let ended = Event::Acted {
        check: "c0".to_owned(),
        ticket,
        outcome: Outcome { steps },
        pending: Vec::new(),
    };
    let effects = monitor.handle(second(seconds), ended);
    assert_eq!(asked(&effects), None, "it is waited for, and not asked");
}

fn stands(monitor: &Monitor, seconds: u64) -> (Status, Verdict, Option<Reason>) {
    let CheckView { status, last, .. } = view(monitor, second(seconds), "c0");
    let last = last.expect("it was judged");
    (status, last.verdict, last.reason)
}

fn reports(effects: &[Effect]) -> Vec<&'static str> {
    let kinds = effects.iter().filter_map(|effect| match effect {
        Effect::Report(report) => Some(ReportKind::as_str(&report.kind)),
        _ => None,
    });
    kinds.collect()
}

#[test]
fn heartbeats_in_time_never_fail_and_none_is_probed() {
    for targets in [[false; 3], [true, false, false]] {
        let mut monitor = monitor(targets);
        for seconds in 0..1000 {
            let effects = match seconds % 99 {
                0 => beat(&mut monitor, seconds, None),
                _ => tick_at(&mut monitor, seconds),
            };
            let is_probed = |effect: &Effect| matches!(effect, Effect::Probe { .. });
            assert!(!effects.iter().any(is_probed));
            assert_eq!(stands(&monitor, seconds), (Status::Up, Verdict::Pass, None));
        }
    }
}

#[test]
fn overdue_heartbeat_restarts_and_the_next_one_recovers() {
    let mut monitor = monitor([true, false, false]);
    let _ = beat(&mut monitor, 0, None);
    let _ = tick_at(&mut monitor, 99);
    assert_eq!(stands(&monitor, 99), (Status::Up, Verdict::Pass, None));
    let effects = tick_at(&mut monitor, 100);
    let (_, ticket) = attempt(&effects).expect("it is restarted");
    assert_eq!(reports(&effects), ["down"]);
    restarted(&mut monitor, 110, ticket);
    // it has a whole period again
    for seconds in [111, 150, 209] {
        let effects = tick_at(&mut monitor, seconds);
        assert!(attempt(&effects).is_none(), "{seconds}");
        assert_eq!(
            stands(&monitor, seconds),
            (Status::Down, Verdict::Starting, None)
        );
    }
    let effects = tick_at(&mut monitor, 210);
    let (_, ticket) = attempt(&effects).expect("it is restarted once more");
    restarted(&mut monitor, 220, ticket);
    let effects = beat(&mut monitor, 230, None);
    assert_eq!(reports(&effects), ["recovered"]);
    assert_eq!(stands(&monitor, 230), (Status::Up, Verdict::Pass, None));
}

#[test]
fn a_reported_failure_fails_at_once_also_within_the_grace() {
    let mut monitor = monitor([true, false, false]);
    let _ = beat(&mut monitor, 0, None);
    let effects = beat(&mut monitor, 1, Some("disk full"));
    assert!(attempt(&effects).is_some());
    let last = view(&monitor, second(1), "c0").last.expect("judged");
    assert_eq!(
        (last.reason, last.detail.as_str()),
        (Some(Reason::Reported), "reported 0s ago: disk full")
    );
}

#[test]
fn a_long_failure_text_is_cut() {
    let mut monitor = monitor([false; 3]);
    let _ = beat(&mut monitor, 0, Some(&"x".repeat(100_000)));
    let memory = monitor.memory("c0").expect("known");
    let kept = memory
        .heartbeats
        .as_ref()
        .and_then(|known| known.last.clone());
    assert_eq!(
        kept.and_then(|last| last.failure).map(|text| text.len()),
        Some(1024)
    );
}

#[test]
fn unchanged_heartbeat_writes_nothing() {
    let mut monitor = monitor([true, false, false]);
    let _ = beat(&mut monitor, 0, None);
    let before = monitor.fingerprint("c0");
    for _ in 0..1000 {
        let event = Event::Heartbeat {
            check: "c0".to_owned(),
            failure: None,
        };
        assert_eq!(monitor.handle(second(9), event), []);
    }
    assert_eq!(monitor.fingerprint("c0"), before, "nothing to write");
}

#[test]
fn a_reload_keeps_the_last_heartbeat() {
    let reload = |checks: Vec<Check>| Event::Reload {
        checks: definitions(&checks),
        limits: Limits::default(),
        forgot: Vec::new(),
    };
    let mut monitor = monitor([false; 3]);
    let _ = beat(&mut monitor, 0, None);
    // an equal check, and one with a shorter period
    let _ = monitor.handle(second(50), reload(checks([false; 3])));
    let _ = tick_at(&mut monitor, 99);
    assert_eq!(stands(&monitor, 99), (Status::Up, Verdict::Pass, None));
    let mut shorter = checks([false; 3]);
    shorter[0].heartbeat = Some(Duration::from_secs(60));
    let _ = monitor.handle(second(99), reload(shorter));
    let _ = tick_at(&mut monitor, 99);
    assert_eq!(stands(&monitor, 99).2, Some(Reason::NoHeartbeat));
    // one that is probed now, and then waits for heartbeats again
    let mut probed = checks([false; 3]);
    probed[0].heartbeat = None;
    let _ = monitor.handle(second(100), reload(probed));
    assert_eq!(
        monitor.memory("c0").and_then(|m| m.heartbeats.clone()),
        None
    );
    let _ = monitor.handle(second(100), reload(checks([false; 3])));
    let _ = tick_at(&mut monitor, 199);
    assert_eq!(
        stands(&monitor, 199).1,
        Verdict::Starting,
        "a period from now"
    );
}

/// Another run that remembers `memory`.
fn next_run(memory: &Memory) -> Monitor {
    let json = serde_json::to_string(memory).expect("it is JSON");
    let memory = serde_json::from_str(&json).expect("it can be read");
    let mut monitor = monitor([false; 3]);
    monitor.restore("c0", memory);
    monitor
}

#[test]
fn a_watchdog_start_does_not_delay_when_a_heartbeat_is_due() {
    // started again and again, also where nothing came yet
    for came in [true, false] {
        let mut run = monitor([false; 3]);
        match came {
            true => drop(beat(&mut run, 0, None)),
            false => drop(tick_at(&mut run, 0)),
        }
        for seconds in [1, 50, 98, 99] {
            run = next_run(run.memory("c0").expect("known"));
            let _ = tick_at(&mut run, seconds);
            assert_ne!(stands(&run, seconds).1, Verdict::Fail, "{came}, {seconds}");
            let heartbeat = view(&run, second(seconds), "c0").heartbeat;
            let due = heartbeat.expect("it is not probed").due;
            assert_eq!(due, Some(second(100)), "{came}, {seconds}");
        }
        let _ = tick_at(&mut run, 100);
        assert_eq!(
            stands(&run, 100),
            (Status::Down, Verdict::Fail, Some(Reason::NoHeartbeat)),
            "{came}"
        );
        // that it was noticed is known to the next run: it does not recover
        run = next_run(run.memory("c0").expect("known"));
        assert_eq!(
            reports(&tick_at(&mut run, 130)),
            Vec::<&str>::new(),
            "{came}"
        );
        assert_eq!(stands(&run, 130).0, Status::Down, "{came}");
    }
}

#[test]
fn a_heartbeat_due_while_nobody_listened_has_one_more_period_once() {
    let mut first = monitor([false; 3]);
    let _ = beat(&mut first, 0, None);
    // it was not there from 50 on: what was sent meanwhile is lost
    let mut second_run = next_run(first.memory("c0").expect("known"));
    let _ = tick_at(&mut second_run, 140);
    assert_eq!(stands(&second_run, 140), (Status::Up, Verdict::Pass, None));
    let mut third_run = next_run(second_run.memory("c0").expect("known"));
    let _ = tick_at(&mut third_run, 239);
    assert_eq!(stands(&third_run, 239), (Status::Up, Verdict::Pass, None));
    // nor is there a second one, when it is away at that moment, too
    let mut fourth_run = next_run(third_run.memory("c0").expect("known"));
    let _ = tick_at(&mut fourth_run, 260);
    assert_eq!(
        stands(&fourth_run, 260),
        (Status::Down, Verdict::Fail, Some(Reason::NoHeartbeat))
    );
    // a heartbeat that comes before the first tick counts like any other
    let mut fifth_run = next_run(fourth_run.memory("c0").expect("known"));
    let _ = beat(&mut fifth_run, 300, None);
    assert_eq!(stands(&fifth_run, 300), (Status::Up, Verdict::Pass, None));
    let _ = tick_at(&mut fifth_run, 400);
    assert_eq!(stands(&fifth_run, 400).2, Some(Reason::NoHeartbeat));
}

#[test]
fn a_reported_failure_outlives_the_watchdog() {
    let mut first = monitor([false; 3]);
    let _ = beat(&mut first, 0, Some("disk full"));
    let mut again = next_run(first.memory("c0").expect("known"));
    let _ = tick_at(&mut again, 1000);
    assert_eq!(
        stands(&again, 1000),
        (Status::Down, Verdict::Fail, Some(Reason::Reported))
    );
}

/// A failure that was reported once is one fail, however often it is looked at; likewise a heartbeat that does not come.
#[test]
fn one_fact_is_one_fail() {
    for failure in [Some("disk full"), None] {
        let mut monitor = monitor([false; 3]);
        let _ = beat(&mut monitor, 0, failure);
        for seconds in 100..130 {
            let _ = tick_at(&mut monitor, seconds);
        }
        let found = view(&monitor, second(130), "c0");
        assert_eq!(found.status, Status::Down);
        assert_eq!((found.streak.fails, found.streak.fail_after), (1, 1));
    }
}

#[test]
fn probed_check_takes_no_heartbeat() {
    let mut probed = checks([false; 3]);
    probed[0].heartbeat = None;
    let mut monitor = Monitor::new(Limits::default(), 1, probed);
    assert_eq!(beat(&mut monitor, 0, Some("x")), []);
}
