//! Every state with every event.

use super::*;

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
