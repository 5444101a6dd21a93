//! One program's life as a pure state machine: supervisord's states, and what leads from one to the next.
//! It has no process, clock or timer: time is an argument, and the required actions are returned as
//! effects. The job performs them and feeds the results back as events.

mod event;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::event::{Autorestart, Rules, UnitEffect, UnitEvent, UnitState};
use super::fault::{ProcessExit, ProgramError, StartFailure};
use crate::health::Moment;

/// A program that was up may be started again at once, but not more often than this: one that is up at
/// once (no `startsecs`) and ends at once must not spin.
const BRAKE: Duration = Duration::from_secs(1);

/// The longest pause between two tries to start.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often it is tried to start a program that is FATAL because its process could not even be created: its
/// file may be installed by now.
pub const RETRY_SPAWN: Duration = Duration::from_secs(10);

/// How long the kernel may take to end a killed process. One in a hung system call may never end.
pub const KILL_WAIT: Duration = Duration::from_secs(10);

/// One program.
#[derive(Clone, Debug)]
pub struct ProgramUnit {
    rules: Rules,
    state: UnitState,
}

/// The next state, and what is to be done on the way.
type Transition = (UnitState, Vec<UnitEffect>);

impl ProgramUnit {
    /// A program that was never started.
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: UnitState::Stopped,
        }
    }

    /// What it is doing.
    pub const fn state(&self) -> &UnitState {
        &self.state
    }

    /// From now on `rules` hold. Timers that run already go off as they would have.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Takes `event` in, and says what is to be done.
    #[must_use]
    pub fn handle(&mut self, now: Moment, event: UnitEvent) -> Vec<UnitEffect> {
        let state = self.state.clone();
        let next = match event {
            UnitEvent::Start => start(state),
            UnitEvent::Stop => stop(state, &self.rules),
            UnitEvent::StopRest => stop_rest(state, &self.rules),
            UnitEvent::Kill => kill(state),
            UnitEvent::Spawned => spawned(state, &self.rules, now),
            UnitEvent::SpawnFailed(error) => match state {
                UnitState::Spawning { tries } => {
                    self.rules.fell(now, tries, StartFailure::Spawn(error))
                }
                state => impossible(state, "a failed spawn"),
            },
            UnitEvent::Adopted { up } => adopted(state, &self.rules, now, up),
            UnitEvent::Elapsed => elapsed(state, &self.rules),
            UnitEvent::Exited(exit) => exited(state, &self.rules, now, exit),
        };
        self.state = next.0;
        next.1
    }
}

fn start(state: UnitState) -> Transition {
    match state {
        UnitState::Stopped | UnitState::Exited { .. } | UnitState::Fatal { .. } => (
            UnitState::Spawning { tries: 0 },
            vec![UnitEffect::ClearTimer, UnitEffect::Spawn],
        ),
        UnitState::Stopping { killed, .. } => (
            UnitState::Stopping {
                killed,
                again: true,
            },
            // The last timer may have elapsed, and the current request waits, too.
            if killed {
                vec![UnitEffect::SetTimer(KILL_WAIT)]
            } else {
                vec![]
            },
        ),
        UnitState::Spawning { .. }
        | UnitState::Starting { .. }
        | UnitState::Running { .. }
        | UnitState::Backoff { .. } => (state, vec![UnitEffect::RefuseStart]),
    }
}

fn stop(state: UnitState, rules: &Rules) -> Transition {
    let stopping = UnitState::Stopping {
        killed: false,
        again: false,
    };
    let mut effects = vec![
        UnitEffect::Terminate,
        UnitEffect::SetTimer(rules.stopwaitsecs),
    ];
    match state {
        UnitState::Starting { .. } => {
            effects.push(UnitEffect::Started(Err(ProgramError::StoppedMeanwhile)));
            (stopping, effects)
        }
        UnitState::Running { .. } => (stopping, effects),
        UnitState::Stopping { killed: true, .. } => kill(state),
        UnitState::Stopping {
            killed: false,
            again,
        } => (stopping, disappointed(again)),
        UnitState::Backoff { .. }
        | UnitState::Exited { .. }
        | UnitState::Stopped
        | UnitState::Spawning { .. }
        | UnitState::Fatal { .. } => stop_the_dead(state),
    }
}

