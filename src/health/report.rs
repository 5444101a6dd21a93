//! The reports that people are sent about an incident: which, when, and what each carries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::gate::Gate;
use super::incident::{CheckResult, Incident};
use super::moment::Moment;
use super::process::ProcessName;
use super::step::FailedStart;
use super::verdict::Verdict;

/// One notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Counts up within its incident, from 1; together with the incident's id it is unique for ever.
    pub number: u64,
    /// What it is about.
    pub kind: ReportKind,
    /// When it was made.
    pub at: Moment,
    /// The URL that was asked, without secrets.
    pub url: String,
    /// The episode so far.
    pub incident: Incident,
    /// Processes whose restart was begun and which do not run again yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<ProcessName>,
}

impl Report {
    /// The same report, but of `kind`.
    #[must_use]
    pub fn with_kind(&self, kind: ReportKind) -> Self {
        Self {
            kind,
            ..self.clone()
        }
    }

    /// The result that it is about.
    pub fn result(&self) -> Option<&CheckResult> {
        if let ReportKind::Cured { .. } | ReportKind::Recovered { .. } = self.kind {
            return self.incident.cause();
        }
        let wanted = match self.kind {
            ReportKind::Degraded => Verdict::Degraded,
            ReportKind::RecoveredDegraded { .. } => Verdict::Pass,
            ReportKind::Unknown => Verdict::Unknown,
            ReportKind::Action
            | ReportKind::Down { .. }
            | ReportKind::Cured { .. }
            | ReportKind::Recovered { .. }
            | ReportKind::GaveUp { .. }
            | ReportKind::Reminder { .. } => Verdict::Fail,
        };
        let mut results = self.incident.results();
        results.rfind(|result| result.judgement.verdict == wanted)
    }
}

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// The original's mail after every action.
    Action,
    /// It is down.
    Down {
        /// What became of it, as far as is known.
        state: DownState,
        /// It follows the report that it is being restarted.
        #[serde(default)]
        update: bool,
    },
    /// A restart has cured it, and nothing but that it is being restarted was reported before.
    Cured {
        /// How long it was down, from the first fail.
        down: Duration,
        /// So long after the restart began it passed.
        after: Duration,
    },
    /// It passes again, so long after the threshold was reached.
    Recovered {
        /// How long it was down, from the first fail.
        down: Duration,
    },
    /// The restarts are used up and it is still down.
    GaveUp {
        /// So long from now it is tried again; `None`: only manually.
        rearm: Option<Duration>,
        /// What is used up.
        #[serde(default)]
        budget: Option<Budget>,
        /// When the attempts began that used it up.
        #[serde(default)]
        used: Vec<Moment>,
    },
    /// It is still down: said once in a while.
    Reminder {
        /// Since the first fail.
        down: Duration,
    },
    /// It answers, but not as it should; nothing is restarted for it.
    Degraded,
    /// It passes again after it was reported as degraded, so long before.
    RecoveredDegraded { lasted: Duration },
    /// For a long time its state was unknown: the watchdog's own trouble.
    #[serde(alias = "blind")]
    Unknown,
}

impl ReportKind {
    /// Whether it says that an incident has ended.
    pub const fn ends_incident(&self) -> bool {
        matches!(
            self,
            Self::Cured { .. } | Self::Recovered { .. } | Self::RecoveredDegraded { .. }
        )
    }

    /// The word in JSON and subjects.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Down { .. } => "down",
            Self::Cured { .. } => "cured",
            Self::Recovered { .. } => "recovered",
            Self::GaveUp { .. } => "gave_up",
            Self::Reminder { .. } => "reminder",
            Self::Degraded => "degraded",
            Self::RecoveredDegraded { .. } => "recovered_degraded",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of a check that is down in the first report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownState {
    /// Nothing is restarted for this check.
    #[serde(alias = "told_only")]
    NotifyOnly,
    /// A restart would be due and is held back.
    Held(Gate),
    /// It is being restarted.
    Restarting,
    /// Something else is being done, as its ladder says.
    Escalating { does: String },
    /// It was restarted and does not pass yet, so long after the action began.
    #[serde(alias = "back")] // of older versions, in what waits in their outbox
    NotBack { after: Duration },
    /// Nothing could be restarted: the action's steps say why.
    NothingRestarted,
    /// What was to be restarted does not start.
    NotStarted(FailedStart),
    /// Dry run: the action's steps say what would have been done.
    DryRun,
}
