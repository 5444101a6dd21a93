//! Webhooks, against a small server of our own that shows what arrives byte for byte.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use httpok::health::{DownState, ReportKind, TEXT_MAX};
use httpok::net::http::header;
use httpok::notify::spec::{WebhookSpec, WebhookUrl};
use httpok::notify::webhook;
use httpok::notify::{DeliveryError, Notifier};
use httpok::secret::Secret;
use rustls::pki_types::PrivateKeyDer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::hostile::{Act, counting, scripted};
use crate::message;

fn target(url: String) -> WebhookSpec {
    WebhookSpec::new(WebhookUrl::parse(&url).expect("a URL"))
}

async fn post(spec: WebhookSpec) -> Result<(), DeliveryError> {
    post_within(spec, Duration::from_secs(20)).await
}

async fn post_within(spec: WebhookSpec, deadline: Duration) -> Result<(), DeliveryError> {
    let notifier = Notifier::Webhook(webhook::WebhookNotifier::new(spec, deadline));
    let down = message(ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    });
    notifier.deliver(&down, None).await.map(drop)
}

/// Reads one request with its body, and answers it.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: &str,
) -> (String, Vec<u8>) {
    let mut request = Vec::new();
    let (head, length) = loop {
        assert_ne!(
            stream.read_buf(&mut request).await.expect("readable"),
            0,
            "cut off"
        );
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(request[..end].to_vec()).expect("ASCII");
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).expect("a length");
            let length: usize = length
                .lines()
                .next()
                .expect("a line")
                .parse()
                .expect("a number");
            break (head, end + 4 + length);
        }
    };
    while request.len() < length {
        assert_ne!(
            stream.read_buf(&mut request).await.expect("readable"),
            0,
            "cut off"
        );
    }
    stream.write_all(answer.as_bytes()).await.expect("written");
    stream.shutdown().await.expect("closed");
    let body = request.len() - length;
    assert_eq!(body, 0, "nothing beyond the body");
    let start = head.len() + 4;
    (head, request.split_off(start))
}

/// Posts to a server that gives `answer`: what it got, and what came of it.
pub async fn exchange(
    answer: &str,
    change: impl FnOnce(&mut WebhookSpec),
) -> (String, Vec<u8>, Result<(), DeliveryError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let mut target = target(format!("http://127.0.0.1:{port}/hooks/T0KEN"));
    change(&mut target);
    let server = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        serve(stream, answer).await
    };
    let ((head, body), posted) = tokio::join!(server, post(target));
    (head, body, posted)
}

#[tokio::test]
async fn retry_after_of_the_receiver_is_read() {
    for (answer, expected) in [
        ("429 Too Many Requests\r\nRetry-After: 7", Some(7)),
        ("503 Service Unavailable\r\nRetry-After: 99999", Some(3600)),
        ("429 Too Many Requests", None),
        ("404 Not Found\r\nRetry-After: 7", None),
    ] {
        let text = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
        let (_, _, posted) = exchange(&text, |_| {}).await;
        let error = posted.expect_err("refused");
        let pause = error.not_before();
        assert_eq!(pause, expected.map(Duration::from_secs), "{answer}");
        assert_eq!(error.is_temporary(), !answer.starts_with("404"), "{answer}");
    }
}

#[tokio::test]
async fn an_event_arrives_as_json() {
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let (head, body, posted) = exchange(answer, |target| {
        target.headers = vec![header("X-Api-Key", "k3y").expect("a header")];
        target.secret = Some(Secret::new("signing"));
    })
    .await;
    posted.expect("taken");
    for line in [
        "post /hooks/t0ken http/1.1",
        "content-type: application/json",
        "x-api-key: k3y",
        "user-agent: httpok",
        "x-httpok-signature: sha256=",
    ] {
        assert!(head.contains(line), "{line} is missing from {head}");
    }
    let event: Value = serde_json::from_slice(&body).expect("JSON");
    for (pointer, value) in [
        ("/schema", Value::from(1)),
        ("/version", Value::from(1)),
        ("/kind", "down".into()),
        ("/details/state", "notify_only".into()),
        ("/host", "box1.example.org".into()),
        ("/check", "shop".into()),
        ("/url", "http://127.0.0.1:8080/health".into()),
        ("/at", "2026-05-01T03:13:04Z".into()),
        ("/number", 7.into()),
        ("/incident/id", "shop-1777605124-1".into()),
        ("/incident/since", "2026-05-01T03:12:14Z".into()),
        ("/incident/ended", Value::Null),
        ("/seen/reason", "first_byte_timeout".into()),
        ("/seen/phase", "first_byte".into()),
        ("/seen/phases/first_byte", 3.001.into()),
        ("/steps", Value::Array(vec![])),
    ] {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer}");
    }
    let text = event["text"].as_str().expect("a text");
    assert!(text.contains("What was seen"), "{text}");
}

