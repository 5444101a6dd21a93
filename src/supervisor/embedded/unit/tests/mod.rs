//! The unit: its table of states and events, single rules, and the laws that hold whatever happens in which order.

mod laws;
mod table;

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
