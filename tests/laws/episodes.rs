//! Where one episode of a check ends and the next begins, each as a small story.

use std::time::Duration;

use httpok::health::{
    ActionStep, Body, Budget, CallError, Check, CheckResult, DownState, Effect, Event, FailedStart,
    Fails, IncidentEvent, IntentId, Judgement, Limits, Moment, Monitor, Observation, Outcome,
    PendingRestart, Policy, ProcessState, Report, ReportKind, ResumeResult, StatusLine, Step,
    Ticket, Verdict,
};

use super::rules::{acts, asked, at, attempt, fail, one, policy, probing, tick, view};
use super::world::{definitions, process};

const RUNNING: ProcessState = ProcessState::Running;

pub fn at_once() -> Policy {
    Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        restarts: None,
        ..policy()
    }
}

pub fn limits() -> Limits {
    Limits {
        max_restarts: None,
        panic_threshold: None,
        ..Limits::default()
    }
}

/// Its supervisor is not configured any more: the last report does not wait for it, and names the process.
#[test]
fn incident_of_a_removed_check_waits_for_no_supervisor_that_is_gone() {
    let mut before = Monitor::new(limits(), 1, vec![one(0, at_once(), [false; 3])]);
    let _ = fail(&mut before, at(0), "c0", RUNNING, 9_000);
    let memory = before.memory("c0").expect("it is known").clone();
    let mut monitor = Monitor::new(limits(), 2, Vec::new());
    monitor.restore("c0", memory);
    let left = PendingRestart {
        start_answered: false,
        stopped_in: Some("http://elsewhere:9001".to_owned()),
        ..pending(false)
    };
    let begun = monitor.handle(at(5000), Event::Inherited(Box::new(left)));
    let removed = Event::Removed {
        check: "c0".to_owned(),
    };
    assert_eq!(reports(&monitor.handle(at(5001), removed)).len(), 0);
    let failed = ResumeResult::NotYet {
        why: "no supervisord is configured".to_owned(),
        start_answered: false,
        start_begun: false,
    };
    let effects = monitor.handle(at(6000), resumed(&begun, failed));
    let closing = reports(&effects);
    assert_eq!(closing.len(), 1, "{closing:?}");
    assert!(closing[0].incident.is_of_removed());
    assert_eq!(closing[0].unfinished, [process(0)]);
    let shown = monitor.snapshot(at(6000)).unfinished;
    assert_eq!(shown[0].failure, "no supervisord is configured");
    assert!(shown[0].next.is_some(), "it is tried again");
}

/// A probe of a check that restarts nothing, which passes.
pub fn pass(monitor: &mut Monitor, now: Moment, check: &str) {
    let _ = passes(monitor, now, check);
}

/// The same, and what follows.
pub fn passes(monitor: &mut Monitor, now: Moment, check: &str) -> Vec<Effect> {
    let ticket = asked(&monitor.handle(now, tick(check, None))).expect("a probe begins");
    monitor.handle(now, well(check, ticket))
}

pub fn well(check: &str, ticket: Ticket) -> Event {
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
pub fn in_vain(monitor: &mut Monitor, now: Moment, ticket: Ticket) -> Vec<Effect> {
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
    monitor.handle(now, ended)
}

#[test]
fn evidence_has_more_of_the_answer_than_the_incident() {
    let mut check = one(0, at_once(), [true, false, false]);
    check.capture = true;
    let mut monitor = Monitor::new(limits(), 1, vec![check]);
    let ticket = probing(&mut monitor, at(0), "c0", RUNNING, 9_000);
    let body = "no database ".repeat(1000);
    let seen = Observation {
        status: Some(StatusLine {
            version: "HTTP/1.1".to_owned(),
            code: 500,
            reason: "Internal Server Error".to_owned(),
        }),
        headers: vec![("Server".to_owned(), "t".to_owned())],
        body: Some(Body {
            kept: body.clone().into_bytes(),
            size: 20_000,
            ..Body::default()
        }),
        ..Observation::default()
    };
    let effects = monitor.handle(
        at(1),
        Event::Observed {
            check: "c0".to_owned(),
            ticket,
            seen: Box::new(seen),
        },
    );
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Act { plan, .. } => Some(plan.answer.as_str()),
        _ => None,
    });
    let head = "HTTP/1.1 500 Internal Server Error\nServer: t\n\n";
    let expected = format!("{head}{body}\n[the first 12000 of 20000 bytes]");
    assert_eq!(answers.collect::<Vec<_>>(), [expected]);
    let incident = monitor
        .memory("c0")
        .and_then(|memory| memory.incident.as_ref());
    let kept = incident.and_then(|incident| incident.last_fail()?.seen.body.as_ref());
    assert_eq!(kept.map(|body| body.kept.len()), Some(1024));
}