fn kill(state: UnitState) -> Transition {
    let stopping = UnitState::Stopping {
        killed: true,
        again: false,
    };
    let mut effects = vec![UnitEffect::Kill, UnitEffect::SetTimer(KILL_WAIT)];
    match state {
        UnitState::Starting { .. } => {
            effects.push(UnitEffect::Started(Err(ProgramError::StoppedMeanwhile)));
            (stopping, effects)
        }
        UnitState::Running { .. } => (stopping, effects),
        UnitState::Stopping { again, .. } => {
            effects.extend(disappointed(again));
            (stopping, effects)
        }
        UnitState::Backoff { .. }
        | UnitState::Exited { .. }
        | UnitState::Stopped
        | UnitState::Spawning { .. }
        | UnitState::Fatal { .. } => stop_the_dead(state),
    }
}

/// A stop where there is no process: from now on it is STOPPED, so that nothing starts it but a request.
fn stop_the_dead(state: UnitState) -> Transition {
    match state {
        UnitState::Backoff { .. } | UnitState::Exited { .. } | UnitState::Fatal { .. } => (
            UnitState::Stopped,
            vec![UnitEffect::ClearTimer, UnitEffect::Stopped(Ok(()))],
        ),
        state => (state, vec![UnitEffect::RefuseStop]),
    }
}

/// A stop where the program has ended and processes that it started live on.
fn stop_rest(state: UnitState, rules: &Rules) -> Transition {
    match state {
        UnitState::Stopped | UnitState::Exited { .. } | UnitState::Fatal { .. } => (
            UnitState::Stopping {
                killed: false,
                again: false,
            },
            vec![
                UnitEffect::Terminate,
                UnitEffect::SetTimer(rules.stopwaitsecs),
            ],
        ),
        state => stop(state, rules),
    }
}

/// Answers start requests that a later stop cancels.
fn disappointed(again: bool) -> Vec<UnitEffect> {
    if again {
        vec![UnitEffect::Started(Err(ProgramError::StoppedMeanwhile))]
    } else {
        vec![]
    }
}

fn spawned(state: UnitState, rules: &Rules, now: Moment) -> Transition {
    match state {
        UnitState::Spawning { .. } if rules.startsecs.is_zero() => (
            UnitState::Running { since: now },
            vec![UnitEffect::Started(Ok(()))],
        ),
        UnitState::Spawning { tries } => (
            UnitState::Starting { since: now, tries },
            vec![UnitEffect::SetTimer(rules.startsecs)],
        ),
        state => impossible(state, "a spawned process"),
    }
}

fn adopted(state: UnitState, rules: &Rules, now: Moment, up: Duration) -> Transition {
    let since = now.before(up);
    match state {
        UnitState::Stopped if up >= rules.startsecs => (UnitState::Running { since }, vec![]),
        UnitState::Stopped => (
            UnitState::Starting { since, tries: 0 },
            vec![UnitEffect::SetTimer(rules.startsecs - up)],
        ),
        state => impossible(state, "an adopted process"),
    }
}

