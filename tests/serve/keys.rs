//! Keys: what is open, what is not, and what can be changed with one.

use crate::fixture::{Stage, exchange};

const KEYS: &str = "api_keys = [\"old-key\", \"new-key\"]";

#[test]
fn five_paths_are_open_and_all_others_require_a_key() {
    let stage = Stage::settled(KEYS);
    for path in [
        "/health",
        "/ready",
        "/jobs",
        "/healthy",
        "/api/check-liveness/v1",
    ] {
        assert_ne!(stage.get(path).status, 401, "{path}");
    }
    for path in [
        "/metrics",
        "/status.json",
        "/api/v1/checks",
        "/api/v1/status",
    ] {
        for headers in [
            "",
            "X-API-Key: wrong\r\n",
            "X-API-Key: old-ke\r\n",
            "Authorization: Basic x\r\n",
        ] {
            let refused = stage.ask("GET", path, headers);
            assert_eq!(refused.status, 401, "{path} {headers}");
            assert!(
                refused
                    .header("www-authenticate")
                    .is_some_and(|how| how.starts_with("Basic "))
            );
            assert!(!refused.body.contains("shop"), "{refused:?}");
            let error = refused.json()["error"].to_string();
            let says = match headers.starts_with("X-API-Key") {
                true => "the key is wrong",
                false => "needs a key",
            };
            assert!(error.contains(says), "{headers}: {error}");
            assert!(!error.contains("old-ke"), "{error}");
        }
        for headers in [
            "X-API-Key: old-key\r\n",
            "x-api-key: new-key\r\n",
            "Authorization: Bearer new-key\r\n",
            // anyone:new-key
            "Authorization: Basic YW55b25lOm5ldy1rZXk=\r\n",
        ] {
            assert_eq!(
                stage.ask("GET", path, headers).status,
                200,
                "{path} {headers}"
            );
        }
    }
    assert_eq!(stage.send("POST", "/rpc", "", "{}").status, 401);
}

#[test]
fn changes_require_a_configured_key() {
    let stage = Stage::settled("");
    let refused = stage.send("POST", "/api/v1/checks/db/pause", "", "");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(stage.get("/api/v1/checks/db").json()["pause"].is_null());
}

