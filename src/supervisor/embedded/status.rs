//! The status that a job publishes about its program, in supervisord's terms. Readers do not ask the job.

use super::fault::{ProcessExit, SpawnError, StartFailure};
use super::identity::{self, ProcessRecord};
use super::unit::UnitState;
use crate::health::{Process, ProcessName, ProgramChange, ProgramEnd};

/// What a job shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramStatus {
    /// What the program is doing.
    pub state: UnitState,
    /// Its process, for the next watchdog.
    pub record: Option<ProcessRecord>,
    /// When it was last started, in clock ticks since the machine's start.
    pub started: Option<u64>,
    /// It ran before, and was started by request.
    pub restarted: bool,
    /// How its last process ended.
    pub last: Option<ProcessExit>,
    /// So often it ended by itself and was started again.
    pub crashes: u32,
    /// The last end was expected.
    pub expected: bool,
}

impl ProgramStatus {
    /// As every supervisor describes its processes.
    pub fn process(&self, name: &ProcessName) -> Process {
        let uptime = self
            .started
            .map(|started| identity::uptime(started).as_secs());
        let record = self.record.as_ref().filter(|record| !record.ended);
        let pid = record.map(|record| record.pid);
        let ended = || match self.last {
            Some(exit) => exit.to_string(),
            None if self.started.is_some() => "ended, exit status unknown".to_owned(),
            None => "Not started".to_owned(),
        };
        let detail = match &self.state {
            UnitState::Running { .. } => {
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
            UnitState::Backoff { why, .. } | UnitState::Fatal { why } => why.to_string(),
            UnitState::Exited { expected, .. } => {
                let expected = if *expected {
                    "expected"
                } else {
                    "not expected"
                };
                format!("{}; {expected}", ended())
            }
            UnitState::Stopped => ended(),
            UnitState::Spawning { .. }
            | UnitState::Starting { .. }
            | UnitState::Stopping { .. } => String::new(),
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

    /// Whether it has ended by itself. A start in vain is tried again when it ran before: from time to time when its new
    /// process cannot be created, and by its check when that has restarted it and it has failed.
    pub fn is_over(&self) -> bool {
        let tried_again = match &self.state {
            UnitState::Fatal {
                why: StartFailure::Spawn(_),
            } => self.started.is_some(),
            UnitState::Fatal {
                why: StartFailure::Quick(_),
            } => self.restarted && !self.expected,
            _ => false,
        };
        self.state.over() && !tried_again
    }

    /// The exit code of `httpok run`: the program's own, or a shell's code for a command that could not run.
    pub fn exit_code(&self) -> Option<i32> {
        match &self.state {
            UnitState::Exited { exit, .. } => Some(exit.map_or(1, ProcessExit::code)),
            UnitState::Fatal {
                why: StartFailure::Spawn(SpawnError::NoFile(_)),
            } => Some(127),
            UnitState::Fatal {
                why: StartFailure::Spawn(_),
            } => Some(126),
            UnitState::Fatal {
                why: StartFailure::Quick(exit),
            } => Some(exit.map_or(1, ProcessExit::code)),
            UnitState::Stopped => self.last.map(ProcessExit::code),
            UnitState::Spawning { .. }
            | UnitState::Starting { .. }
            | UnitState::Running { .. }
            | UnitState::Backoff { .. }
            | UnitState::Stopping { .. } => None,
        }
    }
}

/// What is new of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramUpdate {
    pub name: ProcessName,
    /// Its log is not read yet.
    pub change: ProgramChange,
}

impl ProgramUpdate {
    /// That the program `name` is as `status` says, after `end` of a run of it.
    pub fn new(name: ProcessName, status: &ProgramStatus, end: Option<ProgramEnd>) -> Self {
        let failed_start = || match &status.state {
            UnitState::Backoff { why, .. } | UnitState::Fatal { why } => Some(ProgramEnd {
                how: format!("did not start: {why}"),
                code: why.code(),
                expected: false,
                up: None,
            }),
            UnitState::Stopped
            | UnitState::Spawning { .. }
            | UnitState::Starting { .. }
            | UnitState::Running { .. }
            | UnitState::Stopping { .. }
            | UnitState::Exited { .. } => None,
        };
        let again = match &status.state {
            UnitState::Backoff { .. } | UnitState::Spawning { .. } => true,
            UnitState::Exited { again, .. } => again.is_some(),
            // its file may be there later
            UnitState::Fatal { why } => matches!(why, StartFailure::Spawn(_)),
            UnitState::Stopped
            | UnitState::Starting { .. }
            | UnitState::Running { .. }
            | UnitState::Stopping { .. } => false,
        };
        let process = status.process(&name);
        Self {
            change: ProgramChange {
                state: process.state,
                detail: process.detail,
                end: end.or_else(failed_start),
                again,
                log: String::new(),
            },
            name,
        }
    }
}

/// How a program ended that was up: `exited: 7, not expected`.
pub fn ending(exit: Option<ProcessExit>, expected: bool) -> String {
    let expected = if expected { "expected" } else { "not expected" };
    match exit {
        Some(ProcessExit::Code(code)) => format!("exited: {code}, {expected}"),
        Some(exit @ ProcessExit::Signal(_)) => format!("was {exit}, {expected}"),
        None => "ended, exit status unknown".to_owned(),
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

    fn status(state: UnitState, last: Option<ProcessExit>) -> ProgramStatus {
        ProgramStatus {
            restarted: false,
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
        let exited = |exit| UnitState::Exited {
            exit,
            expected: false,
            again: None,
        };
        let spawn = |error| UnitState::Fatal {
            why: StartFailure::Spawn(error),
        };
        let text = String::new;
        for (state, last, code) in [
            (exited(Some(ProcessExit::Code(3))), None, Some(3)),
            (exited(Some(ProcessExit::Signal(9))), None, Some(137)),
            (exited(None), None, Some(1)),
            (spawn(SpawnError::NoFile(text())), None, Some(127)),
            (spawn(SpawnError::NotExecutable(text())), None, Some(126)),
            (UnitState::Stopped, Some(ProcessExit::Signal(15)), Some(143)),
            (UnitState::Stopped, None, None),
            (
                UnitState::Spawning { tries: 0 },
                Some(ProcessExit::Code(3)),
                None,
            ),
        ] {
            let status = status(state, last);
            assert_eq!(status.exit_code(), code, "{status:?}");
        }
    }
}
