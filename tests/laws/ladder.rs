//! Law 19: an attempt does what its rung says. The first attempt of an incident takes the first rung, each that did
//! something is followed by the next one, the last is repeated, and one that gives up is no attempt. Kept naively, from the
//! events alone.

use std::time::Duration;

use httpok::health::{
    ActionStep, Budget, CallError, Check, Decision, Effect, Event, Fails, Limits, Moment, Monitor,
    Observation, Outcome, Plan, PlanAction, Policy, Process, ProcessState, Remedy, ReportKind,
    Rung, Selection, Skip, StatusLine, Step,
};

use super::rules::{asked, at, attempt, fail, one, policy, tick};
use super::world::process;

/// What is known of a check's ladder.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    /// Rungs taken in this incident.
    taken: usize,
    /// The rung of the attempt under way, and whether that has done anything.
    under_way: Option<usize>,
    /// Whether none of the check's own processes was RUNNING in the newest list.
    nothing_runs: bool,
}

impl Ladder {
    pub fn listed(&mut self, check: &Check, processes: &Result<Vec<Process>, CallError>) {
        let runs = |process: &Process| process.state == ProcessState::Running;
        self.nothing_runs = match processes {
            Ok(listed) => !check.remedy.select(listed).iter().any(runs),
            Err(_) => false,
        };
    }

    pub fn law_19(&mut self, check: &Check, plan: &Plan, is_manual: bool) {
        self.under_way = None;
        let Some(last) = check.ladder.len().checked_sub(1).filter(|_| !is_manual) else {
            assert!(plan.action.is_restart(), "law 19: no rung asks for it");
            assert_eq!(plan.remedy, check.remedy, "law 19: no rung asks for it");
            return;
        };
        let mut at = self.taken.min(last);
        let has_own = !check.remedy.selection.is_empty();
        let is_signal = |at: usize| matches!(check.ladder[at], Rung::Signal(_));
        while is_signal(at) && (self.nothing_runs || !has_own) && at < last {
            at += 1;
        }
        match (&check.ladder[at], &plan.action) {
            (Rung::Signal(wanted), PlanAction::Signal(sent)) => assert_eq!(wanted, sent),
            (Rung::Signal(_), PlanAction::Restart) => {
                let own = plan.remedy == check.remedy;
                assert!(
                    own && (self.nothing_runs || !has_own),
                    "law 19: nothing to signal"
                );
            }
            (Rung::Restart(wider), PlanAction::Restart) => {
                assert_eq!(plan.remedy, *wider, "law 19: another rung restarts that");
            }
            (Rung::Run { command: wanted }, PlanAction::Run { rung, command }) => {
                assert_eq!((*rung as usize, command), (at, wanted), "law 19");
            }
            (rung, action) => panic!("law 19: rung {at} is {rung:?}, and this is {action:?}"),
        }
        self.under_way = Some(at);
    }

    pub fn acted(&mut self, outcome: &Outcome) {
        if outcome.touched()
            && let Some(at) = self.under_way.take()
        {
            self.taken = at + 1;
        }
    }

    pub fn note(&mut self, decision: &Decision) {
        if let Decision::Recovered { .. } | Decision::Rearmed | Decision::CheckRemoved = decision {
            self.begin_again();
        }
    }

    /// An attempt under way is one of before.
    pub fn begin_again(&mut self) {
        self.taken = 0;
        self.under_way = None;
    }
}

fn passes(monitor: &mut Monitor, now: Moment) {
    let effects = monitor.handle(now, tick("c0", None));
    let ticket = asked(&effects).expect("a list");
    let listed = Event::Listed {
        check: "c0".to_owned(),
        ticket,
        processes: Ok(Vec::new()),
        unasked: Vec::new(),
    };
    let ticket = asked(&monitor.handle(now, listed)).expect("it is probed");
    let status = StatusLine {
        version: "HTTP/1.1".into(),
        code: 200,
        reason: String::new(),
    };
    let seen = Box::new(Observation {
        status: Some(status),
        ..Observation::default()
    });
    let event = Event::Observed {
        check: "c0".to_owned(),
        ticket,
        seen,
    };
    drop(monitor.handle(now, event));
}

