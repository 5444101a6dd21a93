//! The dead man's switch: a request to a receiver elsewhere for as long as the watchdog goes round, so that somebody knows
//! when this host is gone. With Healthchecks.io's convention the receiver also hears of the start (`/start`) and of
//! trouble of the watchdog's own (`/fail`), with a line of text.

use std::time::Duration;

use http::Method;
use url::Url;

use super::format::Payload;
use super::message::DeliveryError;
use super::spec::{PingFormat, PingSpec, WebhookSpec};
use super::webhook::WebhookNotifier;

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// The watchdog has started.
    Start,
    /// It goes round.
    Alive,
    /// It goes round, and cannot do its work.
    Failing,
}

/// Asks the receiver.
#[derive(Clone, Debug)]
pub struct PingSender {
    webhook: WebhookNotifier,
    url: String,
    format: PingFormat,
}

impl PingSender {
    /// A sender for `spec`.
    pub fn new(spec: PingSpec) -> Self {
        let PingSpec {
            url,
            headers,
            cacert,
            format,
            ..
        } = spec;
        let address = url.url.expose().to_owned();
        let spec = WebhookSpec {
            name: None,
            url,
            headers,
            secret: None,
            cacert,
            format: super::format::WebhookFormat::default(),
            down_after: Duration::ZERO,
        };
        Self {
            webhook: WebhookNotifier::new(spec, DEADLINE).called("heartbeat to"),
            url: address,
            format,
        }
    }

    /// Sends `ping` with `text`, as far as the receiver understands it.
    ///
    /// # Errors
    /// Says why it was not taken.
    pub async fn send(&self, ping: Ping, text: &str) -> Result<(), DeliveryError> {
        let suffix = match (self.format, ping) {
            (PingFormat::Plain, Ping::Alive) | (PingFormat::Healthchecks, Ping::Alive) => "",
            (PingFormat::Healthchecks, Ping::Start) => "/start",
            (PingFormat::Healthchecks, Ping::Failing) => "/fail",
            // a receiver that knows one address hears that the watchdog is alive, or nothing
            (PingFormat::Plain, Ping::Start | Ping::Failing) => return Ok(()),
        };
        let Ok(mut url) = Url::parse(&self.url) else {
            return Ok(());
        };
        if !suffix.is_empty() {
            let path = format!("{}{suffix}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        let (method, body) = match self.format {
            PingFormat::Plain => (Method::GET, String::new()),
            PingFormat::Healthchecks => (Method::POST, text.to_owned()),
        };
        self.webhook.request(&method, &Payload { url, body }).await
    }
}
