//! What webhooks of each format and commands get, and who gets what from a watchdog.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use httpok::exec::CommandLine;
use httpok::health::{DownState, Expectation, ReportKind};
use httpok::notify::command::CommandNotifier;
use httpok::notify::format::{Template, WebhookFormat};
use httpok::notify::report::MailFormat;
use httpok::notify::{Notification, Notifier};
use httpok::secret::Secret;
use serde_json::{Value, json};
use url::Url;

use crate::webhook::exchange;
use crate::{answered, listed, message, render_context, report};

const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn down() -> Notification {
    message(ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    })
}

fn recovered() -> Notification {
    message(ReportKind::Recovered {
        down: Duration::from_secs(50),
    })
}

/// The path and the body that `message` becomes at `url`.
fn made(format: &WebhookFormat, url: &str, message: &Notification) -> (String, Value) {
    let url = Url::parse(url).expect("a URL");
    let at = humantime::parse_rfc3339("2026-05-01T04:00:00Z").expect("a date");
    let payload = format.payload(url, message, at).expect("a payload");
    let body = serde_json::from_str(&payload.body).expect("JSON");
    (payload.url.to_string(), body)
}

#[test]
fn alertmanager_gets_alerts_that_fire_and_resolve() {
    let format = WebhookFormat::Alertmanager;
    let (url, firing) = made(&format, "http://h:9093", &down());
    assert_eq!(url, "http://h:9093/api/v2/alerts");
    let labels = json!({
        "alertname": "HttpokCheckDown",
        "check": "shop",
        "instance": "box1.example.org",
        "severity": "critical",
    });
    assert_eq!(firing[0]["labels"], labels);
    assert_eq!(firing[0]["startsAt"], "2026-05-01T03:12:14Z");
    assert_eq!(firing[0]["endsAt"], "2026-05-01T04:05:00Z");
    let (url, resolved) = made(&format, "http://h/am/api/v2/alerts/", &recovered());
    assert_eq!(url, "http://h/am/api/v2/alerts/");
    assert_eq!(resolved[0]["labels"], labels);
    assert_eq!(resolved[0]["endsAt"], "2026-05-01T04:00:00Z");
    // a clock that was set back
    let url = Url::parse("http://h/").expect("a URL");
    let early = format.payload(url, &recovered(), SystemTime::UNIX_EPOCH);
    let early: Value = serde_json::from_str(&early.expect("a payload").body).expect("JSON");
    assert_eq!(early[0]["endsAt"], early[0]["startsAt"]);
}

#[test]
fn pagerduty_gets_one_incident_by_its_key() {
    let format = WebhookFormat::PagerDuty {
        routing_key: Secret::new("R0UTE"),
    };
    let (_, trigger) = made(&format, "https://h/v2/enqueue", &down());
    let (_, resolve) = made(&format, "https://h/v2/enqueue", &recovered());
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(resolve["event_action"], "resolve");
    for event in [&trigger, &resolve] {
        assert_eq!(event["dedup_key"], "shop-1777605124-1");
        assert_eq!(event["routing_key"], "R0UTE");
        assert_eq!(event["payload"]["source"], "box1.example.org");
    }
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(trigger["payload"]["component"], "shop");
}

#[test]
fn ntfy_gets_its_topic_from_the_url() {
    for (given, expected, topic) in [
        ("https://ntfy.sh/ops", "https://ntfy.sh/", "ops"),
        ("http://h/ntfy/ops/", "http://h/ntfy/", "ops"),
    ] {
        let (url, body) = made(&WebhookFormat::Ntfy, given, &down());
        assert_eq!((url.as_str(), &body["topic"]), (expected, &json!(topic)));
        assert_eq!(body["title"], down().subject);
        let text = body["message"].as_str().expect("a text");
        assert!(text.contains("shop is down"), "{text}");
    }
}

#[test]
fn slack_text_contains_no_mention() {
    let mut message = down();
    message.subject = "<!channel> & <@U1>".to_owned();
    let (_, body) = made(&WebhookFormat::Slack, "http://h/", &message);
    assert_eq!(body["text"], "&lt;!channel&gt; &amp; &lt;@U1&gt;");
    assert_eq!(body["attachments"][0]["color"], "#e01e5a");
    let (_, body) = made(&WebhookFormat::Slack, "http://h/", &recovered());
    assert_eq!(body["attachments"][0]["color"], "#2eb67d");
}

#[tokio::test]
async fn a_template_is_sent_as_the_user_wrote_it() {
    let text = r#"{"msg": {{ subject | tojson }}, "up": {{ (kind == "recovered") | tojson }}, "id": "{{ incident.id }}"}"#;
    let template = Template::new(text.to_owned());
    template.sample().expect("it works");
    let (head, body, posted) = exchange(TAKEN, |spec| {
        spec.format = WebhookFormat::Template(template);
    })
    .await;
    posted.expect("taken");
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        body,
        json!({ "msg": down().subject, "up": false, "id": "shop-1777605124-1" })
    );
}

