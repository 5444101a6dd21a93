//! What a silence and a maintenance window do to restarts and reports, each as a sequence of events.

use std::time::Duration;

use httpok::health::{
    Budget, DownState, Event, Gate, MaintenanceWindow, Monitor, Pause, Policy, ProcessState,
    ReportKind,
};

use super::episodes::{at_once, in_vain, limits, pass, reports};
use super::rules::{acts, at, attempt, fail, one, view};

const RUNNING: ProcessState = ProcessState::Running;

/// A monitor of one check, `c0`, that restarts nothing.
fn only_reporting() -> Monitor {
    Monitor::new(limits(), 1, vec![one(0, at_once(), [false; 3])])
}

fn silence(seconds: Option<u64>) -> Event {
    Event::Silence {
        check: "c0".to_owned(),
        reason: "deploy".to_owned(),
        lasting: seconds.map(Duration::from_secs),
    }
}

fn resume() -> Event {
    Event::Resume {
        check: "c0".to_owned(),
    }
}

fn failed(monitor: &mut Monitor, millis: u64) -> Vec<ReportKind> {
    let effects = fail(monitor, at(millis), "c0", RUNNING, 9_000);
    let made = reports(&effects);
    made.iter().map(|report| report.kind.clone()).collect()
}

#[test]
fn check_down_in_a_silence_is_reported_once_after_it() {
    for (lasting, resumes) in [(Some(10), false), (None, true)] {
        let mut monitor = only_reporting();
        let _ = monitor.handle(at(0), silence(lasting));
        assert!(view(&monitor, at(1), "c0").silence.is_some());
        for millis in [1_000, 2_000, 9_999] {
            assert_eq!(failed(&mut monitor, millis), [], "{millis}");
        }
        if resumes {
            let _ = monitor.handle(at(10_000), resume());
        }
        let made = failed(&mut monitor, 10_000);
        let [ReportKind::Down { state, update }] = made.as_slice() else {
            panic!("{made:?}");
        };
        assert_eq!((state, *update), (&DownState::NotifyOnly, false));
        assert_eq!(failed(&mut monitor, 11_000), []);
        assert!(view(&monitor, at(11_000), "c0").silence.is_none());
    }
}

#[test]
fn incident_within_a_silence_is_not_reported() {
    let mut monitor = only_reporting();
    let _ = monitor.handle(at(0), silence(Some(10)));
    assert_eq!(failed(&mut monitor, 1_000), []);
    pass(&mut monitor, at(2_000), "c0");
    assert!(monitor.take_closed("c0").is_some(), "it is in the history");
    pass(&mut monitor, at(20_000), "c0");
    // the next incident is a new one
    assert_eq!(failed(&mut monitor, 30_000).len(), 1);
}

#[test]
fn recovery_is_reported_in_a_silence_when_the_fail_was() {
    let mut monitor = only_reporting();
    assert_eq!(failed(&mut monitor, 0).len(), 1);
    let _ = monitor.handle(at(500), silence(None));
    assert_eq!(failed(&mut monitor, 1_000), []);
    let effects = super::episodes::passes(&mut monitor, at(2_000), "c0");
    let made = reports(&effects);
    assert!(
        matches!(made[0].kind, ReportKind::Recovered { .. }),
        "{made:?}"
    );
    assert_eq!(made[0].number, 2, "no number is left out");
}

#[test]
fn giving_up_in_a_silence_is_reported_after_it() {
    let policy = Policy {
        restarts: Some(Budget {
            count: 1,
            window: Duration::from_secs(600),
        }),
        ..at_once()
    };
    let mut monitor = Monitor::new(limits(), 1, vec![one(0, policy, [true, false, false])]);
    let _ = monitor.handle(at(0), silence(Some(60)));
    let effects = fail(&mut monitor, at(1_000), "c0", RUNNING, 9_000);
    assert_eq!(reports(&effects).len(), 0, "a silence holds no restart");
    let (_, ticket) = attempt(&effects).expect("it acts");
    in_vain(&mut monitor, at(2_000), ticket);
    assert_eq!(failed(&mut monitor, 30_000), [], "it gives up");
    let made = failed(&mut monitor, 61_000);
    assert!(
        matches!(made.as_slice(), [ReportKind::GaveUp { .. }]),
        "{made:?}"
    );
    assert_eq!(failed(&mut monitor, 62_000), []);
}

#[test]
fn silent_pause_holds_restarts_and_reports() {
    let mut monitor = Monitor::new(limits(), 1, vec![one(0, at_once(), [true, false, false])]);
    let pause = Event::Pause {
        check: "c0".to_owned(),
        reason: "deploy".to_owned(),
        lasting: Some(Duration::from_secs(10)),
        silent: true,
    };
    let _ = monitor.handle(at(0), pause);
    let effects = fail(&mut monitor, at(1_000), "c0", RUNNING, 9_000);
    assert!(!acts(&effects) && reports(&effects).is_empty());
    let _ = monitor.handle(at(2_000), resume());
    let effects = fail(&mut monitor, at(3_000), "c0", RUNNING, 9_000);
    assert!(acts(&effects));
    let made = reports(&effects);
    assert_eq!(made.len(), 1, "{made:?}");
    let kind = &made[0].kind;
    assert!(
        matches!(
            kind,
            ReportKind::Down {
                state: DownState::Restarting,
                ..
            }
        ),
        "how it is, not how it was: {kind:?}"
    );
}

/// The columns: what the window holds, and what follows in it and after it.
#[test]
fn maintenance_window_holds_its_configured_effects() {
    for (holds_restarts, holds_reports) in [(true, true), (true, false), (false, true)] {
        let mut monitor = Monitor::new(limits(), 1, vec![one(0, at_once(), [true, false, false])]);
        let hold = Pause::new(at(0), "maintenance (Sun 02:00)".to_owned(), None);
        let window = |open: bool| Event::Maintenance {
            check: "c0".to_owned(),
            window: open.then(|| MaintenanceWindow {
                hold: hold.clone(),
                holds_restarts,
                holds_reports,
            }),
        };
        let _ = monitor.handle(at(0), window(true));
        // a person's resume ends what persons have begun
        let _ = monitor.handle(at(1), resume());
        let effects = fail(&mut monitor, at(1_000), "c0", RUNNING, 9_000);
        let case = format!("{holds_restarts} {holds_reports}");
        assert_eq!(acts(&effects), !holds_restarts, "{case}");
        assert_eq!(reports(&effects).is_empty(), holds_reports, "{case}");
        let shown = view(&monitor, at(1_000), "c0");
        assert_eq!(shown.pause.is_some(), holds_restarts, "{case}");
        assert_eq!(shown.silence.is_some(), holds_reports, "{case}");
        if holds_restarts {
            let held = Gate::Paused {
                reason: hold.reason.clone(),
            };
            assert_eq!(shown.held, Some(held.to_string()), "{case}");
            let _ = monitor.handle(at(2_000), window(false));
            let effects = fail(&mut monitor, at(3_000), "c0", RUNNING, 9_000);
            assert!(acts(&effects), "{case}");
        }
    }
}
