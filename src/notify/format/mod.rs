//! What a webhook sends: the body of each format, made of a report's JSON. Pure: nothing here sends.

mod alertmanager;
mod ntfy;
mod pagerduty;
mod slack;
mod template;

use std::time::SystemTime;

use serde_json::Value;
use url::Url;

pub use template::Template;

use super::message::Notification;
use crate::secret::Secret;

/// The format of a webhook's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Ours.
    #[default]
    Json,
    /// Slack's, which Mattermost and Rocket.Chat take, too.
    Slack,
    /// Alertmanager's API v2.
    Alertmanager,
    /// PagerDuty's Events API v2, with the key of the integration.
    PagerDuty { routing_key: Secret },
    /// ntfy's.
    Ntfy,
    /// The user's own.
    Template(Template),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Where it goes.
    pub url: Url,
    /// Its body.
    pub body: String,
}

impl WebhookFormat {
    /// The words of `format`.
    pub const WORDS: [&str; 6] = [
        "json",
        "slack",
        "alertmanager",
        "pagerduty",
        "ntfy",
        "template",
    ];

    /// `message` in this format for `url`, sent `now`.
    ///
    /// # Errors
    /// Says why it cannot be put into this format, now or ever.
    pub fn payload(
        &self,
        url: Url,
        message: &Notification,
        now: SystemTime,
    ) -> Result<Payload, String> {
        let body = match self {
            Self::Json => message.event.to_string(),
            Self::Slack => slack::body(message).to_string(),
            Self::Alertmanager => return Ok(alertmanager::payload(url, [message], now)),
            Self::PagerDuty { routing_key } => pagerduty::body(routing_key, message).to_string(),
            Self::Ntfy => return ntfy::payload(url, message),
            Self::Template(template) => template.render(&message.event)?,
        };
        Ok(Payload { url, body })
    }

    /// The open incidents `messages` again, for a receiver that forgets what is not repeated; `None` for others.
    pub fn repeated(
        &self,
        url: Url,
        messages: &[Notification],
        now: SystemTime,
    ) -> Option<Payload> {
        self.is_repeated()
            .then(|| alertmanager::payload(url, messages, now))
    }

    /// Whether open incidents are sent again and again.
    pub fn is_repeated(&self) -> bool {
        *self == Self::Alertmanager
    }

    /// Whether it pairs the begin of an incident with its end.
    pub const fn pairs(&self) -> bool {
        matches!(self, Self::Alertmanager | Self::PagerDuty { .. })
    }
}

/// The string at `pointer` of a report's JSON.
fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// How bad a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Good,
    Warning,
    Critical,
}

fn severity(event: &Value) -> Severity {
    match text(event, "/kind") {
        "recovered" | "cured" | "recovered_degraded" => Severity::Good,
        // of a report that it was down and a restart has cured it
        "down" if text(event, "/details/state") == "back" => Severity::Good,
        "down" | "gave_up" | "reminder" => Severity::Critical,
        _ => Severity::Warning,
    }
}

/// The first paragraphs of a report's text, which say what a person has to know, at most `most` bytes of them.
fn summary(message: &Notification, most: usize) -> &str {
    let text = &message.text;
    let second = text.match_indices("\n\n").nth(1).map(|(at, _)| at);
    let end = second.unwrap_or(text.len()).min(most);
    &text[..text.floor_char_boundary(end)]
}
