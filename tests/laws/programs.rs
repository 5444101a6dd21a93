//! Programs of our own supervisor, each as a small story: when one that no other check names is down, who is notified of
//! it, and what the checks that restart one say of it.

use std::time::Duration;

use httpok::health::{
    Backend, Check, CheckTick, Decision, Effect, Event, Fails, IncidentEvent, Limits,
    MaintenanceWindow, Memory, Moment, Monitor, Pause, Policy, Process, ProcessName, ProcessState,
    ProgramChange, ProgramCheck, ProgramEnd, Reason, Report, Status, Verdict,
};

use super::rules::{asked, at, one, policy, view};

const NAME: &str = "program/web";

fn web() -> ProcessName {
    ProcessName::alone(Backend::Embedded, "web")
}

fn check() -> Check {
    let policy = Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        ..policy()
    };
    let mut check = one(0, policy, [false; 3]);
    check.name = NAME.to_owned();
    check.program = Some(ProgramCheck {
        process: web(),
        startsecs: Duration::from_secs(1),
        startretries: 3,
    });
    check
}

fn monitor() -> Monitor {
    Monitor::new(Limits::default(), 1, vec![check()])
}

fn second(seconds: u64) -> Moment {
    at(seconds * 1000)
}

fn change(state: ProcessState, end: Option<ProgramEnd>) -> ProgramChange {
    let log = match end {
        Some(_) => "no database\n".to_owned(),
        None => String::new(),
    };
    ProgramChange {
        state,
        detail: String::new(),
        end,
        again: !matches!(state, ProcessState::Fatal | ProcessState::Exited),
        log,
    }
}

fn news(monitor: &mut Monitor, seconds: u64, change: ProgramChange) -> Vec<Effect> {
    let event = Event::ProgramChanged {
        process: web(),
        change: Box::new(change),
    };
    monitor.handle(second(seconds), event)
}

fn is(monitor: &mut Monitor, seconds: u64, state: ProcessState) -> Vec<Effect> {
    news(monitor, seconds, change(state, None))
}

/// It ended by itself after so many seconds, and is `state` now.
fn ended(
    monitor: &mut Monitor,
    seconds: u64,
    (code, up): (i32, Option<u64>),
    state: ProcessState,
) -> Vec<Effect> {
    let expected = code == 0;
    let end = ProgramEnd {
        how: format!("exited: {code}"),
        code: Some(code),
        expected,
        up: up.map(Duration::from_secs),
    };
    news(monitor, seconds, change(state, Some(end)))
}

fn tick(monitor: &mut Monitor, seconds: u64) -> Vec<Effect> {
    let tick = CheckTick {
        check: NAME.to_owned(),
        age: None,
        period: None,
    };
    monitor.handle(second(seconds), Event::Tick(tick))
}

fn reports(effects: &[Effect]) -> Vec<&Report> {
    let reports = effects.iter().filter_map(|effect| match effect {
        Effect::Report(report) => Some(&**report),
        _ => None,
    });
    reports.collect()
}

fn kinds(effects: &[Effect]) -> Vec<&'static str> {
    let reports = reports(effects);
    reports.iter().map(|report| report.kind.as_str()).collect()
}

fn stands(monitor: &Monitor, seconds: u64) -> (Status, Verdict, Option<Reason>) {
    let view = view(monitor, second(seconds), NAME);
    let last = view.last.expect("it was judged");
    (view.status, last.verdict, last.reason)
}

fn acts(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| !matches!(effect, Effect::Note(_) | Effect::Report(_)))
}

/// Four starts fail, and its supervisor gives it up.
fn give_up(monitor: &mut Monitor, from: u64) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (start, state) in (0..).zip([
        ProcessState::Backoff,
        ProcessState::Backoff,
        ProcessState::Backoff,
        ProcessState::Fatal,
    ]) {
        effects.extend(is(monitor, from + start, ProcessState::Starting));
        effects.extend(ended(monitor, from + start, (7, None), state));
    }
    effects
}

#[test]
fn a_fatal_program_is_down_at_once_and_reported_once_with_its_exit_code_and_log() {
    let mut monitor = monitor();
    let mut effects = give_up(&mut monitor, 0);
    for seconds in 4..100 {
        effects.extend(tick(&mut monitor, seconds));
    }
    assert!(
        !acts(&effects),
        "its supervisor decides about it alone: {effects:?}"
    );
    assert_eq!(kinds(&effects), ["down"]);
    let report = reports(&effects)[0];
    let result = report.result().expect("what was seen");
    assert_eq!(result.seen.exit, Some(7));
    let log = result.seen.body.as_ref().map(|body| body.kept.as_slice());
    assert_eq!(log, Some(&b"no database"[..]));
    assert!(
        result.judgement.detail.starts_with("4 starts failed"),
        "{:?}",
        result.judgement
    );
    assert_eq!(
        stands(&monitor, 100),
        (Status::Down, Verdict::Fail, Some(Reason::Fatal))
    );
    let effects = is(&mut monitor, 101, ProcessState::Starting);
    assert_eq!(kinds(&effects), [""; 0], "it is not up yet");
    assert_eq!(
        kinds(&is(&mut monitor, 102, ProcessState::Running)),
        ["recovered"]
    );
    assert_eq!(stands(&monitor, 102).0, Status::Up);
}

