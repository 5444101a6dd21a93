//! A watchdog on another host, by its URL and a key: what it remembers.

use std::process::Command;

use crate::fixture::Stage;

const KEYS: &str = "api_keys = [\"key\"]";

impl Stage {
    /// `httpok` with these words, `--url` and the key.
    pub fn remote(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let key = self.dir.path().join("key");
        std::fs::write(&key, "key\n").unwrap();
        self.local(&[words, &["--url", &self.url(""), "--key-file", "key"]].concat())
    }

    /// The same on this host, without them.
    pub fn local(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(words)
            .current_dir(self.dir.path())
            .env("STATE_DIRECTORY", self.dir.path().join("state"))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

#[test]
fn explain_shows_over_a_url_what_it_shows_on_the_host() {
    let stage = Stage::settled(KEYS);
    // so that nothing more happens between the two
    stage.site.answer("/db", || crate::site::says("200 OK", ""));
    stage.wait("db is up again", |stage| {
        stage.get("/health?plugin=db").status == 200
    });
    let incidents = stage.ask("GET", "/api/v1/incidents", "X-API-Key: key\r\n");
    let id = incidents.json()["incidents"][0]["id"].clone();
    let id = id.as_str().unwrap();
    for words in [
        &["explain"][..],
        &["explain", "--all"],
        &["explain", "db"],
        &["explain", "db", "--all"],
        &["explain", "--incident", id],
        &["explain", "--incident", id, "--json"],
    ] {
        // reports may still be on their way, and are then noted in the incident
        stage.wait("both are the same", |stage| {
            let (local, remote) = (stage.local(words), stage.remote(words));
            assert_eq!((local.0, remote.0), (Some(0), Some(0)), "{remote:?}");
            local.1 == remote.1
        });
    }
    let (code, trace, _) = stage.remote(&["explain", "db", "--trace"]);
    assert_eq!(code, Some(0));
    assert!(trace.lines().all(|line| line.starts_with('{')), "{trace}");
    let (code, _, err) = stage.remote(&["explain", "dbb"]);
    assert_eq!(code, Some(3));
    assert!(err.contains("did you mean \"db\"?"), "{err}");
    let (code, _, err) = stage.remote(&["explain", "--incident", "none"]);
    assert_eq!(code, Some(3));
    assert!(err.contains("there is no incident \"none\""), "{err}");
    let (code, _, err) = stage.local(&["explain", "--url", &stage.url("")]);
    assert_eq!(code, Some(3));
    assert!(
        err.contains("it needs a key: give one of its api_keys"),
        "{err}"
    );
}

#[test]
fn every_json_answer_of_the_api_has_a_schema() {
    let stage = Stage::settled(KEYS);
    let get = |path: &str| stage.ask("GET", path, "X-API-Key: key\r\n");
    let id = get("/api/v1/incidents").json()["incidents"][0]["id"].clone();
    let incident = format!("/api/v1/incidents/{}", id.as_str().unwrap());
    for path in [
        "/api/v1/status",
        "/api/v1/checks",
        "/api/v1/checks/shop",
        "/api/v1/checks/nothing",
        "/api/v1/incidents",
        "/api/v1/incidents/nothing",
        &incident,
    ] {
        assert_eq!(get(path).json()["schema"], 1, "{path}");
        assert_eq!(stage.get(path).json()["schema"], 1, "{path} without a key");
    }
    for (path, body) in [
        ("/api/v1/checks/shop/pause", ""),
        ("/api/v1/checks/shop/resume", ""),
        ("/api/v1/checks/shop/restart", ""),
        ("/api/v1/checks/shop/dance", ""),
        ("/api/v1/checks/shop/pause", "{"),
        ("/api/v1/control", "{\"version\":1,\"ask\":\"status\"}"),
        ("/api/v1/control", "{"),
        ("/api/v1/reload", ""),
        ("/api/v1/health", "{\"healthy\":true}"),
    ] {
        let answer = stage.send("POST", path, "X-API-Key: key\r\n", body);
        assert_eq!(answer.json()["schema"], 1, "{path} {body}: {answer:?}");
    }
}
