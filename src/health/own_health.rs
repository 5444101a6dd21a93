//! The watchdog's own health, as load balancers and monitors see it: ready once, and healthy for as long as no
//! reason speaks against it. Readiness is a latch, and levels have a hysteresis, as Halon's monitor has it
//! (`/ready`, `/healthy`, `monitor.healthy.*.{upper,lower}`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::snapshot::{CheckView, Snapshot};
use super::text::counted;
use super::threshold::Status;

/// Checks that are named when they are down; more are counted.
const NAMED: usize = 10;

/// Two bounds of one level: past the one a reason begins, past the other it ends, and between them nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelBounds {
    pub upper: u64,
    pub lower: u64,
}

/// What makes the watchdog unhealthy. `None`: that level does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLimits {
    /// Messages that wait in the outbox: too many from `upper` on, until `lower` is reached.
    pub outbox: Option<LevelBounds>,
    /// Free bytes where the state is kept: too few from `lower` down, until `upper` is reached.
    pub free_bytes: Option<LevelBounds>,
    /// Free inodes there, likewise.
    pub free_inodes: Option<LevelBounds>,
    /// Whether a check that is down makes the watchdog unhealthy.
    pub checks: bool,
}

impl Default for OwnLimits {
    fn default() -> Self {
        let bounds = |upper, lower| Some(LevelBounds { upper, lower });
        Self {
            outbox: bounds(1000, 100),
            free_bytes: bounds(2 << 30, 1 << 30),
            free_inodes: bounds(20_000, 10_000),
            checks: true,
        }
    }
}

/// Levels as they were measured; `None` for one that could not be, which changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    pub outbox: Option<u64>,
    pub free_bytes: Option<u64>,
    pub free_inodes: Option<u64>,
}

/// One reason why the watchdog is not healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unhealthy {
    /// The loop does not say how things are.
    NotAnswering,
    ShuttingDown,
    NotReady,
    SetByPerson {
        reason: String,
    },
    Outbox {
        messages: u64,
    },
    StateFreeBytes {
        bytes: u64,
    },
    StateFreeInodes {
        inodes: u64,
    },
    ChecksDown {
        checks: Vec<String>,
    },
    /// Checks with a target that no supervisor knows.
    UnknownTargets {
        checks: Vec<String>,
    },
}

impl Unhealthy {
    /// Whether it is trouble of the watchdog itself, and neither of what it watches nor of its beginning or end.
    pub const fn is_own(&self) -> bool {
        match self {
            Self::NotAnswering
            | Self::SetByPerson { .. }
            | Self::Outbox { .. }
            | Self::StateFreeBytes { .. }
            | Self::StateFreeInodes { .. } => true,
            Self::ShuttingDown
            | Self::NotReady
            | Self::ChecksDown { .. }
            | Self::UnknownTargets { .. } => false,
        }
    }
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnswering => f.write_str("the watchdog does not answer"),
            Self::ShuttingDown => f.write_str("shutting down"),
            Self::NotReady => f.write_str("not ready"),
            Self::SetByPerson { reason } if reason.is_empty() => f.write_str("set by hand"),
            Self::SetByPerson { reason } => write!(f, "set by hand: {reason}"),
            Self::Outbox { messages } => {
                let messages = counted(*messages, "message waits", "messages wait");
                write!(f, "outbox: {messages}")
            }
            Self::StateFreeBytes { bytes } => write!(f, "state free bytes: {bytes}"),
            Self::StateFreeInodes { inodes } => write!(f, "state free inodes: {inodes}"),
            Self::ChecksDown { checks } => named(f, "checks down", checks),
            Self::UnknownTargets { checks } => {
                named(f, "checks with unknown restart targets", checks)
            }
        }
    }
}

