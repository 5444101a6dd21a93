//! One program's life as a pure state machine: supervisord's states, and what leads from one to the next.
//! No process, no clock, no timer in here: time is an argument, and what is to be done comes back as
//! deeds. Whoever performs them feeds the results back in as events.

mod event;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::event::{Autorestart, Event, Rules, State, UnitEffect};
use super::fault::{Exit, Fault, Trouble};
use crate::health::Moment;

/// A program that was up may be started again at once, but not more often than this: one that is up at
/// once (no `startsecs`) and ends at once must not spin.
const BRAKE: Duration = Duration::from_secs(1);

/// The longest pause between two tries to start.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often it is tried to start a program that is FATAL because its process could not even be created: its
/// file may be installed by now.
pub const RETRY_SPAWN: Duration = Duration::from_secs(10);

/// How long the kernel may take to end what was killed. What sits in a hung system call takes for ever.
pub const KILL_WAIT: Duration = Duration::from_secs(10);

/// One program.
#[derive(Clone, Debug)]
pub struct Unit {
    rules: Rules,
    state: State,
}

/// The next state, and what is to be done on the way.
type Next = (State, Vec<UnitEffect>);

impl Unit {
    /// A program that was never started.
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Stopped,
        }
    }

    /// What it is doing.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// From now on `rules` hold. Timers that run already go off as they would have.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Takes `event` in, and says what is to be done.
    #[must_use]
    pub fn handle(&mut self, now: Moment, event: Event) -> Vec<UnitEffect> {
        let state = self.state.clone();
        let next = match event {
            Event::Start => start(state),
            Event::Stop => stop(state, &self.rules),
            Event::StopRest => stop_rest(state, &self.rules),
            Event::Kill => kill(state),
            Event::Spawned => spawned(state, &self.rules, now),
            Event::SpawnFailed(error) => match state {
                State::Spawning { tries } => self.rules.fell(now, tries, Trouble::Spawn(error)),
                state => impossible(state, "a failed spawn"),
            },
            Event::Adopted { up } => adopted(state, &self.rules, now, up),
            Event::Elapsed => elapsed(state, &self.rules),
            Event::Exited(exit) => exited(state, &self.rules, now, exit),
        };
        self.state = next.0;
        next.1
    }
}

