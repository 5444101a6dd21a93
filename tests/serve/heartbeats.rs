//! Checks that send heartbeats: over HTTP with the token of one check, by `httpok beat`, by curl, and across a kill.

use std::fs;
use std::process::{Command, Output};

use nix::sys::signal::Signal;

use crate::fixture::Stage;

const CHECKS: &str = r#"
[[check]]
name = "backup"
heartbeat = "1h"
heartbeat_token = "backup-token"
every = "100ms"
fail_after = 1
[[check]]
name = "feed"
heartbeat = "500ms"
every = "100ms"
fail_after = 1
[[check]]
name = "other"
heartbeat = "1h"
heartbeat_token = "other-token"
"#;

const BACKUP: &str = "/api/v1/heartbeat/backup";

impl Stage {
    fn beat(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_httpok"))
            .arg("beat")
            .args(words)
            .current_dir(self.dir.path())
            .env("STATE_DIRECTORY", self.dir.path().join("state"))
            .output()
            .unwrap()
    }

    fn check(&self, name: &str) -> serde_json::Value {
        let path = format!("/api/v1/checks/{name}");
        self.ask("GET", &path, "X-API-Key: key\r\n").json()
    }
}

fn text(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn a_heartbeat_needs_the_token_of_its_check_or_a_key() {
    let stage = Stage::with("api_keys = [\"key\"]", CHECKS);
    let send = |path: &str, key: &str, body: &str| {
        let header = match key {
            "" => String::new(),
            key => format!("X-API-Key: {key}\r\n"),
        };
        stage.send("POST", path, &header, body)
    };
    for (path, key, body, status) in [
        (BACKUP, "", "", 401),
        (BACKUP, "wrong", "", 401),
        (BACKUP, "other-token", "", 401),
        (BACKUP, "backup-token", "", 200),
        (BACKUP, "key", "{}", 200),
        (BACKUP, "backup-token", "{\"fail\":1}", 400),
        (BACKUP, "backup-token", "[]", 400),
        (BACKUP, "backup-token", r#"{"failed":"disk full"}"#, 400),
        (
            "/api/v1/heartbeat/backup?failed=disk",
            "backup-token",
            "",
            400,
        ),
        (BACKUP, "backup-token", "{", 400),
        // without a token of its own
        ("/api/v1/heartbeat/feed", "backup-token", "", 401),
        ("/api/v1/heartbeat/feed", "key", "", 200),
        // nobody learns by guessing which checks there are
        ("/api/v1/heartbeat/nothing", "backup-token", "", 401),
        ("/api/v1/heartbeat/backupp", "key", "", 404),
        ("/api/v1/heartbeat/shop", "key", "", 409),
        // the token opens nothing else
        ("/api/v1/checks/backup/pause", "backup-token", "", 401),
        ("/api/v1/control", "backup-token", "", 401),
    ] {
        let answer = send(path, key, body);
        assert_eq!(answer.status, status, "{path} {key} {body}: {answer:?}");
        answer.json();
    }
    let taken = send(BACKUP, "backup-token", "").json();
    assert_eq!(
        (&taken["schema"], &taken["check"]),
        (&1.into(), &"backup".into()),
        "{taken}"
    );
    assert_eq!(taken["status"], "up", "{taken}");
    for moment in ["last", "due"] {
        let text = taken[moment].as_str().unwrap();
        assert!(humantime::parse_rfc3339(text).is_ok(), "{taken}");
    }
    assert!(
        taken.get("samples").is_none(),
        "no more than its sender needs"
    );
    let mistyped = send(BACKUP, "key", r#"{"fial":"disk full"}"#);
    let says = "unknown key \\\"fial\\\"; did you mean \\\"fail\\\"?";
    assert!(mistyped.body.contains(says), "{mistyped:?}");
    let near = send("/api/v1/heartbeat/backupp", "key", "");
    assert!(near.body.contains("did you mean"), "{near:?}");
    assert_eq!(
        stage
            .ask("GET", BACKUP, "X-API-Key: backup-token\r\n")
            .status,
        405
    );
    // a failure in the query, as a shell script sends it
    let failed = send(
        "/api/v1/heartbeat/backup?fail=disk+full",
        "backup-token",
        "",
    )
    .json();
    assert_eq!(failed["status"], "down", "{failed}");
    let last = &stage.check("backup")["last"];
    assert_eq!(last["reason"], "reported", "{last}");
    assert!(
        last["detail"].as_str().unwrap().ends_with("disk full"),
        "{last}"
    );
    let recovered = send(BACKUP, "backup-token", "").json();
    assert_eq!(recovered["status"], "up", "{recovered}");
}

#[test]
fn heartbeat_token_works_without_api_keys() {
    let stage = Stage::with("", CHECKS);
    let header = "X-API-Key: backup-token\r\n";
    assert_eq!(stage.send("POST", BACKUP, header, "").status, 200);
    let without = stage.send("POST", BACKUP, "", "");
    let wrong = stage.send("POST", BACKUP, "X-API-Key: wrong\r\n", "");
    assert_eq!((without.status, wrong.status), (403, 403));
    assert!(!without.body.contains("the key is wrong"), "{without:?}");
    assert!(wrong.body.contains("the key is wrong"), "{wrong:?}");
    let curl = Command::new("curl")
        .args(["-fsS", "-X", "POST", "-H", "X-API-Key: backup-token"])
        .args(["-d", "{\"fail\": \"tape is full\"}", &stage.url(BACKUP)])
        .output()
        .unwrap();
    assert!(curl.status.success(), "{curl:?}");
    let last = stage.check("backup")["last"]["detail"].to_string();
    assert!(last.contains("tape is full"), "{last}");
}

#[test]
fn beat_reports_the_result() {
    let stage = Stage::with("api_keys = [\"key\"]", CHECKS);
    let token = stage.dir.path().join("token");
    fs::write(&token, "backup-token\n").unwrap();
    let url = stage.url("");
    let remote = ["--url", &url, "--key-file", token.to_str().unwrap()];
    for (words, code, says) in [
        (
            vec!["backup"],
            0,
            "backup: heartbeat taken; the next one is due by 2",
        ),
        (
            vec!["backup", "--fail", "exit status 7"],
            0,
            "backup: failure taken; the check is down",
        ),
        (vec!["backup", "--fail"], 0, "the check is down"),
        (
            [&["backup"], &remote[..]].concat(),
            0,
            "backup: heartbeat taken; the next one is due by 2",
        ),
        (
            [&["backup", "--fail", "-x"], &remote[..]].concat(),
            0,
            "the check is down",
        ),
        ([&["other"], &remote[..]].concat(), 3, "the key is not"),
        (vec!["bakcup"], 3, "did you mean \"backup\"?"),
        (
            vec!["shop"],
            3,
            "check \"shop\" is probed, and takes no heartbeats",
        ),
        (
            vec!["backup", "--state-dir", "/nonexistent"],
            3,
            "no watchdog answers",
        ),
    ] {
        let output = stage.beat(&words);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
}

#[test]
fn missing_heartbeat_is_shown_everywhere() {
    let stage = Stage::with("api_keys = [\"key\"]", CHECKS);
    let beaten = stage.beat(&["feed"]);
    assert_eq!(beaten.status.code(), Some(0), "{}", text(&beaten));
    stage.wait("it is overdue", |stage| {
        stage.check("feed")["status"] == "down"
    });
    let feed = stage.check("feed");
    assert_eq!(feed["last"]["reason"], "no_heartbeat", "{feed}");
    assert_eq!(feed["heartbeat"]["every"], 0.5, "{feed}");
    assert_eq!(feed["url"], "heartbeat:500ms", "{feed}");
    assert!(feed["incident"]["id"].is_string(), "{feed}");
    let get = |path: &str| stage.ask("GET", path, "X-API-Key: key\r\n").body;
    let metrics = get("/metrics");
    for line in [
        "httpok_check_up{check=\"feed\"} 0",
        "probe_failure_reason{check=\"feed\",reason=\"no_heartbeat\"} 1",
        "httpok_heartbeat_last_timestamp_seconds{check=\"feed\"} 1",
        "httpok_heartbeat_due_timestamp_seconds{check=\"other\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found.starts_with(line)),
            "{line}: {metrics}"
        );
    }
    for absent in [
        "probe_duration_seconds{check=\"feed\"}",
        "httpok_check_duration_seconds_count{check=\"feed\"}",
        "httpok_heartbeat_last_timestamp_seconds{check=\"other\"}",
    ] {
        assert!(!metrics.contains(absent), "{absent}: {metrics}");
    }
    let page = get("/check/feed");
    assert!(page.contains("one is due every"), "{page}");
    assert!(page.contains("overdue for"), "{page}");
    assert!(get("/check/other").contains("no heartbeat yet, due in"));
    let command = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(words)
            .env("STATE_DIRECTORY", stage.dir.path().join("state"))
            .output()
            .unwrap();
        text(&output)
    };
    let status = command(&["status"]);
    assert!(status.contains("no_heartbeat"), "{status}");
    assert!(status.contains("heartbeat due by"), "{status}");
    let explained = command(&["explain", "feed"]);
    assert!(explained.contains("one is due every 500ms"), "{explained}");
    let taken = stage.beat(&["feed"]);
    assert!(text(&taken).contains("heartbeat taken"), "{taken:?}");
}

#[test]
fn last_heartbeat_outlives_a_kill() {
    let mut stage = Stage::with("", CHECKS);
    assert_eq!(
        stage
            .beat(&["backup", "--fail", "tape is full"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(stage.beat(&["other"]).status.code(), Some(0));
    let last = |stage: &Stage| stage.check("other")["heartbeat"]["last"].clone();
    stage.wait("the heartbeat is shown", |stage| last(stage).is_string());
    let before = last(&stage);
    // the store has what a person could see
    stage.wait("it is written", |stage| {
        let explained = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["explain", "backup"])
            .env("STATE_DIRECTORY", stage.dir.path().join("state"))
            .output()
            .unwrap();
        text(&explained).contains("tape is full")
    });
    stage.watchdog.signal(Signal::SIGKILL);
    stage.restart();
    stage.wait("it is judged again", |stage| {
        stage.check("backup")["status"] == "down"
    });
    let backup = stage.check("backup");
    assert_eq!(backup["heartbeat"]["failure"], "tape is full", "{backup}");
    assert_eq!(last(&stage), before);
}

#[test]
fn one_shot_check_skips_unnamed_heartbeats() {
    let stage = Stage::with("", CHECKS);
    let check = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["check", "--config", "httpok.toml"])
            .args(words)
            .current_dir(stage.dir.path())
            .output()
            .unwrap();
        (output.status.code(), text(&output))
    };
    let (code, all) = check(&[]);
    assert_eq!(code, Some(2), "{all}");
    assert!(all.contains("shop") && !all.contains("backup"), "{all}");
    let (code, named) = check(&["backup"]);
    assert_eq!(code, Some(3), "{named}");
    assert!(
        named.contains("backup: it waits for heartbeats and cannot be asked"),
        "{named}"
    );
}

#[test]
fn heartbeat_decisions_can_be_replayed() {
    let stage = Stage::with("", CHECKS);
    let beaten = stage.beat(&["feed"]);
    assert_eq!(beaten.status.code(), Some(0), "{}", text(&beaten));
    stage.wait("it is overdue", |stage| {
        stage.check("feed")["status"] == "down"
    });
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(words)
            .current_dir(stage.dir.path())
            .env("STATE_DIRECTORY", stage.dir.path().join("state"))
            .output()
            .unwrap();
        text(&output)
    };
    let trace = run(&["explain", "feed", "--trace"]);
    fs::write(stage.dir.path().join("trace.jsonl"), &trace).unwrap();
    let simulated = run(&["simulate", "--config", "httpok.toml", "trace.jsonl"]);
    assert!(simulated.contains("is down"), "{simulated}\n{trace}");
    assert!(simulated.contains("no heartbeat for"), "{simulated}");
}

/// Who may send heartbeats may not write the log, nor what is read as it.
#[test]
fn text_of_a_heartbeat_forges_no_line() {
    let stage = Stage::with("", CHECKS);
    let header = "X-API-Key: backup-token\r\n";
    let body =
        r#"{"fail": "x\n2026-11-29T00:00:00Z  INFO passes check=\"shop\"\u0000\u001b[2J\u202e"}"#;
    assert_eq!(stage.send("POST", BACKUP, header, body).status, 200);
    let escaped = "x\\n2026-11-29T00:00:00Z  INFO passes check=\"shop\"\\x00\\x1b[2J\\u{202e}";
    let logged = || stage.watchdog.err.text();
    stage.wait("the failure is logged", |_| logged().contains(escaped));
    let log = logged();
    assert!(!log.contains("\n2026-11-29T00:00:00Z"), "{log}");
    let last = stage.check("backup")["last"]["detail"].clone();
    let detail = last.as_str().unwrap();
    assert!(detail.contains(escaped), "{detail}");
}
