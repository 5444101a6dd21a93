//! One HTTP/1.1 request over a connection of its own, and its answer.
//!
//! Every buffer has a bound: an answer's head, with all interim answers before it, has [`HEAD_MAX`] bytes, and
//! a body streams by. Nothing waits here but for the peer, so a caller bounds it all with one deadline. Why not
//! hyper: it refuses what curl and Python's `http.client` get along with, and reads interim answers for as long as
//! there are any without letting anyone else have a turn.

mod body;
mod framing;
mod head;
mod number;

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};

use http::Method;
use http::header::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use body::{BodyStep, Decoder};
pub use framing::Framing;
pub use head::{Boundary, Head, parse};

use super::Connection;
use super::trouble::words;

/// The most that a peer may send before and with an answer's head.
pub const HEAD_MAX: usize = 512 * 1024;

/// The most headers of an answer.
pub const HEADERS_MAX: usize = 2000;

/// Read at once. A task has so many reads in a row that the pieces have to be small.
const PIECE: usize = 16 * 1024;

/// What is asked.
#[derive(Clone, Debug)]
pub struct HttpRequest<'a, N = String> {
    /// For example `GET`.
    pub method: &'a Method,
    /// Path and query.
    pub target: &'a str,
    /// Sent in this order and spelling. The length of the body is added.
    pub headers: &'a [(N, HeaderValue)],
    /// May be empty.
    pub body: &'a [u8],
}

/// Why there is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection broke.
    #[error("{}", words(.0))]
    Io(#[from] io::Error),
    /// The peer closed before the answer's status line was complete.
    #[error("connection closed without a complete answer")]
    Closed,
    /// More than is read.
    #[error("{0}")]
    TooLarge(String),
    /// Not what HTTP allows, nor what others get along with.
    #[error("{0}")]
    Malformed(String),
    /// The peer closed before the body's end.
    #[error("the body broke off")]
    Truncated,
}

/// An answer whose head is there and whose body is read piece by piece. Dropping it ends the connection.
pub struct HttpResponse {
    head: Head,
    framing: Framing,
    link: Link,
    decoder: Decoder,
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

impl<N: AsRef<str>> HttpRequest<'_, N> {
    /// Asks over `connection`. Nothing is read before something was sent: what a peer that talks first says is its
    /// answer.
    ///
    /// # Errors
    /// Whatever keeps a complete head from coming.
    pub async fn send(&self, connection: Connection) -> Result<HttpResponse, HttpError> {
        let mut link = Link::new(connection, self.encode());
        let mut head = link.head().await?;
        let framing = Framing::of(&mut head, self.method == Method::HEAD);
        Ok(HttpResponse {
            head,
            framing,
            link,
            decoder: Decoder::new(framing),
        })
    }

