//! The way to a supervisord: HTTP over a Unix socket or TCP. What is asked is not known here.

use std::error::Error;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{StatusCode, Url};

use super::http;
use crate::health::CallError;
use crate::secret::{Secret, redact_url};

/// The largest answer that is read: some 8000 processes.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Why there can be no client for a server URL.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// Neither `unix` nor `http`: said in the words of supervisor's own client.
    #[error("Unknown protocol for serverurl {0}")]
    Protocol(String),
    /// There is nothing to connect to.
    #[error("serverurl \"{url}\" cannot be used: {why}")]
    Address { url: String, why: String },
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

/// One supervisord's address, and the credentials it wants.
#[derive(Clone, Debug)]
pub struct Transport {
    http: reqwest::Client,
    endpoint: Url,
    /// The server URL for people: without secrets.
    shown: String,
    username: String,
    password: Secret,
}

impl Transport {
    /// Its address, without secrets.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The way to `url`, `unix:///path` or `http://host:port`. Nothing is connected.
    pub fn new(url: &str, username: &str, password: Secret) -> Result<Self, BadUrl> {
        let shown = redact_url(url);
        let (endpoint, socket) = address(url, &shown)?;
        Ok(Self {
            http: http::client(socket.as_deref()).map_err(BadUrl::Client)?,
            endpoint,
            shown,
            username: username.to_owned(),
            password,
        })
    }

    /// Posts `body` and reads the whole answer. There is no deadline: that is for the caller to set.
    pub async fn post(&self, body: String) -> Result<Vec<u8>, CallError> {
        let shown = &self.shown;
        let response = self
            .http
            .post(self.endpoint.clone())
            // Also when both are empty: that is what supervisor's own client does.
            .basic_auth(&self.username, Some(self.password.expose()))
            .header(CONTENT_TYPE, "text/xml")
            .header(ACCEPT, "text/xml")
            .body(body)
            .send()
            .await
            .map_err(|error| http::broken(&error, shown))?;
        match response.status() {
            StatusCode::OK => http::body(response, shown, MAX_ANSWER).await,
            StatusCode::UNAUTHORIZED => Err(CallError::Unauthorized {
                detail: format!("{shown} wants another username or password"),
            }),
            status => Err(CallError::Malformed {
                detail: format!("HTTP status {status}: {shown}"),
            }),
        }
    }
}

/// Where to send requests, and through which Unix socket, if any.
fn address(url: &str, shown: &str) -> Result<(Url, Option<String>), BadUrl> {
    let unusable = |why: &str| BadUrl::Address {
        url: shown.to_owned(),
        why: why.to_owned(),
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (text, socket) = match scheme.to_ascii_lowercase().as_str() {
        "unix" if rest.is_empty() => return Err(unusable("it names no socket")),
        "unix" => ("http://localhost".to_owned(), Some(rest.to_owned())),
        "http" => (format!("http://{rest}"), None),
        _ => return Err(BadUrl::Protocol(shown.to_owned())),
    };
    let parse = |text: &str| Url::parse(text).map_err(|error| unusable(&error.to_string()));
    // As in supervisor's own client only host and port count.
    let parsed = parse(&text)?;
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port_or_known_default().unwrap_or(80);
    Ok((parse(&format!("http://{host}:{port}/RPC2"))?, socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_supervisors_own_client_reads_them() {
        for (url, endpoint, socket) in [
            (
                "unix:///run/x.sock",
                "http://localhost/RPC2",
                Some("/run/x.sock"),
            ),
            (
                "UNIX:///run/X.sock",
                "http://localhost/RPC2",
                Some("/run/X.sock"),
            ),
            ("unix://x.sock", "http://localhost/RPC2", Some("x.sock")),
            ("http://localhost:9001", "http://localhost:9001/RPC2", None),
            ("Http://h:9001/path?query#x", "http://h:9001/RPC2", None),
            ("http://h", "http://h/RPC2", None),
            ("http://[::1]:9001", "http://[::1]:9001/RPC2", None),
            ("http://u:p@h:9001", "http://h:9001/RPC2", None),
        ] {
            let (found, path) = address(url, url).unwrap();
            assert_eq!(
                (found.as_str(), path.as_deref()),
                (endpoint, socket),
                "{url}"
            );
        }
    }

    #[test]
    fn unusable_addresses_say_why_and_keep_secrets() {
        for (url, said) in [
            ("tcp://x", "Unknown protocol for serverurl tcp://x"),
            (
                "https://u:p@x",
                "Unknown protocol for serverurl https://***@x",
            ),
            ("", "Unknown protocol for serverurl "),
            ("/run/x.sock", "Unknown protocol for serverurl /run/x.sock"),
            (
                "unix://",
                "serverurl \"unix://\" cannot be used: it names no socket",
            ),
            (
                "http://",
                "serverurl \"http://\" cannot be used: empty host",
            ),
            (
                "http://u:p@x:port",
                "serverurl \"http://***@x:port\" cannot be used: invalid port number",
            ),
        ] {
            let error = Transport::new(url, "", Secret::default()).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let transport = Transport::new("http://u:hidden@h", "user", Secret::new("hidden"));
        assert!(!format!("{:?}", transport.unwrap()).contains("hidden"));
    }
}