fn quick() -> Policy {
    Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        ..policy()
    }
}

fn restart(targets: &[&str]) -> Rung {
    let targets = targets.iter().map(|text| text.parse().expect("a target"));
    Rung::Restart(Remedy {
        selection: Selection::Targets(targets.collect()),
        ..Remedy::NONE
    })
}

fn quit() -> Rung {
    Rung::Signal("QUIT".parse().expect("a signal"))
}

/// Restarts p0; first a signal, then p0, then also the group, then the end.
fn laddered() -> Check {
    let mut check = one(0, quick(), [true, false, false]);
    check.ladder = vec![
        quit(),
        restart(&["p0"]),
        restart(&["p0", "g:*"]),
        Rung::GiveUp,
    ];
    check
}

/// What the attempts do that `effects` begin: a signal, or what is restarted in all.
fn done(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| match effect {
        Effect::Act { plan, .. } => Some(match &plan.action {
            PlanAction::Signal(signal) => signal.to_string(),
            PlanAction::Run { command, .. } => command.clone(),
            PlanAction::Restart => plan.remedy.selection.words().join(" "),
        }),
        _ => None,
    })
}

/// The action of `effects` has ended with `action` on p0, and with nothing else.
fn ended(effects: &[Effect], now: Moment, action: &ActionStep) -> Event {
    let (_, ticket) = attempt(effects).expect("an attempt");
    Event::Acted {
        check: "c0".to_owned(),
        ticket,
        outcome: Outcome {
            steps: vec![Step {
                at: now,
                took: Duration::ZERO,
                process: Some(process(0)),
                action: action.clone(),
            }],
        },
        pending: Vec::new(),
    }
}

fn signalled() -> ActionStep {
    let signal = "QUIT".parse().expect("a signal");
    ActionStep::Signalled {
        signal,
        error: None,
    }
}

fn gave_up(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| {
        matches!(effect, Effect::Report(report) if matches!(report.kind, ReportKind::GaveUp { budget: None, .. }))
    })
}

/// One more attempt, which does what `action` says; what it was about.
fn try_once(
    monitor: &mut Monitor,
    now: Moment,
    state: ProcessState,
    action: &ActionStep,
) -> Option<String> {
    let effects = fail(monitor, now, "c0", state, 900);
    let what = done(&effects);
    if what.is_some() {
        let effects = monitor.handle(now, ended(&effects, now, action));
        // the rest of the attempt is halted: the next one is what matters here
        assert!(done(&effects).is_none() || what.as_deref() != Some("SIGQUIT"));
        abandon(monitor, now, effects);
    }
    what
}

/// Ends whatever `effects` have begun, with nothing done.
fn abandon(monitor: &mut Monitor, now: Moment, effects: Vec<Effect>) {
    let mut effects = effects;
    while let Some(Effect::Act { ticket, plan }) = effects
        .iter()
        .find(|effect| matches!(effect, Effect::Act { .. }))
    {
        let outcome = Outcome::default();
        let event = Event::Acted {
            check: plan.check.clone(),
            ticket: *ticket,
            outcome,
            pending: Vec::new(),
        };
        effects = monitor.handle(now, event);
    }
    let probe = effects.iter().find_map(|effect| match effect {
        Effect::List { ticket, .. } | Effect::Probe { ticket, .. } => Some(*ticket),
        _ => None,
    });
    if let Some(ticket) = probe {
        // the probe after an action is answered by nobody knows what
        let error = CallError::fault(CallError::SHUTDOWN_STATE, "SHUTDOWN_STATE");
        let listed = Event::Listed {
            check: "c0".to_owned(),
            ticket,
            processes: Err(error),
            unasked: Vec::new(),
        };
        drop(monitor.handle(now, listed));
    }
}

