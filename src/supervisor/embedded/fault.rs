//! How a program ended, and why it could not be started or stopped: supervisord's fault codes, so that
//! an action does not depend on the backend.

use std::fmt;

use nix::sys::signal::Signal;

use crate::health::{CallError, ProcessName};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessExit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl ProcessExit {
    /// The code a shell would give: 128 and the number for a signal.
    pub const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
        }
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "terminated by {signal}"),
                Err(_) => write!(f, "terminated by signal {number}"),
            },
        }
    }
}

/// Why there is no process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// There is no such command.
    #[error("can't find command \"{0}\"")]
    NoFile(String),
    /// There is something of that name, and it cannot be run.
    #[error("command at \"{0}\" is not executable")]
    NotExecutable(String),
    /// A log file cannot be written.
    #[error("cannot write the log \"{path}\": {cause}")]
    Log { path: String, cause: String },
    /// The new process failed before it became the command.
    #[error("cannot {step}: {cause}")]
    Prepare { step: &'static str, cause: String },
}

/// Why a start failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// There never was a process.
    Spawn(SpawnError),
    /// It ended before it was up for long enough.
    Quick(Option<ProcessExit>),
}

/// Why a request was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// There is no program of that name.
    BadName,
    /// There is no signal of that name.
    BadSignal(String),
    /// It runs, or is about to.
    AlreadyStarted,
    /// There is nothing to stop or to signal.
    NotRunning,
    /// It could not be started.
    StartFailure(StartFailure),
    /// Another request stopped it before it was RUNNING.
    StoppedMeanwhile,
    /// It was killed, and is still there.
    Unkillable,
    /// The signal could not be sent.
    Unsignalled(String),
    /// The supervisor is going down.
    Closing,
}

const BAD_SIGNAL: i64 = 11;
const NO_FILE: i64 = 20;
const NOT_EXECUTABLE: i64 = 21;
const FAILED: i64 = 30;
const ABNORMAL_TERMINATION: i64 = 40;
const SPAWN_ERROR: i64 = 50;

impl ProgramError {
    /// The error about the program `name` in supervisord's format: its code, `CODE: ` and the detail.
    pub fn about(&self, name: &ProcessName) -> CallError {
        let (code, word, detail) = match self {
            Self::BadName => (CallError::BAD_NAME, "BAD_NAME", None),
            Self::BadSignal(signal) => (BAD_SIGNAL, "BAD_SIGNAL", Some(signal.clone())),
            Self::AlreadyStarted => (CallError::ALREADY_STARTED, "ALREADY_STARTED", None),
            Self::NotRunning => (CallError::NOT_RUNNING, "NOT_RUNNING", None),
            Self::StartFailure(StartFailure::Spawn(error)) => {
                let (code, word) = match error {
                    SpawnError::NoFile(_) => (NO_FILE, "NO_FILE"),
                    SpawnError::NotExecutable(_) => (NOT_EXECUTABLE, "NOT_EXECUTABLE"),
                    SpawnError::Log { .. } | SpawnError::Prepare { .. } => {
                        (SPAWN_ERROR, "SPAWN_ERROR")
                    }
                };
                (code, word, Some(format!("{name}: {error}")))
            }
            Self::StartFailure(trouble @ StartFailure::Quick(_)) => (
                ABNORMAL_TERMINATION,
                "ABNORMAL_TERMINATION",
                Some(format!("{name}: {trouble}")),
            ),
            Self::StoppedMeanwhile => (
                ABNORMAL_TERMINATION,
                "ABNORMAL_TERMINATION",
                Some(format!("{name}: stopped before it was up")),
            ),
            Self::Unkillable => (
                FAILED,
                "FAILED",
                Some(format!("{name}: killed, and still there")),
            ),
            Self::Unsignalled(cause) => (FAILED, "FAILED", Some(format!("{name}: {cause}"))),
            Self::Closing => (CallError::SHUTDOWN_STATE, "SHUTDOWN_STATE", None),
        };
        let detail = detail.unwrap_or_else(|| name.namespec());
        CallError::Fault {
            code,
            text: format!("{word}: {detail}"),
        }
    }
}

impl StartFailure {
    /// The exit code of the process, if there was one and it is known.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Spawn(_) => None,
            Self::Quick(exit) => exit.map(ProcessExit::code),
        }
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => error.fmt(f),
            Self::Quick(Some(exit)) => write!(f, "exited too quickly ({exit})"),
            Self::Quick(None) => f.write_str("exited too quickly"),
        }
    }
}
