//! What is remembered of a check, also from one run of the watchdog to the next. Moments of another run are set right in
//! `moments`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::io;
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
        /// Hashes what is written to it.
        struct Hashing(DefaultHasher);
        impl io::Write for Hashing {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.write(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

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
        // entries are only ever appended
        let appended = incident
            .as_ref()
            .map(|open| (open.entries.len(), open.dropped));
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
            (incident.as_deref().map(Incident::head), appended, beats),
        );
        let mut hashing = Hashing(DefaultHasher::new());
        // a hash takes whatever is written, and a memory is JSON
        let _ = serde_json::to_writer(&mut hashing, &gist);
        hashing.0.finish()
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeReport {
    /// The incident's id, which is the thread of its mails.
    pub incident: String,
    /// When it was made.
    pub at: Moment,
}

/// A hold on restarts or on reports, by a person or a maintenance window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
