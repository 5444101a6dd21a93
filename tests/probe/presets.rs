//! Presets: every state that a product's endpoint can be in, as the product tells it, and what is made of it.

use httpok::config::parse;
use httpok::config::settings::CheckSettings;
use httpok::health::{Judgement, Verdict};
use httpok::probe::Probe;

use super::hostile::{Act, Server, answering, talking};
use Verdict::{Degraded, Draining, Fail, Pass, Starting, Unknown};

/// A check of `url` with `preset` and `keys` of its own.
fn check(preset: &str, url: &str, keys: &str) -> CheckSettings {
    let file =
        format!("[[check]]\nname = \"it\"\npreset = \"{preset}\"\nurl = \"{url}\"\n{keys}\n");
    let settings = parse(&file, "x", &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    settings.checks[0].clone()
}

async fn judged(check: &CheckSettings) -> Judgement {
    let probe = Probe::new(check.probe.clone(), &check.expectation.body_needs());
    let seen = probe.expect("a good spec").run().await;
    check.expectation.judge(&seen)
}

/// A server that always gives this answer.
async fn http(code: u16, body: &str) -> Server {
    let answer: &'static str = format!(
        "HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .leak();
    answering(move |_| vec![Act::Say(answer.as_bytes())]).await
}

/// Judges each answer, and asserts what comes of it and what was asked.
async fn replay(preset: &str, path: &str, asked: &str, states: &[(u16, &str, Verdict)]) {
    for (code, body, verdict) in states {
        let server = http(*code, body).await;
        let url = format!("http://{}{path}", server.address);
        let judgement = judged(&check(preset, &url, "")).await;
        assert_eq!(
            judgement.verdict, *verdict,
            "{path} {code} {body}: {judgement:?}"
        );
        let head = &server.asked()[0];
        assert!(
            head.starts_with(&format!("GET {asked} HTTP/1.1\r\n")),
            "{head}"
        );
    }
}

const ONE: &str = r#"[{"plugin_name":"http","error_message":"","status_code":200}]"#;
const DOWN: &str = "service is shutting down\n";

#[tokio::test]
async fn roadrunner_is_judged_by_every_entry() {
    let entry = |error: &str, code: u16| {
        format!(r#"[{{"plugin_name":"http","error_message":"{error}","status_code":{code}}}]"#)
    };
    let odd = "unexpected status code";
    let server_error = "internal server error, see logs";
    let nil = "plugin is nil or not initialized";
    let none = "plugin is not available, returned nil";
    replay(
        "roadrunner",
        "",
        "/health?plugin=http",
        &[
            (200, ONE, Pass),
            // not registered, or registered but nil: left out
            (200, "[]", Fail),
            // the check returns an error; told in the status only where all are asked
            (200, &entry("it is broken", 500), Fail),
            (503, &entry("it is broken", 503), Fail),
            (200, &entry(nil, 404), Fail),
            (200, &entry(none, 503), Fail),
            (503, &entry(server_error, 503), Fail),
            (200, &entry("", 100), Pass),
            (200, &entry("", 400), Pass),
            (200, &entry(odd, 99), Fail),
            (200, &entry(odd, 450), Fail),
            (200, DOWN, Draining),
            (503, DOWN, Draining),
            (200, r#"[{"plugin_name":"http","error_message":""}]"#, Fail),
            (200, "nonsense", Fail),
            (404, "404 page not found\n", Fail),
        ],
    )
    .await;
}

#[tokio::test]
async fn roadrunner_has_to_answer_for_all_plugins_asked_for() {
    let two = ONE.replace(']', ",") + &ONE[1..];
    let path = "/ready?plugin=http&plugin=jobs";
    replay(
        "roadrunner",
        path,
        path,
        &[(200, ONE, Fail), (200, &two, Pass), (503, &two, Fail)],
    )
    .await;
    // who asks for all of none is told, and nothing is restarted for it
    let all = "/health";
    replay(
        "roadrunner",
        all,
        all,
        &[(200, ONE, Pass), (200, "[]", Degraded), (503, ONE, Fail)],
    )
    .await;
}

#[tokio::test]
async fn old_roadrunners_answer_in_text() {
    replay(
        "roadrunner",
        "/health?plugin=http",
        "/health?plugin=http",
        &[
            (200, "plugin: http, status: 200\n", Pass),
            (200, "Service: http: Status: 200\n", Pass),
            (200, "plugin: http not found", Fail),
            (200, "Service: http not found", Fail),
            (200, "plugin: http, status: 450\n", Fail),
            (503, "", Fail),
            (
                400,
                "No plugins provided in query. Query should be in form of: ...",
                Fail,
            ),
        ],
    )
    .await;
    let path = "/health?plugin=good&plugin=bad";
    replay(
        "roadrunner",
        path,
        path,
        &[
            // the first line has sent the status before the second plugin was asked
            (200, "plugin: good, status: 200\n", Fail),
            (
                200,
                "plugin: good, status: 200\nplugin: bad, status: 204\n",
                Pass,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn roadrunner_pipelines_are_reported_and_not_restarted() {
    let jobs = |ready: bool, error: &str| {
        format!(
            r#"[{{"pipeline":"p","priority":10,"ready":{ready},"queue":"q","active":1,"delayed":0,"reserved":0,"driver":"memory","error_message":"{error}"}}]"#
        )
    };
    replay(
        "roadrunner",
        "/jobs",
        "/jobs",
        &[
            (200, &jobs(true, ""), Pass),
            (200, "[]", Pass),
            (200, &jobs(false, ""), Degraded),
            (200, &jobs(true, "connection lost"), Degraded),
            (503, "jobs plugin not found\n", Fail),
            (503, DOWN, Draining),
            (
                200,
                "plugin: jobs: pipeline: p | priority: 10 | ready: true | queue: q\n",
                Pass,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn kumomtas_first_reason_decides() {
    let path = "/api/check-liveness/v1";
    for given in ["", path] {
        replay(
            "kumomta",
            given,
            path,
            &[
                (200, "OK", Pass),
                (503, "shutting down", Draining),
                (503, "load shedding", Degraded),
                (503, "waiting for spool startup", Starting),
                (503, "waiting for spool enumeration", Starting),
                (503, "the spool is not accepting writes", Degraded),
                (503, "storage is too full", Degraded),
                (503, "something new", Fail),
                (200, "NOT OK", Fail),
                (401, "10.0.0.1 not permitted GET on http_listener", Unknown),
                (500, "try again later", Fail),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn ready_halon_is_not_restarted() {
    for (healthy, ready, verdict) in [
        ("200 OK", "200 OK", Pass),
        ("204 No Content", "503 Not Ready", Pass),
        ("503 Unhealthy", "200 OK", Degraded),
        ("500 Unhealthy", "204 OK", Degraded),
        ("503 Unhealthy", "503 Not Ready", Fail),
        ("503 Unhealthy", "401 Unauthorized", Fail),
        ("401 Unauthorized", "200 OK", Unknown),
        ("403 Forbidden", "200 OK", Unknown),
        ("404 Not Found", "200 OK", Fail),
    ] {
        let server = answering(move |head| {
            let status = match head.split(' ').nth(1) {
                Some("/healthy") => healthy,
                Some("/ready") => ready,
                other => panic!("asked for {other:?}"),
            };
            assert!(head.contains("\r\nX-Api-Key: hunter2\r\n"), "{head}");
            let answer: &'static str =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\nspool\n").leak();
            vec![Act::Say(answer.as_bytes())]
        })
        .await;
        let url = format!("http://{}", server.address);
        let check = check("halon", &url, "headers = { X-API-Key = \"hunter2\" }");
        let judgement = judged(&check).await;
        assert_eq!(
            judgement.verdict, verdict,
            "{healthy}, {ready}: {judgement:?}"
        );
        let asked = server.asked().len();
        assert_eq!(asked, if healthy.starts_with('5') { 2 } else { 1 });
    }
}

#[tokio::test]
async fn halon_without_a_readiness_response_fails() {
    let server = answering(|head| match head.starts_with("GET /ready") {
        true => vec![Act::Hang],
        false => vec![Act::Say(b"HTTP/1.1 503 X\r\nConnection: close\r\n\r\n")],
    })
    .await;
    let url = format!("http://{}", server.address);
    let begun = std::time::Instant::now();
    let judgement = judged(&check("halon", &url, "timeout = 0.3")).await;
    assert_eq!(judgement.verdict, Fail, "{judgement:?}");
    assert!(begun.elapsed() < std::time::Duration::from_millis(300) + super::SLACK);
}

#[tokio::test]
async fn zope_monitor_distinguishes_faults_that_a_restart_does_not_fix() {
    for (answer, verdict) in [
        ("OK", Pass),
        ("Instance is booting", Starting),
        ("Warmup in progress", Starting),
        ("Error: Database 'main' disconnected.", Degraded),
        // the substring trap
        ("Error: Database 'BOOK' disconnected.", Degraded),
        ("Invalid command 'health_check'\nTry \"help\".", Unknown),
        (
            "Traceback (most recent call last):\n  File\nKeyError: x",
            Unknown,
        ),
        ("BROKEN", Fail),
    ] {
        let server = super::lines::zope_monitor(answer).await;
        let url = format!("tcp://{}", server.address);
        let judgement = judged(&check("ftw-monitor", &url, "")).await;
        assert_eq!(judgement.verdict, verdict, "{answer}: {judgement:?}");
    }
}

#[tokio::test]
async fn springs_statuses_have_their_meaning() {
    let path = "/actuator/health";
    replay(
        "spring",
        "",
        path,
        &[
            (200, r#"{"status":"UP","groups":["liveness"]}"#, Pass),
            (200, r#"{"status":"up"}"#, Pass),
            (503, r#"{"status":"DOWN"}"#, Fail),
            (503, r#"{"status":"OUT_OF_SERVICE"}"#, Draining),
            (503, r#"{"status":"out-of-service"}"#, Draining),
            (200, r#"{"status":"UNKNOWN"}"#, Unknown),
            (200, r#"{"status":"FATAL"}"#, Fail),
            (
                200,
                r#"{"status":"DOWN","components":{"db":{"status":"UP"}}}"#,
                Fail,
            ),
            (401, "", Unknown),
            (404, "", Fail),
        ],
    )
    .await;
}

#[tokio::test]
async fn health_in_json_is_read_by_its_status() {
    replay(
        "health-json",
        "",
        "/health",
        &[
            (200, r#"{"status":"pass"}"#, Pass),
            (207, r#"{"status":"UP"}"#, Pass),
            (
                200,
                r#"{"status":"ok","checks":{"a:b":[{"status":"fail"}]}}"#,
                Pass,
            ),
            (200, r#"{"status":"warn"}"#, Degraded),
            (503, r#"{"status":"fail"}"#, Fail),
            // a contradiction: the worse of both
            (200, r#"{"status":"fail"}"#, Fail),
            (503, r#"{"status":"pass"}"#, Fail),
            (200, "pass", Fail),
        ],
    )
    .await;
}

#[tokio::test]
async fn agents_are_read_as_haproxy_reads_them() {
    for (answer, verdict) in [
        ("ready up 100%\n", Pass),
        ("up\r\n", Pass),
        ("UP,75%\n", Pass),
        ("50%\n", Pass),
        ("up # all but one is down\n", Pass),
        ("down #starting\n", Starting),
        ("down #shop: refused\n", Fail),
        ("fail\n", Fail),
        ("ready down\n", Fail),
        ("drain up\n", Draining),
        ("maint\n", Draining),
        ("stopped #by operator\n", Draining),
        ("up 0%\n", Draining),
        ("upward\n", Fail),
        ("\n", Fail),
        // an incomplete line says nothing
        ("up", Fail),
    ] {
        let server = talking(move |mut stream| async move {
            use tokio::io::AsyncWriteExt;
            stream.write_all(answer.as_bytes()).await
        })
        .await;
        let url = format!("tcp://{}", server.address);
        let judgement = judged(&check("haproxy-agent", &url, "")).await;
        assert_eq!(judgement.verdict, verdict, "{answer:?}: {judgement:?}");
    }
}

#[test]
fn every_key_of_a_preset_can_be_overridden() {
    let kumomta = check(
        "kumomta",
        "http://h",
        "status = 503\nexpect = []\nverdicts = []",
    );
    assert_eq!(kumomta.expectation.status.to_string(), "503");
    assert!(kumomta.expectation.expect.is_empty() && kumomta.expectation.verdicts.is_empty());
    let file =
        "[defaults]\nstatus = 204\ntimeout = 3\n[[check]]\nname = \"a\"\npreset = \"halon\"\n";
    let settings = parse(file, "x", &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    let halon = &settings.checks[0];
    // the preset is nearer than the defaults
    assert_eq!(halon.expectation.status.to_string(), "2xx");
    let httpok::probe::ProbeSpec::Http(http) = &halon.probe else {
        panic!("an HTTP check");
    };
    assert_eq!(http.url.to_string(), "http://127.0.0.1:8080/healthy");
    assert_eq!(http.timeout.as_secs(), 3);
}
