//! The contracts of RoadRunner, Halon, KumoMTA and health+json, over the wire.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::fixture::Stage;
use crate::site::{Answer as Says, says};

#[test]
fn paths_accept_get_head_and_options_only() {
    let stage = Stage::settled("");
    for (path, status) in [
        ("/health", 503),
        ("/health?plugin=shop", 200),
        ("/health?plugin=nope", 404),
        ("/health?x=1&utm=2", 503),
        ("/ready", 200),
        ("/ready?plugin=db", 503),
        ("/jobs", 200),
        ("/healthy", 503),
        ("/api/check-liveness/v1", 503),
        ("/metrics", 200),
        ("/status.json", 200),
    ] {
        let get = stage.get(path);
        assert_eq!(get.status, status, "{path}: {get:?}");
        assert_eq!(get.header("cache-control"), Some("no-store"), "{path}");
        assert!(!get.body.is_empty(), "{path}");
        let head = stage.ask("HEAD", path, "");
        assert_eq!((head.status, head.body.as_str()), (status, ""), "{path}");
        assert!(
            head.header("content-length")
                .is_some_and(|length| length != "0"),
            "{head:?}"
        );
        let refused = stage.ask("DELETE", path, "");
        assert_eq!(refused.status, 405, "{path}");
        assert_eq!(
            refused.header("allow"),
            Some("GET, HEAD, OPTIONS"),
            "{path}"
        );
        let options = stage.ask("OPTIONS", path, "");
        let expected = match path {
            "/metrics" | "/status.json" => 204,
            _ => status,
        };
        assert_eq!(
            (options.status, options.body.as_str()),
            (expected, ""),
            "{path}"
        );
        assert_eq!(
            options.header("allow"),
            Some("GET, HEAD, OPTIONS"),
            "{path}"
        );
    }
    for (path, allow) in [
        ("/rpc", "POST, OPTIONS"),
        ("/api/v1/control", "POST, OPTIONS"),
    ] {
        let refused = stage.get(path);
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some(allow)),
            "{path}"
        );
    }
    for path in ["/health/", "/nope", "/..", "/Health", "/metrics.json"] {
        assert_eq!(stage.get(path).status, 404, "{path}");
    }
    assert_eq!(stage.ask("OPTIONS", "*", "").status, 204);
}

#[test]
fn http_1_0_without_a_host_is_answered() {
    let stage = Stage::settled("");
    for request in [
        "GET /health?plugin=shop HTTP/1.0\r\n\r\n",
        "OPTIONS /health?plugin=shop HTTP/1.0\r\n\r\n",
        "GET /health?plugin=shop HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://elsewhere/health?plugin=shop HTTP/1.0\r\n\r\n",
    ] {
        let answer = String::from_utf8(stage.raw(request)).unwrap();
        assert!(answer.contains(" 200 OK\r\n"), "{request:?}: {answer}");
    }
}

#[test]
fn roadrunner_entries_are_in_order_and_name_the_fault() {
    let stage = Stage::settled("");
    let all = stage.get("/health");
    assert_eq!(all.header("content-type"), Some("application/json"));
    assert_eq!(
        all.body,
        r#"[{"plugin_name":"shop","error_message":"","status_code":200},{"plugin_name":"db","error_message":"expected status 200, got 500 Internal Server Error","status_code":503}]"#
    );
    let two = stage.get("/ready?plugin=db&plugin=shop");
    assert_eq!(two.status, 503);
    assert_eq!(two.json()[1]["status_code"], 200);
    let jobs = stage.get("/jobs").json();
    let keys: Vec<_> = jobs[1].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 9);
    assert_eq!(jobs[1]["ready"], false);
    assert_eq!(jobs[1]["driver"], "http");
    assert_eq!(jobs[1]["queue"], format!("{}/db", stage.site.origin()));
}

#[test]
fn the_unavailable_status_code_is_the_configured_one() {
    let stage = Stage::start("unavailable_status_code = 429");
    stage.wait("db is down", |stage| stage.get("/health").status == 429);
    for path in ["/healthy", "/api/check-liveness/v1", "/ready?plugin=db"] {
        assert_eq!(stage.get(path).status, 429, "{path}");
    }
    assert_eq!(stage.get("/health").json()[1]["status_code"], 429);
}

#[test]
fn ready_waits_for_the_first_verdict_of_every_check_and_then_stays() {
    let stage = Stage::start("");
    stage.wait("ready", |stage| stage.get("/ready").status == 200);
    let verdicts = stage.get("/api/v1/checks").json();
    for check in verdicts["checks"].as_array().unwrap() {
        assert!(check["last"].is_object(), "{check}");
    }
    stage.site.answer("/shop", || says("500 X", ""));
    stage.wait("shop is down, too", |stage| {
        stage.get("/ready?plugin=shop").status == 503
    });
    assert_eq!(stage.get("/ready").status, 200, "a latch");
}

