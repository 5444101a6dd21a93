//! Servers that do what no well-behaved server would: scripts of bytes, pauses, resets and silence over
//! real sockets. They live as long as the value that stands for them.

#![allow(dead_code)] // not every test binary plays every trick

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::task::JoinHandle;

/// One thing that a server does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Send these bytes.
    Say(&'static [u8]),
    /// Send the bytes over and over, with a little pause each time, until the client goes.
    Drip(&'static [u8]),
    /// Send the bytes so many times, as fast as the client takes them.
    Times(usize, &'static [u8]),
    /// Do nothing for so long.
    Pause(Duration),
    /// Do nothing until the client goes.
    Hang,
    /// Cut the connection without a good-bye.
    Reset,
}

/// A server and what it was asked.
pub struct Server {
    pub address: SocketAddr,
    /// The heads of all requests so far.
    pub asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// A server on any free port of 127.0.0.1 that plays `script` after each request.
pub async fn scripted(script: Vec<Act>) -> Server {
    answering(move |_| script.clone()).await
}

/// A server that plays `script` after each request, and how many bytes it could send so far.
pub async fn counting(script: Vec<Act>) -> (Server, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let server = talking(move |mut stream| {
        let (script, count) = (script.clone(), count.clone());
        async move {
            read_head(&mut stream).await?;
            for act in script {
                match act {
                    Act::Say(bytes) => {
                        stream.write_all(bytes).await?;
                        count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    }
                    Act::Times(times, bytes) => {
                        // in large pieces, so that a client that reads on never has to wait
                        let piece = bytes.repeat(1 + (64 << 10) / bytes.len());
                        for _ in 0..1 + times * bytes.len() / piece.len() {
                            stream.write_all(&piece).await?;
                            count.fetch_add(piece.len() as u64, Ordering::Relaxed);
                        }
                    }
                    Act::Reset => return stream.set_zero_linger(),
                    other => play(&mut stream, other).await?,
                }
            }
            stream.shutdown().await
        }
    })
    .await;
    (server, sent)
}

/// A server that plays the script which `answer` makes of the request's head.
pub async fn answering(
    answer: impl Fn(&str) -> Vec<Act> + Clone + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    serve(listener, answer)
}

/// The same on a `listener` of the test's own.
pub fn serve(
    listener: TcpListener,
    answer: impl Fn(&str) -> Vec<Act> + Clone + Send + Sync + 'static,
) -> Server {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let address = listener.local_addr().expect("bound");
    let log = asked.clone();
    let task = accept(listener, move |mut stream| {
        let (answer, log) = (answer.clone(), log.clone());
        async move {
            let head = read_head(&mut stream).await?;
            let script = answer(&head);
            log.lock().expect("no panic").push(head);
            for act in script {
                if matches!(act, Act::Reset) {
                    stream.set_zero_linger()?;
                    return Ok(());
                }
                play(&mut stream, act).await?;
            }
            stream.shutdown().await
        }
    });
    Server {
        address,
        asked,
        task,
    }
}

/// A server that does `talk` with each connection, from its first byte on.
pub async fn talking<F, T>(talk: F) -> Server
where
    F: Fn(TcpStream) -> T + Send + Sync + 'static,
    T: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    Server {
        address: listener.local_addr().expect("bound"),
        asked: Arc::default(),
        task: accept(listener, talk),
    }
}

fn accept<F, T>(listener: TcpListener, talk: F) -> JoinHandle<()>
where
    F: Fn(TcpStream) -> T + Send + Sync + 'static,
    T: Future<Output = io::Result<()>> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // a client that goes early is part of the game
            tokio::spawn(talk(stream));
        }
    })
}

/// A server on a unix socket that says `answer` once per connection.
pub fn on_unix(path: &Path, answer: &'static [u8]) -> JoinHandle<()> {
    let listener = UnixListener::bind(path).expect("bind");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = read_head(&mut stream).await;
            let _ = stream.write_all(answer).await;
        }
    })
}

/// Plays one act on any stream.
pub async fn play<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, act: Act) -> io::Result<()> {
    match act {
        Act::Say(bytes) => stream.write_all(bytes).await,
        Act::Times(times, bytes) => {
            for _ in 0..times {
                stream.write_all(bytes).await?;
            }
            Ok(())
        }
        Act::Drip(bytes) => loop {
            stream.write_all(bytes).await?;
            stream.flush().await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        },
        Act::Pause(span) => {
            tokio::time::sleep(span).await;
            Ok(())
        }
        Act::Hang => wait_until_gone(stream).await,
        Act::Reset => unreachable!("needs a TCP stream"),
    }
}

/// Reads until the client closes.
pub async fn wait_until_gone<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut sink = [0; 4096];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// A request's head, line ends included.
pub async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A port of `ip` that is ours and refuses connections until it is made to listen.
pub fn refusing(ip: &str) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("socket");
    let address = SocketAddr::new(ip.parse().expect("an address"), 0);
    socket.bind(address).expect("bind");
    socket
}

/// A listener at `address` whose queue is full, so that further connections get no answer at all.
/// What fills it lives as long as the returned values.
pub async fn full(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("socket");
    socket.bind(address).expect("bind");
    let listener = socket.listen(1).expect("listen");
    let address = listener.local_addr().expect("bound");
    let mut queue = Vec::new();
    while let Ok(joined) =
        tokio::time::timeout(Duration::from_millis(150), TcpStream::connect(address)).await
    {
        queue.push(joined.expect("connect"));
        assert!(queue.len() < 50, "the queue never fills");
    }
    (listener, queue)
}
