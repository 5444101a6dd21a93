//! Alertmanager's API v2. An alert is identified by its labels; one that is not sent again before its end resolves by
//! itself, so that alerts of a dead watchdog do not stay for ever.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use url::Url;

use super::{Payload, Severity, severity, text};
use crate::notify::Notification;

/// So long after it was sent an alert ends by itself: several times the pause between repetitions.
const LASTS: Duration = Duration::from_secs(300);

/// Where alerts are posted.
const PATH: &str = "/api/v2/alerts";

pub fn payload<'a>(
    mut url: Url,
    messages: impl IntoIterator<Item = &'a Notification>,
    now: SystemTime,
) -> Payload {
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    let alerts: Vec<_> = messages
        .into_iter()
        .map(|message| alert(message, now))
        .collect();
    Payload {
        url,
        body: Value::from(alerts).to_string(),
    }
}

fn alert(message: &Notification, now: SystemTime) -> Value {
    let event = &message.event;
    let ends = match severity(event) {
        Severity::Good => now,
        Severity::Warning | Severity::Critical => now + LASTS,
    };
    let starts = text(event, "/incident/since");
    // a clock that was set back must not make an alert end before it starts
    let ends = humantime::parse_rfc3339(starts).map_or(ends, |starts| ends.max(starts));
    // what changes within an incident is no label: it would be another alert
    json!({
        "labels": {
            "alertname": "HttpokCheckDown",
            "check": text(event, "/check"),
            "instance": message.host,
            "severity": "critical",
        },
        "annotations": {
            "summary": message.subject,
            "description": text(event, "/seen/detail"),
            "url": text(event, "/url"),
            "incident": message.incident,
            "state": text(event, "/kind"),
        },
        "startsAt": starts,
        "endsAt": humantime::format_rfc3339_seconds(ends).to_string(),
    })
}
