//! Every format on the same few results.

use std::time::Duration;

use super::paint::Paint;
use super::*;
use crate::cli::check::Checked;
use crate::cli::exit::Exit;
use crate::health::{
    Body, Certificate, Expectation, Observation, Phase, Reason, StatusLine, Trouble,
};

/// Neither colour nor a terminal.
const OPTIONS: HumanOptions = HumanOptions {
    paint: Paint { colour: false },
    columns: None,
    verbose: false,
};

fn answered(code: u16, body: &str, millis: u64) -> Checked {
    let mut seen = Observation {
        duration: Duration::from_millis(millis),
        url: "http://h/x".into(),
        peer: Some("127.0.0.1:80".into()),
        status: Some(StatusLine {
            version: "HTTP/1.1".into(),
            code,
            reason: if code == 200 {
                "OK".into()
            } else {
                "Sad".into()
            },
        }),
        body: Some(Body {
            kept: body.as_bytes().to_vec(),
            size: body.len() as u64,
            ..Body::default()
        }),
        ..Observation::default()
    };
    seen.phases
        .add(Phase::Connect, Duration::from_millis(millis / 4));
    seen.phases
        .add(Phase::FirstByte, Duration::from_millis(millis / 2));
    seen.phases.add(Phase::Body, Duration::ZERO);
    judged(seen)
}

fn judged(seen: Observation) -> Checked {
    let expectation = Expectation {
        body: vec!["fine".into()],
        ..Expectation::default()
    };
    Checked {
        name: "http://h/x".into(),
        url: "http://h/x".into(),
        judgement: expectation.judge(&seen),
        seen,
        probes: 1,
    }
}

fn refused() -> Checked {
    let trouble = Trouble::new(Reason::Refused, Phase::Connect, "connection refused");
    Checked {
        name: "db|'=".into(),
        ..judged(Observation::of_trouble(trouble))
    }
}

#[test]
fn plain_is_one_line_each() {
    let all = [
        answered(200, "all fine", 12),
        answered(500, "sad", 3),
        refused(),
    ];
    assert_eq!(
        plain(&all),
        "pass http://h/x 200 OK in 0.012s\n\
         fail http://h/x status: expected status 200, got 500 Sad in 0.003s\n\
         fail db|'= refused: connection refused in 0.000s\n"
    );
    let waited = Checked {
        probes: 3,
        ..answered(200, "fine", 1)
    };
    assert_eq!(
        plain(&[waited]),
        "pass http://h/x 200 OK in 0.001s after 3 probes\n"
    );
}

#[test]
fn nagios_has_performance_data_and_the_worst_first() {
    let fine = answered(200, "all fine", 12);
    assert_eq!(
        nagios(std::slice::from_ref(&fine), None, None),
        (
            "HTTPOK OK - 200 OK in 0.012s | time=0.012s;;;0; size=8B;;;0\n".to_owned(),
            Exit::Ok
        )
    );
    let (text, exit) = nagios(&[fine, refused()], None, None);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "HTTPOK CRITICAL - 1 of 2 not well, db¦'=: refused: connection refused in 0.000s | \
             'http://h/x time'=0.012s;;;0; 'http://h/x size'=8B;;;0 'db¦''_ time'=0.000s;;;0",
            "CRITICAL db¦'=: refused: connection refused in 0.000s",
            "OK http://h/x: 200 OK in 0.012s",
        ]
    );
    assert_eq!(exit, Exit::Fail);
}

#[test]
fn nagios_ranges_turn_a_slow_pass_into_an_alert() {
    let slow = [answered(200, "fine", 800)];
    for (warn, crit, word, exit) in [
        (Some("1"), Some("2"), "OK", Exit::Ok),
        (Some("0.5"), Some("2"), "WARNING", Exit::Degraded),
        (Some("0.5"), Some("0.7"), "CRITICAL", Exit::Fail),
        (None, Some("@0.5:1"), "CRITICAL", Exit::Fail),
    ] {
        let range = |text: Option<&str>| text.map(|text| text.parse().expect("a range"));
        let (text, got) = nagios(&slow, range(warn), range(crit));
        assert!(
            text.starts_with(&format!("HTTPOK {word} - 200 OK in 0.800s")),
            "{text}"
        );
        let perf = format!(
            "time=0.800s;{};{};0",
            warn.unwrap_or(""),
            crit.unwrap_or("")
        );
        assert!(text.contains(&perf), "{text}");
        assert_eq!(got, exit);
    }
}

#[test]
fn json_always_has_every_key() {
    let text = json(&[answered(500, "sad\x1b", 3), refused()]);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let keys = |at: usize| {
        lines[at]
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(0), keys(1));
    assert_eq!(lines[0]["verdict"], "fail");
    assert_eq!(lines[0]["reason"], "status");
    assert_eq!(lines[0]["status"], 500);
    assert_eq!(lines[0]["excerpt"], "sad\\x1b");
    assert_eq!(lines[0]["expectations"][0]["met"], false);
    assert_eq!(lines[1]["reason"], "refused");
    assert_eq!(lines[1]["phase"], "connect");
    assert!(lines[1]["status"].is_null() && lines[1]["size"].is_null());
}

#[test]
fn human_shows_expectations_time_and_a_bad_answer() {
    let mut sad = answered(500, "one\ntwo\x1b[2J\n3\n4\n5\n6", 100);
    sad.seen.certificates.push(Certificate {
        subject: "CN=h".into(),
        issuer: "CN=ca".into(),
        names: Vec::new(),
        not_before: 0,
        not_after: 1_798_761_599,
        verified: true,
    });
    assert_eq!(
        human(&[sad.clone()], OPTIONS),
        "✗ fail http://h/x  status: expected status 200, got 500 Sad in 0.100s\n    \
         ✗ status 200            500 Sad\n    \
         ✗ body contains \"fine\"  a body of 19 bytes without it\n    \
         connect      25.0 ms  ██████\n    \
         first byte   50.0 ms        ████████████\n    \
         body          0.0 ms                    ▏\n    \
         other        25.0 ms                    ██████\n    \
         certificate CN=h, valid until 2026-12-31, issued by CN=ca\n    \
         answer, 19 bytes:\n    │ one\n    │ two\\x1b[2J\n    │ 3\n    │ 4\n    │ 5\n    ┆\n"
    );
    assert!(
        human(
            &[sad],
            HumanOptions {
                paint: Paint { colour: true },
                ..OPTIONS
            }
        )
        .contains("\x1b[31m")
    );
    let fine = human(&[answered(200, "all fine", 12)], OPTIONS);
    assert!(fine.starts_with("✓ pass http://h/x  200 OK in 0.012s\n") && !fine.contains("answer"));
}