#[test]
fn hung_target_delays_no_response() {
    let stage = Stage::settled("");
    stage.site.answer("/shop", || Says::Hang(Vec::new()));
    let begun = std::time::Instant::now();
    for path in [
        "/health",
        "/ready",
        "/jobs",
        "/healthy",
        "/metrics",
        "/status.json",
    ] {
        stage.get(path);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn halon_and_kumomta_endpoints_give_reasons() {
    let stage = Stage::settled("");
    let healthy = stage.get("/healthy");
    assert_eq!(
        (healthy.status, healthy.body.as_str()),
        (503, "checks down: db\n")
    );
    let liveness = stage.get("/api/check-liveness/v1");
    assert_eq!(
        (liveness.status, liveness.body.as_str()),
        (503, "checks down: db")
    );
    stage.site.answer("/db", || says("200 OK", "fine"));
    stage.wait("all is well", |stage| stage.get("/healthy").status == 200);
    assert_eq!(stage.get("/api/check-liveness/v1").body, "OK");
    let status = stage.get("/status.json").json();
    let information = &status["information"];
    assert_eq!(
        (&information["product"], &information["status"]),
        (&json!("httpok"), &json!("OK"))
    );
    assert!(information["uptime"].is_u64(), "{status}");
    assert!(status.get("environment").is_none(), "not unless asked for");
}

#[test]
fn down_checks_make_the_watchdog_unhealthy_only_when_configured() {
    let stage = Stage::start("environment = true\n[serve.healthy]\nchecks = false");
    stage.wait("db is down", |stage| stage.get("/health").status == 503);
    stage.wait("ready", |stage| stage.get("/ready").status == 200);
    assert_eq!(stage.get("/healthy").status, 200);
    let environment = &stage.get("/status.json").json()["environment"];
    for key in ["os", "kernel", "hostname", "architecture", "current_time"] {
        assert!(environment[key].is_string(), "{key}: {environment}");
    }
}

#[test]
fn health_json_is_negotiated() {
    let stage = Stage::settled("");
    let answer = stage.ask("GET", "/health", "Accept: application/health+json\r\n");
    assert_eq!(
        answer.header("content-type"),
        Some("application/health+json")
    );
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (503, &json!("fail"))
    );
    let one = stage.ask(
        "GET",
        "/health?plugin=shop",
        "Accept: application/health+json\r\n",
    );
    assert_eq!((one.status, &one.json()["status"]), (200, &json!("pass")));
}

#[test]
fn json_rpc_is_answered_over_http() {
    let stage = Stage::settled("");
    let ask = |body: &str| stage.send("POST", "/rpc", "Content-Type: application/json\r\n", body);
    let call = r#"{"jsonrpc":"2.0","method":"status.Status","params":{"plugin":"db"},"id":1}"#;
    let answer = ask(call);
    assert_eq!(
        (answer.status, &answer.json()["result"]["code"]),
        (200, &json!(503))
    );
    let unknown = ask(&call.replace("\"db\"", "\"dbb\""));
    assert!(
        unknown.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("did you mean \"db\"")
    );
    let notification = ask(&call.replace(",\"id\":1", ""));
    assert_eq!((notification.status, notification.body.as_str()), (204, ""));
    assert_eq!(ask("{").json()["error"]["code"], -32700);
}

#[test]
fn endpoints_respond_unavailable_during_shutdown() {
    let program = "[[program]]\nname = \"slow\"\ncommand = [\"/bin/sh\", \"-c\", \"trap '' TERM; while :; do sleep \
                   1; done\"]\nstopwaitsecs = \"4s\"\n";
    let stage = Stage::with("", program);
    stage.wait("ready", |stage| stage.get("/ready").status == 200);
    stage.wait("the program runs", |stage| {
        stage.get("/api/v1/status").json()["programs"][0]["state"] == "RUNNING"
    });
    stage.watchdog.signal(Signal::SIGTERM);
    stage.wait("it is known", |stage| stage.get("/ready").status == 503);
    for (path, body) in [
        ("/health", "service is shutting down\n"),
        ("/health?plugin=shop", "service is shutting down\n"),
        ("/ready", "service is shutting down\n"),
        ("/jobs", "service is shutting down\n"),
        ("/api/check-liveness/v1", "shutting down"),
    ] {
        let answer = stage.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (503, body), "{path}");
    }
    let healthy = stage.get("/healthy");
    assert_eq!(
        (healthy.status, healthy.body.lines().next()),
        (503, Some("shutting down"))
    );
    assert!(stage.watchdog.wait().status.success());
}
