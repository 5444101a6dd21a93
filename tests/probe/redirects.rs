//! Redirects: on the same host only, and not for ever.

use httpok::health::{Phase, Reason};

use httpok::net::http::header;
use httpok::secret::SecretBytes;

use super::hostile::{Act, Server, answering};
use super::{assert_trouble, code, patient, run};

/// Sends `/a` to `/b?c=1`, `/loop` to itself, and `/away` to another host.
async fn server() -> Server {
    answering(|head| {
        let answer: &[u8] = match head.split_whitespace().nth(1) {
            Some("/a") => b"HTTP/1.1 302 Found\r\nLocation: /b?c=1\r\nContent-Length: 9\r\n\r\n",
            Some("/loop") => b"HTTP/1.1 307 Again\r\nLocation: loop\r\nContent-Length: 0\r\n\r\n",
            Some("/away") => {
                b"HTTP/1.1 302 Found\r\nLocation: http://user:hunter2@other.invalid/x\r\n\r\n"
            }
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        vec![Act::Say(answer), Act::Hang]
    })
    .await
}

#[tokio::test]
async fn redirects_are_not_followed_by_default() {
    let server = server().await;
    let mut spec = patient(&server.url("/away"));
    spec.max_body = 0;
    spec.timeout = std::time::Duration::from_millis(300);
    assert_eq!(run(spec).await.status.expect("a status").code, 302);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn redirect_to_the_same_host_keeps_the_request() {
    let server = server().await;
    let mut spec = patient(&server.url("/a").replace("http://", "http://me:pw@"));
    spec.follow = true;
    spec.method = http::Method::POST;
    spec.data = Some(SecretBytes::new("data"));
    spec.headers = vec![header("X-Key", "k").expect("a header")];
    let seen = run(spec).await;
    assert_eq!((code(&seen), seen.redirects), (200, 1));
    assert_eq!(seen.url, server.url("/b?c=1"));
    let asked = server.asked();
    assert!(asked[0].starts_with("POST /a ") && asked[0].contains("Content-Length: 4"));
    assert!(asked[1].starts_with("GET /b?c=1 ") && !asked[1].contains("Content-Length"));
    assert!(asked[1].contains("X-Key: k") && asked[1].contains("Authorization: Basic"));
}

#[tokio::test]
async fn loops_end_and_other_hosts_are_refused() {
    let server = server().await;
    let mut spec = patient(&server.url("/loop"));
    spec.follow = true;
    let seen = run(spec).await;
    assert_trouble(
        &seen,
        Reason::RedirectLoop,
        Phase::FirstByte,
        "more than 10 redirects",
    );
    assert_eq!((seen.redirects, server.asked().len()), (10, 11));

    let mut spec = patient(&server.url("/away"));
    spec.follow = true;
    let seen = run(spec).await;
    assert_trouble(
        &seen,
        Reason::RedirectLoop,
        Phase::FirstByte,
        "\"other.invalid\"",
    );
    assert_eq!(seen.status.as_ref().expect("a status").code, 302);
    assert_eq!(seen.url, server.url("/away"));
    assert!(!format!("{:?}", seen.trouble).contains("hunter2"));
}
