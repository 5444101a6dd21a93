//! Rules for situations that are rare in random worlds, one table or sequence of events each.

use std::time::Duration;

use httpok::health::{
    ActionStep, Backend, Backoff, Budget, Check, CheckTick, CheckView, Decision, Effect, Event,
    Fails, IntentId, Limits, Moment, Monitor, Observation, Outcome, PendingRestart, Phase, Policy,
    Process, ProcessState, Reason, ResumeResult, Skip, Step, Ticket, Trouble,
};

use super::world::{check, definitions, process};

pub fn at(millis: u64) -> Moment {
    Moment::from_millis(100_000_000 + millis)
}

pub fn policy() -> Policy {
    Policy {
        fail: Fails::InARow(3),
        grace: Duration::from_secs(60),
        backoff: Backoff::NONE,
        ..Policy::default()
    }
}

/// The check `c{index}` that restarts those of p0, docker/p1 and the group g that `targets` says.
pub fn one(index: usize, policy: Policy, targets: [bool; 3]) -> Check {
    check(index, (policy, 9, targets, true, None))
}

pub fn tick(check: &str, period: Option<u64>) -> Event {
    Event::Tick(CheckTick {
        check: check.to_owned(),
        age: None,
        period: period.map(Duration::from_secs),
    })
}

pub fn refused(check: &str, ticket: Ticket) -> Event {
    let trouble = Trouble::new(Reason::Refused, Phase::Connect, "refused");
    Event::Observed {
        check: check.to_owned(),
        ticket,
        seen: Box::new(Observation::of_trouble(trouble)),
    }
}

pub fn asked(effects: &[Effect]) -> Option<Ticket> {
    effects.iter().find_map(|effect| match effect {
        Effect::List { ticket, .. } | Effect::Probe { ticket, .. } => Some(*ticket),
        _ => None,
    })
}

pub fn acts(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Act { .. }))
}

/// One probe that fails, of a check whose processes are in `state`, started so many seconds ago.
pub fn fail(
    monitor: &mut Monitor,
    now: Moment,
    check: &str,
    state: ProcessState,
    up: u64,
) -> Vec<Effect> {
    let ticket = probing(monitor, now, check, state, up);
    monitor.handle(now, refused(check, ticket))
}

/// A tick of `check` whose processes are all in `state`, up to the probe.
pub fn probing(
    monitor: &mut Monitor,
    now: Moment,
    check: &str,
    state: ProcessState,
    up: u64,
) -> Ticket {
    let effects = monitor.handle(now, tick(check, None));
    let mut ticket = asked(&effects).expect("a probe begins");
    if matches!(effects[0], Effect::List { .. }) {
        let processes = (0..5).map(|index| Process {
            name: process(index),
            state,
            pid: Some(7),
            uptime: Some(up),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        });
        let listed = Event::Listed {
            check: check.to_owned(),
            ticket,
            processes: Ok(processes.collect()),
            unasked: Vec::new(),
        };
        ticket = asked(&monitor.handle(now, listed)).expect("it is probed");
    }
    ticket
}

pub fn view(monitor: &Monitor, now: Moment, check: &str) -> CheckView {
    monitor.view(now, check).expect("it is known")
}

/// The number of the attempt that `effects` begin, and the action's ticket.
pub fn attempt(effects: &[Effect]) -> Option<(u32, Ticket)> {
    let number = effects.iter().find_map(|effect| match effect {
        Effect::Note(note) => match note.decision {
            Decision::Acting { attempt, .. } => Some(attempt),
            _ => None,
        },
        _ => None,
    })?;
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::Act { ticket, .. } => Some(*ticket),
        _ => None,
    })?;
    Some((number, ticket))
}

