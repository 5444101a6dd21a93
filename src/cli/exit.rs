//! What the process returns. Scripts, cron jobs and Nagios read these numbers, so they are a promise.

use std::process::ExitCode;

use crate::health::Verdict;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well, or what was asked for was done.
    Ok,
    /// `check`: the worst verdict is degraded, starting or draining.
    Degraded,
    /// `check`: the worst verdict is fail.
    Fail,
    /// `simulate`: a journal's decisions are others now.
    Differs,
    /// The result is unknown: wrong usage, a wrong configuration, our own trouble.
    Unknown,
    /// The drop-in listener cannot work here: no supervisord, or a URL it cannot ask.
    CannotListen,
    /// The original command line was used wrongly. The original's number.
    DropInUsage,
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Degraded,
        Self::Fail,
        Self::Differs,
        Self::Unknown,
        Self::CannotListen,
        Self::DropInUsage,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Degraded | Self::Differs | Self::CannotListen => 1,
            Self::Fail => 2,
            Self::Unknown => 3,
            Self::DropInUsage => 255,
        }
    }

    /// What `check` returns for its worst verdict.
    pub const fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Ok,
            Verdict::Degraded | Verdict::Starting | Verdict::Draining => Self::Degraded,
            Verdict::Fail => Self::Fail,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let numbers = Exit::ALL.map(Exit::code);
        assert_eq!(numbers, [0, 1, 2, 1, 3, 1, 255]);
    }

    #[test]
    fn every_verdict_has_its_number() {
        let numbers = Verdict::ALL.map(|verdict| Exit::of_verdict(verdict).code());
        assert_eq!(numbers, [0, 1, 1, 1, 2, 3]);
    }

    #[test]
    fn fail_is_the_worst_and_pass_the_best() {
        let worst = Verdict::ALL.into_iter().max_by_key(|v| v.severity());
        let best = Verdict::ALL.into_iter().min_by_key(|v| v.severity());
        assert_eq!((best, worst), (Some(Verdict::Pass), Some(Verdict::Fail)));
    }
}
