//! A JSON POST per message. What is sent is the message's `event` (see `event`), byte for byte the same at
//! every try. With a secret it is signed: `X-Httpok-Signature: sha256=HEX`, the HMAC of the body.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use http::header::{self, HeaderName, HeaderValue};
use ring::hmac;
use rustls::ClientConfig;
use url::Url;

use crate::blocking;
use crate::health::bounded;
use crate::net::http::{Header, authority, basic, capitals, status, target};
use crate::net::http1::{HttpRequest, HttpResponse};
use crate::net::{Connection, connect_to_url, percent_decoded, tls};
use crate::secret::Secret;

use super::message::{DeliveryError, Notification};
use super::spec::WebhookSpec;
use super::text::brief;

/// How much of a refusal is read for the error.
const KEPT_ANSWER: usize = 512;

/// Where events are posted.
#[derive(Clone, Debug)]
pub struct WebhookNotifier {
    spec: WebhookSpec,
    deadline: Duration,
}

impl WebhookNotifier {
    /// A notifier for `spec`. `deadline` is from the connection to the end of the answer.
    pub const fn new(spec: WebhookSpec, deadline: Duration) -> Self {
        Self { spec, deadline }
    }

    /// Posts `message`.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(&self, message: &Notification) -> Result<(), DeliveryError> {
        let body = message.event.to_string();
        tokio::time::timeout(self.deadline, self.post(body.as_bytes()))
            .await
            .unwrap_or_else(|_| Err(self.temporary("not done in time")))
    }

    async fn post(&self, body: &[u8]) -> Result<(), DeliveryError> {
        let url = Url::parse(self.spec.url.url.expose()).map_err(|error| self.temporary(error))?;
        let request = HttpRequest {
            method: &Method::POST,
            target: &target(&url),
            headers: &self.headers(&url, body),
            body,
        };
        let connection = self.connect(&url).await?;
        let answer = request.send(connection).await;
        self.judge(answer.map_err(|error| self.temporary(error))?)
            .await
    }

    /// What is sent besides `body`. A header of the spec takes the place of ours.
    fn headers(&self, url: &Url, body: &[u8]) -> Vec<(String, HeaderValue)> {
        let fixed = HeaderValue::from_static;
        let mut ours: Vec<Header> = vec![
            (header::USER_AGENT, fixed("httpok")),
            (header::ACCEPT, fixed("*/*")),
            (header::CONTENT_TYPE, fixed("application/json")),
        ];
        if let Ok(host) = HeaderValue::from_str(&authority(url)) {
            ours.insert(0, (header::HOST, host));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let decoded = |part| percent_decoded(part).unwrap_or_default();
            let password = Secret::new(decoded(url.password().unwrap_or_default()));
            ours.push((
                header::AUTHORIZATION,
                basic(&decoded(url.username()), &password),
            ));
        }
        ours.retain(|(name, _)| !self.spec.headers.iter().any(|(given, _)| given == name));
        if let Some(key) = &self.spec.secret {
            let signature = HeaderValue::from_str(&signature(key, body));
            ours.extend(signature.ok().map(|value| (SIGNATURE, value)));
        }
        let all = ours.iter().chain(&self.spec.headers);
        all.map(|(name, value)| (capitals(name), value.clone()))
            .collect()
    }

    async fn connect(&self, url: &Url) -> Result<Connection, DeliveryError> {
        let tls = match self.spec.url.is_secure {
            true => Some(self.tls().await?),
            false => None,
        };
        connect_to_url(url, tls, self.deadline)
            .await
            .map_err(|why| self.temporary(why))
    }

    /// Reads the roots only now, when they are needed, and off the runtime's thread.
    async fn tls(&self) -> Result<ClientConfig, DeliveryError> {
        let cacert = self.spec.cacert.clone();
        blocking::run("tls", move || tls::trusting(cacert.as_deref()))
            .await
            .unwrap_or_else(|error| Err(format!("cannot prepare TLS: {error}")))
            .map_err(|why| self.temporary(why))
    }

    async fn judge(&self, mut answer: HttpResponse) -> Result<(), DeliveryError> {
        let code = answer.head().code;
        if (200..300).contains(&code) {
            return Ok(());
        }
        let mut said = Vec::new();
        while said.len() < KEPT_ANSWER {
            let Ok(Some(piece)) = answer.piece().await else {
                break;
            };
            said.extend_from_slice(&piece[..piece.len().min(KEPT_ANSWER - said.len())]);
        }
        let said = brief(String::from_utf8_lossy(&said).trim(), 200);
        let separator = if said.is_empty() { "" } else { ": " };
        let why = format!(
            "webhook at \"{}\" answered {}{separator}{said}",
            self.spec.url.host,
            status(code)
        );
        // a timeout of theirs, or too many requests
        Err(match matches!(code, 408 | 429) || code >= 500 {
            true => DeliveryError::Temporary(why),
            false => DeliveryError::Permanent(why),
        })
    }

    fn temporary(&self, why: impl std::fmt::Display) -> DeliveryError {
        DeliveryError::Temporary(bounded(format!(
            "webhook at \"{}\": {why}",
            self.spec.url.host
        )))
    }
}

const SIGNATURE: HeaderName = HeaderName::from_static("x-httpok-signature");

fn signature(key: &Secret, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let mut text = "sha256=".to_owned();
    for byte in hmac::sign(&key, body).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_usual_hmac() {
        // RFC 4231, test case 2
        assert_eq!(
            signature(&Secret::new("Jefe"), b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