#[tokio::test]
async fn the_signature_is_of_the_bytes_that_arrive() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (head, body, _) = exchange(answer, |target| {
        target.secret = Some(Secret::new("signing"))
    })
    .await;
    let signature = head
        .split("x-httpok-signature: sha256=")
        .nth(1)
        .expect("signed");
    let signature = signature.lines().next().expect("a line");
    let program = "import hmac, sys
print(hmac.new(b'signing', sys.stdin.buffer.read(), 'sha256').hexdigest(), end='')";
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("body");
    std::fs::write(&file, &body).expect("written");
    let python = std::process::Command::new("python3")
        .args(["-c", program])
        .stdin(std::fs::File::open(&file).expect("there"))
        .output()
        .expect("python3");
    assert_eq!(String::from_utf8_lossy(&python.stdout), signature);
    let (head, _, _) = exchange(answer, |_| {}).await;
    assert!(!head.contains("x-httpok-signature"), "{head}");
}

#[tokio::test]
async fn responses_decide_between_retry_and_giving_up() {
    for (status, temporary) in [
        ("300 Multiple Choices", true),
        ("302 Found", true),
        ("307 Temporary Redirect", true),
        ("308 Permanent Redirect", true),
        ("400 Bad Request", false),
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", false),
        ("405 Method Not Allowed", false),
        ("407 Proxy Authentication Required", true),
        ("408 Request Timeout", true),
        ("410 Gone", false),
        ("413 Content Too Large", false),
        ("422 Unprocessable Content", false),
        ("425 Too Early", true),
        ("429 Too Many Requests", true),
        ("500 Internal Server Error", true),
        ("501 Not Implemented", true),
        ("503 Service Unavailable", true),
        ("999 Request Denied", true),
    ] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 12\r\n\r\nno\x1b such thing"
        );
        let (_, _, posted) = exchange(&answer, |_| {}).await;
        let error = posted.expect_err(status);
        assert_eq!(error.is_temporary(), temporary, "{error}");
        let said = error.to_string();
        assert!(
            said.contains(&status[..3]) && said.contains("no\\x1b such"),
            "{said}"
        );
        assert!(
            !said.to_ascii_lowercase().contains("t0ken"),
            "the URL is a secret: {said}"
        );
    }
}

#[tokio::test]
async fn answer_without_a_body_that_takes_nothing_is_tried_again() {
    for status in ["101 Switching Protocols", "304 Not Modified"] {
        let answer = format!("HTTP/1.1 {status}\r\n\r\n");
        let (_, _, posted) = exchange(&answer, |_| {}).await;
        let error = posted.expect_err(status);
        assert!(error.is_temporary(), "{error}");
        assert!(error.to_string().contains(&status[..3]), "{error}");
    }
}

