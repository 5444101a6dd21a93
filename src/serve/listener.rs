//! Where clients come in: sockets that are bound before anything is served, and a bounded number of clients on each.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use nix::sys::socket::Backlog;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::spec::ServeAddress;
use crate::net::clients::{self, Accept, Admission, ClientBusy};

/// Connections that may wait to be accepted: as many as the system permits (4096), so that a burst does not wait for a
/// lost SYN. A number of our own would have to be below the C library's SOMAXCONN, which musl has at 128.
const BACKLOG: Backlog = Backlog::MAXALLOWABLE;
/// Every user that may open the socket's file may send requests.
const SOCKET_MODE: u32 = 0o660;

/// A bound socket.
#[derive(Debug)]
pub enum ServeListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl ServeListener {
    /// Binds `address`. A socket file that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// Names the address and what is in the way.
    pub fn bind(address: &ServeAddress) -> Result<Self, String> {
        let bound = match address {
            ServeAddress::Tcp(address) => TcpListener::bind(address).and_then(|listener| {
                nix::sys::socket::listen(&listener, BACKLOG)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }),
            ServeAddress::Unix(path) => unix(path).map(Self::Unix),
        };
        bound.map_err(|why| match why.kind() {
            io::ErrorKind::AddrInUse => {
                format!("cannot listen on {address}: another program listens there")
            }
            _ => format!("cannot listen on {address}: {why}"),
        })
    }

    /// Where it listens, with the port that the system chose when any was asked for.
    pub fn address(&self) -> Option<ServeAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(ServeAddress::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr().ok()?;
                address
                    .as_pathname()
                    .map(|path| ServeAddress::Unix(path.into()))
            }
        }
    }

    fn into_async(self) -> io::Result<BoundListener> {
        Ok(match self {
            Self::Tcp(listener) => BoundListener::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Self::Unix(listener) => {
                BoundListener::Unix(tokio::net::UnixListener::from_std(listener)?)
            }
        })
    }
}

fn unix(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
            let is_socket = fs::symlink_metadata(path)?.file_type().is_socket();
            let refused = UnixStream::connect(path)
                .is_err_and(|why| why.kind() == io::ErrorKind::ConnectionRefused);
            if !(is_socket && refused) {
                return Err(why);
            }
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        other => other?,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

enum BoundListener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accept for BoundListener {
    type Stream = ClientStream;

    async fn accept(&self) -> io::Result<ClientStream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // what is answered is small and wanted at once
                stream.set_nodelay(true)?;
                Ok(ClientStream::Tcp(stream))
            }
            Self::Unix(listener) => Ok(ClientStream::Unix(listener.accept().await?.0)),
        }
    }
}

/// One client.
#[derive(Debug)]
pub enum ClientStream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Serves the clients of `listener` with `client`, `most` at a time. Those beyond are disconnected: they have to come
/// again.
pub async fn accept<F>(
    listener: ServeListener,
    most: usize,
    client: impl Fn(ClientStream, ClientBusy) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = match listener.into_async() {
        Ok(listener) => listener,
        Err(why) => return tracing::warn!("cannot serve: {why}"),
    };
    let admitted = |stream, admission| {
        let client = match admission {
            Admission::Admitted(busy) => Some(client(stream, busy)),
            Admission::Full => None,
        };
        async move {
            if let Some(client) = client {
                client.await;
            }
        }
    };
    clients::serve(listener, most, admitted).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address");
        let why = ServeListener::bind(&ServeAddress::Tcp(address)).expect_err("it is taken");
        assert_eq!(
            why,
            format!("cannot listen on {address}: another program listens there")
        );
    }

    #[test]
    fn only_a_stale_socket_file_is_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("serve.sock");
        let address = ServeAddress::Unix(path.clone());
        let living = ServeListener::bind(&address).expect("a socket");
        assert!(ServeListener::bind(&address).is_err(), "somebody listens");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
        drop(living);
        ServeListener::bind(&address).expect("nobody listens");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "precious").expect("written");
        assert!(ServeListener::bind(&address).is_err());
        assert_eq!(fs::read(&path).expect("still there"), b"precious");
    }
}
