//! What a monitor knows at one moment, as plain data: what `status`, pages and metrics show. Nothing is
//! decided here, and nothing can be changed through it. In JSON moments are RFC 3339, spans are seconds.

use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use super::check::CheckCounts;
use super::incident::Incident;
use super::ladder::RungView;
use super::memory::{Pause, ResultSample};
use super::moment::{Moment, rfc3339};
use super::observation::{Observation, Phases};
use super::process::ProcessState;
use super::reason::Reason;
use super::remedy::UnknownTarget;
use super::threshold::Status;
use super::verdict::Verdict;

/// Everything that can be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    #[serde(with = "rfc3339")]
    pub at: Moment,
    /// Nothing new is begun any more.
    pub shutting_down: bool,
    /// What became of the last reload. The monitor itself knows of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigView>,
    /// Over all checks.
    pub totals: Totals,
    /// In the order of their definition.
    pub checks: Vec<CheckView>,
    /// The restarts that are unfinished, of checks that are not defined any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<PendingView>,
}

/// The configuration that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigView {
    /// When it was taken.
    #[serde(with = "rfc3339")]
    pub taken: Moment,
    /// A newer one that was refused since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedConfig>,
}

/// A configuration that was refused at a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedConfig {
    #[serde(with = "rfc3339")]
    pub at: Moment,
    /// Why, with the lines of the file that are wrong.
    pub why: String,
}

impl RefusedConfig {
    /// Why, in one line: the first fault without the lines of its file, and where it is.
    pub fn brief(&self) -> String {
        let mut message = Vec::new();
        for line in self.why.lines().map(str::trim) {
            if let Some(place) = line.strip_prefix("--> ") {
                return format!("{place}: {}", message.join(" "));
            }
            if !line.is_empty() {
                message.push(line.strip_prefix("error: ").unwrap_or(line));
            }
        }
        message.join(" ")
    }
}

/// Numbers over all checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub checks: usize,
    pub up: usize,
    pub down: usize,
    pub pending: usize,
    pub paused: usize,
    #[serde(default)]
    pub silenced: usize,
    pub gave_up: usize,
    /// Probes under way.
    pub probing: usize,
    /// Restarts under way.
    pub acting: usize,
    /// Restarts over all checks that count against the overall budget, when there is one.
    pub restarts: Option<Spending>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    pub name: String,
    /// What is asked, without secrets.
    pub url: String,
    /// Where it stands, and since when as far as that is known.
    pub status: Status,
    #[serde(with = "rfc3339::optional")]
    pub since: Option<Moment>,
    /// The newest probe, or what was last said of the heartbeats.
    pub last: Option<CheckResultView>,
    /// Of a check that is not probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<HeartbeatView>,
    /// The program of ours that it is about, of a check that is not probed either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramView>,
    /// What else was seen then, by this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<ProbeFacts>,
    pub streak: StreakView,
    /// The open episode.
    pub incident: Option<IncidentView>,
    /// What held back the last action that was due.
    pub held: Option<String>,
    /// What it has of its fleet, while it waits for a slot or holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetView>,
    /// So long fails are not counted yet.
    pub grace_left: Option<f64>,
    /// When the last action ended.
    #[serde(with = "rfc3339::optional")]
    pub acted: Option<Moment>,
    /// The next action comes no earlier.
    #[serde(with = "rfc3339::optional")]
    pub next_attempt: Option<Moment>,
    /// Restarts that count against the budget, when there is one.
    pub restarts: Option<Spending>,
    /// When it was given up, and when it is tried again.
    #[serde(with = "rfc3339::optional")]
    pub gave_up: Option<Moment>,
    #[serde(with = "rfc3339::optional")]
    pub rearm: Option<Moment>,
    /// What holds its restarts.
    pub pause: Option<PauseView>,
    /// What holds its reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<PauseView>,
    /// What it is doing just now.
    pub busy: Option<ActivityView>,
    /// Since when it is warming up.
    #[serde(default, with = "rfc3339::optional")]
    pub warming: Option<Moment>,
    /// The rest of the attempt under way, while it waits for a pass.
    #[serde(default)]
    pub rolling: Option<RollingView>,
    /// Where it stands in its ladder: the rung of the attempt under way, or of the next one while it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<RungView>,
    /// Its restarts that are unfinished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingView>,
    /// What it restarts, as configured.
    pub targets: Vec<String>,
    /// Those of them that no supervisor knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_targets: Vec<UnknownTarget>,
    pub requires: Vec<String>,
    pub dry_run: bool,
    /// Since the start of the watchdog.
    pub counts: CheckCounts,
    /// The last results, newest last; empty in a snapshot without samples.
    pub samples: Vec<CheckResultView>,
}

impl CheckView {
    /// Whether anything is asked: otherwise what is said is judged.
    pub const fn is_probed(&self) -> bool {
        self.heartbeat.is_none() && self.program.is_none()
    }
}

/// What a check has of its fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetView {
    pub group: String,
    pub state: SlotState,
    /// Since when it waits, or began to.
    #[serde(with = "rfc3339")]
    pub since: Moment,
}