#[tokio::test]
async fn transport_trouble_is_temporary_bounded_and_masked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let url = || format!("http://me:hunter2@127.0.0.1:{port}/T0KEN");
    let started = Instant::now();
    let silent = post_within(target(url()), Duration::from_millis(300))
        .await
        .expect_err("nobody answers");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    drop(listener);
    let refused = post(target(url())).await.expect_err("nobody there");
    for error in [silent, refused] {
        let said = error.to_string();
        assert!(error.is_temporary(), "{said}");
        assert!(
            !said.contains("hunter2") && !said.contains("T0KEN"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn https_is_verified() {
    let dir = TempDir::new().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let cacert = dir.path().join("cert.pem");
    std::fs::write(&cacert, made.cert.pem()).expect("written");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!(
        "https://localhost:{}/x",
        listener.local_addr().expect("bound").port()
    );

    let server = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = acceptor.accept(stream).await.expect("a handshake");
        serve(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await
    };
    let trusted = WebhookSpec {
        cacert: Some(cacert),
        ..target(url.clone())
    };
    let (_, posted) = tokio::join!(server, post(trusted));
    posted.expect("taken");

    let server = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let refused = acceptor.accept(stream).await.err();
        refused.expect("the client does not trust it")
    };
    let (_, posted) = tokio::join!(server, post(target(url)));
    let error = posted.expect_err("an unknown root");
    assert!(error.is_temporary(), "{error}");
}

/// Were an answer read for as long as there is some, nobody else would have a turn.
#[tokio::test]
async fn endless_responses_are_aborted_and_truncated() {
    const MANY: usize = 64 << 20;
    let times = |bytes: &'static [u8]| Act::Times(MANY / bytes.len(), bytes);
    let refused = Act::Say(b"HTTP/1.1 500 No\r\n\r\n");
    for (script, says) in [
        (
            vec![times(b"HTTP/1.1 103 E\r\n\r\n")],
            "more than 512 KiB before the answer",
        ),
        (
            vec![Act::Say(b"HTTP/1.1 500 "), times(b"rrrrrrrrrrrrrrrr")],
            "head has more than 512 KiB",
        ),
        (vec![times(b"rrrrrrrrrrrrrrrrrrrrrrrr")], "not HTTP"),
        (
            vec![refused, times(b"\xff\xffxxxxxxxxxxxxxxxx")],
            "answered 500",
        ),
        (vec![Act::Reset], "connection reset"),
    ] {
        let (server, sent) = counting(script).await;
        let error = post(target(server.url("/T0KEN"))).await.expect_err(says);
        let said = error.to_string();
        assert!(
            error.is_temporary() && said.contains(says),
            "{says}: {said}"
        );
        assert!(said.len() <= TEXT_MAX, "{} bytes", said.len());
        // what is read, and what the sockets' buffers take besides
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < MANY as u64 / 2, "{says}: {sent} bytes");
    }
    // a receiver that took it may say what it likes
    let ok = Act::Say(b"HTTP/1.1 200 OK\r\n\r\n");
    let (server, _) = counting(vec![ok, times(b"xxxxxxxxxxxxxxxx")]).await;
    post(target(server.url("/"))).await.expect("taken");
}

#[tokio::test]
async fn dripping_response_ends_at_the_deadline() {
    let server = scripted(vec![Act::Drip(b"HTTP/1.1 103 E\r\n\r\n")]).await;
    let late = post_within(target(server.url("/")), Duration::from_millis(300)).await;
    let said = late.expect_err("it never ends").to_string();
    assert!(said.contains("not done in time"), "{said}");
}

#[tokio::test]
async fn login_of_the_url_is_sent_unless_a_header_replaces_it() {
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let with_login = |target: &mut WebhookSpec| {
        let url = target.url.url.expose().replace("//", "//me:p%3Aw@");
        target.url = WebhookUrl::parse(&url).expect("a URL");
    };
    let (head, _, _) = exchange(answer, with_login).await;
    // me:p:w
    assert!(head.contains("authorization: basic bwu6cdp3"), "{head}");
    assert!(
        head.starts_with("post /hooks/t0ken http/1.1\r\nhost: 127.0.0.1:"),
        "{head}"
    );
    let (head, _, _) = exchange(answer, |target| {
        with_login(target);
        for (name, value) in [("Authorization", "Bearer x"), ("Host", "other.test")] {
            target.headers.push(header(name, value).expect("a header"));
        }
    })
    .await;
    assert!(head.contains("authorization: bearer x"), "{head}");
    assert!(
        !head.contains("basic") && !head.contains("host: 127"),
        "{head}"
    );
}