#[test]
fn single_fail_after_a_recovery_opens_no_incident_with_fail_within() {
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
            checks: definitions(&defined(count)),
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

pub fn reports(effects: &[Effect]) -> Vec<&Report> {
    let reports = effects.iter().filter_map(|effect| match effect {
        Effect::Report(report) => Some(&**report),
        _ => None,
    });
    reports.collect()
}

#[test]
fn report_names_the_process_that_was_stopped_and_does_not_start() {
    let checks = vec![one(0, at_once(), [true, false, false])];
    let mut monitor = Monitor::new(limits(), 1, checks);
    let effects = fail(&mut monitor, at(0), "c0", RUNNING, 9_000);
    let (_, ticket) = attempt(&effects).expect("an attempt");
    let step = |action| Step {
        at: at(0),
        took: Duration::ZERO,
        process: Some(process(0)),
        action,
    };
    let error = CallError::fault(CallError::SPAWN_ERROR, "SPAWN_ERROR: no file");
    let steps = vec![
        step(ActionStep::Stopped { error: None }),
        step(ActionStep::Started { error: Some(error) }),
    ];
    let ended = Event::Acted {
        check: "c0".to_owned(),
        ticket,
        outcome: Outcome { steps },
        pending: vec![pending(false)],
    };
    let effects = monitor.handle(at(1000), ended);
    let kinds: Vec<_> = reports(&effects).iter().map(|it| &it.kind).collect();
    let expected = FailedStart {
        process: "p0".to_owned(),
        stopped: true,
        why: "SPAWN_ERROR: no file".to_owned(),
    };
    assert!(
        matches!(kinds[..], [ReportKind::Down { state: DownState::NotStarted(failed), .. }] if *failed == expected),
        "{kinds:?}"
    );
}

/// A process that nobody starts again is not restarted, and a name that no supervisor knows neither: nothing is "being
/// restarted".
#[test]
fn unrestartable_check_is_not_reported_as_being_restarted() {
    let unknown = httpok::health::Target::new("gone");
    let mut none = one(0, at_once(), [false, false, false]);
    none.remedy.selection = httpok::health::Selection::Targets(vec![unknown]);
    for (check, state, restarting) in [
        (one(0, at_once(), [true, false, false]), RUNNING, true),
        (
            one(0, at_once(), [true, false, false]),
            ProcessState::Exited,
            false,
        ),
        (none, RUNNING, false),
    ] {
        let mut monitor = Monitor::new(limits(), 1, vec![check]);
        let effects = fail(&mut monitor, at(0), "c0", state, 9_000);
        assert!(attempt(&effects).is_some(), "an attempt begins");
        let kinds: Vec<_> = reports(&effects).iter().map(|it| &it.kind).collect();
        let is_reported = matches!(
            kinds[..],
            [ReportKind::Down {
                state: DownState::Restarting,
                update: false
            }]
        );
        assert_eq!(is_reported, restarting, "{state:?}: {kinds:?}");
        assert!(is_reported || kinds.is_empty(), "{kinds:?}");
    }
}

fn pending(incident_ended: bool) -> PendingRestart {
    PendingRestart {
        intent: IntentId(7),
        check: "c0".to_owned(),
        incident: "an-earlier-one".to_owned(),
        process: process(0),
        pid_before: Some(7),
        stop_unclear: false,
        start_answered: true,
        start_begun: true,
        incident_ended,
        stopped_in: None,
    }
}

/// The end of a try to finish the pending restart that `effects` has begun.
fn resumed(effects: &[Effect], result: ResumeResult) -> Event {
    let resume = effects.iter().find_map(|effect| match effect {
        Effect::Resume { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let step = |action| Step {
        at: at(0),
        took: Duration::ZERO,
        process: Some(process(0)),
        action,
    };
    let mut steps = vec![step(ActionStep::Resumed { state: RUNNING })];
    if result == ResumeResult::Finished {
        steps.push(step(ActionStep::Settled {
            state: RUNNING,
            pid: Some(8),
        }));
    }
    Event::Resumed {
        process: process(0),
        ticket: resume.expect("it is tried"),
        outcome: Outcome { steps },
        result,
    }
}

/// The columns: whether the incident of a pending restart has ended, and whether another one is opened by its end.
#[test]
fn end_of_a_pending_restart_reopens_no_reported_incident() {
    for (ended, opens) in [(true, false), (false, true)] {
        let checks = vec![one(0, at_once(), [true, false, false])];
        let mut monitor = Monitor::new(limits(), 1, checks);
        let effects = monitor.handle(at(0), Event::Inherited(Box::new(pending(ended))));
        let finished = resumed(&effects, ResumeResult::Finished);
        let effects = monitor.handle(at(1000), finished);
        // nobody heard of the restart that a killed run had begun: its notifiers hold that back until the check passes
        assert_eq!(reports(&effects).len(), usize::from(opens), "{ended}");
        let found = view(&monitor, at(1000), "c0");
        assert_eq!(found.incident.is_some(), opens, "{ended}");
        assert_eq!(found.counts.restarted, 1);
    }
}

#[test]
fn a_removed_check_is_closed_with_a_report_and_comes_back_with_its_pause() {
    let checks = vec![one(0, at_once(), [false; 3])];
    let reload = |checks: &[Check]| Event::Reload {
        checks: definitions(checks),
        limits: limits(),
        forgot: Vec::new(),
    };
    let mut monitor = Monitor::new(limits(), 1, checks.clone());
    let effects = fail(&mut monitor, at(0), "c0", RUNNING, 9_000);
    let id = reports(&effects)[0].incident.id.clone();
    let pause = Event::Pause {
        check: "c0".to_owned(),
        reason: "a test".to_owned(),
        lasting: None,
        silent: true,
    };
    let _ = monitor.handle(at(1000), pause);
    let effects = monitor.handle(at(2000), reload(&[]));
    let closing = reports(&effects);
    assert_eq!(closing.len(), 1, "{closing:?}");
    assert!(matches!(closing[0].kind, ReportKind::Recovered { .. }));
    assert_eq!((&closing[0].incident.id, closing[0].number), (&id, 2));
    assert!(closing[0].incident.is_of_removed());
    let closed = monitor.take_closed("c0").expect("it is to be written");
    assert!(closed.ended.is_some());
    let effects = monitor.handle(at(3000), reload(&checks));
    assert_eq!(reports(&effects).len(), 0);
    let again = view(&monitor, at(3000), "c0");
    assert!(again.pause.is_some() && again.silence.is_some() && again.incident.is_none());
    pass(&mut monitor, at(4000), "c0");
    let unchanged = monitor.take_closed("c0");
    assert!(unchanged.is_none(), "its passes are not of the old one");
}

/// What an earlier run remembered of a check that the file does not have any more.
#[test]
fn incident_of_a_removed_check_is_closed_with_a_report_at_the_start() {
    let mut before = Monitor::new(limits(), 1, vec![one(0, at_once(), [false; 3])]);
    let _ = fail(&mut before, at(0), "c0", RUNNING, 9_000);
    let memory = before.memory("c0").expect("it is known").clone();
    let mut monitor = Monitor::new(limits(), 2, Vec::new());
    monitor.restore("c0", memory);
    let removed = Event::Removed {
        check: "c0".to_owned(),
    };
    let effects = monitor.handle(at(5000), removed.clone());
    assert_eq!(reports(&effects).len(), 1);
    let memory = monitor.memory("c0").expect("it is written down");
    assert!(memory.incident.is_none());
    assert_eq!(reports(&monitor.handle(at(6000), removed)).len(), 0);
}

/// A killed run stopped a process for a check that the file does not have any more: the last report names it.
#[test]
fn incident_of_a_removed_check_ends_when_its_process_runs_again() {
    let mut before = Monitor::new(limits(), 1, vec![one(0, at_once(), [false; 3])]);
    let _ = fail(&mut before, at(0), "c0", RUNNING, 9_000);
    let memory = before.memory("c0").expect("it is known").clone();
    let mut monitor = Monitor::new(limits(), 2, Vec::new());
    monitor.restore("c0", memory);
    let begun = monitor.handle(at(5000), Event::Inherited(Box::new(pending(false))));
    let removed = Event::Removed {
        check: "c0".to_owned(),
    };
    assert_eq!(reports(&monitor.handle(at(5001), removed)).len(), 0);
    let failed = ResumeResult::NotYet {
        why: "no such file".to_owned(),
        start_answered: true,
        start_begun: false,
    };
    let effects = monitor.handle(at(6000), resumed(&begun, failed));
    assert_eq!(reports(&effects).len(), 0, "it does not run yet");
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::Wake { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let woken = Event::Woken {
        process: process(0),
        ticket: ticket.expect("it is tried again"),
    };
    let begun = monitor.handle(at(600_000), woken);
    let effects = monitor.handle(at(601_000), resumed(&begun, ResumeResult::Finished));
    let closing = reports(&effects);
    assert_eq!(closing.len(), 1, "{closing:?}");
    assert!(closing[0].incident.is_of_removed());
    let acted = closing[0].incident.entries.iter().any(|entry| {
        matches!(&entry.event, IncidentEvent::Acted(outcome)
            if outcome.restarted().any(|name| *name == process(0)))
    });
    assert!(acted, "{:?}", closing[0].incident.entries);
    let memory = monitor.memory("c0").expect("it is written down");
    assert!(memory.incident.is_none());
}

/// A probe of a check that restarts nothing, which is judged to be this; the reports that follow.
fn judged(monitor: &mut Monitor, now: Moment, verdict: Verdict) -> Vec<Report> {
    let ticket = asked(&monitor.handle(now, tick("c0", None))).expect("a probe begins");
    let result = CheckResult {
        seen: Observation::default(),
        judgement: Judgement {
            verdict,
            reason: None,
            phase: None,
            detail: String::new(),
            findings: Vec::new(),
        },
    };
    let effects = monitor.handle(
        now,
        Event::Judged {
            check: "c0".to_owned(),
            ticket,
            result: Box::new(result),
        },
    );
    reports(&effects).into_iter().cloned().collect()
}

#[test]
fn end_of_a_degraded_episode_is_reported_in_the_same_thread_unless_the_check_went_down() {
    let mut monitor = Monitor::new(limits(), 1, vec![one(0, at_once(), [false; 3])]);
    let degraded = judged(&mut monitor, at(0), Verdict::Degraded);
    assert_eq!(degraded.len(), 1);
    assert_eq!(degraded[0].kind, ReportKind::Degraded);
    assert_eq!(judged(&mut monitor, at(60_000), Verdict::Degraded), []);
    let over = judged(&mut monitor, at(90_000), Verdict::Pass);
    assert_eq!(over.len(), 1);
    let lasted = Duration::from_secs(90);
    assert_eq!(over[0].kind, ReportKind::RecoveredDegraded { lasted });
    assert_eq!(
        (&over[0].incident.id, over[0].number),
        (&degraded[0].incident.id, 2)
    );
    assert_eq!(judged(&mut monitor, at(91_000), Verdict::Pass), []);
    // what was down in between has its own end
    assert_eq!(judged(&mut monitor, at(92_000), Verdict::Degraded).len(), 1);
    assert_eq!(judged(&mut monitor, at(93_000), Verdict::Fail).len(), 1);
    let over = judged(&mut monitor, at(94_000), Verdict::Pass);
    let kinds: Vec<_> = over.iter().map(|report| report.kind.as_str()).collect();
    assert_eq!(kinds, ["recovered"]);
}
