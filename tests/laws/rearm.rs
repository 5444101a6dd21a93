//! When a check that was given up is tried again, and what is said about that beforehand.

use std::time::Duration;

use httpok::health::{
    Backoff, Budget, Check, Effect, Moment, Monitor, Policy, ProcessState, ReportKind,
};

use super::episodes::{at_once, in_vain, limits};
use super::rules::{acts, at, attempt, fail, one, view};

const RUNNING: ProcessState = ProcessState::Running;

/// A check that was restarted twice, at 0 s and at 30 s, and was given up at 60 s; and the pause that was reported.
fn given_up(rearm: u64, count: u32, window: u64) -> (Monitor, Option<Duration>) {
    let policy = Policy {
        restarts: Some(Budget {
            count,
            window: Duration::from_secs(window),
        }),
        rearm: Some(Duration::from_secs(rearm)),
        backoff: Backoff::NONE,
        ..at_once()
    };
    let check: Check = one(0, policy, [true, false, false]);
    let mut monitor = Monitor::new(limits(), 1, vec![check]);
    for second in [0, 30].into_iter().take(count as usize) {
        let effects = fail(&mut monitor, at(second * 1000), "c0", RUNNING, 9_000);
        let (_, ticket) = attempt(&effects).expect("an attempt");
        let _ = in_vain(&mut monitor, at(second * 1000), ticket);
    }
    let effects = fail(&mut monitor, at(60_000), "c0", RUNNING, 9_000);
    let reported = effects.iter().find_map(|effect| match effect {
        Effect::Report(report) => match report.kind {
            ReportKind::GaveUp { rearm, .. } => Some(rearm),
            _ => None,
        },
        _ => None,
    });
    (monitor, reported.expect("it is reported"))
}

/// The columns: rearm, the budget; the moment at which it is tried again, and the pause in the report.
#[test]
fn the_moment_of_the_next_attempt_is_the_one_that_is_shown() {
    for (rearm, count, window, again, reported) in [
        (15, 2, 120, 120_001, 61),
        (300, 2, 120, 360_000, 300),
        (60, 2, 120, 120_001, 61),
        (61, 2, 120, 121_000, 61),
        (15, 1, 3600, 3_600_001, 3541),
    ] {
        let what = format!("rearm {rearm}, {count}/{window}s");
        let (mut monitor, said) = given_up(rearm, count, window);
        assert_eq!(said, Some(Duration::from_secs(reported)), "{what}");
        let shown: Moment = view(&monitor, at(70_000), "c0").rearm.expect("some day");
        assert_eq!(shown, at(again), "{what}");
        for moment in [at(76_000), shown.before(Duration::from_millis(1))] {
            let effects = fail(&mut monitor, moment, "c0", RUNNING, 9_000);
            assert!(!acts(&effects), "{what}: {moment}");
            assert_eq!(view(&monitor, moment, "c0").rearm, Some(shown), "{what}");
        }
        let effects = fail(&mut monitor, shown, "c0", RUNNING, 9_000);
        assert!(acts(&effects), "{what}");
        assert_eq!(view(&monitor, shown, "c0").gave_up, None, "{what}");
    }
}

#[test]
fn without_any_restarts_allowed_it_is_tried_again_only_manually() {
    let (mut monitor, said) = given_up(15, 0, 120);
    assert_eq!(said, None);
    assert_eq!(view(&monitor, at(900_000), "c0").rearm, None);
    let effects = fail(&mut monitor, at(900_000), "c0", RUNNING, 9_000);
    assert!(!acts(&effects));
}
