//! What a peer can do once it is connected.

use std::time::Duration;

use http::Method;
use httpok::health::{self, Assertion, Expectation, Observation, Phase, Reason, Verdict};
use httpok::net::http::header;
use httpok::secret::SecretBytes;
use tokio::task::JoinSet;

use super::hostile::{Act, scripted};
use super::{assert_trouble, code, hasty, kept, needs, patient, run, run_alone, run_for};
use Act::{Drip, Hang, Reset, Say, Times};
use Phase::{Body, FirstByte};

const OK_5: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

#[tokio::test]
async fn slow_responses_end_at_the_deadline() {
    let mut cases = JoinSet::new();
    for (script, reason, phase, says) in [
        (
            vec![Hang],
            Reason::FirstByteTimeout,
            FirstByte,
            "no answer within 400ms",
        ),
        (
            vec![Drip(b"H")],
            Reason::FirstByteTimeout,
            FirstByte,
            "within 400ms",
        ),
        (
            vec![Say(b"HTTP/1.1 200 "), Drip(b"O")],
            Reason::FirstByteTimeout,
            FirstByte,
            "within 400ms",
        ),
        (
            vec![Say(b"HTTP/1.1 200 OK\r\n"), Drip(b"A: b\r\n")],
            Reason::FirstByteTimeout,
            FirstByte,
            "within 400ms",
        ),
        (
            vec![Drip(b"HTTP/1.1 100 Continue\r\n\r\n")],
            Reason::FirstByteTimeout,
            FirstByte,
            "within 400ms",
        ),
        (
            vec![Say(OK_5), Hang],
            Reason::BodyTimeout,
            Body,
            "got 5 bytes of 100",
        ),
        (
            vec![Say(b"HTTP/1.0 200 OK\r\n\r\n"), Drip(b".")],
            Reason::BodyTimeout,
            Body,
            "not complete within 400ms, got ",
        ),
        (
            vec![Say(CHUNKED), Drip(b"1\r\n.\r\n")],
            Reason::BodyTimeout,
            Body,
            "not complete",
        ),
        (
            vec![Say(CHUNKED), Drip(b"0")],
            Reason::BodyTimeout,
            Body,
            "got 5 bytes",
        ),
    ] {
        cases.spawn(async move {
            let server = scripted(script).await;
            let seen = run(hasty(&server.url("/"))).await;
            assert_trouble(&seen, reason, phase, says);
            assert_eq!(seen.peer, Some(server.address.to_string()));
            assert_eq!(seen.status.is_some(), phase == Body);
        });
    }
    finish(cases).await;
}

#[tokio::test]
async fn an_endless_body_at_full_speed_ends_at_the_deadline() {
    let server = scripted(vec![
        Say(b"HTTP/1.0 200 OK\r\n\r\n"),
        Times(usize::MAX, &[b'.'; 65536]),
    ])
    .await;
    let mut spec = hasty(&server.url("/"));
    spec.max_body = u64::MAX;
    let seen = run(spec).await;
    assert_trouble(&seen, Reason::BodyTimeout, Body, "got ");
}