/// Whether it has a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// It asks for one.
    Waiting,
    /// It has one.
    Held,
    /// It restarts without: nobody could be asked, or the slot was lost.
    Without,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResultView {
    #[serde(with = "rfc3339")]
    pub at: Moment,
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    /// Empty but for the newest probe.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    pub took: f64,
    pub code: Option<u16>,
}

/// Numbers of one probe that metrics show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeFacts {
    pub phases: Phases,
    /// When the first of the peer's certificates expires, in seconds since 1970.
    pub certificate_expires: Option<i64>,
}

impl From<&Observation> for ProbeFacts {
    fn from(seen: &Observation) -> Self {
        let ends = seen.certificates.iter().map(|one| one.not_after);
        Self {
            phases: seen.phases,
            certificate_expires: ends.min(),
        }
    }
}

/// The heartbeats of a check that is not probed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatView {
    /// One is due every so many seconds.
    pub every: f64,
    /// When the newest one came.
    #[serde(with = "rfc3339::optional")]
    pub last: Option<Moment>,
    /// What is wrong, as the newest one says.
    pub failure: Option<String>,
    /// When the next one is due; unknown before the first tick.
    #[serde(with = "rfc3339::optional")]
    pub due: Option<Moment>,
}

/// The program of ours that a check is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramView {
    pub name: String,
    /// What it is doing; unknown before its supervisor says so.
    pub state: Option<ProcessState>,
}

/// How near the thresholds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreakView {
    pub fails: u32,
    pub fail_after: u32,
    pub passes: u32,
    pub pass_after: u32,
}

/// The open episode, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentView {
    pub id: String,
    #[serde(with = "rfc3339")]
    pub since: Moment,
    pub attempts: u32,
    /// Whether people were notified.
    pub notified: bool,
    /// Reports about it that were made and are not known to be delivered.
    #[serde(default)]
    pub undelivered: u64,
    pub manual: bool,
}

/// Part of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    pub spent: usize,
    pub of: u32,
    /// Within so many seconds.
    pub window: f64,
}

/// A hold by a person or a maintenance window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    pub reason: String,
    #[serde(with = "rfc3339::optional")]
    pub until: Option<Moment>,
}

impl From<&Pause> for PauseView {
    fn from(pause: &Pause) -> Self {
        Self {
            reason: pause.reason.clone(),
            until: pause.until,
        }
    }
}

/// A restart that was begun and is not finished.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingView {
    /// The process that does not run again yet.
    pub process: String,
    /// It is being started just now.
    pub trying: bool,
    /// When it is tried again, unless something holds it.
    pub next: Option<Moment>,
    /// What holds it.
    pub held: Option<String>,
    /// A pause does not hold the next start: what we stopped is started once more.
    pub owed: bool,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure: String,
}

/// An attempt that waits for a pass before it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingView {
    /// The process that runs again and is not proven yet, and since when.
    pub awaiting: String,
    #[serde(with = "rfc3339")]
    pub since: Moment,
    /// Those whose turn has not come.
    pub left: Vec<String>,
}

impl RollingView {
    pub(super) fn of(attempt: &Attempt) -> Option<Self> {
        let awaiting = attempt.awaiting.as_ref()?;
        Some(Self {
            awaiting: awaiting.process.to_string(),
            since: awaiting.since,
            left: attempt.left().iter().map(ToString::to_string).collect(),
        })
    }
}

/// What a check is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityView {
    /// Waiting for the supervisor's list.
    Listing,
    /// Waiting for the answer.
    Probing,
    /// Restarting these processes, since then; none when they could not be listed.
    Restarting {
        #[serde(with = "rfc3339")]
        since: Moment,
        on: Vec<String>,
    },
}

impl From<ResultSample> for CheckResultView {
    fn from(sample: ResultSample) -> Self {
        Self {
            at: sample.at,
            verdict: sample.verdict,
            reason: sample.reason,
            detail: sample.detail,
            took: sample.took.as_secs_f64(),
            code: sample.code,
        }
    }
}

impl From<&Incident> for IncidentView {
    fn from(incident: &Incident) -> Self {
        Self {
            id: incident.id.clone(),
            since: incident.since,
            attempts: incident.attempts,
            notified: incident.notified,
            undelivered: incident.reports.saturating_sub(incident.delivered()),
            manual: incident.manual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_configuration_is_told_in_one_line() {
        for (why, brief) in [
            ("`state_dir` was changed", "`state_dir` was changed"),
            (
                "error: \"soon\" is\nnot a duration\n --> a.toml:2:9\n  |\n2 | every = \"soon\"\n\n1 fault in a.toml",
                "a.toml:2:9: \"soon\" is not a duration",
            ),
            ("cannot make it:\n  no file\n", "cannot make it: no file"),
        ] {
            let refused = RefusedConfig {
                at: Moment::default(),
                why: why.to_owned(),
            };
            assert_eq!(refused.brief(), brief);
        }
    }
}