fn start(state: State) -> Next {
    match state {
        State::Stopped | State::Exited { .. } | State::Fatal { .. } => (
            State::Spawning { tries: 0 },
            vec![UnitEffect::ClearTimer, UnitEffect::Spawn],
        ),
        State::Stopping { killed, .. } => (
            State::Stopping {
                killed,
                again: true,
            },
            // The last timer may be spent, and whoever asks now waits, too.
            if killed {
                vec![UnitEffect::SetTimer(KILL_WAIT)]
            } else {
                vec![]
            },
        ),
        State::Spawning { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Backoff { .. } => (state, vec![UnitEffect::RefuseStart]),
    }
}

fn stop(state: State, rules: &Rules) -> Next {
    let stopping = State::Stopping {
        killed: false,
        again: false,
    };
    let mut deeds = vec![
        UnitEffect::Terminate,
        UnitEffect::SetTimer(rules.stopwaitsecs),
    ];
    match state {
        State::Starting { .. } => {
            deeds.push(UnitEffect::Started(Err(Fault::StoppedMeanwhile)));
            (stopping, deeds)
        }
        State::Running { .. } => (stopping, deeds),
        State::Stopping { killed: true, .. } => kill(state),
        State::Stopping {
            killed: false,
            again,
        } => (stopping, disappointed(again)),
        State::Backoff { .. }
        | State::Exited { .. }
        | State::Stopped
        | State::Spawning { .. }
        | State::Fatal { .. } => stop_the_dead(state),
    }
}

fn kill(state: State) -> Next {
    let stopping = State::Stopping {
        killed: true,
        again: false,
    };
    let mut deeds = vec![UnitEffect::Kill, UnitEffect::SetTimer(KILL_WAIT)];
    match state {
        State::Starting { .. } => {
            deeds.push(UnitEffect::Started(Err(Fault::StoppedMeanwhile)));
            (stopping, deeds)
        }
        State::Running { .. } => (stopping, deeds),
        State::Stopping { again, .. } => {
            deeds.extend(disappointed(again));
            (stopping, deeds)
        }
        State::Backoff { .. }
        | State::Exited { .. }
        | State::Stopped
        | State::Spawning { .. }
        | State::Fatal { .. } => stop_the_dead(state),
    }
}

/// A stop where there is no process: from now on it is STOPPED, so that nothing starts it but a request.
fn stop_the_dead(state: State) -> Next {
    match state {
        State::Backoff { .. } | State::Exited { .. } | State::Fatal { .. } => (
            State::Stopped,
            vec![UnitEffect::ClearTimer, UnitEffect::Stopped(Ok(()))],
        ),
        state => (state, vec![UnitEffect::RefuseStop]),
    }
}

/// A stop where the program has ended and processes that it started live on.
fn stop_rest(state: State, rules: &Rules) -> Next {
    match state {
        State::Stopped | State::Exited { .. } | State::Fatal { .. } => (
            State::Stopping {
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

/// Who waits for a start that a later stop took back.
fn disappointed(again: bool) -> Vec<UnitEffect> {
    if again {
        vec![UnitEffect::Started(Err(Fault::StoppedMeanwhile))]
    } else {
        vec![]
    }
}

fn spawned(state: State, rules: &Rules, now: Moment) -> Next {
    match state {
        State::Spawning { .. } if rules.startsecs.is_zero() => (
            State::Running { since: now },
            vec![UnitEffect::Started(Ok(()))],
        ),
        State::Spawning { tries } => (
            State::Starting { since: now, tries },
            vec![UnitEffect::SetTimer(rules.startsecs)],
        ),
        state => impossible(state, "a spawned process"),
    }
}

fn adopted(state: State, rules: &Rules, now: Moment, up: Duration) -> Next {
    let since = now.before(up);
    match state {
        State::Stopped if up >= rules.startsecs => (State::Running { since }, vec![]),
        State::Stopped => (
            State::Starting { since, tries: 0 },
            vec![UnitEffect::SetTimer(rules.startsecs - up)],
        ),
        state => impossible(state, "an adopted process"),
    }
}

fn elapsed(state: State, rules: &Rules) -> Next {
    match state {
        State::Starting { since, .. } => {
            (State::Running { since }, vec![UnitEffect::Started(Ok(()))])
        }
        State::Backoff { tries, .. } => (State::Spawning { tries }, vec![UnitEffect::Spawn]),
        State::Exited { again: Some(_), .. } => {
            (State::Spawning { tries: 0 }, vec![UnitEffect::Spawn])
        }
        State::Stopping {
            killed: false,
            again,
        } => (
            State::Stopping {
                killed: true,
                again,
            },
            vec![UnitEffect::Kill, UnitEffect::SetTimer(KILL_WAIT)],
        ),
        // It stays in STOPPING, and is still stopped when it can be. Only nobody waits any longer.
        State::Stopping {
            killed: true,
            again,
        } => {
            let mut deeds = vec![UnitEffect::Stopped(Err(Fault::Unkillable))];
            if again {
                deeds.push(UnitEffect::Started(Err(Fault::Unkillable)));
            }
            (state, deeds)
        }
        State::Fatal {
            why: Trouble::Spawn(_),
        } => {
            let tries = rules.startretries;
            (State::Spawning { tries }, vec![UnitEffect::Spawn])
        }
        state @ (State::Stopped
        | State::Spawning { .. }
        | State::Running { .. }
        | State::Exited { again: None, .. }
        | State::Fatal {
            why: Trouble::Quick(_),
        }) => impossible(state, "a timer"),
    }
}

fn exited(state: State, rules: &Rules, now: Moment, exit: Option<Exit>) -> Next {
    match state {
        State::Starting { tries, .. } => rules.fell(now, tries, Trouble::Quick(exit)),
        State::Running { since } => rules.ended(now, since, exit),
        State::Stopping { again, .. } => {
            let mut deeds = vec![UnitEffect::ClearTimer, UnitEffect::Stopped(Ok(()))];
            if !again {
                return (State::Stopped, deeds);
            }
            deeds.push(UnitEffect::Spawn);
            (State::Spawning { tries: 0 }, deeds)
        }
        state @ (State::Stopped
        | State::Spawning { .. }
        | State::Backoff { .. }
        | State::Exited { .. }
        | State::Fatal { .. }) => impossible(state, "an exit"),
    }
}

/// What cannot happen is told and changes nothing.
fn impossible(state: State, what: &str) -> Next {
    tracing::error!("{what} does not fit {state:?}");
    (state, vec![])
}

impl Rules {
    /// After a start that failed, `tries` others before it.
    fn fell(&self, now: Moment, tries: u32, why: Trouble) -> Next {
        let told = UnitEffect::Started(Err(Fault::Trouble(why.clone())));
        if tries >= self.startretries {
            let timer = match why {
                Trouble::Spawn(_) => UnitEffect::SetTimer(RETRY_SPAWN),
                Trouble::Quick(_) => UnitEffect::ClearTimer,
            };
            return (State::Fatal { why }, vec![timer, told]);
        }
        let tries = tries + 1;
        let pause = Duration::from_secs(tries.into()).min(LONGEST_PAUSE);
        let until = now + pause;
        (
            State::Backoff { tries, until, why },
            vec![UnitEffect::SetTimer(pause), told],
        )
    }

    /// After the end of a program that was up since `since`.
    fn ended(&self, now: Moment, since: Moment, exit: Option<Exit>) -> Next {
        let expected = match exit {
            Some(Exit::Code(code)) => self.exitcodes.contains(&code),
            Some(Exit::Signal(_)) | None => false,
        };
        let again = match self.autorestart {
            Autorestart::Always => true,
            Autorestart::Unexpected => !expected,
            Autorestart::Never => false,
        };
        let pause = BRAKE.saturating_sub(now.since(since));
        if again && pause.is_zero() {
            return (State::Spawning { tries: 0 }, vec![UnitEffect::Spawn]);
        }
        let exited = |again| State::Exited {
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