/// A run that ends and begins again, as with `--once` in a timer, gives no budget anew: the attempts of all checks count,
/// also those that their own shorter windows have forgotten.
#[test]
fn attempts_of_an_earlier_run_count_against_the_budget_over_all_checks() {
    let budget = |count, minutes: u64| {
        Some(Budget {
            count,
            window: Duration::from_secs(60 * minutes),
        })
    };
    let policy = Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        restarts: budget(5, 10),
        ..policy()
    };
    let limits = Limits {
        max_restarts: budget(2, 60),
        panic_threshold: None,
        max_concurrent_restarts: 9,
        ..Limits::default()
    };
    let names = ["c0", "c1", "c2"];
    let checks = || {
        let targets = [
            [true, false, false],
            [false, true, false],
            [false, false, true],
        ];
        let numbered = targets.into_iter().enumerate();
        numbered
            .map(|(index, targets)| one(index, policy.clone(), targets))
            .collect::<Vec<_>>()
    };
    let mut monitor = Monitor::new(limits.clone(), 1, checks());
    let mut acted = Vec::new();
    for (round, minutes) in [0, 15, 30, 61, 62].into_iter().enumerate() {
        let now = at(60_000 * minutes);
        let check = names[round % names.len()];
        let effects = fail(&mut monitor, now, check, ProcessState::Running, 9_000);
        acted.push(acts(&effects));
        // each round is a run of its own
        let mut next = Monitor::new(limits.clone(), 1, checks());
        for name in names {
            let memory = monitor.memory(name).expect("it is known").clone();
            next.restore(name, memory.clone());
            // what is restored twice counts once
            next.restore(name, memory);
        }
        monitor = next;
    }
    assert_eq!(acted, [true, true, false, true, false]);
}

/// The columns: what each attempt did, and the numbers of the attempts.
#[test]
fn attempts_without_effect_are_not_numbered() {
    let touched = ActionStep::Stopped { error: None };
    let skipped = ActionStep::Skipped(Skip::DryRun);
    let table: [(Vec<&ActionStep>, Vec<u32>); 4] = [
        (vec![&touched, &touched, &touched], vec![1, 2, 3]),
        (vec![&skipped, &skipped, &skipped], vec![1, 1, 1]),
        (vec![&skipped, &touched, &touched], vec![1, 1, 2]),
        (vec![&touched, &skipped, &touched], vec![1, 2, 2]),
    ];
    for (actions, numbers) in table {
        let policy = Policy {
            fail: Fails::InARow(1),
            grace: Duration::ZERO,
            restarts: None,
            ..policy()
        };
        let limits = Limits {
            max_restarts: None,
            panic_threshold: None,
            ..Limits::default()
        };
        let checks = vec![one(0, policy, [true, false, false])];
        let mut monitor = Monitor::new(limits, 1, checks);
        let mut seen = Vec::new();
        let mut now = 0;
        for action in actions {
            let (number, ticket) = (0..100)
                .find_map(|_| {
                    now += 60_000;
                    let running = ProcessState::Running;
                    attempt(&fail(&mut monitor, at(now), "c0", running, 9_000))
                })
                .expect("an attempt");
            seen.push(number);
            let step = Step {
                at: at(now),
                took: Duration::ZERO,
                process: Some(process(0)),
                action: action.clone(),
            };
            let ended = Event::Acted {
                check: "c0".to_owned(),
                ticket,
                outcome: Outcome { steps: vec![step] },
                pending: Vec::new(),
            };
            let effects = monitor.handle(at(now), ended);
            if let Some(ticket) = asked(&effects) {
                let _ = monitor.handle(at(now), refused("c0", ticket));
            }
        }
        assert_eq!(seen, numbers);
    }
}

#[test]
fn process_not_running_yet_is_in_its_grace() {
    for (state, is_down) in [
        (ProcessState::Starting, false),
        (ProcessState::Backoff, false),
        (ProcessState::Running, false),
        (ProcessState::Fatal, true),
        (ProcessState::Stopped, true),
    ] {
        let checks = vec![one(0, policy(), [true, false, false])];
        let mut monitor = Monitor::new(Limits::default(), 1, checks);
        for second in 0..3 {
            let _ = fail(&mut monitor, at(second * 1000), "c0", state, second);
        }
        let found = view(&monitor, at(2000), "c0");
        assert_eq!(found.incident.is_some(), is_down, "{state}");
    }
}

