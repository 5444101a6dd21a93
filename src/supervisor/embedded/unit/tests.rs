//! Every state with every event, and the laws that hold whatever happens in which order.

use proptest::prelude::*;

use super::*;
use crate::health::ProcessState;
use crate::supervisor::embedded::fault::SpawnError;

const NOW: Moment = Moment::from_secs(100);

fn rules() -> Rules {
    Rules {
        startsecs: Duration::from_secs(1),
        startretries: 3,
        autorestart: Autorestart::Unexpected,
        exitcodes: vec![0, 2],
        stopwaitsecs: Duration::from_secs(10),
    }
}

fn no_file() -> SpawnError {
    SpawnError::NoFile("x".to_owned())
}

fn stopping(killed: bool, again: bool) -> UnitState {
    UnitState::Stopping { killed, again }
}

fn exited(exit: Option<ProcessExit>, expected: bool, again: Option<Moment>) -> UnitState {
    UnitState::Exited {
        exit,
        expected,
        again,
    }
}

fn states() -> Vec<(&'static str, UnitState)> {
    let why = StartFailure::Quick(Some(ProcessExit::Code(1)));
    let long_ago = Moment::from_secs(50);
    vec![
        ("stopped", UnitState::Stopped),
        ("spawning", UnitState::Spawning { tries: 1 }),
        (
            "starting",
            UnitState::Starting {
                since: Moment::from_millis(99_500),
                tries: 1,
            },
        ),
        (
            "last try",
            UnitState::Starting {
                since: Moment::from_millis(99_500),
                tries: 3,
            },
        ),
        ("running", UnitState::Running { since: long_ago }),
        (
            "fresh",
            UnitState::Running {
                since: Moment::from_millis(99_700),
            },
        ),
        (
            "backoff",
            UnitState::Backoff {
                tries: 2,
                until: Moment::from_secs(101),
                why: why.clone(),
            },
        ),
        ("stopping", stopping(false, false)),
        ("stopping, again", stopping(false, true)),
        ("killed", stopping(true, false)),
        ("killed, again", stopping(true, true)),
        ("exited", exited(Some(ProcessExit::Code(0)), true, None)),
        (
            "exited, again",
            exited(
                Some(ProcessExit::Code(1)),
                false,
                Some(Moment::from_secs(101)),
            ),
        ),
        ("fatal", UnitState::Fatal { why }),
        (
            "no file",
            UnitState::Fatal {
                why: StartFailure::Spawn(no_file()),
            },
        ),
    ]
}

fn events() -> Vec<(&'static str, UnitEvent)> {
    vec![
        ("start", UnitEvent::Start),
        ("stop", UnitEvent::Stop),
        ("stop the rest", UnitEvent::StopRest),
        ("kill", UnitEvent::Kill),
        ("spawned", UnitEvent::Spawned),
        ("spawn failed", UnitEvent::SpawnFailed(no_file())),
        (
            "adopted",
            UnitEvent::Adopted {
                up: Duration::from_secs(9),
            },
        ),
        ("elapsed", UnitEvent::Elapsed),
        ("exit 0", UnitEvent::Exited(Some(ProcessExit::Code(0)))),
        ("exit 1", UnitEvent::Exited(Some(ProcessExit::Code(1)))),
        ("signal 2", UnitEvent::Exited(Some(ProcessExit::Signal(2)))),
        ("exit unknown", UnitEvent::Exited(None)),
    ]
}

