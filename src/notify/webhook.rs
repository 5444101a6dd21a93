//! A POST per message, in one of the formats of `format`. With a secret it is signed: `X-Httpok-Signature: sha256=HEX`, the HMAC of the body.
//! Temporary trouble is tried again by the queue; what a receiver answers is bounded, and its echo of secrets masked.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

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

use super::format::Payload;
use super::message::{DeliveryError, Notification};
use super::spec::WebhookSpec;
use super::text::brief;

/// How much of a refusal is read for the error.
const KEPT_ANSWER: usize = 512;

/// No receiver is left alone for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Where events are posted.
#[derive(Clone, Debug)]
pub struct WebhookNotifier {
    spec: WebhookSpec,
    deadline: Duration,
    /// What it is, before its host in errors.
    called: &'static str,
}

impl WebhookNotifier {
    /// A notifier for `spec`. `deadline` is from the connection to the end of the answer.
    pub const fn new(spec: WebhookSpec, deadline: Duration) -> Self {
        Self {
            spec,
            deadline,
            called: "webhook at",
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn called(self, called: &'static str) -> Self {
        Self { called, ..self }
    }

    /// Whether open incidents are sent again and again.
    pub fn is_repeated(&self) -> bool {
        self.spec.format.is_repeated()
    }

    /// Posts `message`.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(&self, message: &Notification) -> Result<(), DeliveryError> {
        let payload = self
            .spec
            .format
            .payload(self.url()?, message, SystemTime::now());
        let payload = payload.map_err(|why| DeliveryError::Permanent(self.text(why)))?;
        self.request(&Method::POST, &payload).await
    }

    /// Posts the open incidents `messages` again.
    ///
    /// # Errors
    /// Says why they were not taken.
    pub async fn repeat(&self, messages: &[Notification]) -> Result<(), DeliveryError> {
        let format = &self.spec.format;
        match format.repeated(self.url()?, messages, SystemTime::now()) {
            Some(payload) => self.request(&Method::POST, &payload).await,
            None => Ok(()),
        }
    }

    fn url(&self) -> Result<Url, DeliveryError> {
        Url::parse(self.spec.url.url.expose()).map_err(|error| self.temporary(error))
    }

    /// Sends one request.
    ///
    /// # Errors
    /// Says why it was not taken.
    pub(super) async fn request(
        &self,
        method: &Method,
        payload: &Payload,
    ) -> Result<(), DeliveryError> {
        tokio::time::timeout(self.deadline, self.exchange(method, payload))
            .await
            .unwrap_or_else(|_| Err(self.temporary("not done in time")))
    }

    async fn exchange(&self, method: &Method, payload: &Payload) -> Result<(), DeliveryError> {
        let Payload { url, body } = payload;
        let body = body.as_bytes();
        let request = HttpRequest {
            method,
            target: &target(url),
            headers: &self.headers(url, body),
            body,
        };
        let connection = self.connect(url).await?;
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
        let after = answer.head().values("retry-after").next();
        let after = after.and_then(|text| retry_after(text, SystemTime::now()));
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
            "{} \"{}\" answered {}{separator}{said}",
            self.called,
            self.spec.url.host,
            status(code)
        );
        Err(match (is_temporary(code), after) {
            (true, Some(after)) => DeliveryError::Later { why, after },
            (true, None) => DeliveryError::Temporary(why),
            (false, _) => DeliveryError::Permanent(why),
        })
    }

    fn temporary(&self, why: impl std::fmt::Display) -> DeliveryError {
        DeliveryError::Temporary(self.text(why))
    }

    fn text(&self, why: impl std::fmt::Display) -> String {
        bounded(format!("{} \"{}\": {why}", self.called, self.spec.url.host))
    }
}

/// Whether the answer may be another one later: all but those that say that the request itself is wrong. A redirection,
/// which is not followed (a POST with a report belongs to nobody else), often is a gateway's during maintenance; a key
/// that is refused may be renewed; a timeout of theirs, a lock, or too many requests pass.
const fn is_temporary(code: u16) -> bool {
    !matches!(code, 400..=499) || matches!(code, 401 | 403 | 407 | 408 | 421 | 423 | 425 | 429)
}

/// The pause that `Retry-After` asks for: seconds or a date. It is never longer than [`LONGEST_PAUSE`].
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let pause = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(pause.min(LONGEST_PAUSE))
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

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now = httpdate::parse_http_date("Fri, 01 May 2026 03:12:04 GMT").expect("a date");
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Fri, 01 May 2026 03:12:34 GMT", Some(30)),
            ("Fri, 01 May 2026 03:12:00 GMT", Some(0)),
            ("999999", Some(3600)),
            ("soon", None),
            ("-1", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(text, now), expected, "{text}");
        }
    }
}
