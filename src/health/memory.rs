//! What is remembered of a check, also from one run of the watchdog to the next. Moments of another run are set right in
//! `moments`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Spent;
use super::heartbeat::Heartbeats;
use super::incident::Incident;
use super::moment::Moment;
use super::process::ProcessName;
use super::reason::Reason;
use super::samples::Samples;
use super::threshold::{Status, Streak};
use super::verdict::Verdict;
use super::warmup::Warmed;

/// What is remembered of a check, also from one run of the watchdog to the next. What few checks have is on the heap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Where it stands.
    pub status: Status,
    /// Since when it stands there.
    #[serde(default, alias = "stands_since")]
    pub status_since: Option<Moment>,
    /// The counted results since the last action.
    pub streak: Streak,
    /// When the first fail of the current streak was seen.
    pub failing_since: Option<Moment>,
    /// The pids last seen, by process.
    pub pids: BTreeMap<String, u32>,
    /// It has passed since its processes were started, which ends the grace.
    pub settled: bool,
    /// Fails before this are not counted, unless settled.
    pub grace_until: Option<Moment>,
    /// Actions since it last passed: what the back-off grows with.
    pub attempts: u32,
    /// Rungs of the ladder that were taken in the open episode.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rungs: u32,
    /// When the last action ended.
    pub acted: Option<Moment>,
    /// When the next action may begin.
    pub next_attempt: Option<Moment>,
    /// Actions that count against the budget.
    pub spent: Spent,
    /// When it was given up.
    pub gave_up: Option<Moment>,
    /// A person holds its restarts.
    pub pause: Option<Box<Pause>>,
    /// A person holds its reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Box<Pause>>,
    /// An action whose success is not known yet.
    pub verifying: Option<Verifying>,
    /// Processes that were restarted in the open episode: the next attempt begins with the others.
    #[serde(default)]
    pub tried: Vec<ProcessName>,
    /// The processes that were warmed up.
    #[serde(default)]
    pub warmed: Option<Box<Warmed>>,
    /// Of a check that is not probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeats: Option<Box<Heartbeats>>,
    /// The open episode.
    pub incident: Option<Box<Incident>>,
    /// When people were last notified about the open episode.
    #[serde(alias = "told_at")]
    pub notified_at: Option<Moment>,
    /// Degraded results in a row, and whether that was reported.
    pub degraded: Episode,
    /// Results in a row that were unknown, and whether that was reported.
    #[serde(alias = "blind")]
    pub unknown: Episode,
    /// The last results, newest last.
    pub samples: Samples,
}

impl Memory {
    /// Stands for all that is worth writing to disk at once: everything but the samples, and passes beyond
    /// `pass_after`.
    pub fn fingerprint(&self, pass_after: u32) -> u64 {
        // every field is named, so that a new one is not forgotten
        let Self {
            status,
            status_since,
            streak,
            failing_since,
            pids,
            settled,
            grace_until,
            attempts,
            rungs,
            acted,
            next_attempt,
            spent,
            gave_up,
            pause,
            silence,
            verifying,
            tried,
            warmed,
            heartbeats,
            incident,
            notified_at,
            degraded,
            unknown,
            samples: _,
        } = self;
        let mut counted = streak.clone();
        counted.cap_passes(pass_after);
        // the moment of each heartbeat is not worth it
        let beats = heartbeats.as_ref().map(|known| {
            let failure = known.last.as_ref().map(|last| &last.failure);
            (known.stored, known.awaited, known.allowed, failure)
        });
        let gist = (
            (status, status_since, counted, failing_since, pids, settled),
            (
                grace_until,
                attempts,
                rungs,
                acted,
                next_attempt,
                spent,
                gave_up,
            ),
            (
                (pause, silence),
                verifying,
                tried,
                warmed,
                notified_at,
                degraded,
                unknown,
            ),
            beats,
        );
        // at every probe, so that nothing is written out for it
        let mut hasher = DefaultHasher::new();
        gist.hash(&mut hasher);
        incident.is_some().hash(&mut hasher);
        if let Some(open) = incident {
            open.hash_head(&mut hasher);
        }
        hasher.finish()
    }

