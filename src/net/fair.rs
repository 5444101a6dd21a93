//! A connection that lets others run. A peer can send so fast that there is always more to read, in units so small that
//! each read costs much: whoever reads it would never wait, so the tasks and timers beside it would not run.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many bytes are read in one turn of the loop: some thousand of the smallest chunks or frames.
const TURN: usize = 32 * 1024;

/// A stream that reads at most [`TURN`] bytes and a buffer at a time.
pub struct Fair<S> {
    stream: S,
    /// Read since it waited last.
    read: usize,
}

impl<S> Fair<S> {
    /// Wraps `stream`.
    pub const fn new(stream: S) -> Self {
        Self { stream, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Fair<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= TURN {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            self.read = 0;
        }
        ready!(read)?;
        self.read += buffer.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Fair<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn others_run_between_the_reads_of_an_endless_stream() {
        let mut endless = Fair::new(tokio::io::repeat(b'x'));
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                endless
                    .read_exact(&mut buffer)
                    .await
                    .expect("it is endless");
            }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        reading.abort();
        assert!(reading.await.expect_err("it was ended").is_cancelled());
    }
}
