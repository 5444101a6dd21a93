//! A supervisor may perform a stop after the run that asked for it was killed: a process that an inherited restart
//! finds running is watched for as long as that may happen.

use std::time::Duration;

use httpok::health::{
    ActionStep, Effect, Event, IntentId, Monitor, Outcome, PendingRestart, ProcessState,
    ResumeResult, Step, Ticket,
};

use super::episodes::{at_once, limits};
use super::rules::{at, one, view};
use super::world::process;

/// So long a stop may still come after the first answer.
const WITHIN: u64 = 2_500;

/// What the supervisor finds at each try of a run that inherits an unclear stop, and when.
struct Run {
    monitor: Monitor,
    now: u64,
    effects: Vec<Effect>,
}

impl Run {
    fn new() -> Self {
        let checks = vec![one(0, at_once(), [true, false, false])];
        let mut monitor = Monitor::new(limits(), 1, checks);
        let restart = PendingRestart {
            intent: IntentId(7),
            check: "c0".to_owned(),
            incident: "an-earlier-one".to_owned(),
            process: process(0),
            pid_before: Some(7),
            stop_unclear: true,
            start_answered: false,
            start_begun: false,
            incident_ended: false,
            stopped_in: None,
        };
        let effects = monitor.handle(at(0), Event::Inherited(Box::new(restart)));
        Self {
            monitor,
            now: 0,
            effects,
        }
    }

    /// The next try: waits for it. `None`: there is none.
    fn next_try(&mut self) -> Option<(Ticket, PendingRestart)> {
        let wakes = self.effects.iter().find_map(|effect| match effect {
            Effect::Wake { ticket, after, .. } => Some((*ticket, *after)),
            _ => None,
        });
        if let Some((ticket, after)) = wakes {
            self.now += u64::try_from(after.as_millis()).expect("it is short");
            let process = process(0);
            let woken = Event::Woken { process, ticket };
            self.effects = self.monitor.handle(at(self.now), woken);
        }
        self.effects.iter().find_map(|effect| match effect {
            Effect::Resume {
                ticket,
                restart,
                may_start: true,
            } => Some((*ticket, (**restart).clone())),
            _ => None,
        })
    }

    fn resumed(&mut self, ticket: Ticket, outcome: Outcome, result: ResumeResult) {
        let process = process(0);
        let resumed = Event::Resumed {
            process,
            ticket,
            outcome,
            result,
        };
        self.effects = self.monitor.handle(at(self.now), resumed);
    }

    fn runs(&mut self, ticket: Ticket) {
        let stop_within = Duration::from_millis(WITHIN);
        self.resumed(
            ticket,
            Outcome::default(),
            ResumeResult::Runs { stop_within },
        );
    }

    fn is_pending(&self) -> bool {
        !view(&self.monitor, at(self.now), "c0").pending.is_empty()
    }
}

#[test]
fn a_process_whose_stop_may_still_come_is_watched_until_then_and_no_longer() {
    let mut run = Run::new();
    let mut watched = Vec::new();
    loop {
        let (ticket, restart) = run.next_try().expect("it is watched");
        watched.push(run.now);
        if !restart.stop_unclear {
            run.resumed(ticket, Outcome::default(), ResumeResult::Finished);
            break;
        }
        run.runs(ticket);
        assert!(run.is_pending(), "at {}", run.now);
    }
    assert_eq!(watched, [0, 1000, 2000, WITHIN]);
    assert!(
        !run.is_pending(),
        "what stops from now on is somebody else's"
    );
    assert_eq!(view(&run.monitor, at(run.now), "c0").counts.restarted, 0);
}

/// Whatever the supervisor answered before: a stop within the time is ours, and started.
#[test]
fn a_late_stop_is_started_once_more_and_named() {
    for tries_before in 0..3 {
        let mut run = Run::new();
        for _ in 0..tries_before {
            let (ticket, _) = run.next_try().expect("it is watched");
            run.runs(ticket);
        }
        let (ticket, restart) = run.next_try().expect("it is watched");
        assert!(
            !restart.start_begun,
            "then it would be somebody else's stop"
        );
        let step = |action| Step {
            at: at(run.now),
            took: Duration::ZERO,
            process: Some(process(0)),
            action,
        };
        let (stopped, running) = (ProcessState::Stopped, ProcessState::Running);
        let steps = vec![
            step(ActionStep::Resumed { state: stopped }),
            step(ActionStep::Started { error: None }),
            step(ActionStep::Settled {
                state: running,
                pid: Some(9),
            }),
        ];
        run.resumed(ticket, Outcome { steps }, ResumeResult::Finished);
        assert!(!run.is_pending());
        let found = view(&run.monitor, at(run.now), "c0");
        assert_eq!(found.counts.restarted, 1, "after {tries_before} tries");
        assert!(found.incident.is_some(), "after {tries_before} tries");
    }
}

/// A supervisor that hangs has not begun with the stop: the time counts from its first answer.
#[test]
fn time_of_a_late_stop_counts_from_the_first_answer() {
    let mut run = Run::new();
    let silent = || ResumeResult::NotYet {
        why: "no answer".to_owned(),
        start_answered: false,
        start_begun: false,
    };
    for _ in 0..4 {
        let (ticket, restart) = run.next_try().expect("it is tried again");
        assert!(restart.stop_unclear, "at {}", run.now);
        run.resumed(ticket, Outcome::default(), silent());
    }
    let (ticket, _) = run.next_try().expect("it is tried again");
    let answered = run.now;
    assert!(answered > WITHIN, "the supervisor hung for {answered} ms");
    run.runs(ticket);
    let (_, restart) = run.next_try().expect("it is watched");
    assert!(restart.stop_unclear && run.now == answered + 1000);
}