    /// The same without its incident's entries, which are stored apart from it.
    #[must_use]
    pub fn without_entries(&self) -> Self {
        let mut memory = self.clone();
        if let Some(incident) = &mut memory.incident {
            incident.entries.clear();
        }
        memory
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A run of like results that is reported once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Episode {
    /// Results in a row.
    #[serde(alias = "looks")]
    pub results: u32,
    /// Whether people were notified.
    #[serde(alias = "told")]
    pub notified: bool,
    /// The report, when its end is to be reported, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<EpisodeReport>>,
}

/// That an episode was reported.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EpisodeReport {
    /// The incident's id, which is the thread of its mails.
    pub incident: String,
    /// When it was made.
    pub at: Moment,
}

/// A hold on restarts or on reports, by a person or a maintenance window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pause {
    /// As given.
    pub reason: String,
    /// When it ends by itself.
    pub until: Option<Moment>,
}

impl Pause {
    /// One that begins now.
    pub fn new(now: Moment, reason: String, lasting: Option<Duration>) -> Self {
        let until = lasting.map(|span| now + span);
        Self { reason, until }
    }

    /// Whether it is in force.
    pub fn holds(&self, now: Moment) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// An action whose success is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verifying {
    /// When the action began.
    pub begun: Moment,
    /// Until when a pass is waited for before it is called "not back".
    pub until: Moment,
}

/// One result, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultSample {
    /// When it ended.
    pub at: Moment,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, when not a pass.
    pub reason: Option<Reason>,
    /// How long it took.
    pub took: Duration,
    /// The status code, when one came.
    pub code: Option<u16>,
    /// What was wrong, as text, shortened; kept of the newest result only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::super::policy::Fails;
    use super::*;

    #[test]
    fn fingerprint_stands_for_all_but_samples_and_further_passes() {
        type Change = fn(&mut Memory);
        let at = Moment::from_secs(7);
        let memory = || {
            let mut memory = Memory::default();
            (0..3).for_each(|_| memory.streak.pass(Fails::InARow(3)));
            let incident = Incident::open("1-1".to_owned(), "shop", Moment::from_secs(7), at);
            memory.incident = Some(Box::new(incident));
            memory
        };
        let table: [(&str, Change, bool); 14] = [
            ("nothing", |_| {}, false),
            ("a pass", |m| m.streak.pass(Fails::InARow(3)), false),
            (
                "a sample",
                |m| {
                    m.samples.push(ResultSample {
                        at: Moment::from_secs(9),
                        verdict: Verdict::Pass,
                        reason: None,
                        took: Duration::ZERO,
                        code: None,
                        detail: String::new(),
                    });
                },
                false,
            ),
            ("a fail", |m| m.streak.fail(Fails::InARow(3)), true),
            ("status", |m| m.status = Status::Up, true),
            (
                "since",
                |m| m.status_since = Some(Moment::from_secs(7)),
                true,
            ),
            (
                "a pid",
                |m| {
                    m.pids.insert("web".to_owned(), 7);
                },
                true,
            ),
            (
                "grace",
                |m| m.grace_until = Some(Moment::from_secs(7)),
                true,
            ),
            (
                "next",
                |m| m.next_attempt = Some(Moment::from_secs(7)),
                true,
            ),
            ("spent", |m| m.spent.note(Moment::from_secs(7), None), true),
            ("unknown", |m| m.unknown.results = 1, true),
            ("no incident", |m| m.incident = None, true),
            ("reports", |m| incident(m).reports += 1, true),
            ("dropped entries", |m| incident(m).dropped += 1, true),
        ];
        for (what, change, changes) in table {
            let mut other = memory();
            change(&mut other);
            let differs = other.fingerprint(3) != memory().fingerprint(3);
            assert_eq!(differs, changes, "{what}");
        }
    }

    fn incident(memory: &mut Memory) -> &mut Incident {
        memory.incident.as_mut().expect("it is open")
    }
}
