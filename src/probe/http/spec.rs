//! What an HTTP probe is told, and what can be wrong with it. Plain data; [`super::request`] makes
//! something of it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::probe::place::Family;
use crate::secret::{Secret, redact_url};

/// What is asked, and how.
#[derive(Clone)]
pub struct Spec {
    /// `http`, `https`, or `http+unix://%2Frun%2Fapp.sock/health`. Userinfo becomes Basic
    /// authentication, unless `user` is given.
    pub url: String,
    /// Total: name look-up, connect, TLS, redirects, body.
    pub timeout: Duration,
    /// For example `GET`.
    pub method: String,
    /// Sent besides ours, or instead of one of ours with the same name.
    pub headers: Vec<(String, Secret)>,
    /// The request's body.
    pub data: Option<Vec<u8>>,
    /// Basic authentication: user and password.
    pub user: Option<(String, Secret)>,
    /// Whom to trust, and who we are.
    pub tls: TlsSpec,
    /// Follow redirects on the same host, ten at most.
    pub follow: bool,
    /// A body of more bytes than this is `too_large`.
    pub max_body: u64,
    /// So many bytes of the body are kept.
    pub keep: usize,
    /// Looked for in the whole body while it streams by.
    pub needles: Vec<Vec<u8>>,
    /// The `User-Agent`.
    pub user_agent: String,
    /// When the connection is refused: try again every so long while the timeout allows.
    pub retry_refused: Option<Duration>,
    /// Addresses that are known better than the resolver does.
    pub resolve: Vec<Override>,
    /// Use addresses of this family only.
    pub family: Option<Family>,
    /// Offer HTTP/2 in the TLS handshake.
    pub http2: bool,
    /// Connect to this socket instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// A URL, or a path at the same host, that is asked when the answer's status is 5xx: whether the
    /// service is ready all the same.
    pub ready: Option<String>,
}

impl Spec {
    /// `GET url` with nothing special about it.
    pub fn new(url: impl Into<String>, timeout: Duration) -> Self {
        Self {
            url: url.into(),
            timeout,
            method: "GET".to_owned(),
            headers: Vec::new(),
            data: None,
            user: None,
            tls: TlsSpec::default(),
            follow: false,
            max_body: 1024 * 1024,
            keep: 64 * 1024,
            needles: Vec::new(),
            user_agent: concat!("httpok/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry_refused: None,
            resolve: Vec::new(),
            family: None,
            http2: false,
            unix_socket: None,
            ready: None,
        }
    }
}

/// Nearly all of it may be secret, even the data.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("url", &redact_url(&self.url))
            .field("method", &self.method)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Whom to trust, and who we are.
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

/// What is wrong with a [`Spec`].
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Not a URL.
    #[error("{url:?} is no URL: {why}")]
    Url {
        /// Without userinfo.
        url: String,
        /// In words.
        why: String,
    },
    /// A scheme that is not HTTP's.
    #[error("{url:?} is not for an HTTP probe: expected http, https or http+unix")]
    Scheme {
        /// Without userinfo.
        url: String,
    },
    /// A socket's path that cannot be one.
    #[error("{path:?} is no path of a unix socket: expected an absolute one of at most 107 bytes")]
    UnixSocket {
        /// As given.
        path: PathBuf,
    },
    /// An address of the other family.
    #[error("{host:?} is not an {family} address")]
    Family {
        /// The URL's host.
        host: String,
        /// The one asked for.
        family: Family,
    },
    /// No time at all.
    #[error("a timeout of zero leaves no time to ask")]
    Timeout,
    /// Not a method, or one that asks for something else than an answer.
    #[error("{0:?} is no method to ask with")]
    Method(String),
    /// Not a header's name.
    #[error("{0:?} is no header name")]
    HeaderName(String),
    /// A value that would break the request. The value itself may be a secret.
    #[error("the value of header {0:?} holds a line end or another control character")]
    HeaderValue(String),
    /// A header that frames the request.
    #[error("header {0:?} follows from the request and cannot be set")]
    HeaderOurs(String),
    /// A file that cannot be read.
    #[error("cannot read {what} {path:?}: {why}")]
    File {
        /// `cacert`, `cert` or `key`.
        what: &'static str,
        /// As given.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// A key without a certificate.
    #[error("key {0:?} is of no use without a cert")]
    KeyAlone(PathBuf),
    /// A certificate and a key that do not belong together, or are of a kind we cannot use.
    #[error("cannot use cert {path:?}: {why}")]
    Cert {
        /// The certificate's file.
        path: PathBuf,
        /// In words.
        why: String,
    },
}
