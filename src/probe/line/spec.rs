//! What a line probe is told, and what can be wrong with it. Plain data.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::probe::lookup::literal;
use crate::probe::place::{Family, is_socket_path};

/// What is sent, and how much of the answer is waited for.
#[derive(Clone)]
pub struct Spec {
    /// For people: `tcp://host:port` or `unix:///path`.
    pub url: String,
    /// Where to connect.
    pub peer: Peer,
    /// Total: name look-up, connect, the whole answer.
    pub timeout: Duration,
    /// Sent as soon as the connection is open.
    pub send: Option<Vec<u8>>,
    /// When the answer is complete; `None`: none is waited for.
    pub until: Option<Until>,
    /// Looked for in the answer.
    pub needles: Vec<Vec<u8>>,
    /// An answer of more bytes than this is `too_large`.
    pub max_body: u64,
    /// So many bytes of the answer are kept.
    pub keep: usize,
    /// Use addresses of this family only.
    pub family: Option<Family>,
}

impl Spec {
    /// Just a connection to `peer`.
    pub fn new(url: impl Into<String>, peer: Peer, timeout: Duration) -> Self {
        Self {
            url: url.into(),
            peer,
            timeout,
            send: None,
            until: None,
            needles: Vec::new(),
            max_body: 64 * 1024,
            keep: 64 * 1024,
            family: None,
        }
    }

    /// Says what is wrong, if anything is.
    pub(super) fn validate(&self) -> Result<(), SpecError> {
        if self.timeout.is_zero() {
            return Err(SpecError::Timeout);
        }
        match (&self.peer, self.family) {
            (Peer::Unix(path), _) if !is_socket_path(path) => {
                Err(SpecError::UnixSocket { path: path.clone() })
            }
            (Peer::Tcp { host, .. }, Some(family))
                if literal(host).is_some_and(|address| !family.has(address)) =>
            {
                let host = host.clone();
                Err(SpecError::Family { host, family })
            }
            (Peer::Unix(_) | Peer::Tcp { .. }, _) => Ok(()),
        }
    }
}

/// What is sent may hold a password.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// Where to connect.
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

/// What is wrong with a [`Spec`].
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// No time at all.
    #[error("a timeout of zero leaves no time to ask")]
    Timeout,
    /// An address of the other family.
    #[error("{host:?} is not an {family} address")]
    Family {
        /// The URL's host.
        host: String,
        /// The one asked for.
        family: Family,
    },
    /// A socket's path that cannot be one.
    #[error("{path:?} is no path of a unix socket: expected an absolute one of at most 107 bytes")]
    UnixSocket {
        /// As given.
        path: PathBuf,
    },
}
