//! ntfy's JSON, which goes to the server's root with the topic inside: headers would not take every letter.

use serde_json::json;
use url::Url;

use super::{Payload, Severity, severity, summary, text};
use crate::notify::Notification;

/// The longest message that is no attachment, in bytes.
const LONGEST: usize = 3500;

pub fn payload(mut url: Url, message: &Notification) -> Result<Payload, String> {
    let path = url.path().trim_end_matches('/').to_owned();
    let (root, topic) = path.rsplit_once('/').unwrap_or_default();
    if topic.is_empty() {
        return Err("the URL of ntfy has no topic".to_owned());
    }
    url.set_path(&format!("{root}/"));
    let (priority, tag) = match severity(&message.event) {
        Severity::Good => (3, "white_check_mark"),
        Severity::Warning => (3, "warning"),
        Severity::Critical if text(&message.event, "/kind") == "gave_up" => (5, "rotating_light"),
        Severity::Critical => (4, "rotating_light"),
    };
    let body = json!({
        "topic": topic,
        "title": message.subject,
        "message": summary(message, LONGEST),
        "priority": priority,
        "tags": [tag],
    });
    Ok(Payload {
        url,
        body: body.to_string(),
    })
}
