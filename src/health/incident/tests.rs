//! What an incident keeps, sums up and drops.

use super::*;
use crate::health::{Phase, Reason, StatusLine};

fn fail(detail: &str) -> IncidentEvent {
    let judgement = Judgement {
        verdict: Verdict::Fail,
        reason: Some(Reason::Refused),
        phase: Some(Phase::Connect),
        detail: detail.to_owned(),
        findings: Vec::new(),
    };
    let seen = Observation::default();
    IncidentEvent::Probed(Arc::new(CheckResult { seen, judgement }))
}

fn incident(events: impl IntoIterator<Item = IncidentEvent>) -> Incident {
    let at = Moment::from_secs(100);
    let mut incident = Incident::open("i".to_owned(), "shop", at, at);
    for (second, event) in (100..).zip(events) {
        incident.note(Moment::from_secs(second), event);
    }
    incident
}

fn acted() -> IncidentEvent {
    IncidentEvent::Acted(Outcome { steps: Vec::new() })
}

/// Of a run the first and the newest are kept, and what is between them is counted.
#[test]
fn results_that_are_alike_are_counted() {
    let refused = || fail("refused after 0.3 s");
    let incident = incident(
        [refused(), fail("refused after 12 s"), refused(), refused()]
            .into_iter()
            .chain([acted(), refused(), fail("reset"), refused(), refused()]),
    );
    let rows: Vec<_> = incident
        .entries
        .iter()
        .map(|entry| (entry.at.as_millis() / 1000, entry.alike))
        .collect();
    let expected = [
        (100, 0),
        (103, 2),
        (104, 0),
        (105, 0),
        (106, 0),
        (107, 0),
        (108, 0),
    ];
    assert_eq!(rows, expected);
    assert_eq!(incident.dropped, 0);
}

#[test]
fn results_with_another_status_are_not_alike() {
    let answer = |code: u16| match fail("expected status 200") {
        IncidentEvent::Probed(mut known) => {
            let status = StatusLine {
                version: "HTTP/1.1".to_owned(),
                code,
                reason: String::new(),
            };
            Arc::make_mut(&mut known).seen.status = Some(status);
            IncidentEvent::Probed(known)
        }
        other => other,
    };
    let incident = incident([500, 500, 500, 503, 500].map(answer));
    let alike: Vec<_> = incident.entries.iter().map(|entry| entry.alike).collect();
    assert_eq!(alike, [0, 1, 0, 0]);
}

/// Twelve hours of attempts every five minutes, with probes every second between them.
#[test]
fn every_attempt_of_half_a_day_is_kept() {
    let answer = || match fail("refused") {
        IncidentEvent::Probed(mut known) => {
            let result = Arc::make_mut(&mut known);
            let headers = ["a", "b", "c"].map(|name| (name.to_owned(), "x".repeat(500)));
            result.seen.headers = headers.to_vec();
            IncidentEvent::Probed(known)
        }
        other => other,
    };
    let attempt = |_| (0..300).map(|_| answer()).chain([acted()]);
    let incident = incident((0..144).flat_map(attempt));
    let newest = incident.last_fail().expect("it fails");
    assert_eq!(newest.seen.headers.len(), 3);
    assert_eq!(
        incident.actions().count() as u64 + incident.dropped_actions,
        144
    );
    assert_eq!(incident.dropped_actions, 0);
    let probes = incident
        .entries
        .iter()
        .map(|entry| u64::from(entry.alike) + 1);
    assert_eq!(probes.sum::<u64>(), 144 * 301);
}

/// However long it lasts and however much services say, it needs no more memory, and what is dropped is counted.
#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let word = |number: u32| ["refused", "reset", "late"][number as usize % 3].repeat(40);
    let events = (0..5000).map(|number| match number % 10 {
        9 => acted(),
        _ => fail(&word(number)),
    });
    let incident = incident(events);
    let size: usize = incident.entries.iter().map(IncidentEntry::size).sum();
    assert!(
        size <= KEPT_SIZE && incident.entries.len() <= KEPT_ENTRIES,
        "{size}"
    );
    assert_eq!(incident.entries.len() as u64 + incident.dropped, 5000);
    assert_eq!(
        incident.actions().count() as u64 + incident.dropped_actions,
        500
    );
    let first = incident.numbered().nth(9).expect("the tenth");
    assert_eq!((first.0, first.1.at), (9, Moment::from_secs(109)));
}
