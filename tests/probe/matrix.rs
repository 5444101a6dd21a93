//! The servers that other probers were measured against, row by row. Wanted is always the same: a status of
//! 2xx, and `everything-is-fine` in the body. The comments say who gets a row wrong.

use std::time::Duration;

use httpok::health::{BodyNeeds, Expectation, Phase, Reason, StatusSet, Verdict};
use httpok::probe::http::HttpSpec;
use tokio::task::JoinSet;

use super::answers::{finish, peak_kib};
use super::hostile::{Act, answering, scripted};
use super::{hasty, patient, run_alone, run_for};
use Act::{Drip, Hang, Pause, Reset, Say, Times};
use Reason::{
    Assertion, BodyTimeout, Closed, FirstByteTimeout, Malformed, Status, TooLarge, Truncated,
};

/// Its name, what the server does, and what is to be said of it: nothing when it passes.
type Row = (&'static str, Vec<Act>, Option<(Reason, Phase)>);

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Servers that keep a prober waiting: only a deadline over everything ends these.
fn slow() -> Vec<Row> {
    let late = Some((FirstByteTimeout, Phase::FirstByte));
    let within = Some((BodyTimeout, Phase::Body));
    vec![
        ("hang", vec![Hang], late),
        // those whose timeout is per read never return from any of these: curl --connect-timeout, urllib, requests,
        // httpie, the original; monit's other checks stop as well
        (
            "body drip",
            vec![Say(b"HTTP/1.1 200 OK\r\n\r\n"), Drip(b"everything-is-fine")],
            within,
        ),
        (
            "header drip",
            vec![Say(b"HTTP/1.1 200 OK\r\n"), Drip(b"X: y\r\n")],
            late,
        ),
        (
            "chunk drip",
            vec![Say(CHUNKED), Drip(b"12\r\neverything-is-fine\r\n")],
            within,
        ),
        ("status drip", vec![Drip(b"H")], late),
        (
            "endless 100",
            vec![Drip(b"HTTP/1.1 100 Continue\r\n\r\n")],
            late,
        ),
    ]
}

/// Answers that are broken, or look so.
fn malformed() -> Vec<Row> {
    let at_head = |reason| Some((reason, Phase::FirstByte));
    let in_body = |reason| Some((reason, Phase::Body));
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n";
    const FINE: &[u8] = b"everything-is-fine";
    vec![
        ("good", vec![Say(HEAD), Say(FINE)], None),
        // check_http waits for the close
        (
            "complete body, connection kept open",
            vec![Say(HEAD), Say(FINE), Hang],
            None,
        ),
        // check_http passes it
        (
            "Content-Length 1000, 18 bytes, close",
            vec![
                Say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
                Say(FINE),
            ],
            in_body(Truncated),
        ),
        (
            "chunked without terminator",
            vec![Say(CHUNKED), Say(b"12\r\neverything-is-fine\r\n")],
            in_body(Truncated),
        ),
        (
            "match split over two chunks",
            vec![
                Say(CHUNKED),
                Say(b"8\r\neverythi\r\n"),
                Say(b"A\r\nng-is-fine\r\n0\r\n\r\n"),
            ],
            None,
        ),
        ("empty reply", vec![], at_head(Closed)),
        // check_http passes it
        (
            "RST in mid body",
            vec![
                Say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
                Say(FINE),
                Reset,
            ],
            in_body(Reason::Reset),
        ),
        (
            "HTTP/0.9 text",
            vec![Say(b"everything-is-fine\n")],
            at_head(Malformed),
        ),
        (
            "status abc",
            vec![Say(b"HTTP/1.1 abc OK\r\n\r\neverything-is-fine")],
            at_head(Malformed),
        ),
        // monit passes it
        (
            "status 099",
            vec![Say(b"HTTP/1.1 099 OK\r\n\r\neverything-is-fine")],
            at_head(Malformed),
        ),
        // the first one counts, as for urllib and the original; it is noted
        (
            "two different Content-Length",
            vec![
                Say(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\nContent-Length: 20\r\n\r\n"),
                Say(FINE),
            ],
            None,
        ),
        // legal leniency; check_curl fails it
        (
            "bare LF line ends",
            vec![Say(b"HTTP/1.1 200 OK\nContent-Length: 18\n\n"), Say(FINE)],
            None,
        ),
        // blackbox_exporter passes it
        (
            "1 MiB header line",
            vec![
                Say(b"HTTP/1.1 200 OK\r\nX: "),
                Times(1024, &[b'x'; 1024]),
                Say(b"\r\nContent-Length: 18\r\n\r\n"),
                Say(FINE),
            ],
            at_head(TooLarge),
        ),
        (
            "headers never finished, close",
            vec![Say(b"HTTP/1.1 200 OK\r\nServer: x\r\n")],
            // as curl and urllib have it: an answer, of which the text is missing
            in_body(Assertion),
        ),
        (
            "bad chunk size",
            vec![Say(CHUNKED), Say(b"xyz\r\neverything-is-fine\r\n")],
            in_body(Malformed),
        ),
        // check_http tells these three only when its time is over
        (
            "204, connection kept open, no body expected",
            vec![Say(b"HTTP/1.1 204 No Content\r\n\r\n"), Hang],
            in_body(Assertion),
        ),
        (
            "304, connection kept open, no body expected",
            vec![Say(b"HTTP/1.1 304 Not Modified\r\n\r\n"), Hang],
            at_head(Status),
        ),
        (
            "gzip body sent regardless of Accept-Encoding",
            vec![
                Say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 38\r\n\r\n"),
                Say(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03K-K-\xaa,\xc9\xc8\xccK\xd7\xcd,\xd6M\xcb\xccK\x05\x00"),
                Say(b"\x2c\x45\x1b\x7e\x12\x00\x00\x00"),
            ],
            in_body(Assertion),
        ),
    ]
}

/// Asks as `spec` says, and what is said of the answer, which is the whole judgement in short.
async fn verdict(spec: HttpSpec) -> Option<(Reason, Phase)> {
    let expectation = Expectation {
        status: StatusSet::from_words(&["2xx"]).expect("words"),
        body: vec!["everything-is-fine".to_owned()],
        ..Expectation::default()
    };
    let needs = BodyNeeds {
        keep: 0,
        ..expectation.body_needs()
    };
    let judgement = expectation.judge(&run_for(spec, &needs).await);
    let (reason, phase) = (judgement.reason, judgement.phase);
    match judgement.verdict {
        Verdict::Pass => assert_eq!((reason, phase), (None, None)),
        verdict => assert_eq!(verdict, Verdict::Fail, "{judgement:?}"),
    }
    reason.zip(phase)
}

#[tokio::test]
async fn corpus_is_judged_correctly_in_bounded_time_and_memory() {
    if run_alone("matrix::corpus_is_judged_correctly_in_bounded_time_and_memory").await {
        return;
    }
    assert_eq!((slow().len(), malformed().len()), (6, 18));
    let before = peak_kib();
    let mut rows = JoinSet::new();
    // time is checked where it is asked
    let hasty: fn(&str) -> HttpSpec = hasty;
    let slow = slow().into_iter().map(|row| (row, hasty));
    let malformed = malformed()
        .into_iter()
        .map(|row| (row, patient as fn(&str) -> HttpSpec));
    for ((name, script, expected), spec) in slow.chain(malformed) {
        rows.spawn(async move {
            let server = scripted(script).await;
            let said = verdict(spec(&server.url("/"))).await;
            assert_eq!(said, expected, "{name}");
        });
    }
    rows.spawn(async move {
        // each hop is well within the time, all of them are not; urllib and requests count anew each time
        let server = answering(|_| {
            vec![
                Pause(Duration::from_millis(150)),
                Say(b"HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Length: 0\r\n\r\n"),
            ]
        })
        .await;
        let mut spec = hasty(&server.url("/"));
        spec.follow = true;
        let said = verdict(spec).await;
        let expected = Some((FirstByteTimeout, Phase::FirstByte));
        assert_eq!(said, expected, "redirect loop 2 s/hop");
    });
    finish(rows).await;
    let grown = peak_kib() - before;
    assert!(grown < 32 * 1024, "{grown} KiB");
}
