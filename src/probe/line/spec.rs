//! What a line probe sends, and how much of the answer it waits for. Plain data.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::Address;
use crate::net::address::percent_decoded;
use crate::net::{IpFamily, is_socket_path};
use crate::probe::spec;
use crate::secret::{SecretBytes, without_login};

/// One exchange over a plain connection.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSpec {
    /// For people: `tcp://host:port` or `unix:///path`.
    pub url: String,
    /// Where to connect.
    pub peer: Peer,
    /// Total: name look-up, connect, the whole answer.
    pub timeout: Duration,
    /// Sent as soon as the connection is open.
    pub send: Option<SecretBytes>,
    /// When the answer is complete. `None`: at its first line end or when the peer closes, or, where nothing
    /// is sent and nothing is expected of an answer, as soon as the connection is open.
    pub until: Option<Until>,
    /// An answer of more bytes than this is `too_large`.
    pub max_body: u64,
    /// Use addresses of this family only.
    pub family: Option<IpFamily>,
}

impl LineSpec {
    /// A connection to `peer` with every default.
    pub fn new(url: impl Into<String>, peer: Peer) -> Self {
        Self {
            url: url.into(),
            peer,
            timeout: spec::TIMEOUT,
            send: None,
            until: None,
            max_body: spec::MAX_TEXT,
            family: None,
        }
    }

    /// The connection that `address`, which was written as `text`, asks for.
    ///
    /// # Errors
    /// Says what the URL of a plain connection looks like, without user and password.
    pub fn of_address(address: &Address, text: &str) -> Result<Self, String> {
        let bare = address.user.is_none() && !address.url.contains(['?', '#']);
        let (peer, url) = match address.scheme.as_str() {
            "unix" => {
                let path = percent_decoded(&address.path).map(PathBuf::from);
                let path = path.filter(|path| {
                    address.host.is_empty() && address.path.len() > 1 && is_socket_path(path)
                });
                (path.map(Peer::Unix), address.url.as_str())
            }
            _ => {
                let named = !address.host.is_empty() && matches!(&*address.path, "" | "/");
                let port = address.port.filter(|&port| named && port > 0);
                let peer = port.map(|port| Peer::Tcp {
                    host: address.host.clone(),
                    port,
                });
                (peer, address.url.trim_end_matches('/'))
            }
        };
        let expected = match address.scheme.as_str() {
            "unix" => "unix:///PATH of at most 107 bytes, such as \"unix:///run/app.sock\"",
            _ => "tcp://HOST:PORT, such as \"tcp://127.0.0.1:8160\"",
        };
        peer.filter(|_| bare)
            .map(|peer| Self::new(url, peer))
            .ok_or_else(|| {
                let shown = without_login(text);
                format!("{shown:?} is not a plain connection: expected {expected}")
            })
    }

    /// Whether addresses of `family` can reach the peer.
    ///
    /// # Errors
    /// Says that the URL names an address of the other family.
    pub fn check_family(&self, family: Option<IpFamily>) -> Result<(), String> {
        match &self.peer {
            Peer::Tcp { host, .. } => spec::check_family(host, family),
            Peer::Unix(_) => Ok(()),
        }
    }
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A name or an address, without brackets.
    Tcp {
        /// The name to look up, or the address.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// When an answer is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// At its first line end, or when the peer closes.
    LineOrClose,
    /// At its first line end.
    Line,
    /// When the peer closes.
    Close,
    /// When all of these were seen, or when the peer closes.
    Texts(Vec<Vec<u8>>),
}

impl Until {
    /// The words for it.
    pub const NAMES: [&'static str; 3] = ["line", "close", "text"];

    /// What `name` stands for; `texts` are those that the body has to contain.
    pub fn from_name(name: &str, texts: &[String]) -> Option<Self> {
        match name {
            "line" => Some(Self::Line),
            "close" => Some(Self::Close),
            "text" => {
                let bytes = texts.iter().map(|text| text.as_bytes().to_vec());
                Some(Self::Texts(bytes.collect()))
            }
            _ => None,
        }
    }
}