/// The expectation of one cell of the table: the next state's shape, and the effects.
type Cell = (&'static str, Vec<UnitEffect>);

/// The whole table, but for cells in which nothing happens.
fn cell(state: &str, event: &str) -> Option<Cell> {
    let ended = ["stopped", "exited", "exited, again", "fatal", "no file"].contains(&state);
    let event = match event {
        "stop the rest" if !ended => "stop",
        event => event,
    };
    use UnitEffect::{ClearTimer, Kill, RefuseStart, RefuseStop, SetTimer, Spawn, Terminate};
    let secs = Duration::from_secs;
    let up = || UnitEffect::Started(Ok(()));
    let gone = || UnitEffect::Stopped(Ok(()));
    let not_up = |fault| UnitEffect::Started(Err(fault));
    let meanwhile = || not_up(ProgramError::StoppedMeanwhile);
    let quick = |exit| not_up(ProgramError::StartFailure(StartFailure::Quick(exit)));
    let exit = match event {
        "exit 0" => Some(ProcessExit::Code(0)),
        "exit 1" => Some(ProcessExit::Code(1)),
        "signal 2" => Some(ProcessExit::Signal(2)),
        _ => None,
    };
    let exits = ["exit 0", "exit 1", "signal 2", "exit unknown"].contains(&event);
    Some(match (state, event) {
        ("stopped" | "exited" | "exited, again" | "fatal" | "no file", "start") => {
            ("Spawning { tries: 0 }", vec![ClearTimer, Spawn])
        }
        ("stopping" | "stopping, again", "start") => {
            ("Stopping { killed: false, again: true }", vec![])
        }
        ("killed" | "killed, again", "start") => (
            "Stopping { killed: true, again: true }",
            vec![SetTimer(KILL_WAIT)],
        ),
        (_, "start") => ("same", vec![RefuseStart]),

        ("starting" | "last try", "stop") => (
            "Stopping { killed: false, again: false }",
            vec![Terminate, SetTimer(secs(10)), meanwhile()],
        ),
        ("running" | "fresh", "stop") => (
            "Stopping { killed: false, again: false }",
            vec![Terminate, SetTimer(secs(10))],
        ),
        ("stopping", "stop") => ("same", vec![]),
        ("stopping, again", "stop") => (
            "Stopping { killed: false, again: false }",
            vec![meanwhile()],
        ),
        ("starting" | "last try" | "stopping, again" | "killed, again", "kill")
        | ("killed, again", "stop") => (
            "Stopping { killed: true, again: false }",
            vec![Kill, SetTimer(KILL_WAIT), meanwhile()],
        ),
        ("running" | "fresh" | "stopping" | "killed", "kill") | ("killed", "stop") => (
            "Stopping { killed: true, again: false }",
            vec![Kill, SetTimer(KILL_WAIT)],
        ),
        ("stopped" | "exited" | "exited, again" | "fatal" | "no file", "stop the rest") => (
            "Stopping { killed: false, again: false }",
            vec![Terminate, SetTimer(secs(10))],
        ),
        ("backoff" | "exited" | "exited, again" | "fatal" | "no file", "stop" | "kill") => {
            ("Stopped", vec![ClearTimer, gone()])
        }
        (_, "stop" | "kill") => ("same", vec![RefuseStop]),

        ("spawning", "spawned") => (
            "Starting { since: Moment(100000), tries: 1 }",
            vec![SetTimer(secs(1))],
        ),
        ("spawning", "spawn failed") => (
            "Backoff { tries: 2",
            vec![
                SetTimer(secs(2)),
                not_up(ProgramError::StartFailure(StartFailure::Spawn(no_file()))),
            ],
        ),
        ("stopped", "adopted") => ("Running { since: Moment(91000) }", vec![]),

        ("starting" | "last try", "elapsed") => ("Running { since: Moment(99500) }", vec![up()]),
        ("backoff", "elapsed") => ("Spawning { tries: 2 }", vec![Spawn]),
        ("no file", "elapsed") => ("Spawning { tries: 3 }", vec![Spawn]),
        ("exited, again", "elapsed") => ("Spawning { tries: 0 }", vec![Spawn]),
        ("stopping", "elapsed") => (
            "Stopping { killed: true, again: false }",
            vec![Kill, SetTimer(KILL_WAIT)],
        ),
        ("stopping, again", "elapsed") => (
            "Stopping { killed: true, again: true }",
            vec![Kill, SetTimer(KILL_WAIT)],
        ),
        ("killed", "elapsed") => (
            "same",
            vec![UnitEffect::Stopped(Err(ProgramError::Unkillable))],
        ),
        ("killed, again", "elapsed") => (
            "same",
            vec![
                UnitEffect::Stopped(Err(ProgramError::Unkillable)),
                not_up(ProgramError::Unkillable),
            ],
        ),

        ("starting", _) if exits => ("Backoff { tries: 2", vec![SetTimer(secs(2)), quick(exit)]),
        ("last try", _) if exits => ("Fatal", vec![ClearTimer, quick(exit)]),
        ("running" | "fresh", "exit 0") => ("Exited { exit: Some(Code(0)), expected: true", vec![]),
        ("running", _) if exits => ("Spawning { tries: 0 }", vec![Spawn]),
        ("fresh", _) if exits => ("Exited", vec![SetTimer(Duration::from_millis(700))]),
        ("stopping" | "killed", _) if exits => ("Stopped", vec![ClearTimer, gone()]),
        ("stopping, again" | "killed, again", _) if exits => {
            ("Spawning { tries: 0 }", vec![ClearTimer, gone(), Spawn])
        }
        _ => return None,
    })
}

#[test]
fn every_state_handles_every_event() {
    for (name, state) in states() {
        for (what, event) in events() {
            let mut unit = ProgramUnit::new(rules());
            unit.state = state.clone();
            let effects = unit.handle(NOW, event);
            let (shape, expected) = cell(name, what).unwrap_or(("same", vec![]));
            assert_eq!(effects, expected, "{name} x {what}");
            if shape == "same" {
                assert_eq!(unit.state, state, "{name} x {what}");
            } else {
                let found = format!("{:?}", unit.state);
                assert!(found.starts_with(shape), "{name} x {what}: {found}");
            }
        }
    }
}

#[test]
fn autorestart_decides_after_an_exit() {
    use Autorestart::{Always, Never, Unexpected};
    for (autorestart, exit, again) in [
        (Always, Some(ProcessExit::Code(0)), true),
        (Always, Some(ProcessExit::Signal(15)), true),
        (Unexpected, Some(ProcessExit::Code(0)), false),
        (Unexpected, Some(ProcessExit::Code(2)), false),
        (Unexpected, Some(ProcessExit::Code(1)), true),
        (Unexpected, Some(ProcessExit::Signal(2)), true),
        (Unexpected, None, true),
        (Never, Some(ProcessExit::Code(1)), false),
        (Never, None, false),
    ] {
        let mut unit = ProgramUnit::new(Rules {
            autorestart,
            ..rules()
        });
        unit.state = UnitState::Running {
            since: Moment::ZERO,
        };
        let effects = unit.handle(NOW, UnitEvent::Exited(exit));
        assert_eq!(
            effects.contains(&UnitEffect::Spawn),
            again,
            "{autorestart:?} {exit:?}"
        );
        assert_eq!(unit.state.over(), !again);
    }
}

#[test]
fn retry_pauses_grow_and_end_in_fatal() {
    let mut unit = ProgramUnit::new(rules());
    let mut now = NOW;
    let mut pauses = Vec::new();
    let mut effects = unit.handle(now, UnitEvent::Start);
    while effects.contains(&UnitEffect::Spawn) {
        let _ = unit.handle(now, UnitEvent::SpawnFailed(no_file()));
        if let UnitState::Backoff { until, .. } = unit.state {
            pauses.push(until.since(now).as_secs());
            now = until;
            effects = unit.handle(now, UnitEvent::Elapsed);
        } else {
            effects.clear();
        }
    }
    assert_eq!(pauses, [1, 2, 3]);
    assert_eq!(unit.state.word(), ProcessState::Fatal);
    let _ = unit.handle(now, UnitEvent::Start);
    assert_eq!(unit.state, UnitState::Spawning { tries: 0 });
}

#[test]
fn without_startsecs_a_program_is_running_at_once() {
    let mut unit = ProgramUnit::new(Rules {
        startsecs: Duration::ZERO,
        ..rules()
    });
    let _ = unit.handle(NOW, UnitEvent::Start);
    assert_eq!(
        unit.handle(NOW, UnitEvent::Spawned),
        [UnitEffect::Started(Ok(()))]
    );
    assert_eq!(unit.state.word(), ProcessState::Running);
}

#[test]
fn adopted_process_within_startsecs_stays_starting() {
    let mut unit = ProgramUnit::new(rules());
    let up = Duration::from_millis(400);
    assert_eq!(
        unit.handle(NOW, UnitEvent::Adopted { up }),
        [UnitEffect::SetTimer(Duration::from_millis(600))]
    );
    assert_eq!(unit.state.word(), ProcessState::Starting);
}

/// What the world does next.
#[derive(Clone, Copy, Debug)]
enum RandomEvent {
    Start,
    Stop,
    Kill,
    /// The timer goes off, if it is set.
    Wait,
    /// The process ends, if there is one.
    Die(i32),
    /// The next spawn fails.
    Break,
}

/// A world in which effects have effects: one process at most, one timer at most.
struct World {
    unit: ProgramUnit,
    now: Moment,
    process: bool,
    /// It does not end on the stop signal.
    deaf: bool,
    broken: bool,
    timer: Option<Moment>,
    starts: u32,
    stops: u32,
}

impl World {
    fn feed(&mut self, event: UnitEvent) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let effects = self.unit.handle(self.now, event);
            let spawns = effects
                .iter()
                .filter(|effect| **effect == UnitEffect::Spawn)
                .count();
            assert!(spawns <= 1, "two children at once");
            for effect in effects {
                assert!(
                    next.is_none(),
                    "{effect:?} after a spawn, before its result"
                );
                next = self.perform(effect);
            }
        }
        self.check();
    }

    fn perform(&mut self, effect: UnitEffect) -> Option<UnitEvent> {
        match effect {
            UnitEffect::Spawn => {
                assert!(!self.process, "a second child");
                return Some(if std::mem::take(&mut self.broken) {
                    UnitEvent::SpawnFailed(no_file())
                } else {
                    self.process = true;
                    UnitEvent::Spawned
                });
            }
            UnitEffect::Terminate | UnitEffect::Kill => {
                assert!(self.process, "no process for {effect:?}")
            }
            UnitEffect::SetTimer(after) => self.timer = Some(self.now + after),
            UnitEffect::ClearTimer => self.timer = None,
            UnitEffect::Started(_) => self.starts = 0,
            UnitEffect::Stopped(_) => self.stops = 0,
            UnitEffect::RefuseStart => self.starts -= 1,
            UnitEffect::RefuseStop => self.stops -= 1,
        }
        None
    }

    /// The state is correct, and every waiting request has an event that will answer it.
    fn check(&self) {
        let (alive, timed) = match self.unit.state() {
            UnitState::Starting { .. } | UnitState::Stopping { .. } => (true, true),
            UnitState::Running { .. } => (true, false),
            UnitState::Backoff { .. }
            | UnitState::Exited { again: Some(_), .. }
            | UnitState::Fatal {
                why: StartFailure::Spawn(_),
            } => (false, true),
            UnitState::Stopped
            | UnitState::Fatal { .. }
            | UnitState::Exited { again: None, .. } => (false, false),
            UnitState::Spawning { .. } => panic!("a spawn without a result"),
        };
        assert_eq!(self.process, alive, "{:?}", self.unit.state);
        // In STOPPING the last timer may have elapsed: then no request waits.
        let spent = matches!(self.unit.state(), UnitState::Stopping { killed: true, .. });
        assert!(
            self.timer.is_some() == timed || spent,
            "{:?}",
            self.unit.state
        );
        if self.starts + self.stops > 0 {
            assert!(
                self.timer.is_some(),
                "a ticket for ever: {:?}",
                self.unit.state
            );
        }
    }

    fn random_event(&mut self, random_event: RandomEvent) {
        match random_event {
            RandomEvent::Start => {
                self.starts += 1;
                self.feed(UnitEvent::Start);
            }
            RandomEvent::Stop => {
                self.stops += 1;
                self.feed(UnitEvent::Stop);
            }
            RandomEvent::Kill => {
                self.stops += 1;
                self.feed(UnitEvent::Kill);
            }
            RandomEvent::Wait => {
                if let Some(at) = self.timer.take() {
                    self.now = at;
                    self.feed(UnitEvent::Elapsed);
                }
            }
            RandomEvent::Die(code) => {
                if std::mem::take(&mut self.process) {
                    self.feed(UnitEvent::Exited(Some(ProcessExit::Code(code))));
                }
            }
            RandomEvent::Break => self.broken = true,
        }
    }
}