/// What each check restarts, when it begins to fail, and whether the last one is restarted.
type Row = (&'static str, Vec<([bool; 3], u64)>, bool);

#[test]
fn panic_counts_services_not_checks() {
    const P0: [bool; 3] = [true, false, false];
    const P1: [bool; 3] = [false, true, false];
    const G: [bool; 3] = [false, false, true];
    let rows: [Row; 5] = [
        (
            "three checks of one process",
            vec![(P0, 0), (P0, 0), (P0, 0)],
            true,
        ),
        ("one check of three", vec![([true; 3], 0)], true),
        ("three services", vec![(P0, 0), (P1, 0), (G, 0)], false),
        (
            "one of them long before",
            vec![(P0, 0), (P1, 0), (G, 3_600_000)],
            true,
        ),
        (
            "within the window",
            vec![(P0, 0), (P1, 0), (G, 60_000)],
            false,
        ),
    ];
    for (what, checks, restarted) in rows {
        let usual = Policy {
            fail: Fails::InARow(2),
            grace: Duration::ZERO,
            ..policy()
        };
        let definitions = checks.iter().enumerate();
        let definitions =
            definitions.map(|(index, (targets, _))| one(index, usual.clone(), *targets));
        let limits = Limits {
            panic_threshold: Some(0.6),
            ..Limits::default()
        };
        let mut monitor = Monitor::new(limits, 1, definitions.collect());
        for (index, (_, begins)) in checks.iter().enumerate() {
            let name = format!("c{index}");
            let _ = fail(&mut monitor, at(*begins), &name, ProcessState::Running, 900);
        }
        let (_, begins) = checks[checks.len() - 1];
        let name = format!("c{}", checks.len() - 1);
        let now = at(begins + 1000);
        let effects = fail(&mut monitor, now, &name, ProcessState::Running, 900);
        assert_eq!(acts(&effects), restarted, "{what}");
        if !restarted {
            let held = view(&monitor, now, &name).held.expect("it is held");
            assert!(
                held.contains("fewer than 2") && held.contains("120 s"),
                "{held}"
            );
        }
    }
}

/// Three checks that act at the first fail, each on a process of its own.
fn three_services() -> Vec<Check> {
    let policy = Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        ..policy()
    };
    let targets = [
        [true, false, false],
        [false, true, false],
        [false, false, true],
    ];
    let targets = targets.into_iter().enumerate();
    let check = |(index, targets)| one(index, policy.clone(), targets);
    targets.map(check).collect()
}

#[test]
fn paused_check_does_not_hold_restarts_of_others() {
    let checks = three_services();
    let limits = Limits {
        panic_threshold: Some(0.6),
        ..Limits::default()
    };
    let mut monitor = Monitor::new(limits, 1, checks);
    let _ = monitor.handle(
        at(0),
        Event::Pause {
            check: "c0".to_owned(),
            reason: String::new(),
            lasting: None,
            silent: false,
        },
    );
    let _ = fail(&mut monitor, at(0), "c0", ProcessState::Running, 900);
    let effects = fail(&mut monitor, at(10), "c1", ProcessState::Running, 900);
    assert!(acts(&effects));
}

/// What a person stopped is neither restarted in vain nor counted as one that fails with the others; what requires it is
/// still held.
#[test]
fn stopped_program_is_not_attempted_and_does_not_hold_restarts_of_others() {
    let mut checks = three_services();
    checks[2].requires = vec!["c0".to_owned()];
    let limits = Limits {
        panic_threshold: Some(0.6),
        ..Limits::default()
    };
    let mut monitor = Monitor::new(limits, 1, checks);
    for second in 0..5 {
        let now = at(second * 1000);
        let effects = fail(&mut monitor, now, "c0", ProcessState::Stopped, 900);
        assert!(!acts(&effects));
        let reports = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Report(_)));
        assert_eq!(reports.count(), usize::from(second == 0), "it is said once");
    }
    let found = view(&monitor, at(4000), "c0");
    assert_eq!(found.incident.expect("it is down").attempts, 0);
    let held = found.held.expect("it is held");
    assert!(
        held.contains("STOPPED: it is left alone until somebody"),
        "{held}"
    );
    let effects = fail(&mut monitor, at(5000), "c1", ProcessState::Running, 900);
    assert!(acts(&effects), "it is the only one that fails");
    let effects = fail(&mut monitor, at(5000), "c2", ProcessState::Running, 900);
    assert!(!acts(&effects), "it requires what is down");
    // started again, and it fails: all three do
    let effects = fail(&mut monitor, at(6000), "c0", ProcessState::Running, 900);
    let held = view(&monitor, at(6000), "c0").held.expect("it is held");
    assert!(!acts(&effects) && held.contains("3 of 3"), "{held}");
}

#[test]
fn check_without_a_remedy_counts_during_restarts_of_others() {
    let usual = Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        ..policy()
    };
    let checks = vec![
        one(0, usual.clone(), [true, false, false]),
        one(1, policy(), [false; 3]),
    ];
    let mut monitor = Monitor::new(Limits::default(), 1, checks);
    assert!(acts(&fail(
        &mut monitor,
        at(0),
        "c0",
        ProcessState::Running,
        900
    )));
    let _ = fail(&mut monitor, at(10), "c1", ProcessState::Running, 900);
    assert_eq!(view(&monitor, at(10), "c1").streak.fails, 1);
}