    /// About as many bytes as it is sent in, so that they are not moved while it is put together.
    fn size(&self) -> usize {
        const LINE: usize = 32;
        let sizes = self.headers.iter();
        let headers: usize = sizes
            .map(|(name, value)| name.as_ref().len() + value.len() + 4)
            .sum();
        self.target.len() + headers + self.body.len() + 2 * LINE
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        bytes.extend_from_slice(self.method.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(self.target.as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in self.headers {
            bytes.extend_from_slice(name.as_ref().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        // where a body is usual its absence is said, too
        let usual = [Method::POST, Method::PUT, Method::PATCH].contains(self.method);
        if usual || !self.body.is_empty() {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body);
        bytes
    }
}

impl HttpResponse {
    /// The status line, the headers, and what is odd about the answer so far.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The size that the body is said to have.
    pub const fn announced(&self) -> Option<u64> {
        self.framing.announced()
    }

    /// The next piece of the body; `None` when it is complete.
    ///
    /// # Errors
    /// Whatever ends the body before its end.
    pub async fn piece(&mut self) -> Result<Option<&[u8]>, HttpError> {
        loop {
            let (used, step) = self
                .decoder
                .take(self.link.unread())
                .map_err(HttpError::Malformed)?;
            match step {
                BodyStep::Piece(range) => {
                    let start = self.link.start;
                    self.link.start += used;
                    return Ok(Some(
                        &self.link.buffer[start + range.start..start + range.end],
                    ));
                }
                BodyStep::Done => return Ok(None),
                BodyStep::More => self.link.start += used,
            }
            match self.link.fill().await? {
                Fill::Some => {}
                Fill::Closed | Fill::Cut if !self.decoder.close() => {
                    return Err(HttpError::Truncated);
                }
                end => {
                    if matches!(end, Fill::Cut) {
                        self.head.note("TLS ended without close_notify".to_owned());
                    }
                    let note = match self.framing {
                        Framing::Chunked => "closed within the end of the last chunk",
                        Framing::UpTo(_) => {
                            "closed before the body was as long as Content-Length says"
                        }
                        Framing::PerhapsChunked => {
                            "closed before an end that Transfer-Encoding says"
                        }
                        Framing::Length(_) | Framing::Close => return Ok(None),
                    };
                    self.head.note(note.to_owned());
                    return Ok(None);
                }
            }
        }
    }
}

/// What came of reading more.
enum Fill {
    Some,
    /// The peer closed.
    Closed,
    /// The peer closed, but TLS does not know that it was the peer.
    Cut,
}

/// A connection, what is still to be sent, and what came and was not used.
struct Link {
    connection: Connection,
    unsent: Vec<u8>,
    sent: usize,
    flushed: bool,
    buffer: Vec<u8>,
    start: usize,
}

impl Link {
    fn new(connection: Connection, unsent: Vec<u8>) -> Self {
        Self {
            connection,
            unsent,
            sent: 0,
            flushed: false,
            buffer: Vec::new(),
            start: 0,
        }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The head of the answer, behind interim ones.
    async fn head(&mut self) -> Result<Head, HttpError> {
        let mut before = 0;
        let mut interim = None;
        let mut boundary = Boundary::default();
        loop {
            let found = boundary.find(self.unread()).map_err(HttpError::Malformed)?;
            let end = found.unwrap_or(self.unread().len());
            if before + end > HEAD_MAX {
                let limit = HEAD_MAX / 1024;
                let detail = match before {
                    0 => format!("the answer's head has more than {limit} KiB"),
                    _ => format!("more than {limit} KiB before the answer"),
                };
                return Err(HttpError::TooLarge(detail));
            }
            let closed = found.is_none() && !matches!(self.fill().await?, Fill::Some);
            // a status line is one without its line end, too
            if closed && !boundary.has_status() && parse(self.unread()).is_err() {
                // as Python has it, only 100 is no answer
                return interim.take().ok_or(HttpError::Closed);
            }
            if found.is_none() && !closed {
                continue;
            }
            let mut head = parse(&self.unread()[..end]).map_err(HttpError::Malformed)?;
            if head.headers.len() > HEADERS_MAX {
                let detail = format!("the answer's head has more than {HEADERS_MAX} headers");
                return Err(HttpError::TooLarge(detail));
            }
            self.start += end;
            if head.is_interim() && !closed {
                before += end;
                boundary = Boundary::default();
                head.note("closed behind an interim answer".to_owned());
                interim = (head.code != 100).then_some(head);
                continue;
            }
            if closed {
                head.is_cut = true;
                head.note("closed within the head".to_owned());
            }
            return Ok(head);
        }
    }

    /// Reads more, while what is left of the request is sent.
    async fn fill(&mut self) -> Result<Fill, io::Error> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        let read = poll_fn(|context| {
            loop {
                let left = &self.unsent[self.sent..];
                let connection = Pin::new(&mut self.connection);
                let sending = match left.is_empty() {
                    false => connection.poll_write(context, left),
                    true if !self.flushed => connection.poll_flush(context).map_ok(|()| 0),
                    true => break,
                };
                match sending {
                    Poll::Ready(Ok(0)) if left.is_empty() => self.flushed = true,
                    Poll::Ready(Ok(sent)) if sent > 0 => self.sent += sent,
                    // a peer that does not want to read on may have answered: reading shows it
                    Poll::Ready(Ok(_) | Err(_)) => {
                        self.sent = self.unsent.len();
                        self.flushed = true;
                    }
                    Poll::Pending if self.sent == 0 => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            // on the stack: it would be most of what a probe under way takes
            let mut piece = [MaybeUninit::uninit(); PIECE];
            let mut room = ReadBuf::uninit(&mut piece);
            ready!(Pin::new(&mut self.connection).poll_read(context, &mut room))?;
            self.buffer.extend_from_slice(room.filled());
            Poll::Ready(io::Result::Ok(room.filled().len()))
        });
        match read.await {
            Ok(0) => Ok(Fill::Closed),
            Ok(_) => Ok(Fill::Some),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Fill::Cut),
            Err(error) => Err(error),
        }
    }
}