#[test]
fn ladder_is_climbed_attempt_by_attempt_and_gives_up_at_its_end() {
    let mut monitor = Monitor::new(Limits::default(), 1, vec![laddered()]);
    let stopped = ActionStep::Stopped { error: None };
    let mut seen = Vec::new();
    for round in 0..3 {
        let action = if round == 0 {
            signalled()
        } else {
            stopped.clone()
        };
        let now = at(round * 400_000);
        seen.extend(try_once(&mut monitor, now, ProcessState::Running, &action));
    }
    assert_eq!(seen, ["SIGQUIT", "p0", "p0 g:*"]);
    let effects = fail(
        &mut monitor,
        at(1_200_000),
        "c0",
        ProcessState::Running,
        900,
    );
    assert!(gave_up(&effects) && done(&effects).is_none());
    let view = monitor.view(at(1_200_000), "c0").expect("it is known");
    assert!(view.gave_up.is_some());
    // the signal was no restart, and none that failed
    let counts = &view.counts;
    assert_eq!((counts.escalated, counts.escalated_in_vain), (1, 0));
    assert_eq!(
        (counts.restarted, counts.failed, counts.untouched),
        (0, 2, 0)
    );
    // after the pause it begins with the first rung
    let later = at(1_200_000 + 1_800_000);
    let effects = fail(&mut monitor, later, "c0", ProcessState::Running, 900);
    assert_eq!(done(&effects).as_deref(), Some("SIGQUIT"));
}

#[test]
fn rung_that_did_nothing_is_taken_again_and_one_that_cannot_signal_is_passed_over() {
    let skipped = ActionStep::Skipped(httpok::health::Skip::Unfinished);
    let mut monitor = Monitor::new(Limits::default(), 1, vec![laddered()]);
    let mut once =
        |millis, state, action: &ActionStep| try_once(&mut monitor, at(millis), state, action);
    let running = ProcessState::Running;
    assert_eq!(once(0, running, &skipped).as_deref(), Some("SIGQUIT"));
    assert_eq!(once(400_000, running, &skipped).as_deref(), Some("SIGQUIT"));
    let exited = ProcessState::Exited;
    assert_eq!(once(800_000, exited, &skipped).as_deref(), Some("p0"));
    // where there is no other rung, what has ended is started
    let mut check = laddered();
    check.ladder = vec![quit()];
    let mut monitor = Monitor::new(Limits::default(), 1, vec![check]);
    let first = try_once(&mut monitor, at(0), exited, &skipped);
    assert_eq!(first.as_deref(), Some("p0"));
}

/// The columns: the budget, and what is done until it is used up.
#[test]
fn every_rung_counts_one_against_the_budget() {
    let budget = Budget {
        count: 2,
        window: Duration::from_secs(100_000),
    };
    let mut check = laddered();
    check.policy.restarts = Some(budget);
    let mut monitor = Monitor::new(Limits::default(), 1, vec![check]);
    let running = ProcessState::Running;
    let first = try_once(&mut monitor, at(0), running, &signalled());
    assert_eq!(first.as_deref(), Some("SIGQUIT"));
    let stopped = ActionStep::Stopped { error: None };
    let second = try_once(&mut monitor, at(400_000), running, &stopped);
    assert_eq!(second.as_deref(), Some("p0"));
    let effects = fail(&mut monitor, at(800_000), "c0", running, 900);
    assert_eq!(done(&effects), None, "the budget is used up");
    let gave_up = |effect: &Effect| matches!(effect, Effect::Report(report) if matches!(report.kind, ReportKind::GaveUp { budget: Some(_), .. }));
    assert!(effects.iter().any(gave_up));
}