/// Units so small that reading them is work: it is the service that does not come to an end, not the prober that was not
/// scheduled. A body is read to its deadline or its largest size, whichever comes first.
#[tokio::test]
async fn flood_of_tiny_units_is_a_fault_of_the_service() {
    let head = "HTTP/1.1 200 OK\r\n";
    for (name, begins, unit) in [
        (
            "chunks of a byte",
            "Transfer-Encoding: chunked\r\n\r\n",
            "1\r\nx\r\n",
        ),
        (
            "chunks with extensions",
            "Transfer-Encoding: chunked\r\n\r\n",
            "1;a=b\r\nx\r\n",
        ),
        (
            "chunks of 16 bytes",
            "Transfer-Encoding: chunked\r\n\r\n",
            "10\r\n0123456789abcdef\r\n",
        ),
        (
            "trailers",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n",
            "a: b\r\n",
        ),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let (begins, block) = (format!("{head}{begins}"), unit.repeat(40_000));
        let flood = std::thread::spawn(move || {
            use std::io::Write;
            let (mut stream, _) = listener.accept().expect("a client");
            let _ = stream.write_all(begins.as_bytes());
            while stream.write_all(block.as_bytes()).is_ok() {}
        });
        let seen = run(hasty(&url)).await;
        let reason = seen.trouble.as_ref().map(|trouble| trouble.reason);
        let service = [Reason::BodyTimeout, Reason::TooLarge, Reason::Malformed];
        assert!(
            reason.is_some_and(|reason| service.contains(&reason)),
            "{name}: {:?}",
            seen.trouble
        );
        flood.join().expect("it ends when the client has gone");
    }
}

#[tokio::test]
async fn flood_of_interim_responses_is_too_large_and_delays_no_probe() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    // a thread of its own, so that there is always more to read
    let flood = std::thread::spawn(move || {
        use std::io::Write;
        let block = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(40_000);
        let (mut stream, _) = listener.accept().expect("a client");
        while stream.write_all(&block).is_ok() {}
    });
    let (beat, mut beats) = tokio::sync::mpsc::unbounded_channel();
    let heart = tokio::spawn(async move {
        loop {
            let begun = std::time::Instant::now();
            tokio::task::yield_now().await;
            let _ = beat.send(begun.elapsed());
        }
    });
    let seen = run(patient(&url)).await;
    heart.abort();
    assert_trouble(
        &seen,
        Reason::TooLarge,
        FirstByte,
        "more than 512 KiB before the answer",
    );
    let mut longest = Duration::ZERO;
    while let Some(beat) = beats.recv().await {
        longest = longest.max(beat);
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    flood.join().expect("it ends when the client has gone");
}

#[tokio::test]
async fn early_server_output_is_read_after_the_request() {
    let server = super::hostile::talking(|mut stream| async move {
        super::hostile::play(&mut stream, Say(b"SSH-2.0-OpenSSH_9.9\r\n")).await?;
        super::hostile::play(&mut stream, Hang).await
    })
    .await;
    for _ in 0..20 {
        let seen = run(patient(&server.url("/"))).await;
        assert_trouble(&seen, Reason::Malformed, FirstByte, "not HTTP");
    }
}

#[tokio::test]
async fn broken_responses_have_their_reasons() {
    let mut cases = JoinSet::new();
    for (script, reason, phase, says) in [
        (
            vec![Say(OK_5)],
            Reason::Truncated,
            Body,
            "expected 100 bytes of body, got 5",
        ),
        (
            vec![Say(CHUNKED)],
            Reason::Truncated,
            Body,
            "broke off after 5 bytes",
        ),
        (vec![Say(OK_5), Reset], Reason::Reset, Body, "reset"),
        (vec![Reset], Reason::Reset, FirstByte, "reset"),
        (
            vec![],
            Reason::Closed,
            FirstByte,
            "closed without a complete answer",
        ),
        (
            vec![Say(b"HTTP/1.1 20")],
            Reason::Closed,
            FirstByte,
            "closed without a complete answer",
        ),
        (
            vec![Say(b"everything is fine\n")],
            Reason::Malformed,
            FirstByte,
            "not HTTP",
        ),
        (
            vec![Say(b"HTTP/1.1 abc OK\r\n\r\n")],
            Reason::Malformed,
            FirstByte,
            "status",
        ),
        (
            vec![Say(b"HTTP/1.1 099 OK\r\n\r\n")],
            Reason::Malformed,
            FirstByte,
            "status",
        ),
        (
            vec![Say(b"HTTP/7.1 200 OK\r\n\r\n")],
            Reason::Malformed,
            FirstByte,
            "version",
        ),
        (
            vec![
                Say(b"HTTP/1.1 200 OK\r\nX: "),
                Times(1024, &[b'x'; 1024]),
                Say(b"\r\n\r\n"),
            ],
            Reason::TooLarge,
            FirstByte,
            "head",
        ),
        (
            vec![
                Say(b"HTTP/1.1 200 OK\r\n"),
                Times(3000, b"A: b\r\n"),
                Say(b"\r\n"),
            ],
            Reason::TooLarge,
            FirstByte,
            "head",
        ),
        (
            vec![Say(CHUNKED), Say(b"xyz\r\nhello\r\n")],
            Reason::Malformed,
            Body,
            "not the size of a chunk: \"xyz\"",
        ),
    ] {
        cases.spawn(async move {
            let server = scripted(script).await;
            let seen = run(patient(&server.url("/"))).await;
            assert_trouble(&seen, reason, phase, says);
        });
    }
    finish(cases).await;
}

