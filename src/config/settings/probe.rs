//! How a check asks: one type per kind of probe.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::exec::CommandLine;
use crate::secret::Secret;

/// How a check asks. One member per probe kind.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few, and most are of the large kind"
)]
pub enum Probe {
    /// An HTTP request.
    Http(Http),
    /// One exchange over a plain connection.
    Line(Line),
    /// A command.
    Exec(Exec),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// `http`, `https` or `http+unix`, without userinfo.
    pub url: String,
    /// Total: name look-up, connect, TLS, redirects, body.
    pub timeout: Duration,
    /// Default `GET`.
    pub method: String,
    /// Sent as given, after ours.
    pub headers: Vec<(String, Secret)>,
    /// The request's body.
    pub data: Option<Vec<u8>>,
    /// Basic authentication: user and password.
    pub user: Option<(String, Secret)>,
    /// Whether and how the peer's certificate is verified, and who we are.
    pub tls: Tls,
    /// Follow redirects, on the same host only.
    pub follow: bool,
    /// A body larger than this, in bytes, fails as `too_large`.
    pub max_body: u64,
    /// Addresses that are known better than the resolver does.
    pub resolve: Vec<Override>,
    /// Use addresses of this family only.
    pub family: Option<Family>,
    /// Offer HTTP/2 in the TLS handshake.
    pub http2: bool,
    /// Connect to this socket instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// Asked when the server answers 5xx: while this answers 2xx, that is degraded and no fail.
    pub ready: Option<String>,
}

impl Http {
    /// How long a warm-up may take when nobody says.
    pub const WARM_UP: Duration = Duration::from_secs(600);

    /// A GET of `url` with every default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Probe::TIMEOUT,
            method: "GET".to_owned(),
            headers: Vec::new(),
            data: None,
            user: None,
            tls: Tls::default(),
            follow: false,
            max_body: 16 << 20,
            resolve: Vec::new(),
            family: None,
            http2: false,
            unix_socket: None,
            ready: None,
        }
    }
}

impl Probe {
    /// How long an answer may take when nobody says.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// How large an answer that is not HTTP's may be when nobody says.
    pub const MAX_TEXT: u64 = 64 << 10;
}

/// Whether and how the peer's certificate is verified, and who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Accept any certificate.
    pub insecure: bool,
    /// Trust these roots instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate and its chain.
    pub cert: Option<PathBuf>,
    /// The key to `cert`; `None`: it is in the same file.
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

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One exchange over a plain connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// `tcp://host:port` or `unix:///path`.
    pub url: String,
    /// What the URL says.
    pub peer: Peer,
    /// Total: name look-up, connect, the whole answer.
    pub timeout: Duration,
    /// Sent as soon as the connection is open.
    pub send: Option<Payload>,
    /// When the answer is complete; `None`: at its first line end, or when the peer closes.
    pub until: Option<Until>,
    /// A larger answer, in bytes, fails as `too_large`.
    pub max_body: u64,
    /// Use addresses of this family only.
    pub family: Option<Family>,
}

impl Line {
    /// A connection to `peer` with every default.
    pub fn new(url: impl Into<String>, peer: Peer) -> Self {
        Self {
            url: url.into(),
            peer,
            timeout: Probe::TIMEOUT,
            send: None,
            until: None,
            max_body: Probe::MAX_TEXT,
            family: None,
        }
    }
}

/// The other end of a plain connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A name or an address, without brackets.
    Tcp {
        /// Whom to look up.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// When an answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At its first line end.
    Line,
    /// When the peer closes.
    Close,
    /// When all texts of `body` were seen, or when the peer closes.
    Text,
}

impl Until {
    /// Every member with its name.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("line", Self::Line),
        ("close", Self::Close),
        ("text", Self::Text),
    ];

    /// The member of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|&(_, until)| until)
    }
}

/// Bytes to send, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// Hides `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for the wire.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A command whose exit code tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// What is run.
    pub command: CommandLine,
    /// From its start to its end.
    pub timeout: Duration,
    /// So many bytes of what it prints are kept.
    pub max_body: u64,
}

impl Exec {
    /// `command` with every default.
    pub fn new(command: CommandLine) -> Self {
        Self {
            command,
            timeout: Probe::TIMEOUT,
            max_body: Probe::MAX_TEXT,
        }
    }
}