/// `checks` after `what`; of many, the first ones.
fn named(f: &mut fmt::Formatter<'_>, what: &str, checks: &[String]) -> fmt::Result {
    let (named, more) = checks.split_at(checks.len().min(NAMED));
    write!(f, "{what}: {}", named.join(", "))?;
    match more.len() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// The state behind it.
#[derive(Clone, Debug, Default)]
pub struct OwnHealth {
    limits: OwnLimits,
    levels: Levels,
    ready: bool,
    manual: Option<String>,
    outbox_full: bool,
    bytes_short: bool,
    inodes_short: bool,
}

impl OwnHealth {
    /// A watchdog that is not ready yet.
    pub fn new(limits: OwnLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes new limits; what was measured is judged by them.
    pub fn set_limits(&mut self, limits: OwnLimits) {
        self.limits = limits;
        self.measured(self.levels);
    }

    /// A person says that it is unhealthy, and why; `None` takes that back.
    pub fn set_unhealthy(&mut self, reason: Option<String>) {
        self.manual = reason;
    }

    /// Why a person says that it is unhealthy, if one does.
    pub fn unhealthy(&self) -> Option<&str> {
        self.manual.as_deref()
    }

    /// Judges `levels`.
    pub fn measured(&mut self, levels: Levels) {
        let Self { limits, .. } = self;
        self.levels = Levels {
            outbox: levels.outbox.or(self.levels.outbox),
            free_bytes: levels.free_bytes.or(self.levels.free_bytes),
            free_inodes: levels.free_inodes.or(self.levels.free_inodes),
        };
        self.outbox_full = too_many(self.levels.outbox, limits.outbox, self.outbox_full);
        self.bytes_short = too_few(self.levels.free_bytes, limits.free_bytes, self.bytes_short);
        self.inodes_short = too_few(
            self.levels.free_inodes,
            limits.free_inodes,
            self.inodes_short,
        );
    }

    /// Becomes ready when every check has had its first verdict in this run, or had nothing to be asked for; and
    /// stays it for the rest of the run. Returns whether it is.
    pub fn is_ready(&mut self, snapshot: &Snapshot) -> bool {
        let all = || snapshot.checks.iter().all(|check| check.counts.has_begun());
        self.ready = self.ready || all();
        self.ready
    }

    /// Everything that speaks against it now, in order of weight; healthy when empty.
    pub fn reasons(&mut self, snapshot: &Snapshot) -> Vec<Unhealthy> {
        let ready = self.is_ready(snapshot);
        let level = |active: bool, level: Option<u64>| level.filter(|_| active);
        let those = |fits: fn(&CheckView) -> bool| {
            let checks = snapshot.checks.iter().filter(|check| fits(check));
            let names = checks.map(|check| check.name.clone());
            names
                .filter(|_| self.limits.checks)
                .collect::<Vec<String>>()
        };
        let down = those(|check| check.status == Status::Down);
        let lost = those(|check| !check.unknown_targets.is_empty());
        [
            snapshot.shutting_down.then_some(Unhealthy::ShuttingDown),
            (!ready).then_some(Unhealthy::NotReady),
            self.manual
                .clone()
                .map(|reason| Unhealthy::SetByPerson { reason }),
            level(self.outbox_full, self.levels.outbox)
                .map(|messages| Unhealthy::Outbox { messages }),
            level(self.bytes_short, self.levels.free_bytes)
                .map(|bytes| Unhealthy::StateFreeBytes { bytes }),
            level(self.inodes_short, self.levels.free_inodes)
                .map(|inodes| Unhealthy::StateFreeInodes { inodes }),
            (!down.is_empty()).then_some(Unhealthy::ChecksDown { checks: down }),
            (!lost.is_empty()).then_some(Unhealthy::UnknownTargets { checks: lost }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn too_many(level: Option<u64>, bounds: Option<LevelBounds>, was: bool) -> bool {
    match (level, bounds) {
        (_, None) => false,
        (Some(level), Some(bounds)) if level >= bounds.upper => true,
        (Some(level), Some(bounds)) if level <= bounds.lower => false,
        (_, Some(_)) => was,
    }
}

fn too_few(level: Option<u64>, bounds: Option<LevelBounds>, was: bool) -> bool {
    match (level, bounds) {
        (_, None) => false,
        (Some(level), Some(bounds)) if level <= bounds.lower => true,
        (Some(level), Some(bounds)) if level >= bounds.upper => false,
        (_, Some(_)) => was,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::health::{
        Check, CheckTick, Effect, Event, Limits, Moment, Monitor, Observation, Phase, Reason,
        Trouble,
    };

    fn check(name: &str) -> Check {
        Check {
            name: name.to_owned(),
            url: "http://h/".to_owned(),
            probe: String::new(),
            rules: Arc::default(),
        }
    }

    fn monitor(names: &[&str]) -> Monitor {
        let checks = names.iter().map(|name| check(name)).collect();
        Monitor::new(Limits::default(), 1, checks)
    }

    /// Has `check` probed; nobody listens there, so that it fails.
    fn fail(monitor: &mut Monitor, now: Moment, check: &str) {
        let tick = CheckTick {
            check: check.to_owned(),
            age: None,
            period: None,
        };
        let effects = monitor.handle(now, Event::Tick(tick));
        for effect in effects {
            if let Effect::Probe { check, ticket, .. } = effect {
                let trouble = Trouble::new(Reason::Refused, Phase::Connect, "nobody");
                let seen = Box::new(Observation::of_trouble(trouble));
                let _ = monitor.handle(
                    now,
                    Event::Observed {
                        check,
                        ticket,
                        seen,
                    },
                );
            }
        }
    }

    fn lines(health: &mut OwnHealth, snapshot: &Snapshot) -> Vec<String> {
        let reasons = health.reasons(snapshot);
        reasons.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn readiness_is_a_latch_over_the_first_verdict_of_every_check() {
        let at = Moment::from_secs;
        let mut health = OwnHealth::default();
        let mut monitor = monitor(&["a", "b"]);
        assert_eq!(
            lines(&mut health, &monitor.snapshot(at(1))),
            ["not ready"],
            "nothing was probed"
        );
        fail(&mut monitor, at(2), "a");
        assert_eq!(
            lines(&mut health, &monitor.snapshot(at(2))),
            ["not ready"],
            "b was not probed"
        );
        fail(&mut monitor, at(3), "b");
        assert!(
            health.is_ready(&monitor.snapshot(at(3))),
            "a fail is a verdict"
        );
        let more = ["a", "b", "c"].map(check).map(Arc::new).to_vec();
        let limits = Limits::default();
        let _ = monitor.handle(
            at(4),
            Event::Reload {
                checks: more,
                limits,
                forgot: Vec::new(),
            },
        );
        assert!(
            health.is_ready(&monitor.snapshot(at(4))),
            "a latch does not go back"
        );
    }

    #[test]
    fn levels_begin_at_one_bound_and_end_at_the_other() {
        let snapshot = monitor(&[]).snapshot(Moment::ZERO);
        let bounds = |upper, lower| Some(LevelBounds { upper, lower });
        let limits = OwnLimits {
            outbox: bounds(10, 5),
            free_bytes: bounds(200, 100),
            free_inodes: None,
            checks: true,
        };
        let mut health = OwnHealth::new(limits.clone());
        for (outbox, free, expected) in [
            (Some(9), Some(150), &[][..]),
            (
                Some(10),
                Some(100),
                &["outbox: 10 messages wait", "state free bytes: 100"],
            ),
            (
                Some(6),
                Some(199),
                &["outbox: 6 messages wait", "state free bytes: 199"],
            ),
            (
                None,
                None,
                &["outbox: 6 messages wait", "state free bytes: 199"],
            ),
            (Some(5), Some(200), &[]),
            (Some(9), Some(101), &[]),
        ] {
            health.measured(Levels {
                outbox,
                free_bytes: free,
                free_inodes: Some(0),
            });
            assert_eq!(lines(&mut health, &snapshot), expected);
        }
        health.set_limits(OwnLimits {
            outbox: bounds(8, 1),
            ..limits
        });
        assert_eq!(lines(&mut health, &snapshot), ["outbox: 9 messages wait"]);
    }

    #[test]
    fn reasons_come_in_order_and_all_at_once() {
        let at = Moment::from_secs;
        let mut health = OwnHealth::default();
        let mut monitor = monitor(&["shop", "late"]);
        for second in 1..=3 {
            fail(&mut monitor, at(second), "shop");
        }
        health.set_unhealthy(Some("deploy".to_owned()));
        health.measured(Levels {
            outbox: Some(5000),
            free_bytes: Some(0),
            free_inodes: Some(7),
        });
        let _ = monitor.handle(at(4), Event::Shutdown);
        assert_eq!(
            lines(&mut health, &monitor.snapshot(at(4))),
            [
                "shutting down",
                "not ready",
                "set by hand: deploy",
                "outbox: 5000 messages wait",
                "state free bytes: 0",
                "state free inodes: 7",
                "checks down: shop",
            ]
        );
        health.set_unhealthy(None);
        health.set_limits(OwnLimits {
            outbox: None,
            free_bytes: None,
            free_inodes: None,
            checks: false,
        });
        assert_eq!(
            lines(&mut health, &monitor.snapshot(at(5))),
            ["shutting down", "not ready"]
        );
    }

    #[test]
    fn many_checks_are_counted() {
        let checks = (0..12).map(|n| format!("c{n}")).collect();
        let text = Unhealthy::ChecksDown { checks }.to_string();
        assert!(text.ends_with("c9 and 2 more"), "{text}");
    }
}
