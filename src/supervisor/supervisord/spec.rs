//! How a supervisord is reached: its server URL, read as supervisor's own client reads it. Plain data.

use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::secret::{self, Secret, redact_url};

/// A supervisord, and the credentials it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisordSpec {
    /// Where requests are sent.
    pub endpoint: Url,
    /// The path of its Unix socket; `None`: TCP.
    pub socket: Option<String>,
    /// The server URL for people: without secrets.
    pub shown: String,
    /// For its HTTP Basic authentication.
    pub username: String,
    /// For its HTTP Basic authentication.
    pub password: Secret,
}

/// Why a server URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerUrlError {
    /// Neither `unix` nor `http`, in the words of supervisor's own client.
    #[error("Unknown protocol for serverurl {0}")]
    Protocol(String),
    /// There is nothing to connect to.
    #[error("serverurl \"{url}\" cannot be used: {why}")]
    Address { url: String, why: String },
}

impl SupervisordSpec {
    /// The same, asked as the user `username`. The password is masked from now on.
    #[must_use]
    pub fn with_login(self, username: impl Into<String>, password: Secret) -> Self {
        let username = username.into();
        secret::conceal_login(&username, password.expose());
        Self {
            username,
            password,
            ..self
        }
    }

    /// Whether it is on this machine, as far as its address says so.
    pub fn is_local(&self) -> bool {
        let is_loopback = match self.endpoint.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        self.socket.is_some() || is_loopback
    }

    /// Which supervisord it is, however its URL is written: intents are kept under it. The usual spelling stays as it
    /// is, so that a text of an earlier version is found.
    pub fn identity(&self) -> String {
        if let Some(path) = &self.socket {
            let parts = Path::new(path).components();
            return format!("unix://{}", parts.collect::<PathBuf>().display());
        }
        let host = match self.endpoint.host_str().unwrap_or_default() {
            // it listens on IPv4 only, unless it was patched
            "localhost" => "127.0.0.1",
            host => host,
        };
        let port = self.endpoint.port_or_known_default().unwrap_or(80);
        format!("http://{host}:{port}")
    }

    /// The supervisord at `url`: `unix:///path` or `http://host:port`.
    ///
    /// # Errors
    /// Says why the URL cannot be used, without its user and password.
    pub fn new(
        url: &str,
        username: impl Into<String>,
        password: Secret,
    ) -> Result<Self, ServerUrlError> {
        let shown = redact_url(url);
        let unusable = |why: &str| ServerUrlError::Address {
            url: shown.clone(),
            why: why.to_owned(),
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (text, socket) = match scheme.to_ascii_lowercase().as_str() {
            "unix" if rest.is_empty() => return Err(unusable("it names no socket")),
            "unix" => ("http://localhost".to_owned(), Some(rest.to_owned())),
            "http" => (format!("http://{rest}"), None),
            _ => return Err(ServerUrlError::Protocol(shown)),
        };
        let parse = |text: &str| Url::parse(text).map_err(|error| unusable(&error.to_string()));
        // as in supervisor's own client only host and port count
        let parsed = parse(&text)?;
        let host = parsed.host_str().unwrap_or_default();
        let port = parsed.port_or_known_default().unwrap_or(80);
        Ok(Self {
            endpoint: parse(&format!("http://{host}:{port}/RPC2"))?,
            socket,
            shown,
            username: String::new(),
            password: Secret::default(),
        }
        .with_login(username, password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_loopback_addresses_are_local() {
        for (url, local) in [
            ("unix:///run/x.sock", true),
            ("http://localhost:9001", true),
            ("http://127.0.0.1:9001", true),
            ("http://[::1]:9001", true),
            ("http://10.0.0.1:9001", false),
            ("http://h:9001", false),
        ] {
            let spec = SupervisordSpec::new(url, "", Secret::default()).unwrap();
            assert_eq!(spec.is_local(), local, "{url}");
        }
    }

    #[test]
    fn server_urls_are_read_as_by_supervisors_own_client() {
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
            let spec = SupervisordSpec::new(url, "", Secret::default()).unwrap();
            assert_eq!(
                (spec.endpoint.as_str(), spec.socket.as_deref()),
                (endpoint, socket),
                "{url}"
            );
        }
    }

    #[test]
    fn spellings_of_a_server_url_are_one_supervisord() {
        for (identity, urls) in [
            (
                "http://127.0.0.1:9001",
                &[
                    "http://127.0.0.1:9001",
                    "http://127.0.0.1:9001/",
                    "HTTP://127.0.0.1:9001/RPC2",
                    "http://localhost:9001",
                    "http://LOCALHOST:9001/",
                    "http://u:p@127.0.0.1:9001",
                    // as it is shown and was kept
                    "http://***@127.0.0.1:9001",
                ][..],
            ),
            ("http://h:80", &["http://h", "http://H/", "http://h:80"]),
            (
                "http://[::1]:9001",
                &["http://[::1]:9001", "http://[0:0::1]:9001/"],
            ),
            (
                "unix:///run/x.sock",
                &[
                    "unix:///run/x.sock",
                    "UNIX:///run//./x.sock",
                    "unix:////run/x.sock",
                ],
            ),
            ("unix:///run/X.sock", &["unix:///run/X.sock"]),
            ("unix://x.sock", &["unix://x.sock"]),
        ] {
            for url in urls {
                let spec = SupervisordSpec::new(url, "", Secret::default()).unwrap();
                assert_eq!(spec.identity(), identity, "{url}");
            }
        }
    }

    #[test]
    fn unusable_server_urls_are_refused_without_their_secrets() {
        for (url, error) in [
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
            let refused = SupervisordSpec::new(url, "", Secret::default()).unwrap_err();
            assert_eq!(refused.to_string(), error);
        }
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let spec = SupervisordSpec::new("http://u:hidden@h", "user", Secret::new("hidden"));
        assert!(!format!("{:?}", spec.unwrap()).contains("hidden"));
    }
}
