//! Clients that mean no good: too slow, too large, too many, not HTTP at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::fixture::{Answer, Stage};
use crate::program::LIMIT;

fn connect(stage: &Stage) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // a reset is an end, too
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn slow_client_gets_408() {
    let stage = Stage::start("check_timeout = \"1s\"");
    let mut head = connect(&stage);
    head.write_all(b"GET /health HT").unwrap();
    assert_eq!(Answer::parse(&rest(head)).status, 408);
    let mut body = connect(&stage);
    body.write_all(b"POST /rpc HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        .unwrap();
    assert_eq!(Answer::parse(&rest(body)).status, 408);
    let silent = connect(&stage);
    assert_eq!(rest(silent), b"", "who says nothing hears nothing");
}

#[test]
fn oversized_or_non_http_requests_are_refused() {
    let stage = Stage::start("");
    let long = "x".repeat(20_000);
    let many = "X-A: b\r\n".repeat(100);
    for (request, statuses) in [
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), &[414, 431][..]),
        (format!("GET / HTTP/1.1\r\nX: {long}\r\n\r\n"), &[431]),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), &[431]),
        (
            "POST /rpc HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".to_owned() + &long,
            &[413],
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), &[400]),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), &[400]),
    ] {
        let mut stream = connect(&stage);
        // the other end may close before all of it is sent
        let _ = stream.write_all(request.as_bytes());
        let answer = Answer::parse(&rest(stream));
        assert!(
            statuses.contains(&answer.status),
            "{:.40}: {answer:?}",
            request
        );
    }
    assert_eq!(stage.get("/status.json").status, 200);
}

#[test]
fn slow_clients_block_no_client_and_delay_no_probe() {
    let stage = Stage::settled("");
    let slow: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = connect(&stage);
            stream.write_all(b"GET /health HTTP/1.1\r\nX-").unwrap();
            stream
        })
        .collect();
    let probes = stage.site.count("/shop");
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(stage.get("/health?plugin=shop").status, 200);
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    }
    stage.wait("it is probed on", |stage| {
        stage.site.count("/shop") >= probes + 5
    });
    let lag = stage.get("/metrics").body;
    let lag = lag
        .lines()
        .find_map(|line| line.strip_prefix("httpok_tick_lag_seconds "))
        .unwrap();
    assert!(lag.parse::<f64>().unwrap() < 2.0, "{lag}");
    drop(slow);
}

#[test]
fn connections_are_kept_alive_and_pipelined() {
    let stage = Stage::settled("");
    let mut stream = connect(&stage);
    let request = "GET /health?plugin=shop HTTP/1.1\r\nHost: h\r\n\r\n";
    let last = "GET /health?plugin=shop HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream
        .write_all(format!("{request}{request}{last}").as_bytes())
        .unwrap();
    let text = String::from_utf8(rest(stream)).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
}
