//! PagerDuty's Events API v2: an incident of ours is one of theirs, by its id.

use serde_json::{Value, json};

use super::{Severity, severity, text};
use crate::notify::Notification;
use crate::secret::Secret;

/// The longest summary, in characters.
const LONGEST: usize = 1024;

pub fn body(routing_key: &Secret, message: &Notification) -> Value {
    let event = &message.event;
    let severity = severity(event);
    let mut body = json!({
        "routing_key": routing_key.expose(),
        "dedup_key": message.incident,
        "event_action": if severity == Severity::Good { "resolve" } else { "trigger" },
        "client": "httpok",
    });
    let summary: String = message.subject.chars().take(LONGEST).collect();
    body["payload"] = json!({
        "summary": summary,
        "source": message.host,
        "severity": match severity {
            Severity::Good => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        },
        "timestamp": text(event, "/at"),
        "component": text(event, "/check"),
        "class": text(event, "/kind"),
        "custom_details": {
            "url": text(event, "/url"),
            "detail": text(event, "/seen/detail"),
            "since": text(event, "/incident/since"),
            "attempts": event.pointer("/incident/attempts"),
        },
    });
    body
}
