//! One line of an incident's transcript: what can happen, which lines are alike, and how much memory one needs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gate::Gate;
use super::incident::CheckResult;
use super::moment::Moment;
use super::process::ProcessName;
use super::report::ReportKind;
use super::step::{ActionStep, Outcome, Step};
use super::verdict::Verdict;

/// One line of an incident's transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentEntry {
    /// When.
    pub at: Moment,
    /// What.
    pub event: IncidentEvent,
    /// So many results that are like it came between the entry before and this one, and have none of their own.
    #[serde(default, skip_serializing_if = "is_none_alike")]
    pub alike: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_none_alike(number: &u32) -> bool {
    *number == 0
}

impl IncidentEntry {
    /// Whether both are results that say the same, but for the numbers in it: times vary. Another status is another result.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let (IncidentEvent::Probed(one), IncidentEvent::Probed(other)) =
            (&self.event, &other.event)
        else {
            return false;
        };
        let code = |result: &CheckResult| result.seen.status.as_ref().map(|status| status.code);
        if code(one) != code(other) {
            return false;
        }
        let (one, other) = (&one.judgement, &other.judgement);
        (one.verdict, one.reason, one.phase) == (other.verdict, other.reason, other.phase)
            && without_digits(&one.detail).eq(without_digits(&other.detail))
    }

    /// The result, if it is a fail.
    pub(super) fn fail_mut(&mut self) -> Option<&mut CheckResult> {
        match &mut self.event {
            IncidentEvent::Probed(result) if result.judgement.verdict == Verdict::Fail => {
                Some(Arc::make_mut(result))
            }
            _ => None,
        }
    }

    /// Whether it is an action, not the halt of one.
    pub(super) fn is_action(&self) -> bool {
        matches!(&self.event, IncidentEvent::Acted(outcome) if !outcome.is_halt())
    }

    /// The memory that it needs, about.
    pub(super) fn size(&self) -> usize {
        let inside = match &self.event {
            IncidentEvent::Probed(result) => {
                let headers = &result.seen.headers;
                let headers = headers
                    .iter()
                    .map(|(name, value)| name.len() + value.len() + 48);
                let body = result.seen.body.as_ref().map_or(0, |body| body.kept.len());
                size_of::<CheckResult>()
                    + headers.sum::<usize>()
                    + body
                    + result.judgement.detail.len()
            }
            IncidentEvent::Acted(outcome) => outcome.steps.iter().map(step_size).sum(),
            _ => 0,
        };
        size_of::<Self>() + inside
    }
}

fn step_size(step: &Step) -> usize {
    let inside = match &step.action {
        ActionStep::Captured(capture) | ActionStep::Ran(capture) => {
            capture.output.len() + capture.errors.len()
        }
        _ => 0,
    };
    size_of::<Step>() + inside
}

/// A text without what varies in it from time to time.
pub fn without_digits(text: &str) -> impl Iterator<Item = char> {
    let varies = |letter: &char| letter.is_ascii_digit() || *letter == '.';
    text.chars().filter(move |letter| !varies(letter))
}

/// What can happen in an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentEvent {
    /// The check was asked. Not copied with the incident, which is handed over to be stored at each fail.
    #[serde(alias = "looked")]
    Probed(Arc<CheckResult>),
    /// An action would have been due, and was held back.
    Held(Gate),
    /// An action was performed.
    Acted(Outcome),
    /// A person had it restarted.
    #[serde(alias = "by_hand")]
    ManualRestart,
    /// The restarts are used up.
    GaveUp,
    /// After giving up it is tried again.
    Rearmed,
    /// It passes again.
    Recovered,
    /// A reload has taken the check out of the configuration.
    CheckRemoved,
    /// A program that the check restarts was given up by its supervisor.
    ProgramFailed { process: ProcessName, how: String },
    /// The program that the check is about was stopped by request.
    ProgramStopped,
    /// Where a report goes, when that is not simply everywhere and at once.
    Routed {
        report: u64,
        kind: ReportKind,
        /// Through these notifiers, and what holds it there.
        to: Vec<RoutedTo>,
        /// Not through these, and why.
        not_to: Vec<RoutedTo>,
    },
    /// A report was handed over; with `failure`, it could not be.
    #[serde(alias = "told")]
    Delivered {
        report: u64,
        kind: ReportKind,
        /// Through which notifier; empty in what older versions remembered.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        notifier: String,
        failure: Option<String>,
        /// It was handed over, but not for these recipients, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
}

/// A notifier, and why it gets a report later or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedTo {
    pub notifier: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}
