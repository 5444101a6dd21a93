//! The OpenAPI document against what is really served: schemathesis makes requests of it, good and bad ones, and holds each
//! answer to it.

use std::process::Command;

use crate::fixture::Stage;
use crate::site::says;

/// A status of its own for "not well", so that any 5xx is a fault.
const SERVE: &str = "api_keys = [\"key\"]\nunavailable_status_code = 418";

const CHECKS: &str = r#"
[[check]]
name = "backup"
heartbeat = "1h"
"#;

#[test]
fn the_document_is_served_and_is_openapi() {
    let stage = Stage::start(SERVE);
    assert_eq!(stage.get("/api/v1/openapi.json").status, 401);
    let document = stage.ask("GET", "/api/v1/openapi.json", "X-API-Key: key\r\n");
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 25, "{}", paths.len());
    // what is described is served, to everyone or to those with a key
    for (path, methods) in paths {
        let asked = path
            .replace("{check}", "shop")
            .replace("{action}", "resume")
            .replace("{incident}", "none");
        for method in methods.as_object().unwrap().keys() {
            if path == "/api/v1/events" {
                continue;
            }
            let method = method.to_uppercase();
            let answer = stage.send(&method, &asked, "X-API-Key: key\r\n", "");
            let code = answer.status.to_string();
            let described = &methods[method.to_lowercase()]["responses"];
            assert!(described[&code].is_object(), "{method} {path}: {code}");
            let open = stage.send(&method, &asked, "", "");
            let is_open = methods[method.to_lowercase()]["security"] == serde_json::json!([]);
            assert_eq!(open.status != 401, is_open, "{method} {path}");
        }
    }
}

#[test]
fn every_answer_is_one_that_the_document_describes() {
    let stage = Stage::with(SERVE, CHECKS);
    stage.wait("there is an incident", |stage| {
        stage.get("/health?plugin=db").status == 418
    });
    stage.site.answer("/db", || says("200 OK", ""));
    // it keeps a cache where it runs
    let cache = tempfile::tempdir().unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join(".provision/venv/bin/schemathesis"))
        .args(["run", &stage.url("/api/v1/openapi.json")])
        .args(["--header", "X-API-Key: key"])
        .args(["--exclude-path", "/api/v1/events"])
        .args(["--checks", CONFORMANCE])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--seed", "1", "--generation-deterministic"])
        .args([
            "--max-examples",
            "15",
            "--continue-on-failure",
            "--no-shrink",
        ])
        .args(["--request-timeout", "20", "--suppress-health-check", "all"])
        .args(["--warnings", "off", "--no-color"])
        .current_dir(cache.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{err}");
    assert!(said.contains("No issues found"), "{said}");
    assert_eq!(stage.get("/health?plugin=shop").status, 200, "it lives");
    let err = stage.watchdog.err.text();
    assert!(!err.contains("internal error"), "{err}");
}

const CONFORMANCE: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                           response_schema_conformance,response_headers_conformance";
