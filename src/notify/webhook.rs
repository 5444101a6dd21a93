//! A JSON POST per message. What is sent is the message's `event` (see `event`), byte for byte the same at
//! every try. With a secret it is signed: `X-Httpok-Signature: sha256=HEX`, the HMAC of the body.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use ring::hmac;

use crate::blocking;
use crate::net::tls;
use crate::secret::Secret;

use super::message::{DeliveryError, Notification};
use super::spec::WebhookSpec;
use super::text::brief;

/// How much of a refusal is read for the error.
const KEPT_ANSWER: usize = 512;

/// Where events are posted.
#[derive(Clone, Debug)]
pub struct Notifier {
    spec: WebhookSpec,
    headers: HeaderMap,
    deadline: Duration,
}

impl Notifier {
    /// A notifier for `spec`. `deadline` is from the connection to the end of the answer.
    pub fn new(spec: WebhookSpec, deadline: Duration) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(spec.headers.iter().cloned());
        Self {
            spec,
            headers,
            deadline,
        }
    }

    /// Posts `message`.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(&self, message: &Notification) -> Result<(), DeliveryError> {
        let body = message.event.to_string();
        let mut headers = self.headers.clone();
        if let Some(key) = &self.spec.secret {
            let signature = HeaderValue::from_str(&signature(key, body.as_bytes()));
            headers.extend(signature.ok().map(|value| (SIGNATURE, value)));
        }
        let posted = async {
            let request = self.client().await?.post(self.spec.url.url.expose());
            let sent = request.headers(headers).body(body).send().await;
            let answer = sent.map_err(|error| self.unreachable(error))?;
            self.judge(answer).await
        };
        tokio::time::timeout(self.deadline, posted)
            .await
            .unwrap_or_else(|_| Err(self.temporary("not done in time")))
    }

    async fn client(&self) -> Result<Client, DeliveryError> {
        let (secure, cacert) = (self.spec.url.is_secure, self.spec.cacert.clone());
        // the system's roots are read only when they are needed, and off the runtime's thread
        let tls = blocking::run("tls", move || match secure {
            true => tls::trusting(cacert.as_deref()),
            false => Ok(tls::trusting_nobody().with_no_client_auth()),
        });
        let tls = tls
            .await
            .unwrap_or_else(|error| Err(format!("cannot prepare TLS: {error}")))
            .map_err(|why| self.temporary(why))?;
        Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent("httpok")
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|error| self.unreachable(error))
    }

    async fn judge(&self, mut answer: Response) -> Result<(), DeliveryError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let mut said = Vec::new();
        while said.len() < KEPT_ANSWER {
            let Ok(Some(chunk)) = answer.chunk().await else {
                break;
            };
            said.extend_from_slice(&chunk);
        }
        said.truncate(KEPT_ANSWER);
        let said = brief(String::from_utf8_lossy(&said).trim(), 200);
        let separator = if said.is_empty() { "" } else { ": " };
        let why = format!(
            "webhook at \"{}\" answered {status}{separator}{said}",
            self.spec.url.host
        );
        let later = matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
        Err(match later || status.is_server_error() {
            true => DeliveryError::Temporary(why),
            false => DeliveryError::Permanent(why),
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> DeliveryError {
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        self.temporary(cause)
    }

    fn temporary(&self, why: impl std::fmt::Display) -> DeliveryError {
        DeliveryError::Temporary(format!("webhook at \"{}\": {why}", self.spec.url.host))
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
