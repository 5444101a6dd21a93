//! HTTP/2: what is asked, and what ends early.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::{Reason as Code, server};
use httpok::health::{Phase, Reason};
use httpok::net::http::header;
use hyper::{Request, Response};

use super::hostile::Server;
use super::tls::{Authority, spec, tls_server};
use super::{assert_trouble, code, kept, run};

/// What a server does with a request.
#[derive(Clone, Copy)]
enum Play {
    Answer,
    /// Ends the stream before there is an answer.
    Refuse(Code),
    /// Ends the stream in the body.
    Reset(Code),
    /// Closes the connection in the body.
    Close,
    /// Closes the connection before there is an answer.
    CloseAtOnce,
}

type Asked = Arc<Mutex<Vec<Request<()>>>>;

async fn serve(authority: &Authority, play: Play) -> (Server, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let server = tls_server(
        &authority.issue("127.0.0.1", 2100),
        &[],
        None,
        move |stream| {
            let log = log.clone();
            async move {
                let mut connection = server::handshake(stream)
                    .await
                    .map_err(std::io::Error::other)?;
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    log.lock().expect("no panic").push(request.map(drop));
                    let head = Response::builder()
                        .header("content-length", "9")
                        .body(())
                        .expect("a head");
                    match play {
                        Play::CloseAtOnce => return Ok(()),
                        Play::Refuse(code) => respond.send_reset(code),
                        Play::Answer | Play::Reset(_) | Play::Close => {
                            let mut body = respond.send_response(head, false).expect("sent");
                            let ends = matches!(play, Play::Answer);
                            let text = if ends { &b"very well"[..] } else { b"very" };
                            body.send_data(Bytes::from_static(text), ends)
                                .expect("sent");
                            // so that what was sent is out before it ends
                            let out = tokio::time::timeout(
                                std::time::Duration::from_millis(300),
                                connection.accept(),
                            );
                            let _ = out.await;
                            match play {
                                Play::Close => return Ok(()),
                                Play::Reset(code) => body.send_reset(code),
                                _ => {}
                            }
                        }
                    }
                }
                Ok(())
            }
        },
    )
    .await;
    (server, asked)
}

#[tokio::test]
async fn a_given_host_is_the_authority_and_nothing_else() {
    let authority = Authority::new();
    let (server, asked) = serve(&authority, Play::Answer).await;
    for host in [None, Some("app.test:81")] {
        let mut spec = spec(&server, &authority);
        spec.http2 = true;
        if let Some(host) = host {
            spec.headers.push(header("Host", host).expect("a header"));
        }
        let seen = run(spec).await;
        assert_eq!((code(&seen), kept(&seen).as_str()), (200, "very well"));
        let status = seen.status.expect("a status");
        assert_eq!(
            (status.version.as_str(), status.reason.as_str()),
            ("HTTP/2", "")
        );
        let request = asked.lock().expect("no panic").pop().expect("it was asked");
        let expected = host.map_or_else(|| server.address.to_string(), str::to_owned);
        let authority = request.uri().authority().expect("there is one");
        assert_eq!(authority.as_str(), expected);
        assert_eq!(request.headers().get("host"), None);
        assert!(request.headers().contains_key("user-agent"));
    }
}

#[tokio::test]
async fn early_end_has_the_reasons_of_http1() {
    let authority = Authority::new();
    for (play, reason, phase, says) in [
        (
            Play::Refuse(Code::INTERNAL_ERROR),
            Reason::Closed,
            Phase::FirstByte,
            "stream ended by the peer: unexpected internal error encountered without a complete answer",
        ),
        (
            Play::CloseAtOnce,
            Reason::Closed,
            Phase::FirstByte,
            "without a complete answer",
        ),
        (
            Play::Reset(Code::CANCEL),
            Reason::Truncated,
            Phase::Body,
            "expected 9 bytes of body, got 4",
        ),
        // it ends no answer: RFC 9113, section 8.1
        (
            Play::Reset(Code::NO_ERROR),
            Reason::Truncated,
            Phase::Body,
            "expected 9 bytes of body, got 4",
        ),
        (
            Play::Close,
            Reason::Truncated,
            Phase::Body,
            "expected 9 bytes of body, got 4",
        ),
    ] {
        let (server, _asked) = serve(&authority, play).await;
        let mut spec = spec(&server, &authority);
        spec.http2 = true;
        assert_trouble(&run(spec).await, reason, phase, says);
    }
}