fn random_events() -> impl Strategy<Value = Vec<RandomEvent>> {
    let random_event = prop_oneof![
        2 => Just(RandomEvent::Start),
        2 => Just(RandomEvent::Stop),
        1 => Just(RandomEvent::Kill),
        3 => Just(RandomEvent::Wait),
        3 => (0..3).prop_map(RandomEvent::Die),
        1 => Just(RandomEvent::Break),
    ];
    proptest::collection::vec(random_event, 0..60)
}

proptest! {
    #[test]
    fn there_is_never_more_than_one_child_and_a_stop_ends_it(
        random_events in random_events(),
        startsecs in 0_u64..2,
        startretries in 0_u32..3,
        deaf: bool,
    ) {
        let mut world = World {
            unit: ProgramUnit::new(Rules {
                startsecs: Duration::from_secs(startsecs),
                startretries,
                ..rules()
            }),
            now: NOW,
            process: false,
            deaf,
            broken: false,
            timer: None,
            starts: 0,
            stops: 0,
        };
        for random_event in random_events {
            world.random_event(random_event);
        }
        world.random_event(RandomEvent::Stop);
        // Nobody asks for anything any more: it ends on the signal, or on the kill.
        for _ in 0..3 {
            if world.process && !world.deaf {
                world.random_event(RandomEvent::Die(0));
            }
            world.random_event(RandomEvent::Wait);
            world.deaf = false;
        }
        prop_assert!(!world.process);
        prop_assert_eq!(world.timer, None);
        prop_assert_eq!(world.starts + world.stops, 0);
        let state = world.unit.state();
        prop_assert!(*state == UnitState::Stopped || state.over(), "{:?}", state);
    }
}