/// The page's own 401 has browsers keep a login, which they then send with what pages of other sites ask for.
#[test]
fn changes_by_pages_of_other_sites_are_refused() {
    let stage = Stage::settled(KEYS);
    let basic = "Authorization: Basic YW55b25lOm5ldy1rZXk=\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let cross = "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
    let pause = "/api/v1/checks/shop/pause";
    for path in [
        pause,
        "/api/v1/checks/shop/resume",
        "/api/v1/checks/shop/restart",
        "/api/v1/reload",
        "/api/v1/health",
        "/api/v1/control",
        "/api/v1/heartbeat/shop",
    ] {
        for headers in [
            format!("{basic}{form}{cross}"),
            format!("{basic}Content-Type: text/plain\r\n{cross}"),
            format!("{basic}Origin: null\r\n"),
            format!("{basic}Sec-Fetch-Site: same-site\r\n"),
            // an old browser
            format!("{basic}{form}"),
        ] {
            let refused = stage.send("POST", path, &headers, r#"{"healthy":false}"#);
            assert_eq!(refused.status, 403, "{path} {headers}: {refused:?}");
            assert_eq!(refused.json()["schema"], 1);
        }
    }
    let see = |path: &str| stage.ask("GET", path, "X-API-Key: new-key\r\n").json();
    assert!(see("/api/v1/checks/shop")["pause"].is_null());
    // programs, and our own pages
    for headers in [
        basic.to_owned(),
        format!("{basic}Content-Type: application/json\r\n"),
        format!("{basic}{form}Origin: http://h\r\nSec-Fetch-Site: same-origin\r\n"),
        format!("Authorization: Bearer new-key\r\n{form}{cross}"),
        format!("X-API-Key: new-key\r\n{form}"),
    ] {
        let done = stage.send("POST", pause, &headers, "");
        assert_eq!(done.status, 200, "{headers}: {done:?}");
    }
    let curl = std::process::Command::new("curl")
        .args(["-fsS", "-u", "x:new-key", "-X", "POST"])
        .arg(stage.url("/api/v1/checks/shop/resume"))
        .output()
        .unwrap();
    assert!(curl.status.success(), "{curl:?}");
    assert!(see("/api/v1/checks/shop")["pause"].is_null());
}

#[test]
fn watchdog_without_keys_may_be_read_by_its_url() {
    let stage = Stage::settled("");
    let url = stage.url("");
    for words in [&["status"][..], &["explain", "db"], &["events"]] {
        let (code, out, err) = stage.local(&[words, &["--url", &url]].concat());
        assert_eq!(code, Some(0), "{words:?}: {err}");
        assert!(out.contains("db"), "{words:?}: {out}");
    }
    for words in [
        &["pause", "db"][..],
        &["reload"],
        &["health", "set", "--unhealthy"],
        &["notify", "test"],
    ] {
        let (code, _, err) = stage.local(&[words, &["--url", &url]].concat());
        assert_eq!(code, Some(3), "{words:?}: {err}");
        assert!(err.contains("without api_keys"), "{words:?}: {err}");
    }
    assert!(stage.get("/api/v1/checks/db").json()["pause"].is_null());
}

#[test]
fn a_check_is_paused_and_resumed_over_http() {
    let stage = Stage::settled(KEYS);
    let act = |path: &str, body: &str| stage.send("POST", path, "X-API-Key: new-key\r\n", body);
    let see = |path: &str| stage.ask("GET", path, "X-API-Key: new-key\r\n");
    let paused = act(
        "/api/v1/checks/db/pause",
        r#"{"reason":"deploy","for":"1h"}"#,
    );
    assert_eq!(paused.status, 200, "{paused:?}");
    let pause = &see("/api/v1/checks/db").json()["pause"];
    assert_eq!(pause["reason"], "deploy");
    assert!(!pause["until"].is_null(), "{pause}");
    assert_eq!(act("/api/v1/checks/db/resume", "").status, 200);
    assert!(see("/api/v1/checks/db").json()["pause"].is_null());
    for (path, body, status) in [
        ("/api/v1/checks/dbb/pause", "", 404),
        ("/api/v1/checks/db/dance", "", 404),
        ("/api/v1/checks/db/pause", "{", 400),
        ("/api/v1/checks/db/pause", "[]", 400),
        ("/api/v1/checks/db/pause", r#"{"for":"long"}"#, 400),
        ("/api/v1/checks/db/pause", r#"{"for":-1}"#, 400),
        ("/api/v1/checks/db/pause", r#"{"for":0}"#, 400),
        ("/api/v1/checks/db/silence", r#"{"for":"0s"}"#, 400),
        ("/api/v1/checks/db/pause", r#"{"for":{}}"#, 400),
        ("/api/v1/checks/db/pause", r#"{"fro":30}"#, 400),
        (
            "/api/v1/checks/db/silence",
            r#"{"reason":"x","until":30}"#,
            400,
        ),
        ("/api/v1/reload", r#"{"now":true}"#, 400),
        ("/api/v1/checks/db/restart", "", 409),
        ("/api/v1/health", "{}", 400),
        ("/api/v1/reload", "", 200),
        ("/api/v1/control", "{}", 400),
        (
            "/api/v1/control",
            r#"{"version":1,"ask":"pause","check":"db","fro":60}"#,
            400,
        ),
        ("/api/v1/checks/db/silence", r#"{"silent":true}"#, 400),
        ("/api/v1/checks/db/resume", r#"{"reason":"done"}"#, 400),
        ("/api/v1/control", r#"{"version":1,"ask":"status"}"#, 200),
    ] {
        let answer = act(path, body);
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        answer.json();
    }
    for (body, says) in [
        (
            r#"{"for":"30 mins ago"}"#,
            "\"for\": \"30 mins ago\" is not a duration: expected",
        ),
        (
            r#"{"for":-1}"#,
            "\"for\" is -1: expected a number of seconds, or a duration",
        ),
        (
            r#"{"for":0}"#,
            "\"for\" is 0: expected a duration longer than zero",
        ),
        (r#"{"reason":5}"#, "\"reason\" is 5: expected a text"),
    ] {
        let wrong = act("/api/v1/checks/db/pause", body);
        let text = wrong.json()["text"].as_str().unwrap_or_default().to_owned();
        assert!(
            text.contains(says) && !text.contains("column"),
            "{body}: {wrong:?}"
        );
    }
    let typo = act("/api/v1/checks/db/pause", r#"{"fro":30}"#);
    assert!(typo.body.contains("did you mean"), "{typo:?}");
    assert!(
        see("/api/v1/checks/db").json()["pause"].is_null(),
        "nothing was done"
    );
    for nearest in [
        see("/api/v1/checks/shpo"),
        act("/api/v1/checks/shpo/pause", ""),
        act(
            "/api/v1/control",
            r#"{"version":1,"ask":"reset","check":"shpo"}"#,
        ),
    ] {
        assert_eq!(nearest.status, 404);
        let says = nearest.json()["text"].to_string() + &nearest.json()["error"].to_string();
        assert!(says.contains("did you mean \\\"shop\\\"?"), "{nearest:?}");
    }
}

#[test]
fn incidents_have_dates_seconds_and_a_schema() {
    let stage = Stage::settled("");
    let incidents = stage.get("/api/v1/incidents").json();
    assert_eq!(incidents["schema"], 1);
    let listed = &incidents["incidents"][0];
    assert_eq!(listed["check"], "db", "{incidents}");
    let id = listed["id"].as_str().unwrap();
    let one = stage.get(&format!("/api/v1/incidents/{id}")).json();
    for incident in [listed, &one] {
        assert_eq!(incident["schema"], 1, "{incident}");
        let mut moments = vec![&incident["since"], &incident["opened"]];
        let entries = incident["entries"].as_array().unwrap();
        moments.extend(entries.iter().map(|entry| &entry["at"]));
        assert!(moments.len() > 2, "{incident}");
        for moment in moments {
            let text = moment.as_str().unwrap_or_default();
            assert!(humantime::parse_rfc3339(text).is_ok(), "{moment}");
        }
        let mut probes = entries
            .iter()
            .filter_map(|entry| entry["event"].get("probed"));
        let probe = probes.next().expect("a probe");
        assert!(probe["seen"]["duration"].is_number(), "{probe}");
    }
    assert_eq!(stage.get("/api/v1/status").json()["schema"], 1);
}

#[test]
fn watchdog_is_set_unhealthy_from_a_shell_and_over_http() {
    let mut stage = Stage::start(&format!(
        "{KEYS}\nline = true\n[serve.healthy]\nchecks = false"
    ));
    stage.wait("ready", |stage| stage.get("/healthy").status == 200);
    let state = stage.dir.path().join("state");
    let httpok = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["health", "set"])
            .args(words)
            .arg("--state-dir")
            .arg(&state)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, said) = httpok(&["--unhealthy", "--reason", "deploy"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("is unhealthy: set by hand: deploy"), "{said}");
    let reported = |stage: &Stage| {
        let (healthy, line) = (
            stage.get("/healthy"),
            exchange(stage.port + 80, b"health_check\n"),
        );
        let liveness = stage.get("/api/check-liveness/v1").body;
        (
            healthy.status,
            healthy.body,
            liveness,
            String::from_utf8(line).unwrap(),
        )
    };
    stage.wait("it is seen everywhere", |stage| {
        let by_hand = "set by hand: deploy";
        reported(stage)
            == (
                503,
                format!("{by_hand}\n"),
                by_hand.to_owned(),
                format!("Error: {by_hand}\n"),
            )
    });
    stage.watchdog.signal(nix::sys::signal::Signal::SIGKILL);
    stage.restart();
    stage.wait("the next run knows it", |stage| {
        stage.get("/healthy").body == "set by hand: deploy\n"
    });
    let body = r#"{"healthy":true}"#;
    let back = stage.send("POST", "/api/v1/health", "X-API-Key: old-key\r\n", body);
    assert_eq!(
        (back.status, &back.json()["healthy"]),
        (200, &serde_json::json!(true))
    );
    assert_eq!(reported(&stage).0, 200, "whoever changed something sees it");
    assert_eq!(httpok(&[]).0, Some(3), "one or the other is to be said");
}

#[test]
fn commands_reach_a_watchdog_by_its_url_and_a_key() {
    let stage = Stage::settled(KEYS);
    let key = stage.dir.path().join("key");
    std::fs::write(&key, "new-key\n").unwrap();
    let invalid = stage.dir.path().join("wrong");
    std::fs::write(&invalid, "old").unwrap();
    let httpok = |words: &[&str], key: &std::path::Path| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(words)
            .args(["--url", &stage.url("/"), "--key-file"])
            .arg(key)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, out, err) = httpok(&["status", "--json"], &key);
    assert_eq!(code, Some(0), "{err}");
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["snapshot"]["checks"][1]["name"], "db");
    let (code, out, _) = httpok(&["pause", "db", "--reason", "deploy", "--for", "1h"], &key);
    assert_eq!(code, Some(0));
    assert!(out.contains("deploy"), "{out}");
    assert_eq!(httpok(&["resume", "db"], &key).0, Some(0));
    // several at once, too
    let names = |out: &str| -> Vec<String> {
        let lines = out.lines().map(|line| line.split(' ').next());
        lines
            .map(|name| name.unwrap_or_default().to_owned())
            .collect()
    };
    let (code, out, err) = httpok(&["pause", "db", "sh*"], &key);
    assert_eq!(
        (code, names(&out)),
        (Some(0), vec!["db".to_owned(), "shop".to_owned()]),
        "{err}"
    );
    let (code, out, err) = httpok(&["resume", "--all"], &key);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        names(&out).contains(&"shop".to_owned()) && names(&out).contains(&"db".to_owned()),
        "{out}"
    );
    assert_eq!(httpok(&["reset", "db"], &key).0, Some(0));
    assert_eq!(httpok(&["reload"], &key).0, Some(0));
    let (code, _, err) = httpok(&["pause", "dbb"], &key);
    assert_eq!(code, Some(3));
    assert!(err.contains("did you mean \"db\""), "{err}");
    let (code, _, err) = httpok(&["status"], &invalid);
    assert_eq!(code, Some(3));
    assert!(err.contains("the key is not one of its api_keys"), "{err}");
}
