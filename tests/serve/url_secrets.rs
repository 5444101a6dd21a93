//! Parameters of a URL that hold secrets are shown nowhere: /jobs and /health are open without a key.

use std::process::Command;

use crate::fixture::Stage;

/// One is too short to be searched in other texts.
const SECRETS: [&str; 3] = ["SECRETKEY-4711", "pw7", "enc%2F4711"];

#[test]
fn secret_parameters_of_urls_are_masked_wherever_a_url_is_shown() {
    let check = format!(
        "[[check]]\nname = \"private\"\nfail_after = 1\nevery = \"200ms\"\nurl = \
         \"http://127.0.0.1:1/x?api_key={}&page=page-2&password={}&Access_Token={}\"\n",
        SECRETS[0], SECRETS[1], SECRETS[2]
    );
    let stage = Stage::with("", &check);
    stage.wait("it is down", |stage| {
        stage.get("/health?plugin=private").status == 503
    });
    let masked = "/x?api_key=***&page=page-2&password=***&Access_Token=***";
    let mut shown = Vec::new();
    for path in [
        "/jobs",
        "/health",
        "/check/private",
        "/api/v1/checks",
        "/api/v1/checks/private",
        "/api/v1/status",
        "/api/v1/incidents",
    ] {
        let json = "Accept: application/health+json\r\n";
        shown.push((path, stage.ask("GET", path, json).body));
    }
    for words in [
        &["status", "--json"][..],
        &["explain", "private"],
        &["explain", "private", "--json"],
        &["explain", "private", "--trace"],
        &["events"],
    ] {
        let (code, out, err) = stage.local(words);
        assert_eq!(code, Some(0), "{words:?}: {err}");
        shown.push((words[0], out));
    }
    shown.push(("the log", stage.watchdog.err.text()));
    for format in ["human", "json", "plain"] {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["check", "--config", "httpok.toml", "--format", format])
            .current_dir(stage.dir.path())
            .output()
            .unwrap();
        shown.push((format, String::from_utf8(output.stdout).unwrap()));
    }
    for (place, text) in &shown {
        for secret in SECRETS.into_iter().chain(["enc/4711"]) {
            assert!(!text.contains(secret), "{place}: {text}");
        }
    }
    for place in ["/jobs", "/health", "/api/v1/checks", "status"] {
        let text = shown.iter().find(|(known, _)| *known == place);
        let text = &text.expect("it was asked for").1;
        assert!(text.contains(masked), "{place}: {text}");
    }
}
