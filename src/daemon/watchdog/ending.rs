//! Why a watchdog has ended.

use std::time::Duration;

use crate::health::Verdict;
use crate::tick;

/// Why a watchdog has ended.
#[derive(Debug)]
pub enum Ending {
    /// It was told to.
    Stopped,
    /// It was told to a second time, and left work behind.
    Hurried,
    /// Once was asked for and is done: the worst verdict.
    Once(Verdict),
    /// No more ticks will come.
    NoTicks(tick::Ended),
    /// It could not even begin: another one looks after its programs, or a port is taken.
    CannotBegin(String),
}

impl Ending {
    /// How long open mails may hold up the end: little when we are told to stop, for who told us counts the
    /// seconds.
    pub(super) const fn last_mails(&self) -> Duration {
        match self {
            Self::Stopped | Self::Hurried | Self::CannotBegin(_) => Duration::from_secs(5),
            Self::Once(_) | Self::NoTicks(_) => Duration::from_secs(60),
        }
    }
}
