//! Views for tests.

use std::sync::Arc;
use std::time::Duration;

use super::view::{NextProbes, View};
use crate::health::{
    Check, CheckTick, ConfigView, Effect, Event, Limits, Moment, Monitor, Observation, OwnHealth,
    Phase, Reason, StatusLine, Trouble,
};

/// What a check's probe saw.
#[derive(Clone, Copy, Debug)]
pub enum SeenResult {
    Nothing,
    Code(u16),
    Refused,
}

pub fn check(name: &str) -> Check {
    Check {
        name: name.to_owned(),
        url: format!("http://127.0.0.1:8080/{name}"),
        probe: String::new(),
        rules: Arc::default(),
    }
}

/// A watchdog of these checks, each of which saw the same three times, a second apart.
pub fn view(checks: &[(&str, SeenResult)]) -> View {
    let definitions = checks.iter().map(|(name, _)| check(name)).collect();
    let mut monitor = Monitor::new(Limits::default(), 1, definitions);
    let start = 1_700_000_000;
    for second in start..start + 3 {
        for (name, seen) in checks {
            probe(&mut monitor, Moment::from_secs(second), name, *seen);
        }
    }
    view_of(
        &monitor,
        Moment::from_secs(start),
        Moment::from_secs(start + 60),
    )
}

pub fn view_of(monitor: &Monitor, started: Moment, now: Moment) -> View {
    let mut snapshot = monitor.snapshot(now);
    snapshot.config = Some(ConfigView {
        taken: started,
        refused: None,
    });
    let mut health = OwnHealth::default();
    View {
        ready: health.is_ready(&snapshot),
        reasons: health.reasons(&snapshot),
        snapshot,
        with_samples: true,
        watchdog: "watch test".to_owned(),
        host: "example".to_owned(),
        pid: 4711,
        started,
        next: NextProbes::default(),
        outbox: 0,
        tick_lag: Duration::ZERO,
        programs: Vec::new(),
    }
}

/// One tick of `check`, which ends with what it saw.
pub fn probe(monitor: &mut Monitor, now: Moment, check: &str, seen: SeenResult) {
    let seen = match seen {
        SeenResult::Nothing => return,
        SeenResult::Code(code) => Observation {
            duration: Duration::from_millis(40),
            status: Some(StatusLine {
                version: "HTTP/1.1".to_owned(),
                code,
                reason: String::new(),
            }),
            ..Observation::default()
        },
        SeenResult::Refused => {
            let trouble = Trouble::new(Reason::Refused, Phase::Connect, "connection refused");
            Observation::of_trouble(trouble)
        }
    };
    let tick = Event::Tick(CheckTick {
        check: check.to_owned(),
        age: None,
        period: None,
    });
    for effect in monitor.handle(now, tick) {
        if let Effect::Probe { check, ticket, .. } = effect {
            let observed = Event::Observed {
                check,
                ticket,
                seen: Box::new(seen.clone()),
            };
            let _ = monitor.handle(now, observed);
        }
    }
}
