//! What is shown: one immutable picture of the watchdog, made by the loop. Everything that is served is rendered
//! from it, so that no answer waits for a target.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::health::suggest::nearest;
use crate::health::{CheckView, Moment, Process, Snapshot, Status, Unhealthy, Verdict};

/// When checks had their last ticks: the next probe of each is due a period later.
#[derive(Clone, Debug, Default)]
pub struct NextProbes {
    /// The names of the checks, and how often they are due; zero: at every tick, whenever that comes.
    pub periods: Arc<[(Arc<str>, Duration)]>,
    /// The last tick of each.
    pub ticked: Vec<Option<Moment>>,
}

impl NextProbes {
    /// When `check` is probed next, where that is known.
    pub fn of(&self, check: &str) -> Option<Moment> {
        let mut known = self.known();
        known.find(|(name, _)| *name == check).map(|(_, at)| at)
    }

    /// That of all checks.
    pub fn by_check(&self) -> HashMap<&str, Moment> {
        self.known().collect()
    }

    fn known(&self) -> impl Iterator<Item = (&str, Moment)> {
        let ticked = self.periods.iter().zip(&self.ticked);
        let timed = ticked.filter(|((_, every), _)| !every.is_zero());
        timed.filter_map(|((check, every), at)| Some((&**check, (*at)? + *every)))
    }
}

/// Everything that can be shown at one moment.
#[derive(Clone, Debug)]
pub struct View {
    pub snapshot: Snapshot,
    /// Whether the snapshot has the last results of each check.
    pub with_samples: bool,
    /// The latch: every check has had its first verdict.
    pub ready: bool,
    /// Why the watchdog is not healthy; empty when it is.
    pub reasons: Vec<Unhealthy>,
    /// The watchdog's key, the same in every run.
    pub watchdog: String,
    pub host: String,
    pub pid: u32,
    pub started: Moment,
    pub next: NextProbes,
    /// Messages that wait for delivery.
    pub outbox: u64,
    /// How late the newest tick was.
    pub tick_lag: Duration,
    /// The programs that the watchdog supervises itself.
    pub programs: Vec<Process>,
}

impl View {
    /// The check of this name.
    pub fn check(&self, name: &str) -> Option<&CheckView> {
        self.snapshot.checks.iter().find(|check| check.name == name)
    }

    /// How long the watchdog has been running.
    pub fn uptime(&self) -> Duration {
        self.snapshot.at.since(self.started)
    }

    /// The check whose name is nearest to `name`, when one is near.
    fn nearest(&self, name: &str) -> Option<&str> {
        let names = self.snapshot.checks.iter().map(|check| check.name.as_str());
        nearest(name, &names.collect::<Vec<_>>())
    }

    /// That there is no such check, in words.
    pub fn no_such_check(&self, name: &str) -> String {
        match self.nearest(name) {
            Some(near) => format!("no such check: {name:?}; did you mean {near:?}?"),
            None => format!("no such check: {name:?}"),
        }
    }
}

/// How a check stands, in the one word that all contracts are spelled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServedState {
    /// It passes.
    Up,
    /// It is up, but its last probe failed: the threshold is not reached.
    Failing,
    /// It answers, but not as it should.
    Degraded,
    /// Nothing is known yet.
    Pending,
    /// It is going down on purpose.
    Draining,
    /// It is coming up.
    Starting,
    /// The threshold is reached.
    Down,
}

impl ServedState {
    /// Of `check`.
    pub fn of(check: &CheckView) -> Self {
        let verdict = check.last.as_ref().map(|last| last.verdict);
        match (check.status, verdict) {
            (_, Some(Verdict::Starting)) => Self::Starting,
            (_, Some(Verdict::Draining)) => Self::Draining,
            (_, _) if check.warming.is_some() => Self::Starting,
            (Status::Down, _) => Self::Down,
            (Status::Pending, _) => Self::Pending,
            (Status::Up, Some(Verdict::Degraded)) => Self::Degraded,
            (Status::Up, Some(Verdict::Fail)) => Self::Failing,
            (Status::Up, Some(Verdict::Pass | Verdict::Unknown) | None) => Self::Up,
        }
    }

    /// Whether traffic may be sent to it.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Up | Self::Failing | Self::Degraded)
    }

    /// The word of `status` for it, as far as that has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up | Self::Failing => "up",
            Self::Degraded => "degraded",
            Self::Pending => "pending",
            Self::Draining => "draining",
            Self::Starting => "starting",
            Self::Down => "down",
        }
    }
}

/// Why a check does not stand well, in one line; empty when it does.
pub fn trouble(check: &CheckView) -> String {
    let last = check.last.as_ref();
    let words = |state: ServedState| {
        let detail = last.map(|last| last.detail.as_str()).unwrap_or_default();
        let reason = last.and_then(|last| last.reason);
        let text = match (detail, reason) {
            ("", Some(reason)) => reason.to_string(),
            ("", None) => state.as_str().to_owned(),
            (detail, _) => detail.to_owned(),
        };
        one_line(&text)
    };
    match ServedState::of(check) {
        ServedState::Up => String::new(),
        state @ (ServedState::Failing
        | ServedState::Degraded
        | ServedState::Starting
        | ServedState::Draining) => words(state),
        ServedState::Pending => match last {
            None => "not probed yet".to_owned(),
            Some(_) => words(ServedState::Pending),
        },
        // a check that passes again and has not passed often enough has no trouble to show
        ServedState::Down if last.is_some_and(|last| last.reason.is_none()) => "down".to_owned(),
        ServedState::Down => words(ServedState::Down),
    }
}

/// `text` without what would break a line or a terminal.
pub fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}