#[test]
fn a_few_failed_starts_are_no_failure() {
    let mut monitor = monitor();
    for seconds in 0..3 {
        is(&mut monitor, seconds, ProcessState::Starting);
        let mut effects = ended(&mut monitor, seconds, (7, None), ProcessState::Backoff);
        effects.extend(tick(&mut monitor, seconds));
        assert_eq!(kinds(&effects), [""; 0]);
        assert_eq!(stands(&monitor, seconds).1, Verdict::Starting);
    }
    is(&mut monitor, 3, ProcessState::Running);
    assert_eq!(stands(&monitor, 3), (Status::Up, Verdict::Pass, None));
}

#[test]
fn short_runs_in_a_row_are_a_crash_loop_until_it_runs_for_long() {
    let mut monitor = monitor();
    let mut effects = Vec::new();
    for run in 0..10 {
        effects.extend(is(&mut monitor, 10 * run, ProcessState::Running));
        let state = ProcessState::Starting;
        effects.extend(ended(&mut monitor, 10 * run + 5, (1, Some(5)), state));
        let down = stands(&monitor, 10 * run + 5).0 == Status::Down;
        assert_eq!(down, run >= 3, "after {} ends", run + 1);
    }
    assert_eq!(kinds(&effects), ["down"], "once, however long it goes on");
    assert_eq!(stands(&monitor, 95).2, Some(Reason::CrashLoop));
    is(&mut monitor, 100, ProcessState::Running);
    for seconds in 101..160 {
        assert_eq!(kinds(&tick(&mut monitor, seconds)), [""; 0], "{seconds}");
    }
    assert_eq!(kinds(&tick(&mut monitor, 160)), ["recovered"]);
}

#[test]
fn ends_after_long_runs_and_expected_ones_are_no_crash_loop() {
    for end in [(1, Some(60)), (0, Some(2))] {
        let mut monitor = monitor();
        for run in 0..20 {
            is(&mut monitor, 100 * run, ProcessState::Running);
            ended(&mut monitor, 100 * run + 60, end, ProcessState::Starting);
            tick(&mut monitor, 100 * run + 60);
            let (status, verdict, _) = stands(&monitor, 100 * run + 60);
            assert_eq!(
                (status, verdict),
                (Status::Up, Verdict::Starting),
                "{end:?}"
            );
        }
    }
}

#[test]
fn an_end_that_was_not_expected_and_is_final_is_down() {
    for (code, status) in [(0, Status::Up), (3, Status::Down)] {
        let mut monitor = monitor();
        is(&mut monitor, 0, ProcessState::Running);
        ended(&mut monitor, 9000, (code, Some(9000)), ProcessState::Exited);
        assert_eq!(stands(&monitor, 9000).0, status, "exit {code}");
    }
}

#[test]
fn a_stop_by_request_is_no_failure_and_ends_the_incident() {
    let mut monitor = monitor();
    is(&mut monitor, 0, ProcessState::Running);
    is(&mut monitor, 10, ProcessState::Stopping);
    is(&mut monitor, 11, ProcessState::Stopped);
    tick(&mut monitor, 12);
    assert_eq!(stands(&monitor, 12), (Status::Up, Verdict::Pass, None));
    give_up(&mut monitor, 20);
    assert_eq!(stands(&monitor, 30).0, Status::Down);
    let effects = is(&mut monitor, 40, ProcessState::Stopped);
    assert_eq!(kinds(&effects), ["recovered"]);
    assert!(reports(&effects)[0].incident.is_of_stopped());
    assert_eq!(stands(&monitor, 40), (Status::Up, Verdict::Pass, None));
    for seconds in 41..100 {
        assert_eq!(kinds(&tick(&mut monitor, seconds)), [""; 0]);
    }
    assert_eq!(
        kinds(&is(&mut monitor, 100, ProcessState::Running)),
        [""; 0]
    );
    assert_eq!(stands(&monitor, 100).0, Status::Up);
}

