//! Evidence of an incident, to download with a key: listed in the API and on the page, and nothing else of the disk.

use std::fs;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::support::wait_until;

const PROGRAM: &str = r#"
[[program]]
name = "worker"
command = ["sleep", "1000"]
[[check]]
name = "worker"
url = "URL"
restart = "program/worker"
[check.capture]
run = ["head -c 700000 /dev/zero"]
min_free = 0
"#;

const KEY: &str = "X-API-Key: key\r\n";

/// A watchdog that has restarted a program, and the incident with its evidence.
fn stage(serve: &str) -> (Stage, serde_json::Value) {
    let stage = Stage::with(serve, &PROGRAM.replace("URL", "http://127.0.0.1:9/"));
    // with most checks down nothing is restarted
    stage.site.answer("/db", || says("200 OK", ""));
    let mut found = serde_json::Value::Null;
    wait_until("evidence was kept", LIMIT, || {
        let incidents = stage.ask("GET", "/api/v1/incidents", KEY).json();
        let incidents = incidents["incidents"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let of_worker = incidents.iter().find(|one| one["check"] == "worker");
        let Some(id) = of_worker.and_then(|one| one["id"].as_str()) else {
            return false;
        };
        found = stage
            .ask("GET", &format!("/api/v1/incidents/{id}"), KEY)
            .json();
        found["evidence"]
            .as_array()
            .is_some_and(|files| !files.is_empty())
    });
    (stage, found)
}

#[test]
fn evidence_is_downloaded_with_a_key_and_nothing_else_is() {
    let (stage, incident) = stage("api_keys = [\"key\"]");
    let id = incident["id"].as_str().unwrap();
    let files = incident["evidence"].as_array().unwrap();
    for file in files {
        let href = file["href"].as_str().unwrap();
        let output = std::process::Command::new("curl")
            .args(["-fsS", "-H", "X-API-Key: key", "-D", "head", "-o", "body"])
            .arg(stage.url(href))
            .current_dir(stage.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{href}: {output:?}");
        let name = file["file"].as_str().unwrap();
        let kept = stage.dir.path().join("state/evidence").join(name);
        let (body, original) = (stage.dir.path().join("body"), fs::read(kept).unwrap());
        assert_eq!(fs::read(body).unwrap(), original, "{name}");
        let head = fs::read_to_string(stage.dir.path().join("head"))
            .unwrap()
            .to_lowercase();
        assert!(
            head.contains("content-disposition: attachment; filename="),
            "{head}"
        );
        assert!(
            head.contains("content-type: application/octet-stream"),
            "{head}"
        );
        assert!(
            head.contains(&format!("content-length: {}", original.len())),
            "{head}"
        );
        assert_eq!(stage.get(href).status, 401, "without a key");
        assert_eq!(stage.ask("HEAD", href, KEY).status, 200);
    }
    // the page leads to the same files
    let page = stage.ask("GET", &format!("/incident/{id}"), KEY).body;
    let link = page
        .split("href=\"/incident/")
        .find(|part| part.contains("/evidence/"));
    let link = link.unwrap_or_else(|| panic!("no link: {page}"));
    let link = format!("/incident/{}", link.split('"').next().unwrap());
    assert_eq!(stage.ask("HEAD", &link, KEY).status, 200, "{link}");
    let folder = format!("/api/v1/incidents/{id}/evidence");
    for file in [
        "nothing",
        "..%2F..%2Fhttpok.toml",
        "%2Fetc%2Fpasswd",
        "..",
        ".",
        "httpok.db",
        "%00",
    ] {
        let refused = stage.ask("GET", &format!("{folder}/{file}"), KEY);
        assert_eq!(refused.status, 404, "{file}: {refused:?}");
        assert_eq!(refused.json()["schema"], 1);
    }
    let elsewhere = format!(
        "/api/v1/incidents/none/evidence/{}",
        files[0]["file"].as_str().unwrap()
    );
    assert_eq!(stage.ask("GET", &elsewhere, KEY).status, 404);
    // a link that somebody put in its place is not followed, and what was deleted is said to be
    let name = files[0]["file"].as_str().unwrap();
    let path = stage.dir.path().join("state/evidence").join(name);
    fs::remove_file(&path).unwrap();
    let gone = stage.ask("GET", &format!("{folder}/{name}"), KEY);
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("it was deleted since"), "{gone:?}");
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    let link = stage.ask("GET", &format!("{folder}/{name}"), KEY);
    assert_eq!(link.status, 404, "{link:?}");
    assert!(!link.body.contains("root:"), "{link:?}");
}

#[test]
fn without_keys_evidence_is_named_and_not_served() {
    let (stage, incident) = stage("");
    let href = incident["evidence"][0]["href"].as_str().unwrap();
    let refused = stage.get(href);
    assert_eq!(refused.status, 403, "{refused:?}");
    let id = incident["id"].as_str().unwrap();
    let page = stage.get(&format!("/incident/{id}")).body;
    assert!(
        page.contains("It can be downloaded where there are api_keys"),
        "{page}"
    );
    assert!(!page.contains("/evidence/"), "{page}");
}