fn elapsed(state: UnitState, rules: &Rules) -> Transition {
    match state {
        UnitState::Starting { since, .. } => (
            UnitState::Running { since },
            vec![UnitEffect::Started(Ok(()))],
        ),
        UnitState::Backoff { tries, .. } => {
            (UnitState::Spawning { tries }, vec![UnitEffect::Spawn])
        }
        UnitState::Exited { again: Some(_), .. } => {
            (UnitState::Spawning { tries: 0 }, vec![UnitEffect::Spawn])
        }
        UnitState::Stopping {
            killed: false,
            again,
        } => (
            UnitState::Stopping {
                killed: true,
                again,
            },
            vec![UnitEffect::Kill, UnitEffect::SetTimer(KILL_WAIT)],
        ),
        // It stays in STOPPING, and is still stopped when it can be. The waiting requests are answered.
        UnitState::Stopping {
            killed: true,
            again,
        } => {
            let mut effects = vec![UnitEffect::Stopped(Err(ProgramError::Unkillable))];
            if again {
                effects.push(UnitEffect::Started(Err(ProgramError::Unkillable)));
            }
            (state, effects)
        }
        UnitState::Fatal {
            why: StartFailure::Spawn(_),
        } => {
            let tries = rules.startretries;
            (UnitState::Spawning { tries }, vec![UnitEffect::Spawn])
        }
        state @ (UnitState::Stopped
        | UnitState::Spawning { .. }
        | UnitState::Running { .. }
        | UnitState::Exited { again: None, .. }
        | UnitState::Fatal {
            why: StartFailure::Quick(_),
        }) => impossible(state, "a timer"),
    }
}

fn exited(state: UnitState, rules: &Rules, now: Moment, exit: Option<ProcessExit>) -> Transition {
    match state {
        UnitState::Starting { tries, .. } => rules.fell(now, tries, StartFailure::Quick(exit)),
        UnitState::Running { since } => rules.ended(now, since, exit),
        UnitState::Stopping { again, .. } => {
            let mut effects = vec![UnitEffect::ClearTimer, UnitEffect::Stopped(Ok(()))];
            if !again {
                return (UnitState::Stopped, effects);
            }
            effects.push(UnitEffect::Spawn);
            (UnitState::Spawning { tries: 0 }, effects)
        }
        state @ (UnitState::Stopped
        | UnitState::Spawning { .. }
        | UnitState::Backoff { .. }
        | UnitState::Exited { .. }
        | UnitState::Fatal { .. }) => impossible(state, "an exit"),
    }
}

/// An impossible event is logged and changes nothing.
fn impossible(state: UnitState, what: &str) -> Transition {
    tracing::error!("{what} does not fit {state:?}");
    (state, vec![])
}

impl Rules {
    /// After a start that failed, `tries` others before it.
    fn fell(&self, now: Moment, tries: u32, why: StartFailure) -> Transition {
        let answer = UnitEffect::Started(Err(ProgramError::StartFailure(why.clone())));
        if tries >= self.startretries {
            let timer = match why {
                StartFailure::Spawn(_) => UnitEffect::SetTimer(RETRY_SPAWN),
                StartFailure::Quick(_) => UnitEffect::ClearTimer,
            };
            return (UnitState::Fatal { why }, vec![timer, answer]);
        }
        let tries = tries + 1;
        let pause = Duration::from_secs(tries.into()).min(LONGEST_PAUSE);
        let until = now + pause;
        (
            UnitState::Backoff { tries, until, why },
            vec![UnitEffect::SetTimer(pause), answer],
        )
    }

    /// After the end of a program that was up since `since`.
    fn ended(&self, now: Moment, since: Moment, exit: Option<ProcessExit>) -> Transition {
        let expected = match exit {
            Some(ProcessExit::Code(code)) => self.exitcodes.contains(&code),
            Some(ProcessExit::Signal(_)) | None => false,
        };
        let again = match self.autorestart {
            Autorestart::Always => true,
            Autorestart::Unexpected => !expected,
            Autorestart::Never => false,
        };
        let pause = BRAKE.saturating_sub(now.since(since));
        if again && pause.is_zero() {
            return (UnitState::Spawning { tries: 0 }, vec![UnitEffect::Spawn]);
        }
        let exited = |again| UnitState::Exited {
            exit,
            expected,
            again,
        };
        if again {
            (exited(Some(now + pause)), vec![UnitEffect::SetTimer(pause)])
        } else {
            (exited(None), vec![])
        }
    }
}