#[test]
fn a_silence_and_a_maintenance_window_hold_its_reports() {
    for window in [true, false] {
        let mut monitor = monitor();
        let check = NAME.to_owned();
        let hold = match window {
            true => Event::Maintenance {
                check,
                window: Some(MaintenanceWindow {
                    hold: Pause::new(second(0), "upgrade".to_owned(), None),
                    holds_restarts: true,
                    holds_reports: true,
                }),
            },
            false => Event::Silence {
                check,
                reason: String::new(),
                lasting: None,
            },
        };
        let _ = monitor.handle(second(0), hold);
        assert_eq!(kinds(&give_up(&mut monitor, 1)), [""; 0]);
        let check = NAME.to_owned();
        let end = match window {
            true => Event::Maintenance {
                check,
                window: None,
            },
            false => Event::Resume { check },
        };
        let mut effects = monitor.handle(second(20), end);
        effects.extend(tick(&mut monitor, 21));
        assert_eq!(kinds(&effects), ["down"], "window: {window}");
    }
}

#[test]
fn an_incident_goes_on_in_the_next_run_of_the_watchdog() {
    let mut before = monitor();
    give_up(&mut before, 0);
    let memory = before.memory(NAME).cloned().expect("it is remembered");
    let mut monitor = monitor();
    monitor.restore(NAME, memory);
    assert_eq!(
        kinds(&give_up(&mut monitor, 20)),
        [""; 0],
        "it was reported"
    );
    assert_eq!(
        kinds(&is(&mut monitor, 30, ProcessState::Running)),
        ["recovered"]
    );
    let is_open = |memory: &Memory| memory.incident.is_some();
    assert_eq!(monitor.memory(NAME).map(is_open), Some(false));
}

/// A check that restarts the program, which is down for `c0`.
fn restarting() -> Check {
    let mut check = one(0, policy(), [false; 3]);
    check.remedy.selection =
        httpok::health::Selection::Targets(vec!["program/web".parse().expect("a target")]);
    check
}

/// Fails as soon as it says so.
fn failing_heartbeat() -> Check {
    let mut check = restarting();
    check.heartbeat = Some(Duration::from_secs(5));
    check.policy.fail = Fails::InARow(1);
    check.policy.grace = Duration::ZERO;
    check
}

/// `c0` says that it fails, and its program is listed.
fn c0_fails(monitor: &mut Monitor, seconds: u64) -> Vec<Effect> {
    let fail = Event::Heartbeat {
        check: "c0".to_owned(),
        failure: Some("no answer".to_owned()),
    };
    let mut effects = monitor.handle(second(seconds), fail);
    let listed = Event::Listed {
        check: "c0".to_owned(),
        ticket: asked(&effects).expect("its processes are asked for"),
        processes: Ok(vec![Process {
            name: web(),
            state: ProcessState::Running,
            pid: Some(7),
            uptime: Some(9_000),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }]),
        unasked: Vec::new(),
    };
    effects.extend(monitor.handle(second(seconds), listed));
    effects
}

#[test]
fn a_program_that_fails_holds_no_restart_of_others() {
    let mut checks = vec![failing_heartbeat()];
    checks.extend((1..3).map(|index| one(index, policy(), [false; 3])));
    let db = ProcessName::alone(Backend::Embedded, "db");
    let mut own = check();
    own.name = db.as_program();
    own.program
        .iter_mut()
        .for_each(|program| program.process = db.clone());
    checks.push(own);
    let limits = Limits {
        panic_threshold: Some(0.5),
        ..Limits::default()
    };
    let mut monitor = Monitor::new(limits, 1, checks);
    let fatal = Event::ProgramChanged {
        process: db,
        change: Box::new(change(ProcessState::Fatal, None)),
    };
    let _ = monitor.handle(second(9), fatal);
    assert_eq!(view(&monitor, second(9), "program/db").status, Status::Down);
    let _ = c0_fails(&mut monitor, 10);
    assert!(monitor.is_acting(), "one service of three fails");
}

#[test]
fn a_check_that_restarts_a_fatal_program_says_so_in_its_incident() {
    for early in [true, false] {
        let checks = vec![failing_heartbeat()];
        let mut monitor = Monitor::new(Limits::default(), 1, checks);
        let mut effects = Vec::new();
        if early {
            effects.extend(give_up(&mut monitor, 0));
        }
        effects.extend(c0_fails(&mut monitor, 10));
        if !early {
            effects.extend(give_up(&mut monitor, 11));
        }
        let memory = monitor.memory("c0").expect("the check");
        let incident = memory.incident.as_ref().expect("it is down");
        let failed: Vec<_> = incident.failed_programs().collect();
        assert_eq!(failed.len(), 1, "early: {early}: {:?}", incident.entries);
        assert_eq!(failed[0].1, &web());
        let is_said = |effect: &Effect| {
            let Effect::Note(note) = effect else {
                return false;
            };
            note.check == "c0"
                && matches!(&note.decision, Decision::ProgramChanged { state, .. } if *state == ProcessState::Fatal)
        };
        assert!(effects.iter().any(is_said), "{effects:?}");
        let own = incident
            .entries
            .iter()
            .filter(|entry| matches!(entry.event, IncidentEvent::ProgramFailed { .. }));
        assert_eq!(own.count(), 1);
    }
}
