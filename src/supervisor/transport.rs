//! The connection to a supervisord: HTTP over a Unix socket or TCP. The methods are in `supervisord`.

use std::time::Duration;

use http::{HeaderValue, Method};

use super::http as link;
use super::supervisord::spec::SupervisordSpec;
use crate::health::CallError;
use crate::net::http1::HttpRequest;
use crate::net::{Connection, connect_to, http as values};

/// The largest answer that is read: some 8000 processes.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// One supervisord's address, and the credentials it wants.
#[derive(Clone, Debug)]
pub struct Transport {
    spec: SupervisordSpec,
    headers: Vec<(String, HeaderValue)>,
}

impl Transport {
    /// Whether it leads to another machine.
    pub fn is_remote(&self) -> bool {
        !self.spec.is_local()
    }

    /// The way to the supervisord of `spec`. Nothing is connected.
    pub fn new(spec: SupervisordSpec) -> Self {
        let mut headers = link::headers(&values::authority(&spec.endpoint), "text/xml");
        // also when both are empty: that is what supervisor's own client does
        let login = values::basic(&spec.username, &spec.password);
        let xml = HeaderValue::from_static("text/xml");
        headers.push(("Authorization".to_owned(), login));
        headers.push(("Content-Type".to_owned(), xml));
        Self { spec, headers }
    }

    /// Posts `body` and reads the whole answer, `within` at most.
    pub async fn post(&self, body: String, within: Duration) -> Result<Vec<u8>, CallError> {
        tokio::time::timeout(within, self.exchange(body.as_bytes(), within))
            .await
            .unwrap_or(Err(CallError::TimedOut { after: within }))
    }

    async fn exchange(&self, body: &[u8], within: Duration) -> Result<Vec<u8>, CallError> {
        let shown = &self.spec.shown;
        let request = HttpRequest {
            method: &Method::POST,
            target: self.spec.endpoint.path(),
            headers: &self.headers,
            body,
        };
        let response = link::send(&request, self.connect(within).await?, shown).await?;
        match response.head().code {
            200 => link::body(response, shown, MAX_ANSWER).await,
            401 => Err(CallError::Unauthorized {
                detail: format!("{shown} wants another username or password"),
            }),
            code => Err(CallError::Malformed {
                detail: format!("HTTP status {}: {shown}", values::status(code)),
            }),
        }
    }

    async fn connect(&self, within: Duration) -> Result<Connection, CallError> {
        let shown = &self.spec.shown;
        if let Some(path) = &self.spec.socket {
            let opened = link::open(path).await;
            return opened.map_err(|error| link::not_connected(&error, shown));
        }
        let host = self.spec.endpoint.host_str().unwrap_or_default();
        let port = self.spec.endpoint.port_or_known_default().unwrap_or(80);
        let connected = connect_to(host, port, within).await;
        connected.map_err(|trouble| link::unreachable(&trouble.detail, shown))
    }
}
