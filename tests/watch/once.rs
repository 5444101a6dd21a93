//! `--once`: for cron and scripts.

use std::fs;

use serde_json::Value;

use crate::fixture::Stage;
use crate::site::says;

#[test]
fn once_ends_with_the_status_of_check() {
    let stage = Stage::with(&["shop"]);
    stage.site.answer("/slow", || says("200 OK", "slow"));
    for (words, code) in [
        (&["URL/ok"][..], 0),
        (&["URL/ok", "URL/500"], 2),
        (&["-c", "5xx", "URL/500"], 0),
        (&["-p", "shop", "--fail-after", "2", "URL/500"], 2),
        (&["--config", "no-such-file.toml"], 3),
        (&["-p", "shop"], 3),
    ] {
        let words = [&["--once"], words].concat();
        let end = stage.watch(&words).wait();
        assert_eq!(end.status.code(), Some(code), "{words:?}: {}", end.err);
        assert_eq!(end.out, "", "{words:?}");
    }
    assert_eq!(stage.lives("shop"), 1, "one fail is not enough");
}

#[test]
fn once_restarts_and_waits_for_the_verification() {
    let stage = Stage::with(&["shop"]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    let words = [
        "--once",
        "--fail-after",
        "1",
        "--grace",
        "0",
        "-p",
        "shop",
        "URL/shop",
    ];
    let end = stage.watch(&words).wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!((stage.lives("shop"), stage.site.count("/shop")), (2, 2));
}

#[test]
fn unreachable_supervisord_is_reported() {
    let stage = Stage::with(&[]);
    let words = [
        "--once",
        "--supervisor",
        "unix:///no/such.sock",
        "-p",
        "shop",
        "--fail-after",
        "1",
        "URL/500",
    ];
    let end = stage.watch(&words).wait();
    assert_eq!(end.status.code(), Some(2), "{}", end.err);
    assert!(
        end.err.contains("no such socket: unix:///no/such.sock"),
        "{}",
        end.err
    );
}

#[test]
fn large_body_is_judged_off_the_loop() {
    let stage = Stage::with(&[]);
    let body = format!("{{\"pad\":\"{}\",\"status\":\"UP\"}}", "x".repeat(2 << 20));
    stage
        .site
        .answer("/big", move || says("200 OK", body.as_str()));
    stage
        .site
        .answer("/small", || says("200 OK", "{\"status\":\"UP\"}"));
    for (wanted, verdict, code) in [("UP", "pass", 0), ("DOWN", "fail", 2)] {
        let journal = stage.dir().join(format!("journal-{wanted}"));
        let expected = format!("jsonpath \"$.status\" == \"{wanted}\"");
        let words = [
            "--once",
            "--journal",
            journal.to_str().unwrap(),
            "--max-parsed",
            "4MiB",
            "--expect",
            &expected,
            "URL/big",
            "URL/small",
        ];
        let end = stage.watch(&words).wait();
        assert_eq!(end.status.code(), Some(code), "{}", end.err);
        let text = fs::read_to_string(&journal).unwrap();
        let lines = || text.lines().map(|line| serde_json::from_str(line).unwrap());
        let events = |kind: &str| {
            let events = lines().map(|line: Value| line["event"][kind].clone());
            events.filter(|event| !event.is_null()).collect::<Vec<_>>()
        };
        // the small one comes to the loop as it was seen, the large one with what it came to
        let (seen, judged) = (events("observed"), events("judged"));
        assert_eq!((seen.len(), judged.len()), (1, 1), "{text}");
        assert_eq!(judged[0]["result"]["judgement"]["verdict"], verdict);
        let body = &judged[0]["result"]["seen"]["body"];
        assert!(body["size"].as_u64() > Some(2 << 20), "{}", body["size"]);
        assert!(text.len() < 1 << 20, "{}", text.len());
    }
}
