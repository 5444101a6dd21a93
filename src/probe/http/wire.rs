//! A connection as the HTTP codec reads it: in pieces of a bounded size, and until the answer's head is
//! there not more than [`HEAD_MAX`] bytes in all. Interim answers are no heads, and the codec reads them for
//! as long as there are any without letting anyone else have a turn: a server that floods us with them
//! would hold up every other check. Nothing is read before something was asked: what the codec makes of a
//! server that talks first would depend on who was quicker.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::probe::place::Stream;

/// More than the codec takes for a single head.
pub const HEAD_MAX: u64 = 512 * 1024;

/// Read at once. A task has so many reads in a row that the pieces have to be small.
const PIECE: usize = 16 * 1024;

/// A connection, for the codec.
pub struct Wire {
    stream: Stream,
    read: u64,
    head: Head,
    asked: bool,
    /// Who wanted to read before anything was asked.
    waiting: Option<Waker>,
}

/// Whether the answer's head is there.
#[derive(Clone, Default)]
pub struct Head(Arc<AtomicBool>);

impl Head {
    /// It is: what is read from now on is the body's.
    pub fn arrived(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Too much was sent before an answer's head was complete.
#[derive(Debug, thiserror::Error)]
#[error("more than {} KiB before the answer", HEAD_MAX / 1024)]
pub struct Flood;

impl Wire {
    pub fn new(stream: Stream, head: Head) -> Self {
        Self {
            stream,
            read: 0,
            head,
            asked: false,
            waiting: None,
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        if self.read > HEAD_MAX && !self.head.is_there() {
            return Poll::Ready(Err(io::Error::other(Flood)));
        }
        let mut piece = [0; PIECE];
        let room = buffer.remaining().min(PIECE);
        let mut piece = ReadBuf::new(&mut piece[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
        self.read += piece.filled().len() as u64;
        buffer.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.asked = true;
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
