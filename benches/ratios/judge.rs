//! Assertions, beside what they are made of: the regex and JSONPath crates.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use httpok::health::{Assertion, Body, Expectation, Observation, StatusLine, StatusSet, Verdict};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::meter::{Table, each};

/// No body here is larger.
const LARGEST: u64 = 32 << 20;

fn expecting(text: &str) -> Expectation {
    Expectation {
        status: StatusSet::from_words(&["2xx"]).expect("words"),
        expect: vec![Assertion::parse(text).expect("right")],
        max_parsed: LARGEST,
        ..Expectation::default()
    }
}

fn answer(body: &str) -> Observation {
    Observation {
        status: Some(StatusLine {
            version: "HTTP/1.1".to_owned(),
            code: 200,
            reason: String::new(),
        }),
        body: Some(Body {
            kept: body.as_bytes().to_vec(),
            size: body.len() as u64,
            found: Vec::new(),
            ..Body::default()
        }),
        ..Observation::default()
    }
}

/// JSON of about so many bytes, which ends with what is asked for.
fn json(bytes: usize) -> String {
    let mut text = String::from("{\"items\":[");
    while text.len() < bytes {
        let at = text.len();
        // writing to a String cannot fail
        let _ = write!(text, "{{\"id\":{at},\"name\":\"item {at}\",\"ok\":true}},");
    }
    text + "null],\"status\":\"UP\"}"
}

/// Metrics of about so many bytes.
fn metrics(bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        let at = text.len();
        let _ = writeln!(
            text,
            "http_requests_total{{path=\"/{at}\",code=\"200\"}} {at}"
        );
    }
    text + "up 1\n"
}

fn judged(what: &Expectation, seen: &Observation, times: u32) -> Duration {
    each(times, || {
        let judgement = what.judge(black_box(seen));
        assert_eq!(judgement.verdict, Verdict::Pass, "{}", judgement.detail);
    })
}

pub fn measure(table: &mut Table) {
    let text = format!(
        "{}version 2.17 is up\n",
        "nothing of interest\n".repeat(3000)
    );
    let seen = answer(&text);
    let regex = regex::bytes::Regex::new(r"version \d+\.\d+ is up").expect("right");
    let expectation = expecting(r"body matches /version \d+\.\d+ is up/");
    table.beside(
        "`matches` over 60 KB",
        || judged(&expectation, &seen, 200),
        "regex alone",
        || {
            each(200, || {
                assert!(regex.is_match(black_box(text.as_bytes())));
            })
        },
    );

    let path = JsonPath::parse("$.status").expect("right");
    let expectation = expecting("jsonpath \"$.status\" == \"UP\"");
    for (what, bytes, times) in [
        ("`jsonpath` over 64 KiB", 64 << 10, 40),
        ("`jsonpath` over 2 MiB (beside the loop)", 2 << 20, 5),
    ] {
        let text = json(bytes);
        let seen = answer(&text);
        table.beside(
            what,
            || judged(&expectation, &seen, times),
            "serde_json and serde_json_path",
            || {
                each(times, || {
                    let json: Value = serde_json::from_slice(text.as_bytes()).expect("JSON");
                    assert_eq!(
                        path.query(&json).exactly_one().ok(),
                        Some(&Value::from("UP"))
                    );
                })
            },
        );
    }
    let expectation = expecting("metric up == 1");
    for (what, bytes, times) in [
        ("`metric` over 64 KiB", 64 << 10, 40),
        ("`metric` over 16 MiB (beside the loop)", 16 << 20, 1),
    ] {
        let seen = answer(&metrics(bytes));
        table.alone(what, || judged(&expectation, &seen, times));
    }
}
