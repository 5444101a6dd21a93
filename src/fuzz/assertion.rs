//! The language of `expect`: any text, against any body.

use std::time::Duration;

use crate::health::{Assertion, Body, Certificate, Expectation, Observation, StatusLine, Verdict};

/// The first line is an assertion, the rest is the body of the answer that it is held against.
pub fn assertion(data: &[u8]) {
    let (text, body) = match data.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    let text = String::from_utf8_lossy(text);
    let parsed = match Assertion::parse(&text) {
        Ok(parsed) => parsed,
        Err(why) => {
            let characters = text.chars().count();
            assert!(why.column >= 1 && why.length >= 1, "{why:?}");
            assert!(why.column <= characters + 1, "{why:?} of {characters}");
            assert!(!why.message.is_empty() && !why.help.is_empty(), "{why:?}");
            return;
        }
    };
    let shown = parsed.to_string();
    let again = Assertion::parse(&shown).map(|again| again.to_string());
    assert_eq!(again.as_deref(), Ok(shown.as_str()), "from {text:?}");

    let expectation = Expectation {
        expect: vec![parsed],
        ..Expectation::default()
    };
    let judgement = expectation.judge(&answer(body));
    assert!(
        matches!(judgement.verdict, Verdict::Pass | Verdict::Fail),
        "{judgement:?}"
    );
    let unmet = judgement.findings.iter().any(|finding| !finding.met);
    assert_eq!(judgement.verdict == Verdict::Fail, unmet, "{judgement:?}");
}

/// An answer with a bit of everything that can be asked about.
fn answer(body: &[u8]) -> Observation {
    Observation {
        duration: Duration::from_millis(250),
        at_unix: Some(1_795_000_000),
        url: "https://shop.example.org/health".into(),
        status: Some(StatusLine {
            version: "HTTP/1.1".into(),
            code: 200,
            reason: "OK".into(),
        }),
        headers: vec![
            ("content-type".into(), "application/openmetrics-text".into()),
            ("x-count".into(), "12".into()),
            ("x-count".into(), "caf\u{e9}".into()),
        ],
        body: Some(Body {
            kept: body.to_vec(),
            size: body.len() as u64,
            ..Body::default()
        }),
        certificates: vec![Certificate {
            subject: "CN=shop.example.org".into(),
            issuer: "CN=ca".into(),
            names: vec!["shop.example.org".into()],
            not_before: 1_700_000_000,
            not_after: 1_800_000_000,
            verified: true,
        }],
        ..Observation::default()
    }
}
