//! The body of an answer that comes piece by piece: a task of its own writes it, at the client's pace.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// Pieces that wait for the client.
const WAITING: usize = 4;

/// A body that goes on until its writer ends.
#[derive(Debug)]
pub struct StreamBody(mpsc::Receiver<Bytes>);

impl StreamBody {
    /// A body, and the end that writes it.
    pub fn new() -> (mpsc::Sender<Bytes>, Self) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (sender, Self(receiver))
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = self.0.poll_recv(context);
        polled.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
