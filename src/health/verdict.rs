//! An opinion about one observation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reason::{Phase, Reason};

/// What the result of one probe means. Only [`Verdict::Fail`] counts towards a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All is as expected.
    Pass,
    /// It answers, but a person should know; a restart would not help.
    Degraded,
    /// It is coming up: the grace is extended.
    Starting,
    /// It is going down on purpose: hands off.
    Draining,
    /// It is not well.
    Fail,
    /// The state is unknown because of our own trouble: the result is discarded.
    Unknown,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 6] = [
        Self::Pass,
        Self::Degraded,
        Self::Starting,
        Self::Draining,
        Self::Fail,
        Self::Unknown,
    ];

    /// The name in JSON, metrics and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Degraded => "degraded",
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }

    /// How bad it is among others: a fail is worse than `unknown`, because a service is known to be down.
    pub const fn severity(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Degraded => 1,
            Self::Starting => 2,
            Self::Draining => 3,
            Self::Unknown => 4,
            Self::Fail => 5,
        }
    }

    /// The verdict with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == name)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A verdict with its grounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The opinion.
    pub verdict: Verdict,
    /// Why it is not `pass`; `None` for `pass`, and for verdicts that a rule of the check named.
    pub reason: Option<Reason>,
    /// Where it happened.
    pub phase: Option<Phase>,
    /// One line for people, such as `status 500 Internal Server Error, expected 200`.
    pub detail: String,
    /// Every expectation that could be checked, met or not.
    pub findings: Vec<Finding>,
}

/// One expectation beside what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The expectation as the user would write it.
    pub expected: String,
    /// What was seen instead, or that met it.
    pub actual: String,
    /// Whether it was met.
    pub met: bool,
    /// What it means when it is not met: `fail` or `degraded`.
    pub otherwise: Verdict,
}
