//! Where to connect, and a connection to it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use super::fair::Fair;

/// `sun_path` holds 108 bytes, the last of which ends it.
const SOCKET_PATH_MAX: usize = 107;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// In one small write. That leaves at once in any case, and saves a system call.
    Whole,
    /// In several, none of which is to wait for the acknowledgement of the one before.
    InParts,
}

/// An open connection of either kind.
pub type Connection = Box<dyn Duplex>;

/// What can be read and written.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl Endpoint {
    /// A connection to it.
    pub async fn open(&self, sending: Sending) -> io::Result<Connection> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                if sending == Sending::InParts {
                    stream.set_nodelay(true)?;
                }
                Ok(Box::new(Fair::new(stream)))
            }
            Self::Unix(path) => Ok(Box::new(Fair::new(UnixStream::connect(path).await?))),
        }
    }
}

/// Whether `path` can be the path of a unix socket.
pub fn is_socket_path(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    path.is_absolute() && bytes.len() <= SOCKET_PATH_MAX && !bytes.contains(&0)
}

/// `timeout` from now; one that is longer than the clock can tell is as good as a year.
pub fn deadline(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + timeout.min(YEAR)
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    /// Whether `address` is of this family.
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}
