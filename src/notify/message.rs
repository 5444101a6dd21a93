//! What the reports and the notifiers share: the message between them, where and when the watchdog runs, and
//! why a message was not taken.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::WallClock;
use crate::health::bounded;

/// A report as text: plain data that can wait in the outbox for days and across restarts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// One line.
    pub subject: String,
    /// Plain text, lines ended by `\n`, the last one without.
    pub text: String,
    /// When the report was made.
    pub at: SystemTime,
    /// The host it was made on.
    pub host: String,
    /// The incident: the thread it belongs to.
    pub incident: String,
    /// Its number: they count up from 1 within the thread.
    pub number: u64,
    /// The same for programs: what a webhook sends.
    pub event: serde_json::Value,
    /// Who of the notifier's recipients is still to get it; empty: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_to: Vec<String>,
}

/// Where and since when the watchdog runs: what a report cannot know by itself.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// The host's name.
    pub host: String,
    /// Turns moments into times of day.
    pub clock: WallClock,
}

/// That a message was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The recipients for whom it was not, and why; it is not sent to them again.
    pub refused: Vec<MissedRecipient>,
    /// Those for whom it may be taken later.
    pub deferred: Vec<MissedRecipient>,
}

/// A recipient for whom a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedRecipient {
    /// Its address.
    pub address: String,
    /// Why not, with the address.
    pub why: String,
}

impl Taken {
    /// For whom it was not taken, and why, in one line; `None`: for everybody.
    pub fn refused_text(&self) -> Option<String> {
        let refused = self.refused.iter().map(|one| one.why.clone());
        let deferred = self.deferred.iter();
        let deferred = deferred.map(|one| format!("{} (tried again)", one.why));
        let all: Vec<_> = refused.chain(deferred).collect();
        (!all.is_empty()).then(|| bounded(all.join("; ")))
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// The same message may well be taken later.
    #[error("{0}")]
    Temporary(String),
    /// Likewise, and the other side has said when.
    #[error("{why}")]
    Later {
        /// Why.
        why: String,
        /// Not before so long.
        after: Duration,
    },
    /// It will never be taken.
    #[error("{0}")]
    Permanent(String),
}

impl DeliveryError {
    /// With its text cut to [`TEXT_MAX`](crate::health::TEXT_MAX): it repeats what a server or a command said.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Temporary(why) => Self::Temporary(bounded(why)),
            Self::Later { why, after } => Self::Later {
                why: bounded(why),
                after,
            },
            Self::Permanent(why) => Self::Permanent(bounded(why)),
        }
    }

    /// Whether trying again is worth it.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary(_) | Self::Later { .. })
    }

    /// How long the other side wants to be left alone, if it has said so.
    pub const fn not_before(&self) -> Option<Duration> {
        match self {
            Self::Later { after, .. } => Some(*after),
            Self::Temporary(_) | Self::Permanent(_) => None,
        }
    }
}
