//! The way to a supervisord: HTTP over a Unix socket or TCP. Every request has a connection of its own,
//! so that a supervisord that was restarted in between is no trouble. What is asked is not known here.

use std::error::Error;
use std::io;
use std::sync::Arc;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{StatusCode, Url};

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
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent("httpok")
            .tls_backend_preconfigured(no_tls().map_err(|error| BadUrl::Client(error.into()))?);
        if let Some(path) = socket {
            builder = builder.unix_socket(path);
        }
        Ok(Self {
            http: builder
                .build()
                .map_err(|error| BadUrl::Client(error.into()))?,
            endpoint,
            shown,
            username: username.to_owned(),
            password,
        })
    }

    /// Posts `body` and reads the whole answer. There is no deadline: that is for the caller to set.
    pub async fn post(&self, body: String) -> Result<Vec<u8>, CallError> {
        let mut response = self
            .http
            .post(self.endpoint.clone())
            // Also when both are empty: that is what supervisor's own client does.
            .basic_auth(&self.username, Some(self.password.expose()))
            .header(CONTENT_TYPE, "text/xml")
            .header(ACCEPT, "text/xml")
            .body(body)
            .send()
            .await
            .map_err(|error| self.broken(&error))?;
        let shown = &self.shown;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => {
                return Err(CallError::Unauthorized {
                    detail: format!("{shown} wants another username or password"),
                });
            }
            status => {
                return Err(CallError::Malformed {
                    detail: format!("HTTP status {status}: {shown}"),
                });
            }
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.broken(&error))?
        {
            if answer.len() + chunk.len() > MAX_ANSWER {
                return Err(CallError::Malformed {
                    detail: format!("an answer of more than {MAX_ANSWER} bytes: {shown}"),
                });
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// What `error` means, in plain words.
    fn broken(&self, error: &reqwest::Error) -> CallError {
        let mut cause: &(dyn Error + 'static) = error;
        while let Some(source) = cause.source() {
            cause = source;
            if cause.downcast_ref().is_some_and(hyper::Error::is_parse) {
                return CallError::Malformed {
                    detail: format!("not an HTTP answer: {}", self.shown),
                };
            }
        }
        let words = match cause.downcast_ref().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
            Some(io::ErrorKind::NotFound) => "no such socket".to_owned(),
            Some(io::ErrorKind::PermissionDenied) => "permission denied".to_owned(),
            Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
            Some(io::ErrorKind::UnexpectedEof) => "connection closed".to_owned(),
            _ => cause.to_string(),
        };
        CallError::Unreachable {
            detail: format!("{words}: {}", self.shown),
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

/// There is no TLS here. Left to itself, reqwest reads all of the system's roots to prepare for it, and
/// fails where there are none.
fn no_tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(config)
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
