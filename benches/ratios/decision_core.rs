//! The decision core: from a tick to a judged and counted result.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use httpok::health::{
    Body, Check, CheckRules, CheckTick, Effect, Event, Expectation, Limits, Moment, Monitor,
    Observation, StatusLine,
};

use super::meter::{Table, each};

fn check(number: usize) -> Check {
    let name = format!("check-{number}");
    Check {
        url: format!("http://127.0.0.1/{name}"),
        name,
        probe: String::new(),
        rules: Arc::new(CheckRules {
            expectation: Expectation {
                body: vec!["fine".to_owned()],
                ..Expectation::default()
            },
            ..CheckRules::default()
        }),
    }
}

fn answer() -> Observation {
    Observation {
        duration: Duration::from_millis(3),
        status: Some(StatusLine {
            version: "HTTP/1.1".to_owned(),
            code: 200,
            reason: "OK".to_owned(),
        }),
        body: Some(Body {
            kept: b"all fine".to_vec(),
            size: 8,
            found: vec![b"fine".to_vec()],
            ..Body::default()
        }),
        ..Observation::default()
    }
}

/// One tick of every check, each answered.
fn beat(monitor: &mut Monitor, now: Moment, names: &[String]) {
    for name in names {
        let tick = Event::Tick(CheckTick {
            check: name.clone(),
            age: None,
            period: None,
        });
        for effect in monitor.handle(now, tick) {
            if let Effect::Probe { check, ticket, .. } = effect {
                let seen = Box::new(answer());
                black_box(monitor.handle(
                    now,
                    Event::Observed {
                        check,
                        ticket,
                        seen,
                    },
                ));
            }
        }
    }
}

pub fn measure(table: &mut Table) {
    for (what, count, times) in [
        ("a tick, judged and counted", 1, 1000),
        ("one tick of 1,000 checks, judged and counted", 1000, 5),
    ] {
        let checks: Vec<_> = (0..count).map(check).collect();
        let names: Vec<_> = checks.iter().map(|check| check.name.clone()).collect();
        let mut monitor = Monitor::new(Limits::default(), 1, checks);
        let mut now = Moment::from_millis(1_795_000_000_000);
        table.alone(what, || {
            each(times, || {
                now = now + Duration::from_secs(60);
                beat(&mut monitor, now, &names);
            })
        });
    }
    let mut monitor = Monitor::new(Limits::default(), 1, (0..10_000).map(check).collect());
    let names: Vec<_> = monitor.checks().map(|check| check.name.clone()).collect();
    let now = Moment::from_millis(1_795_000_000_000);
    beat(&mut monitor, now, &names);
    let what = "what is shown of 10,000 checks, without their results";
    table.alone(what, || {
        each(3, || {
            black_box(monitor.snapshot_without_samples(now));
        })
    });
}
