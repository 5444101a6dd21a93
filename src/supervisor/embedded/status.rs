//! What a job shows of its program, in supervisord's words. Read by whoever wants to, without asking.

use super::fault::{Exit, SpawnError, Trouble};
use super::identity::{self, Record};
use super::unit::State;
use crate::health::{Process, ProcessName};

/// What a job shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What the program is doing.
    pub state: State,
    /// Its process, for the next watchdog.
    pub record: Option<Record>,
    /// When it was last started, in clock ticks since the machine's start.
    pub started: Option<u64>,
    /// How its last process ended.
    pub last: Option<Exit>,
    /// So often it ended by itself and was started again.
    pub crashes: u32,
    /// The last end was expected.
    pub expected: bool,
}

impl Status {
    /// As every supervisor describes its processes.
    pub fn process(&self, name: &ProcessName) -> Process {
        let uptime = self
            .started
            .map(|started| identity::uptime(started).as_secs());
        let record = self.record.as_ref().filter(|record| !record.ended);
        let pid = record.map(|record| record.pid);
        let ended = || match self.last {
            Some(exit) => exit.to_string(),
            None if self.started.is_some() => "nobody saw how it ended".to_owned(),
            None => "Not started".to_owned(),
        };
        let detail = match &self.state {
            State::Running { .. } => {
                let pid = pid.unwrap_or_default();
                let up = clock(uptime.unwrap_or_default());
                let before = match self.crashes {
                    0 => String::new(),
                    1 => format!(
                        ", started again after it {}",
                        ending(self.last, self.expected)
                    ),
                    times => format!(
                        ", started again {times} times, last after it {}",
                        ending(self.last, self.expected)
                    ),
                };
                format!("pid {pid}, uptime {up}{before}")
            }
            State::Backoff { why, .. } | State::Fatal { why } => why.to_string(),
            State::Exited { expected, .. } => {
                let expected = if *expected {
                    "expected"
                } else {
                    "not expected"
                };
                format!("{}; {expected}", ended())
            }
            State::Stopped => ended(),
            State::Spawning { .. } | State::Starting { .. } | State::Stopping { .. } => {
                String::new()
            }
        };
        Process {
            name: name.clone(),
            state: self.state.word(),
            pid,
            uptime,
            detail,
            instance: None,
            aliases: Vec::new(),
        }
    }

    /// Whether it has come to its end by itself. One that ran before and whose new process cannot be created is
    /// tried again from time to time.
    pub fn is_over(&self) -> bool {
        let tried_again = matches!(
            self.state,
            State::Fatal {
                why: Trouble::Spawn(_)
            }
        ) && self.started.is_some();
        self.state.over() && !tried_again
    }

    /// The exit code for one who ran only this program: its own, or a shell's for what could not be run.
    pub fn exit_code(&self) -> Option<i32> {
        match &self.state {
            State::Exited { exit, .. } => Some(exit.map_or(1, Exit::code)),
            State::Fatal {
                why: Trouble::Spawn(SpawnError::NoFile(_)),
            } => Some(127),
            State::Fatal {
                why: Trouble::Spawn(_),
            } => Some(126),
            State::Fatal {
                why: Trouble::Quick(exit),
            } => Some(exit.map_or(1, Exit::code)),
            State::Stopped => self.last.map(Exit::code),
            State::Spawning { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Stopping { .. } => None,
        }
    }
}

/// How a program ended that was up: `exited: 7, not expected`.
pub fn ending(exit: Option<Exit>, expected: bool) -> String {
    let expected = if expected { "expected" } else { "not expected" };
    match exit {
        Some(Exit::Code(code)) => format!("exited: {code}, {expected}"),
        Some(exit @ Exit::Signal(_)) => format!("was {exit}, {expected}"),
        None => "ended, nobody saw how".to_owned(),
    }
}

/// Seconds as supervisord shows them: `1:02:03`, with days in front where there are any.
fn clock(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let time = format!("{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match days {
        0 => time,
        1 => format!("1 day, {time}"),
        days => format!("{days} days, {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, last: Option<Exit>) -> Status {
        Status {
            state,
            record: None,
            started: Some(0),
            last,
            crashes: 0,
            expected: false,
        }
    }

    #[test]
    fn times_are_shown_as_supervisord_shows_them() {
        for (seconds, shown) in [
            (0, "0:00:00"),
            (3723, "1:02:03"),
            (86_399, "23:59:59"),
            (86_400, "1 day, 0:00:00"),
            (200_000, "2 days, 7:33:20"),
        ] {
            assert_eq!(clock(seconds), shown);
        }
    }

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        let exited = |exit| State::Exited {
            exit,
            expected: false,
            again: None,
        };
        let spawn = |error| State::Fatal {
            why: Trouble::Spawn(error),
        };
        let text = String::new;
        for (state, last, code) in [
            (exited(Some(Exit::Code(3))), None, Some(3)),
            (exited(Some(Exit::Signal(9))), None, Some(137)),
            (exited(None), None, Some(1)),
            (spawn(SpawnError::NoFile(text())), None, Some(127)),
            (spawn(SpawnError::NotExecutable(text())), None, Some(126)),
            (State::Stopped, Some(Exit::Signal(15)), Some(143)),
            (State::Stopped, None, None),
            (State::Spawning { tries: 0 }, Some(Exit::Code(3)), None),
        ] {
            let status = status(state, last);
            assert_eq!(status.exit_code(), code, "{status:?}");
        }
    }
}