#[test]
fn invalid_template_is_refused_with_its_line() {
    for (text, why) in [
        ("a\n{{ subjct }}", "line 2"),
        ("{{ subject | nofilter }}", "nofilter"),
        ("{% if %}", "line 1"),
        (
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            "the template does not work",
        ),
    ] {
        let error = Template::new(text.to_owned()).sample().expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_command_gets_json_and_words() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("got");
    let script = format!(
        "(cat; echo; echo \"$HTTPOK_CHECK|$HTTPOK_KIND|$HTTPOK_REASON|$HTTPOK_INCIDENT\") > {}",
        file.display()
    );
    let notifier = |script: &str, deadline| {
        Notifier::Command(CommandNotifier {
            command: CommandLine::Shell(script.to_owned()),
            deadline,
        })
    };
    let long = Duration::from_secs(30);
    let sent = notifier(&script, long).deliver(&down(), None).await;
    sent.expect("taken");
    let got = std::fs::read_to_string(&file).expect("written");
    let (event, words) = got.trim_end().rsplit_once('\n').expect("two lines");
    let event: Value = serde_json::from_str(event).expect("JSON");
    assert_eq!(event, down().event);
    assert_eq!(words, "shop|down|first_byte_timeout|shop-1777605124-1");

    let failed = notifier("echo no >&2; exit 1", long)
        .deliver(&down(), None)
        .await;
    let error = failed.expect_err("failed");
    assert!(error.is_temporary(), "{error}");
    assert_eq!(
        error.to_string(),
        "the command failed with exit status 1: no"
    );
    let refused = notifier("exit 65", long).deliver(&down(), None).await;
    assert!(!refused.expect_err("refused").is_temporary());
    let hung = notifier("sleep 600", Duration::from_millis(200));
    let error = hung.deliver(&down(), None).await.expect_err("killed");
    assert!(error.to_string().contains("was killed"), "{error}");
}

/// What jsonschema says of each of `instances` by the schema in `examples`; nothing of one that is right.
fn validate(instances: &[Value]) -> Vec<String> {
    const SCRIPT: &str = "import json, sys\n\
        from jsonschema import Draft202012Validator as Validator\n\
        schema = json.load(open('examples/report.schema.json'))\n\
        Validator.check_schema(schema)\n\
        validator = Validator(schema)\n\
        print(json.dumps(['; '.join(e.message for e in validator.iter_errors(i)) for i in json.load(sys.stdin)]))\n";
    let mut python = Command::new(".provision/venv/bin/python")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python is provisioned");
    let mut stdin = python.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, json!(instances).to_string().as_bytes())
        .expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "jsonschema did not run");
    serde_json::from_slice(&output.stdout).expect("a list")
}

/// The report about an answer with a body, as a program reads it.
fn message_of_answer() -> Value {
    let seen = answered(500, "Oh", b"no database\nno luck", &Expectation::default());
    let kind = ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    };
    let report = report(kind, vec![listed(10, seen)]);
    MailFormat::Full.render(&report, &render_context()).event
}

#[test]
fn reports_match_their_schema() {
    let span = Duration::from_secs(5);
    let kinds = [
        ReportKind::Down {
            state: DownState::NotBack { after: span },
            update: false,
        },
        ReportKind::Recovered { down: span },
        ReportKind::GaveUp {
            rearm: None,
            budget: None,
            used: Vec::new(),
        },
        ReportKind::GaveUp {
            rearm: Some(span),
            budget: None,
            used: Vec::new(),
        },
        ReportKind::Reminder { down: span },
        ReportKind::Degraded,
        ReportKind::RecoveredDegraded { lasted: span },
        ReportKind::Unknown,
        ReportKind::Action,
    ];
    let mut events: Vec<_> = kinds.into_iter().map(|kind| message(kind).event).collect();
    // what was seen may have a body
    let with_body = message_of_answer();
    assert!(
        with_body["seen"]["body"]["excerpt"].is_array(),
        "{with_body}"
    );
    events.push(with_body);
    let right = events.len();
    for (key, value) in [
        ("schema", json!(2)),
        ("check", Value::Null),
        ("at", json!(5)),
    ] {
        let mut wrong = events[0].clone();
        wrong[key] = value;
        events.push(wrong);
    }
    let faults = validate(&events);
    let none = vec![String::new(); right];
    assert_eq!(faults[..right], none);
    assert!(
        faults[right..].iter().all(|fault| !fault.is_empty()),
        "{faults:?}"
    );
}