#[tokio::test]
async fn complete_answers_need_no_close() {
    let mut cases = JoinSet::new();
    for (script, status, body) in [
        (
            vec![
                Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
                Hang,
            ],
            200,
            "hello",
        ),
        (vec![Say(CHUNKED), Say(b"0\r\n\r\n"), Hang], 200, "hello"),
        (vec![Say(b"HTTP/1.1 204 No Content\r\n\r\n"), Hang], 204, ""),
        (
            vec![
                Say(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
                Hang,
            ],
            304,
            "",
        ),
        (vec![Say(b"HTTP/1.0 200 OK\r\n\r\nhello")], 200, "hello"),
        (
            vec![Say(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), Hang],
            200,
            "hello",
        ),
        (
            vec![
                Say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
                Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
                Hang,
            ],
            200,
            "hello",
        ),
        (
            vec![
                Say(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"),
                Hang,
            ],
            503,
            "busy",
        ),
    ] {
        cases.spawn(async move {
            let server = scripted(script).await;
            let seen = run(patient(&server.url("/"))).await;
            assert_eq!((code(&seen), kept(&seen).as_str()), (status, body));
            assert!(
                seen.duration < Duration::from_secs(5),
                "{:?}",
                seen.duration
            );
        });
    }
    finish(cases).await;
}

#[tokio::test]
async fn the_answer_to_head_has_no_body() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    let server = scripted(vec![Say(ANSWER), Hang]).await;
    let mut spec = patient(&server.url("/"));
    spec.method = Method::HEAD;
    let seen = run(spec).await;
    assert_eq!((code(&seen), kept(&seen).as_str()), (200, ""));
    assert!(server.asked()[0].starts_with("HEAD / "));
}

#[tokio::test]
async fn head_is_shown_as_it_was_sent() {
    for (line, version, reason) in [
        ("HTTP/1.1 200 OK", "HTTP/1.1", "OK"),
        ("HTTP/1.0 200 Very well", "HTTP/1.0", "Very well"),
        ("HTTP/1.1 200 ", "HTTP/1.1", ""),
        ("HTTP/1.1 299 Odd", "HTTP/1.1", "Odd"),
    ] {
        let answer = format!("{line}\r\nA: 1\r\nB: two\r\nConnection: close\r\n\r\n").leak();
        let server = scripted(vec![Say(answer.as_bytes())]).await;
        let seen = run(patient(&server.url("/x?y=1"))).await;
        let status = seen.status.as_ref().expect("a status");
        assert_eq!(
            (status.version.as_str(), status.reason.as_str()),
            (version, reason)
        );
        let (name, value) = &seen.headers[1];
        assert_eq!((name.as_str(), value.as_str()), ("B", "two"));
        assert_eq!(seen.url, server.url("/x?y=1"));
        for phase in [Phase::Connect, FirstByte, Body] {
            assert!(seen.phases.get(phase).is_some(), "{phase}");
        }
        assert_eq!(
            seen.phases.get(Phase::Dns).or(seen.phases.get(Phase::Tls)),
            None
        );
    }
}

#[tokio::test]
async fn the_request_is_plain_and_carries_what_was_asked() {
    let server = scripted(vec![Say(b"HTTP/1.1 204 No Content\r\n\r\n")]).await;
    let plain = run(patient(&format!("http://{}?x=1#top", server.address))).await;
    assert_eq!(code(&plain), 204);
    let mut spec = patient(&format!("http://me:p%40ss@{}/a", server.address));
    spec.method = Method::POST;
    spec.data = Some(SecretBytes::new("data"));
    spec.headers = vec![header("X-Key", "k").expect("a header")];
    let seen = run(spec).await;
    assert_eq!(seen.url, server.url("/a"));
    let asked = server.asked();
    let address = server.address;
    let agent = concat!("httpok/", env!("CARGO_PKG_VERSION"));
    // as curl sends it: there are servers that want it so
    let plain = [
        "GET /?x=1 HTTP/1.1",
        &format!("Host: {address}"),
        &format!("User-Agent: {agent}"),
        "Accept: */*",
        "Accept-Encoding: identity",
        "",
    ];
    assert_eq!(asked[0].lines().collect::<Vec<_>>(), plain);
    for line in [
        "POST /a HTTP/1.1",
        "X-Key: k",
        "Authorization: Basic bWU6cEBzcw==",
        "Content-Length: 4",
    ] {
        assert!(asked[1].lines().any(|l| l == line), "{line}: {}", asked[1]);
    }
}

#[tokio::test]
async fn texts_are_found_across_chunks_and_beyond_the_kept_part() {
    let server = scripted(vec![
        Say(CHUNKED),
        Times(1000, b"8\r\n--------\r\n"),
        Say(b"7\r\neveryth\r\n"),
        Say(b"1\r\ni\r\n"),
        Say(b"A\r\nng-is-fine\r\n0\r\n\r\n"),
    ])
    .await;
    let needs = needs(10, &[b"everything-is-fine", b"not there"]);
    let seen = run_for(patient(&server.url("/")), &needs).await;
    let body = seen.body.as_ref().expect("a body");
    assert!(body.contains(b"everything-is-fine") && !body.contains(b"not there"));
    assert_eq!(
        (body.kept.as_slice(), body.size),
        (&b"hello-----"[..], 8023)
    );
}

#[tokio::test]
async fn unrequested_gzip_is_not_decoded() {
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00";
    let server = scripted(vec![Say(ANSWER), Hang]).await;
    let seen = run(patient(&server.url("/"))).await;
    assert_eq!(code(&seen), 200);
    assert_eq!(seen.body.expect("a body").kept, b"\x1f\x8b\x08\x00");
}

#[tokio::test]
async fn oversized_body_is_too_large_and_its_start_is_kept() {
    let server = scripted(vec![
        Say(b"HTTP/1.1 200 OK\r\n\r\nstart"),
        Times(1000, &[b'.'; 1024]),
    ])
    .await;
    let mut spec = patient(&server.url("/"));
    spec.max_body = 100_000;
    let seen = run_for(spec, &needs(5, &[])).await;
    assert_trouble(&seen, Reason::TooLarge, Body, "larger than 100000 bytes");
    assert_eq!(kept(&seen), "start");
    assert!(seen.status.is_some());
}

#[tokio::test]
async fn large_body_is_searched_for_patterns_in_little_memory() {
    const MIB: usize = 1024 * 1024;
    if run_alone("answers::large_body_is_searched_for_patterns_in_little_memory").await {
        return;
    }
    let block: &'static [u8] = vec![b'.'; MIB].leak();
    for (text, verdict) in [
        ("body matches /\\.the (end|tail)$/", Verdict::Pass),
        ("body matches /^the end/", Verdict::Fail),
        ("body endsWith '.the end'", Verdict::Pass),
        ("body startsWith '....'", Verdict::Pass),
        ("body == 'the end'", Verdict::Fail),
    ] {
        let server = scripted(vec![
            Say(b"HTTP/1.1 200 OK\r\n\r\n"),
            Times(48, block),
            Say(b"the end"),
        ])
        .await;
        let expectation = Expectation {
            expect: vec![Assertion::parse(text).expect("an assertion")],
            ..Expectation::default()
        };
        let mut spec = patient(&server.url("/"));
        spec.timeout = Duration::from_secs(120);
        spec.max_body = u64::MAX;
        let before = peak_kib();
        let seen = run_for(spec, &expectation.body_needs()).await;
        let grown = peak_kib() - before;
        assert_eq!(expectation.judge(&seen).verdict, verdict, "{text}");
        let body = seen.body.expect("a body");
        assert_eq!(body.kept.len(), health::Body::EVIDENCE, "{text}");
        assert!(grown < 16 * 1024, "{text}: {grown} KiB");
    }
}

#[tokio::test]
async fn search_that_takes_too_long_is_a_fail_and_delays_nobody() {
    // each byte leads to a state of the automaton that was not there before
    let expectation = Expectation {
        expect: vec![Assertion::parse("body matches /a[ab]{2000}c/").expect("an assertion")],
        ..Expectation::default()
    };
    let letters = std::iter::repeat_with(|| [b'a', b'b'][usize::from(fastrand::bool())]);
    let block: &'static [u8] = letters.take(1024 * 1024).collect::<Vec<_>>().leak();
    let server = scripted(vec![
        Say(b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n"),
        Times(4, block),
    ])
    .await;
    let mut spec = patient(&server.url("/"));
    spec.timeout = Duration::from_secs(1);
    spec.max_body = u64::MAX;
    let seen = run_for(spec, &expectation.body_needs()).await;
    assert_trouble(&seen, Reason::Assertion, Body, "not judged within 1s");
}

#[tokio::test]
async fn body_of_300_megabytes_takes_no_memory() {
    const MIB: usize = 1024 * 1024;
    if run_alone("answers::body_of_300_megabytes_takes_no_memory").await {
        return;
    }
    let block: &'static [u8] = vec![b'.'; MIB].leak();
    let server = scripted(vec![
        Say(b"HTTP/1.1 200 OK\r\n\r\n"),
        Times(300, block),
        Say(b"the end"),
    ])
    .await;
    let mut spec = patient(&server.url("/"));
    spec.timeout = Duration::from_secs(60);
    spec.max_body = u64::MAX;
    let before = peak_kib();
    let seen = run_for(spec, &needs(64 << 10, &[b".the end"])).await;
    let grown = peak_kib() - before;
    assert_eq!(code(&seen), 200);
    let body = seen.body.expect("a body");
    assert_eq!((body.size, body.found.len()), (300 * MIB as u64 + 7, 1));
    assert!(grown < 32 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn twenty_probes_run_at_once() {
    let hung = scripted(vec![Hang]).await;
    let well = scripted(vec![Say(b"HTTP/1.1 204 No Content\r\n\r\n"), Hang]).await;
    let mut looks: JoinSet<Observation> = JoinSet::new();
    let begun = std::time::Instant::now();
    for n in 0..20 {
        let spec = match n % 2 {
            0 => hasty(&hung.url("/")),
            _ => patient(&well.url("/")),
        };
        looks.spawn(run(spec));
    }
    let seen = looks.join_all().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(
        seen.iter().filter(|seen| seen.trouble.is_none()).count(),
        10
    );
    assert_eq!(well.asked().len(), 10);
}

/// The process's peak resident memory.
pub fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("VmHWM in KiB")
}

pub async fn finish(mut cases: JoinSet<()>) {
    while let Some(case) = cases.join_next().await {
        if let Err(broken) = case {
            std::panic::resume_unwind(broken.into_panic());
        }
    }
}
