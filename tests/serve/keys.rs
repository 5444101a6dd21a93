//! Keys: what is open, what is not, and what can be changed with one.

use crate::stage::Stage;

const KEYS: &str = "api_keys = [\"old-key\", \"new-key\"]";

#[test]
fn five_paths_are_open_and_everything_else_wants_a_key() {
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
fn changes_want_a_key_to_exist() {
    let stage = Stage::settled("");
    let refused = stage.send("POST", "/api/v1/checks/db/pause", "", "");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(stage.get("/api/v1/checks/db").json()["pause"].is_null());
}

#[test]
fn a_check_is_paused_and_resumed_over_http() {
    let stage = Stage::settled(KEYS);
    let act = |path: &str, body: &str| stage.send("POST", path, "X-API-Key: new-key\r\n", body);
    let see = |path: &str| stage.ask("GET", path, "X-API-Key: new-key\r\n");
    let paused = act(
        "/api/v1/checks/db/pause",
        r#"{"reason":"deploy","for":3600}"#,
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
        ("/api/v1/checks/db/restart", "", 409),
        ("/api/v1/control", "{}", 400),
        ("/api/v1/control", r#"{"version":1,"ask":"status"}"#, 200),
    ] {
        let answer = act(path, body);
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        answer.json();
    }
    let nearest = see("/api/v1/checks/shpo");
    assert_eq!(nearest.status, 404);
    assert!(nearest.body.contains("did you mean"), "{nearest:?}");
}