/// Whatever comes of the attempt during which a person resets the check.
#[test]
fn reset_during_an_attempt_begins_the_ladder_again() {
    let stopped = ActionStep::Stopped { error: None };
    let skipped = ActionStep::Skipped(Skip::NotRunning {
        state: ProcessState::Backoff,
    });
    for action in [stopped.clone(), skipped] {
        let mut monitor = Monitor::new(Limits::default(), 1, vec![laddered()]);
        let running = ProcessState::Running;
        try_once(&mut monitor, at(0), running, &signalled());
        let effects = fail(&mut monitor, at(400_000), "c0", running, 900);
        assert_eq!(done(&effects).as_deref(), Some("p0"));
        let check = "c0".to_owned();
        drop(monitor.handle(at(400_100), Event::Reset { check }));
        let effects = monitor.handle(at(400_200), ended(&effects, at(400_200), &action));
        abandon(&mut monitor, at(400_200), effects);
        let effects = fail(&mut monitor, at(900_000), "c0", running, 900);
        assert_eq!(done(&effects).as_deref(), Some("SIGQUIT"), "{action:?}");
    }
}

/// A pass ends the incident: the next one begins with the first rung. What a killed run had taken stays taken.
#[test]
fn pass_begins_the_ladder_again_and_a_killed_run_does_not() {
    let mut monitor = Monitor::new(Limits::default(), 1, vec![laddered()]);
    let running = ProcessState::Running;
    let effects = fail(&mut monitor, at(0), "c0", running, 900);
    assert_eq!(done(&effects).as_deref(), Some("SIGQUIT"));
    // killed in the middle of the rung: the next run goes on with the next one
    let memory = monitor.memory("c0").expect("it is known").clone();
    let mut next = Monitor::new(Limits::default(), 2, vec![laddered()]);
    next.restore("c0", memory);
    let effects = fail(&mut next, at(400_000), "c0", running, 900);
    assert_eq!(done(&effects).as_deref(), Some("p0"));
    let effects = next.handle(
        at(400_000),
        ended(&effects, at(400_000), &ActionStep::Stopped { error: None }),
    );
    abandon(&mut next, at(400_000), effects);
    passes(&mut next, at(410_000));
    let effects = fail(&mut next, at(900_000), "c0", running, 900);
    assert_eq!(done(&effects).as_deref(), Some("SIGQUIT"));
}

/// A manual restart takes no rung: it restarts what the check itself names.
#[test]
fn manual_restart_is_of_the_own_processes_and_takes_no_rung() {
    let mut monitor = Monitor::new(Limits::default(), 1, vec![laddered()]);
    let effects = monitor.handle(
        at(0),
        Event::Restart {
            check: "c0".to_owned(),
        },
    );
    let ticket = asked(&effects).expect("a list");
    let listed = Event::Listed {
        check: "c0".to_owned(),
        ticket,
        processes: Ok(vec![Process {
            name: process(0),
            state: ProcessState::Running,
            pid: Some(7),
            uptime: Some(900),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }]),
        unasked: Vec::new(),
    };
    let effects = monitor.handle(at(0), listed);
    assert_eq!(done(&effects).as_deref(), Some("p0"));
    let stopped = ActionStep::Stopped { error: None };
    let effects = monitor.handle(at(0), ended(&effects, at(0), &stopped));
    abandon(&mut monitor, at(0), effects);
    let effects = fail(&mut monitor, at(400_000), "c0", ProcessState::Running, 900);
    assert_eq!(done(&effects).as_deref(), Some("SIGQUIT"));
}

/// A ladder of commands alone acts without any process.
#[test]
fn ladder_without_processes_runs_its_command() {
    let failover = Rung::Run {
        command: "failover".to_owned(),
    };
    let mut check = one(0, quick(), [false; 3]);
    check.ladder = vec![quit(), failover];
    let mut monitor = Monitor::new(Limits::default(), 1, vec![check]);
    let mut world_of_one =
        |millis| fail(&mut monitor, at(millis), "c0", ProcessState::Running, 900);
    assert_eq!(done(&world_of_one(0)).as_deref(), Some("failover"));
}
