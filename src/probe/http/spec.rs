//! What an HTTP probe asks, and how. Plain data that is right by itself: `request` makes something of it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use url::Url;

pub use crate::net::IpFamily;
use crate::net::http::Header;
use crate::net::{is_socket_path, lookup};
use crate::probe::spec;
use crate::secret::SecretBytes;

pub use super::url::{HttpUrl, Login};

/// An HTTP request, and what is done about its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSpec {
    /// Where it is sent.
    pub url: HttpUrl,
    /// The URL in the form in which it was given, where that form is shown and asked in place of the normal one.
    pub as_given: Option<String>,
    /// Total: name look-up, connect, TLS, redirects, body.
    pub timeout: Duration,
    /// `GET` by default.
    pub method: Method,
    /// Sent besides ours, or instead of one of ours with the same name.
    pub headers: Vec<Header>,
    /// The request's body.
    pub data: Option<SecretBytes>,
    /// Basic authentication: user and password.
    pub user: Login,
    /// Which certificates to trust, and which to show.
    pub tls: TlsSpec,
    /// Follow redirects on the same host, ten at most.
    pub follow: bool,
    /// A body of more bytes than this is `too_large`.
    pub max_body: u64,
    /// Addresses to use instead of asking the resolver.
    pub resolve: Vec<Override>,
    /// Use addresses of this family only.
    pub family: Option<IpFamily>,
    /// Offer HTTP/2 in the TLS handshake.
    pub http2: bool,
    /// Speak HTTP/2 without asking, and keep the trailers among the headers, as gRPC needs it.
    pub grpc: bool,
    /// Connect to this socket instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// Asked when the answer's status is 5xx: while this answers 2xx, that is degraded and no fail.
    pub ready: Option<Url>,
    /// The `User-Agent`.
    pub user_agent: &'static str,
    /// When the connection is refused: the pause before each further try while the timeout allows.
    pub retry_refused: Option<Duration>,
}

impl HttpSpec {
    /// How large a body may be by default, in bytes.
    pub const MAX_BODY: u64 = 16 << 20;
    /// The `User-Agent` by default.
    pub const USER_AGENT: &'static str = concat!("httpok/", env!("CARGO_PKG_VERSION"));
    /// How long a warm-up may take by default.
    pub const WARM_UP: Duration = Duration::from_secs(600);

    /// `GET url` with every default.
    pub fn new(url: HttpUrl) -> Self {
        Self {
            url,
            as_given: None,
            timeout: spec::TIMEOUT,
            method: Method::GET,
            headers: Vec::new(),
            data: None,
            user: None,
            tls: TlsSpec::default(),
            follow: false,
            max_body: Self::MAX_BODY,
            resolve: Vec::new(),
            family: None,
            http2: false,
            grpc: false,
            unix_socket: None,
            ready: None,
            user_agent: Self::USER_AGENT,
            retry_refused: None,
        }
    }

    /// `GET url` with every default; the URL's user and password become Basic authentication.
    ///
    /// # Errors
    /// Says what the URL of an HTTP probe looks like.
    pub fn of_url(url: &str) -> Result<Self, String> {
        let (url, user) = HttpUrl::parse(url)?;
        Ok(Self {
            user,
            ..Self::new(url)
        })
    }

    /// The versions of HTTP that are offered in the TLS handshake.
    pub const fn versions(&self) -> &'static [&'static str] {
        match (self.grpc, self.http2) {
            (true, _) => &["h2"],
            _ if self.tls.as_original => &[],
            (false, true) => &["h2", "http/1.1"],
            (false, false) => &["http/1.1"],
        }
    }

    /// Whether addresses of `family` can reach the URL's host.
    ///
    /// # Errors
    /// Says that the URL names an address of the other family.
    pub fn check_family(&self, family: Option<IpFamily>) -> Result<(), String> {
        let host = self.url.url.host_str().unwrap_or_default();
        spec::check_family(host, family)
    }
}

/// Which certificates to trust, and which to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSpec {
    /// Accept any certificate.
    pub insecure: bool,
    /// Trust the certificates in this PEM file instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate and its chain, in PEM.
    pub cert: Option<PathBuf>,
    /// The key to `cert`, in PEM; `None`: it is in the same file.
    pub key: Option<PathBuf>,
    /// Get along with all that the original's handshake does, which names neither a version of HTTP nor a host: no
    /// version is offered, and a peer that refuses the handshake is asked once more without the host's name.
    pub as_original: bool,
}

/// `host` at `port` is found at `address`, whatever the resolver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// A host as in the URL.
    pub host: String,
    /// The URL's port, or its scheme's.
    pub port: u16,
    /// Where to connect.
    pub address: IpAddr,
}

impl Override {
    /// `HOST:PORT:ADDRESS`, as curl has it; an IPv6 address may stand in brackets.
    ///
    /// # Errors
    /// Says what it looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = text.splitn(3, ':');
            let (host, port, address) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Self {
                // curl's `*` for any host is a thing of its own, and no name has an asterisk in it
                host: Some(host.to_ascii_lowercase())
                    .filter(|host| !host.is_empty() && !host.contains('*'))?,
                port: port.parse().ok().filter(|&port| port > 0)?,
                address: lookup::literal(address)?,
            })
        };
        read().ok_or_else(|| {
            format!(
                "{text:?} is not an address for a host: expected HOST:PORT:ADDRESS, such as \
                 example.org:443:127.0.0.1"
            )
        })
    }
}

/// `path`, if it can be the path of a Unix socket.
///
/// # Errors
/// Says what one looks like.
pub fn socket_path(path: &Path) -> Result<(), String> {
    match is_socket_path(path) {
        true => Ok(()),
        false => Err(format!(
            "{path:?} is not the path of a Unix socket: expected an absolute one of at most 107 bytes"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_written_as_for_curl() {
        for (text, host, port, address) in [
            ("Example.org:443:127.0.0.1", "example.org", 443, "127.0.0.1"),
            ("h:1:[::1]", "h", 1, "::1"),
            ("h:1:::1", "h", 1, "::1"),
        ] {
            let expected = Override {
                host: host.to_owned(),
                port,
                address: address.parse().expect("an address"),
            };
            assert_eq!(Override::parse(text), Ok(expected), "{text}");
        }
        for invalid in [
            "h",
            "h:1",
            "h:x:127.0.0.1",
            "h:1:name",
            ":1:127.0.0.1",
            "h:70000:::1",
            "h:0:::1",
            "*:443:127.0.0.1",
        ] {
            assert!(Override::parse(invalid).is_err(), "{invalid}");
        }
    }
}
