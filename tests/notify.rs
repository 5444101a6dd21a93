//! What people are told, against what the original printed, and through real servers and commands.

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/smtp.rs"]
mod smtp;

#[path = "notify/formats.rs"]
mod formats;
#[path = "notify/html.rs"]
mod html;
#[path = "notify/mail.rs"]
mod mail;
#[path = "notify/mailserver.rs"]
mod mailserver;
#[path = "notify/original.rs"]
mod original;
#[path = "notify/receivers.rs"]
mod receivers;
#[path = "notify/report_text.rs"]
mod report_text;
#[path = "notify/webhook.rs"]
mod webhook;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use httpok::clock::WallClock;
use httpok::health::{ActionStep, ProcessName};
use httpok::health::{
    Body, CheckResult, Expectation, Incident, IncidentEntry, IncidentEvent, Moment, Observation,
    Phase, Reason, Report, ReportKind, StatusLine, Step, Trouble,
};
use httpok::notify::report::MailFormat;
use httpok::notify::{Notification, RenderContext};

/// 2026-05-01T03:12:04Z
const ORIGIN: u64 = 1_777_605_124;

fn render_context() -> RenderContext {
    RenderContext {
        host: "box1.example.org".into(),
        clock: WallClock {
            origin: SystemTime::UNIX_EPOCH + Duration::from_secs(ORIGIN),
        },
    }
}

/// A look at an answer with this status line and body.
fn answered(code: u16, reason: &str, body: &[u8], expectation: &Expectation) -> CheckResult {
    let mut seen = Observation {
        duration: Duration::from_millis(13),
        peer: Some("127.0.0.1:8080".into()),
        status: Some(StatusLine {
            version: "HTTP/1.1".into(),
            code,
            reason: reason.into(),
        }),
        body: Some(Body {
            kept: body.to_vec(),
            size: body.len() as u64,
            found: vec![],
            ..Body::default()
        }),
        ..Observation::default()
    };
    seen.phases.add(Phase::Connect, Duration::from_micros(300));
    seen.phases.add(Phase::FirstByte, Duration::from_millis(12));
    let judgement = expectation.judge(&seen);
    CheckResult { seen, judgement }
}

/// A look that saw nothing but trouble.
fn troubled(reason: Reason, phase: Phase, detail: &str) -> CheckResult {
    let mut seen = Observation::of_trouble(Trouble::new(reason, phase, detail));
    seen.duration = Duration::from_millis(3002);
    seen.phases.add(Phase::Connect, Duration::from_micros(300));
    seen.phases.add(phase, Duration::from_millis(3001));
    let judgement = Expectation::default().judge(&seen);
    CheckResult { seen, judgement }
}

fn listed(at: u64, look: CheckResult) -> IncidentEntry {
    entry(at, IncidentEvent::Probed(Arc::new(look)))
}

fn entry(at: u64, event: IncidentEvent) -> IncidentEntry {
    IncidentEntry {
        at: Moment::from_secs(at),
        event,
        alike: 0,
    }
}

fn step(at: u64, took: u64, process: Option<&str>, action: ActionStep) -> Step {
    Step {
        at: Moment::from_secs(at),
        took: Duration::from_millis(took),
        process: process.map(|name| match name.split_once(':') {
            Some((group, name)) => ProcessName::supervisord(group, name),
            None => ProcessName::supervisord(name, name),
        }),
        action,
    }
}

fn report(kind: ReportKind, entries: Vec<IncidentEntry>) -> Report {
    Report {
        number: 7,
        kind,
        at: Moment::from_secs(60),
        url: "http://127.0.0.1:8080/health".into(),
        incident: Incident {
            id: "shop-1777605124-1".into(),
            check: "shop".into(),
            since: Moment::from_secs(10),
            opened: Moment::from_secs(30),
            ended: None,
            attempts: 1,
            reports: 7,
            restarting_reported: false,
            withheld: None,
            notified: true,
            manual: false,
            entries,
            dropped: 0,
            dropped_actions: 0,
        },
        unfinished: Vec::new(),
    }
}

/// The message of a report about a hang.
fn message(kind: ReportKind) -> Notification {
    let hang = troubled(
        Reason::FirstByteTimeout,
        Phase::FirstByte,
        "no answer within 3s",
    );
    MailFormat::Full.render(&report(kind, vec![listed(10, hang)]), &render_context())
}
