//! Slack's incoming webhooks, in the part that Mattermost and Rocket.Chat understand as well.

use serde_json::{Value, json};

use super::{Severity, severity, summary};
use crate::notify::Notification;

/// The longest text; Slack takes 40,000 characters, Mattermost fewer.
const LONGEST: usize = 3000;

pub fn body(message: &Notification) -> Value {
    let color = match severity(&message.event) {
        Severity::Good => "#2eb67d",
        Severity::Warning => "#ecb22e",
        Severity::Critical => "#e01e5a",
    };
    let subject = escaped(&message.subject);
    json!({
        "text": subject,
        "attachments": [{
            "color": color,
            "fallback": subject,
            "text": escaped(summary(message, LONGEST)),
        }],
    })
}

/// `text` without anything that is markup for a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