/// The restart that is tried next, after the timer of `effects`.
fn tried_next(monitor: &mut Monitor, now: u64, effects: &[Effect]) -> (u64, Ticket, bool) {
    let (ticket, after) = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Wake { ticket, after, .. } => Some((*ticket, *after)),
            _ => None,
        })
        .expect("it is tried again");
    let now = now + u64::try_from(after.as_millis()).expect("a short pause") + 1;
    let process = process(0);
    let effects = monitor.handle(at(now), Event::Woken { process, ticket });
    let next = effects.iter().find_map(|effect| match effect {
        Effect::Resume {
            ticket, restart, ..
        } => Some((now, *ticket, restart.start_begun)),
        _ => None,
    });
    next.expect("nothing holds it")
}

/// A client that a reload replaced does not remember the start that failed, so a process that is STOPPED was not
/// stopped by an operator. The columns: when the reload comes, which clients it replaces, and what the next try knows.
#[test]
fn failed_start_is_forgotten_when_its_client_was_replaced_during_it() {
    #[derive(Debug, PartialEq)]
    enum When {
        Before,
        During,
        After,
    }
    for (when, replaced, begun) in [
        (When::Before, vec![Backend::Supervisord], true),
        (When::During, vec![], true),
        (When::During, vec![Backend::Docker], true),
        (When::During, vec![Backend::Supervisord], false),
        (When::After, vec![Backend::Docker], true),
        (When::After, vec![Backend::Supervisord], false),
    ] {
        // the start of an action, and that of a try to finish it
        for in_action in [true, false] {
            let policy = Policy {
                fail: Fails::InARow(1),
                grace: Duration::ZERO,
                restarts: None,
                ..policy()
            };
            let limits = Limits {
                max_restarts: None,
                panic_threshold: None,
                ..Limits::default()
            };
            let checks = vec![one(0, policy, [true, false, false])];
            let mut monitor = Monitor::new(limits.clone(), 1, checks.clone());
            let reload = |monitor: &mut Monitor, here: bool, now: u64| {
                if here {
                    let reload = Event::Reload {
                        checks: definitions(&checks),
                        limits: limits.clone(),
                        forgot: replaced.clone(),
                    };
                    let _ = monitor.handle(at(now), reload);
                }
            };
            let (before, during) = (when == When::Before, when == When::During);
            reload(&mut monitor, in_action && before, 100);
            let running = ProcessState::Running;
            let (_, ticket) =
                attempt(&fail(&mut monitor, at(1000), "c0", running, 900)).expect("an attempt");
            reload(&mut monitor, in_action && during, 1100);
            let restart = PendingRestart {
                intent: IntentId(1),
                check: "c0".to_owned(),
                incident: String::new(),
                process: process(0),
                pid_before: Some(7),
                stop_unclear: false,
                start_answered: true,
                start_begun: in_action,
                incident_ended: false,
                stopped_in: None,
            };
            let acted = Event::Acted {
                check: "c0".to_owned(),
                ticket,
                outcome: Outcome {
                    steps: vec![Step {
                        at: at(2000),
                        took: Duration::ZERO,
                        process: Some(process(0)),
                        action: ActionStep::Stopped { error: None },
                    }],
                },
                pending: vec![restart],
            };
            let mut effects = monitor.handle(at(2000), acted);
            let mut now = 2000;
            if !in_action {
                reload(&mut monitor, before, 2100);
                let (tried, ticket, _) = tried_next(&mut monitor, now, &effects);
                now = tried + 1000;
                reload(&mut monitor, during, tried + 100);
                let resumed = Event::Resumed {
                    process: process(0),
                    ticket,
                    outcome: Outcome::default(),
                    result: ResumeResult::NotYet {
                        why: "it crashed".to_owned(),
                        start_answered: true,
                        start_begun: true,
                    },
                };
                effects = monitor.handle(at(now), resumed);
            }
            reload(&mut monitor, when == When::After, now + 100);
            let (_, _, known) = tried_next(&mut monitor, now, &effects);
            assert_eq!(known, begun, "{when:?}, {replaced:?}, {in_action}");
        }
    }
}
