//! Why a supervisor did not do what it was asked, in words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::text::{bound, seconds};

/// Why a supervisor did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallError {
    /// It understood and refused: supervisord's fault code and string.
    Fault { code: i64, text: String },
    /// It wants other credentials.
    Unauthorized { detail: String },
    /// It could not be reached, or hung up.
    Unreachable { detail: String },
    /// It did not answer in time.
    TimedOut { after: Duration },
    /// What it answered could not be understood.
    Malformed { detail: String },
}

impl CallError {
    /// supervisord is going down: it refuses everything.
    pub const SHUTDOWN_STATE: i64 = 6;
    /// There is no process of that name.
    pub const BAD_NAME: i64 = 10;
    /// It will not, or could not, for a reason of its own.
    pub const FAILED: i64 = 30;
    /// It is running already.
    pub const ALREADY_STARTED: i64 = 60;
    /// It is not running.
    pub const NOT_RUNNING: i64 = 70;

    /// A refusal with supervisord's fault number `code`.
    pub fn fault(code: i64, text: impl Into<String>) -> Self {
        Self::Fault {
            code,
            text: text.into(),
        }
    }

    /// With its text cut to [`TEXT_MAX`](crate::health::TEXT_MAX): a supervisor may say anything.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        match &mut self {
            Self::Fault { text, .. } => bound(text),
            Self::Unauthorized { detail }
            | Self::Unreachable { detail }
            | Self::Malformed { detail } => bound(detail),
            Self::TimedOut { .. } => {}
        }
        self
    }

    /// Whether this is supervisord's fault number `code`.
    pub fn is_fault(&self, wanted: i64) -> bool {
        matches!(self, Self::Fault { code, .. } if *code == wanted)
    }

    /// The program could not be executed.
    pub const SPAWN_ERROR: i64 = 50;
    /// It ended while it was starting.
    pub const ABNORMAL_TERMINATION: i64 = 40;

    /// Whether a start that failed like this has started something. Where not (a program's file is missing,
    /// the supervisor is going down) the process is as we left it.
    pub const fn has_begun(&self) -> bool {
        matches!(
            self,
            Self::Fault {
                code: Self::ALREADY_STARTED | Self::SPAWN_ERROR | Self::ABNORMAL_TERMINATION,
                ..
            }
        )
    }

    /// Whether the same call may go through later: the link failed rather than the request.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Fault { .. } => false,
            Self::Unauthorized { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. } => true,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { code, text } => {
                let (word, detail) = text.split_once(": ").unwrap_or((text, ""));
                let is_word = |c: char| c.is_ascii_uppercase() || c == '_';
                if word.is_empty() || !word.chars().all(is_word) {
                    // no supervisord's: in words already
                    return match text.is_empty() {
                        true => write!(f, "fault {code}"),
                        false => f.write_str(text),
                    };
                }
                let Some(words) = fault_in_words(*code) else {
                    return write!(f, "fault {code}: {text}");
                };
                // supervisord's own word stays, for those who search for it
                let separator = if detail.is_empty() { "" } else { ": " };
                write!(f, "{words} ({word}){separator}{detail}")
            }
            Self::Unauthorized { detail } => write!(f, "not authorized: {detail}"),
            Self::Unreachable { detail } | Self::Malformed { detail } => f.write_str(detail),
            Self::TimedOut { after } => write!(f, "no answer within {}s", seconds(*after)),
        }
    }
}

impl std::error::Error for CallError {}

/// What a fault of supervisord's RPC interface means.
const fn fault_in_words(code: i64) -> Option<&'static str> {
    Some(match code {
        CallError::SHUTDOWN_STATE => "the supervisor is shutting down",
        CallError::BAD_NAME => "no such process",
        20 => "no such file",
        21 => "not executable",
        CallError::ABNORMAL_TERMINATION => "ended while it was starting",
        CallError::SPAWN_ERROR => "cannot be started",
        CallError::ALREADY_STARTED => "already started",
        CallError::NOT_RUNNING => "not running",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_said_in_words() {
        for (code, text, said) in [
            (
                40,
                "ABNORMAL_TERMINATION: web: exited too quickly (exit status 5)",
                "ended while it was starting (ABNORMAL_TERMINATION): web: exited too quickly (exit status 5)",
            ),
            (50, "SPAWN_ERROR", "cannot be started (SPAWN_ERROR)"),
            (10, "BAD_NAME: web", "no such process (BAD_NAME): web"),
            (99, "ODD: web", "fault 99: ODD: web"),
            (
                40,
                "it did not stay up: inactive",
                "it did not stay up: inactive",
            ),
            (30, "", "fault 30"),
        ] {
            assert_eq!(CallError::fault(code, text).to_string(), said);
        }
    }
}
