//! Types of a program's life cycle: rules, states, events, effects. The transitions are in `unit`.

use std::time::Duration;

use crate::health::{Moment, ProcessState};
use crate::supervisor::embedded::fault::{ProcessExit, ProgramError, SpawnError, StartFailure};

/// The part of a program's definition that decides what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Up for so long, it counts as RUNNING.
    pub startsecs: Duration,
    /// So many further tries follow a failed start.
    pub startretries: u32,
    /// Whether it is started again after it ended.
    pub autorestart: Autorestart,
    /// The exit codes that are expected.
    pub exitcodes: Vec<i32>,
    /// From the stop signal to the kill.
    pub stopwaitsecs: Duration,
}

/// Whether a program is started again after it ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorestart {
    /// Whatever its exit code.
    Always,
    /// Unless its exit code is among the expected ones.
    Unexpected,
    /// It is not.
    Never,
}

/// What the program is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// Stopped by request, or never started.
    Stopped,
    /// [`UnitEffect::Spawn`] was returned; its result is pending.
    Spawning { tries: u32 },
    /// Started at `since` after `tries` failures; not yet up for long enough.
    Starting { since: Moment, tries: u32 },
    /// Up; started at `since`.
    Running { since: Moment },
    /// It could not be started `tries` times, and is tried again `until` then.
    Backoff {
        tries: u32,
        until: Moment,
        why: StartFailure,
    },
    /// Asked to stop; `killed`, when it did not listen; started `again` when it is gone.
    Stopping { killed: bool, again: bool },
    /// Ended by itself; started `again` then, if at all. `None` when the exit was not observed.
    Exited {
        exit: Option<ProcessExit>,
        expected: bool,
        again: Option<Moment>,
    },
    /// It could not be started `startretries` times in a row. When there never was a process (its file is
    /// missing), it is tried again from time to time.
    Fatal { why: StartFailure },
}

/// What happens to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitEvent {
    /// It shall run.
    Start,
    /// It shall end, in its own way.
    Stop,
    /// It has ended, and what it started and left behind shall end, too.
    StopRest,
    /// It shall end now.
    Kill,
    /// [`UnitEffect::Spawn`] went well.
    Spawned,
    /// [`UnitEffect::Spawn`] did not.
    SpawnFailed(SpawnError),
    /// A process of it, `up` for so long, lives on from another watchdog's time.
    Adopted { up: Duration },
    /// The timer went off.
    Elapsed,
    /// The process ended; `None` when the exit status is unknown.
    Exited(Option<ProcessExit>),
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitEffect {
    /// Start a process; answered by [`UnitEvent::Spawned`] or [`UnitEvent::SpawnFailed`] before anything else.
    Spawn,
    /// Send the stop signal.
    Terminate,
    /// Kill it.
    Kill,
    /// Set the one timer, whether or not it is set already.
    SetTimer(Duration),
    /// Put the timer out.
    ClearTimer,
    /// Answer all requests that wait for the start.
    Started(Result<(), ProgramError>),
    /// Answer all requests that wait for the end.
    Stopped(Result<(), ProgramError>),
    /// Answer the current start request: the program runs already.
    RefuseStart,
    /// Answer the current stop request: the program does not run.
    RefuseStop,
}

impl UnitState {
    /// The state as supervisord has it.
    pub const fn word(&self) -> ProcessState {
        match self {
            Self::Stopped => ProcessState::Stopped,
            Self::Spawning { .. } | Self::Starting { .. } => ProcessState::Starting,
            Self::Running { .. } => ProcessState::Running,
            Self::Backoff { .. } => ProcessState::Backoff,
            Self::Stopping { .. } => ProcessState::Stopping,
            Self::Exited { .. } => ProcessState::Exited,
            Self::Fatal { .. } => ProcessState::Fatal,
        }
    }

    /// Whether it ended by itself and is not started again without a request.
    pub const fn over(&self) -> bool {
        matches!(self, Self::Exited { again: None, .. } | Self::Fatal { .. })
    }
}
