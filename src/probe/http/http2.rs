//! One request over HTTP/2, by hyper: a server that offers it in the TLS handshake. What a peer may send before
//! the answer's head has the same bound as over HTTP/1.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use hyper::{HeaderMap, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::redirect::RequestHop;
use super::trouble;
use crate::health::{Phase, Reason, Trouble};
use crate::net::Connection;
use crate::net::http1::{HEAD_MAX, Head};

type H2Request = hyper::Request<Full<Bytes>>;

/// Moves bytes between the connection and the answer; done when the connection is.
type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer whose head is there.
pub struct Http2Response {
    head: Head,
    body: Incoming,
    driver: Option<Driver>,
    piece: Bytes,
    trailers: Vec<(String, String)>,
}

/// The request for `hop` with `headers` as HTTP/1 would send them: `Host` becomes `:authority`.
///
/// # Errors
/// When the URL is too long.
pub fn request(
    hop: &RequestHop,
    headers: &[(&str, HeaderValue)],
    data: &[u8],
) -> Result<H2Request, hyper::http::Error> {
    let mut request = H2Request::new(Full::from(data.to_vec()));
    *request.method_mut() = hop.method.clone();
    let mut uri = Uri::try_from(hop.url.as_str())?.into_parts();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        match name == header::HOST {
            true => uri.authority = Some(Authority::try_from(value.as_bytes())?),
            false => drop(map.append(name, value.clone())),
        }
    }
    *request.uri_mut() = Uri::from_parts(uri)?;
    *request.headers_mut() = map;
    Ok(request)
}

/// Asks over `connection`.
///
/// # Errors
/// Whatever keeps a head from coming.
pub async fn send(connection: Connection, request: H2Request) -> Result<Http2Response, Trouble> {
    let arrived = Arc::new(AtomicBool::new(false));
    let speaks_http1 = Arc::new(AtomicBool::new(false));
    let wire = H2Wire {
        connection,
        read: 0,
        arrived: arrived.clone(),
        speaks_http1: speaks_http1.clone(),
    };
    let asked = async {
        let (mut sender, connection) = http2::handshake(Tasks, wire).await?;
        let mut driver: Option<Driver> = Some(Box::pin(async {
            // the error goes to the task that waits for the answer
            let _ = connection.await;
        }));
        let response = driven(&mut driver, sender.send_request(request)).await?;
        Ok::<_, hyper::Error>((response, driver))
    };
    let (response, driver) = asked.await.map_err(|error| {
        // errors of the connection lose their type on the way through hyper
        match speaks_http1.load(Ordering::Relaxed) {
            true => Trouble::new(
                Reason::Malformed,
                Phase::FirstByte,
                "not HTTP/2: the answer is HTTP/1",
            ),
            false => trouble::of_http2(&error),
        }
    })?;
    arrived.store(true, Ordering::Relaxed);
    let (parts, body) = response.into_parts();
    Ok(Http2Response {
        head: Head {
            version: "HTTP/2".to_owned(),
            code: parts.status.as_u16(),
            headers: texts(&parts.headers),
            ..Head::default()
        },
        body,
        driver,
        piece: Bytes::new(),
        trailers: Vec::new(),
    })
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    texts.collect()
}

impl Http2Response {
    /// The status and the headers.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What came behind the body.
    pub fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }

    /// The size that the body is said to have.
    pub fn announced(&self) -> Option<u64> {
        self.head.values("content-length").next()?.parse().ok()
    }

    /// The next piece of the body, behind `got` bytes of it; `None` when it is complete.
    pub async fn piece(&mut self, got: u64) -> Result<Option<&[u8]>, Trouble> {
        loop {
            let body = &mut self.body;
            let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            match driven(&mut self.driver, frame).await {
                None if self.body.is_end_stream() => return Ok(None),
                // hyper takes a stream that is reset without an error for the end of the body
                None => return Err(trouble::truncated(got, self.announced())),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => {
                        self.piece = piece;
                        return Ok(Some(&self.piece));
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers();
                        self.trailers = trailers.map_or_else(|_| Vec::new(), |map| texts(&map));
                    }
                },
                Some(Err(error)) => {
                    return Err(trouble::of_http2_body(&error, got, self.announced()));
                }
            }
        }
    }
}

/// Waits for `work`, which `driver` is needed for.
async fn driven<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Some(moving) = driver {
        tokio::select! {
            done = &mut work => return done,
            () = moving => *driver = None,
        }
    }
    // the connection has ended; what came before that is still to be handed on
    work.await
}

/// A connection as hyper reads it.
struct H2Wire {
    connection: Connection,
    read: usize,
    /// The answer's head is there: what is read from now on is the body's.
    arrived: Arc<AtomicBool>,
    /// The server was not asked which version it speaks, and answers in an older one.
    speaks_http1: Arc<AtomicBool>,
}

/// Too much was sent before an answer's head was complete.
#[derive(Debug, thiserror::Error)]
#[error("more than {} KiB before the answer", HEAD_MAX / 1024)]
pub struct HeadTooLarge;

impl Read for H2Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read > HEAD_MAX && !self.arrived.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other(HeadTooLarge)));
        }
        let mut piece = [0; 16 * 1024];
        let room = buffer.remaining().min(piece.len());
        let mut piece = ReadBuf::new(&mut piece[..room]);
        ready!(Pin::new(&mut self.connection).poll_read(context, &mut piece))?;
        if self.read == 0 && piece.filled().starts_with(b"HTTP/1.") {
            self.speaks_http1.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        self.read += piece.filled().len();
        buffer.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for H2Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

/// HTTP/2 has tasks of its own.
#[derive(Clone)]
struct Tasks;

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, work: F) {
        tokio::spawn(work);
    }
}
