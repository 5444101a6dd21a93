//! One episode from the fail that made a check down to its recovery, with its whole transcript.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::observation::Observation;
use super::process::ProcessName;
use super::report::ReportKind;
use super::step::{ActionStep, Outcome};
use super::verdict::{Judgement, Verdict};

pub use super::incident_entry::{IncidentEntry, IncidentEvent, RoutedTo, without_digits};
use crate::sorted;

/// The entries that an incident keeps; of longer ones the middle is dropped.
const KEPT_ENTRIES: usize = 1000;

/// What they may need together, about, in bytes.
const KEPT_SIZE: usize = 256 * 1024;

/// Of these the first, which say how it began, are never dropped.
const KEPT_FIRST: usize = 10;

/// What is kept of a body and of each header in an incident, in bytes: an excerpt for people.
const KEPT_BYTES: usize = 1024;

/// One episode of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Unique over all checks and runs: also the thread of its mails.
    pub id: String,
    /// The check.
    pub check: String,
    /// When the first fail of the streak that opened it was seen.
    pub since: Moment,
    /// When it was opened: the threshold was reached.
    pub opened: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// Actions that touched a process.
    pub attempts: u32,
    /// Reports that were made about it.
    pub reports: u64,
    /// Whether people were notified that it is down.
    #[serde(alias = "told")]
    pub notified: bool,
    /// They were notified that it is being restarted, and not yet how that went.
    #[serde(default)]
    pub restarting_reported: bool,
    /// The last report that a silence withheld: it is made when the silence is over, if it is still down then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<ReportKind>,
    /// It was opened by a manual restart, and the threshold was not reached since.
    #[serde(default, alias = "by_hand")]
    pub manual: bool,
    /// What happened, in order.
    pub entries: Vec<IncidentEntry>,
    /// Entries that were dropped from the middle to keep it bounded.
    pub dropped: u64,
    /// So many of them were actions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_actions: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Incident {
    /// A new one of `check`, opened now.
    pub fn open(id: String, check: &str, since: Moment, opened: Moment) -> Self {
        Self {
            id,
            check: check.to_owned(),
            since,
            opened,
            ended: None,
            attempts: 0,
            reports: 0,
            notified: false,
            restarting_reported: false,
            withheld: None,
            manual: false,
            entries: Vec::new(),
            dropped: 0,
            dropped_actions: 0,
        }
    }

    /// Begins an attempt, and returns its number.
    pub fn begin_attempt(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// Takes back the attempt that ends: it touched no process.
    pub fn take_back_attempt(&mut self) {
        self.attempts = self.attempts.saturating_sub(1);
    }

    /// Notes `event`. A result that is like the two before it takes the place of the second one, which is counted. When there
    /// are too many entries, the oldest after the first ones are dropped.
    pub fn note(&mut self, at: Moment, event: IncidentEvent) {
        let event = match event {
            IncidentEvent::Probed(result) => {
                IncidentEvent::Probed(Arc::new(Arc::unwrap_or_clone(result).brief()))
            }
            other => other,
        };
        let entry = IncidentEntry {
            at,
            event,
            alike: 0,
        };
        if let [.., first, last] = self.entries.as_mut_slice()
            && first.is_like(&entry)
            && last.is_like(&entry)
        {
            *last = IncidentEntry {
                alike: last.alike.saturating_add(1),
                ..entry
            };
            return;
        }
        self.lighten();
        self.entries.push(entry);
        while self.entries.len() > KEPT_FIRST + 1 && self.is_too_big() {
            let dropped = self.entries.remove(KEPT_FIRST);
            self.dropped += 1;
            self.dropped_actions += u64::from(dropped.is_action());
        }
    }

    /// Of a result between the first ones and the newest, after the first action, nobody reads more than the verdict and why.
    fn lighten(&mut self) {
        let Some(acted) = self.entries.iter().position(IncidentEntry::is_action) else {
            return;
        };
        let from = (acted + 1).max(KEPT_FIRST);
        let later = self.entries.iter_mut().skip(from).rev();
        let mut fails = later.filter_map(IncidentEntry::fail_mut).skip(1);
        if let Some(fail) = fails.next() {
            fail.seen.headers = Vec::new();
            fail.seen.body = None;
        }
    }

    fn is_too_big(&self) -> bool {
        let size = || self.entries.iter().map(IncidentEntry::size).sum::<usize>();
        self.entries.len() > KEPT_ENTRIES || size() > KEPT_SIZE
    }

    /// The entries with their numbers, which count up over all that happened: an entry keeps its number when others are
    /// dropped.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &IncidentEntry)> {
        (0..).zip(&self.entries).map(|(index, entry)| {
            let is_first = index < KEPT_FIRST as u64;
            (
                if is_first {
                    index
                } else {
                    index + self.dropped
                },
                entry,
            )
        })
    }

    /// The numbers of the entries that were dropped.
    pub fn dropped_numbers(&self) -> std::ops::Range<u64> {
        let begin = KEPT_FIRST as u64;
        begin..begin + self.dropped
    }

    /// The same without its entries, which are stored apart from it.
    #[must_use]
    pub fn head(&self) -> Self {
        Self {
            id: self.id.clone(),
            check: self.check.clone(),
            entries: Vec::new(),
            withheld: self.withheld.clone(),
            ..*self
        }
    }

    /// Hashes all of it but what its entries say: these are only ever appended, so that their number stands for them,
    /// and how far the last one is counted.
    pub fn hash_head(&self, hasher: &mut impl Hasher) {
        let Self {
            id,
            check,
            since,
            opened,
            ended,
            attempts,
            reports,
            notified,
            restarting_reported,
            withheld,
            manual,
            entries,
            dropped,
            dropped_actions: _,
        } = self;
        // of what the last one is counted up to a round number is enough
        let alike = entries.last().map(|last| last.alike.checked_ilog2());
        alike.hash(hasher);
        // rarely one, and of many types
        let withheld = withheld.as_ref().map(|kind| format!("{kind:?}"));
        let said = (notified, restarting_reported, withheld, manual);
        let span = (id, check, since, opened, ended);
        (span, attempts, reports, said, entries.len(), dropped).hash(hasher);
    }

    /// Every result that is remembered, in order.
    pub fn results(&self) -> impl DoubleEndedIterator<Item = &CheckResult> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            IncidentEvent::Probed(result) => Some(&**result),
            _ => None,
        })
    }

    /// The last result that failed.
    pub fn last_fail(&self) -> Option<&CheckResult> {
        self.results()
            .rfind(|result| result.judgement.verdict == Verdict::Fail)
    }

    /// The result that made it down: the last fail before its first action. Fails after a restart, such as those of a
    /// service that does not listen yet, say nothing about the cause.
    pub fn cause(&self) -> Option<&CheckResult> {
        let acted = |entry: &IncidentEntry| matches!(entry.event, IncidentEvent::Acted(_));
        let end = self.entries.iter().position(acted);
        let before = &self.entries[..end.unwrap_or(self.entries.len())];
        let fail = before.iter().rev().find_map(|entry| match &entry.event {
            IncidentEvent::Probed(result) if result.judgement.verdict == Verdict::Fail => {
                Some(&**result)
            }
            _ => None,
        });
        fail.or_else(|| self.last_fail())
    }

    /// Whether it ended because its check was taken out of the configuration.
    pub fn is_of_removed(&self) -> bool {
        let mut ends = self.entries.iter().rev();
        ends.any(|entry| matches!(entry.event, IncidentEvent::CheckRemoved))
    }

    /// Whether it ended because its program was stopped by request.
    pub fn is_of_stopped(&self) -> bool {
        let mut ends = self.entries.iter().rev();
        ends.any(|entry| matches!(entry.event, IncidentEvent::ProgramStopped))
    }

    /// The programs that were given up by their supervisor, and how.
    pub fn failed_programs(&self) -> impl Iterator<Item = (Moment, &ProcessName, &str)> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            IncidentEvent::ProgramFailed { process, how } => {
                Some((entry.at, process, how.as_str()))
            }
            _ => None,
        })
    }

    /// How many of its reports were handed over to anybody, or given up.
    pub fn delivered(&self) -> u64 {
        let reports = self.entries.iter().filter_map(|entry| match &entry.event {
            IncidentEvent::Delivered { report, .. } => Some(*report),
            _ => None,
        });
        let reports = sorted::set(reports);
        reports.len() as u64
    }

    /// The files that were kept as evidence, with their size in bytes.
    pub fn evidence(&self) -> impl Iterator<Item = (&str, u64)> {
        let steps = self.actions().flat_map(|(_, outcome)| &outcome.steps);
        let captures = steps.filter_map(|step| match &step.action {
            ActionStep::Captured(capture) => Some(capture),
            _ => None,
        });
        let files = captures.flat_map(|capture| &capture.files);
        files.map(|(path, bytes)| (path.as_str(), *bytes))
    }

    /// Whether a rung of a ladder did something else than a restart.
    pub fn escalated(&self) -> bool {
        self.actions().any(|(_, outcome)| outcome.escalated())
    }

    /// Every action's outcome, in order.
    pub fn actions(&self) -> impl Iterator<Item = (Moment, &Outcome)> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            IncidentEvent::Acted(outcome) => Some((entry.at, outcome)),
            _ => None,
        })
    }
}

/// One probe of a check: the facts and the opinion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What was seen.
    pub seen: Observation,
    /// What it came to.
    pub judgement: Judgement,
}

impl CheckResult {
    /// The result without what is too long to be remembered.
    #[must_use]
    pub fn brief(mut self) -> Self {
        if let Some(body) = &mut self.seen.body {
            body.kept.truncate(KEPT_BYTES);
        }
        self.seen.headers.truncate(50);
        for (_, value) in &mut self.seen.headers {
            let end = value.floor_char_boundary(KEPT_BYTES);
            value.truncate(end);
        }
        self
    }
}

#[cfg(test)]
mod tests;
