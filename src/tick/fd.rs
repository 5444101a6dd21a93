//! Input and output on an inherited file descriptor (standard input, standard output), without ever blocking the
//! runtime on it. Pipes and sockets are made non-blocking, which is safe, because no other process shares this end of
//! them. A terminal or a file is shared, or cannot be waited for: a thread of its own blocks on it, and
//! because nothing waits for that thread, it does not delay the exit.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as StdStream;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use crate::blocking;

/// Bytes read at once.
const CHUNK: usize = 8192;

/// The reading end.
pub enum EventInput {
    Polled(Box<dyn AsyncRead + Send + Unpin>),
    Thread(mpsc::Receiver<io::Result<Vec<u8>>>),
}

impl EventInput {
    /// Takes over `fd`. Needs a runtime.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        Ok(match kind(fd)? {
            DescriptorKind::Pipe(fd) => Self::Polled(Box::new(pipe::Receiver::from_owned_fd(fd)?)),
            DescriptorKind::Socket(stream) => Self::Polled(Box::new(stream)),
            DescriptorKind::Other(file) => Self::Thread(reader(file)?),
        })
    }

    /// The next bytes; none at the end. Nothing is lost when the future is dropped.
    pub async fn read(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Polled(stream) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                stream.read_buf(&mut chunk).await?;
                Ok(chunk)
            }
            Self::Thread(chunks) => chunks.recv().await.unwrap_or(Ok(Vec::new())),
        }
    }
}

/// The writing end.
pub enum EventOutput {
    Polled(Box<dyn AsyncWrite + Send + Unpin>),
    Thread(mpsc::Sender<WriteJob>),
}

/// Bytes to write, and the sender for the result.
type WriteJob = (Vec<u8>, oneshot::Sender<io::Result<()>>);

impl EventOutput {
    /// Takes over `fd`. Needs a runtime.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        Ok(match kind(fd)? {
            DescriptorKind::Pipe(fd) => Self::Polled(Box::new(pipe::Sender::from_owned_fd(fd)?)),
            DescriptorKind::Socket(stream) => Self::Polled(Box::new(stream)),
            DescriptorKind::Other(file) => Self::Thread(writer(file)?),
        })
    }

    /// Writes all of `bytes`.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Polled(stream) => stream.write_all(bytes).await,
            Self::Thread(jobs) => {
                let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
                let (done, written) = oneshot::channel();
                let job = (bytes.to_vec(), done);
                jobs.send(job).await.map_err(|_| gone())?;
                written.await.unwrap_or_else(|_| Err(gone()))
            }
        }
    }
}

enum DescriptorKind {
    Pipe(OwnedFd),
    Socket(UnixStream),
    Other(File),
}

fn kind(fd: OwnedFd) -> io::Result<DescriptorKind> {
    let file = File::from(fd);
    let kind = file.metadata()?.file_type();
    Ok(if kind.is_fifo() {
        DescriptorKind::Pipe(file.into())
    } else if kind.is_socket() {
        let stream = StdStream::from(OwnedFd::from(file));
        stream.set_nonblocking(true)?;
        DescriptorKind::Socket(UnixStream::from_std(stream)?)
    } else {
        DescriptorKind::Other(file)
    })
}

fn reader(mut file: File) -> io::Result<mpsc::Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = mpsc::channel(1);
    blocking::thread("input", move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = match file.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.map(|count| {
                    chunk.truncate(count);
                    chunk
                }),
            };
            let more = matches!(&read, Ok(chunk) if !chunk.is_empty());
            if sender.blocking_send(read).is_err() || !more {
                return;
            }
        }
    })?;
    Ok(receiver)
}

fn writer(mut file: File) -> io::Result<mpsc::Sender<WriteJob>> {
    let (sender, mut receiver) = mpsc::channel::<WriteJob>(1);
    blocking::thread("output", move || {
        while let Some((bytes, done)) = receiver.blocking_recv() {
            // The requester may have dropped its receiver.
            let _ = done.send(file.write_all(&bytes));
        }
    })?;
    Ok(sender)
}
