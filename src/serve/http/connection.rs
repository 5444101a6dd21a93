//! One connection: heads of a bounded size within a bounded time, one request after the other.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::App;
use super::answer::respond;
use super::wire::Wire;
use crate::net::clients::ClientBusy;
use crate::serve::listener::ClientStream;

/// No head is longer, in bytes.
const HEAD: usize = 16 * 1024;
/// Nor has more headers.
const HEADERS: usize = 64;
/// A handshake takes no longer, nor longer than a request's head may.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For clients that were too slow.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// What a client may have sent on while it was refused, in bytes.
const DRAINED: usize = 1 << 20;
/// How long we try to say so, and how long a client may take to hear it: one that is starved for a second has not read yet.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Serves one client to its end.
pub async fn talk(
    stream: ClientStream,
    tls: Option<Arc<ServerConfig>>,
    app: App,
    busy: ClientBusy,
) {
    let Some(tls) = tls else {
        return serve(stream, app, busy).await;
    };
    let patience = app.settings().spec.check_timeout.min(HANDSHAKE);
    let shaken = timeout(patience, TlsAcceptor::from(tls).accept(stream)).await;
    match shaken {
        Ok(Ok(stream)) => serve(stream, app, busy).await,
        Ok(Err(why)) => tracing::debug!("TLS handshake of a client: {why}"),
        Err(_) => {}
    }
}

/// Reads on to the client's end, but no more than [`DRAINED`] bytes.
async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut piece = [0; 4096];
    let mut left = DRAINED;
    while left > 0 {
        match stream.read(&mut piece).await? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

async fn serve<S>(stream: S, app: App, busy: ClientBusy)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let patience = app.settings().spec.check_timeout;
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, busy) = (app.clone(), busy.clone());
        Box::pin(async move {
            busy.set(true);
            let answer = respond(&app, request).await;
            busy.set(false);
            Ok::<_, Infallible>(answer)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        .half_close(true)
        .serve_connection(TokioIo::new(Wire::new(stream)), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().into_inner();
    let begun = !parts.read_buf.is_empty();
    let last_words = async {
        if ended.is_err_and(|why| why.is_timeout()) && begun {
            stream.write_all(TOO_SLOW).await?;
        }
        stream.shutdown().await?;
        // what is left unread would reset the connection, and the client would lose the answer
        drain(&mut stream).await
    };
    // the client may be gone
    let _ = timeout(LAST_WORDS, last_words).await;
}
