//! Plain connections: what a peer can do on them, and that its answer is read in the way it needs.

use std::time::{Duration, Instant};

use httpok::health::{BodyNeeds, Observation, Phase, Reason};
use httpok::probe::line::{LineProbe, LineSpec, Peer, Until};
use httpok::secret::SecretBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hostile::{self, Act, Server, play, talking};
use super::{SLACK, assert_trouble, kept, needs};
use Act::{Drip, Hang, Say, Times};
use Phase::{Body, Connect, FirstByte};

fn spec(server: &Server, until: Option<Until>) -> LineSpec {
    let peer = Peer::Tcp {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
    };
    LineSpec {
        until,
        ..LineSpec::new(format!("tcp://{}", server.address), peer)
    }
}

/// One look, which must not take longer than it may.
async fn run(spec: LineSpec) -> Observation {
    run_for(spec, &BodyNeeds::default()).await
}

/// The same, with what is needed of the answer.
async fn run_for(spec: LineSpec, needs: &BodyNeeds) -> Observation {
    let most = spec.timeout;
    let probe = LineProbe::new(spec, needs).expect("a good spec");
    let begun = Instant::now();
    let seen = probe.run(most).await;
    assert!(begun.elapsed() < most + SLACK, "{seen:?}");
    let phases: Duration = seen.phases.iter().map(|(_, span)| span).sum();
    assert!(phases <= seen.duration, "{seen:?}");
    seen
}

/// A server that plays `script` on every connection without reading anything, then closes.
async fn saying(script: Vec<Act>) -> Server {
    talking(move |mut stream| {
        let script = script.clone();
        async move {
            for act in script {
                match act {
                    Act::Reset => return stream.set_zero_linger(),
                    act => play(&mut stream, act).await?,
                }
            }
            stream.shutdown().await
        }
    })
    .await
}

/// A monitor as Zope has it: answers after a whole line, then closes. Who ends his side before the
/// answer is there gets none; blank lines are passed over; without a line end nothing ever happens.
pub async fn zope_monitor(answer: &'static str) -> Server {
    talking(move |mut stream| async move {
        let mut asked = Vec::new();
        let line = loop {
            let mut piece = [0; 100];
            match stream.read(&mut piece).await? {
                0 => return Ok(()),
                got => asked.extend_from_slice(&piece[..got]),
            }
            let text = String::from_utf8_lossy(&asked).into_owned();
            let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
            let command = whole.lines().map(str::trim).find(|line| !line.is_empty());
            if let Some(command) = command {
                break command.to_owned();
            }
        };
        let mut end = [0; 1];
        if let Ok(Ok(0)) = timeout(Duration::from_millis(50), stream.read(&mut end)).await {
            return Ok(());
        }
        let text = match line.as_str() {
            "health_check" => format!("{answer}\n"),
            other => format!("Invalid command '{other}'\nTry \"help\".\n"),
        };
        stream.write_all(text.as_bytes()).await
    })
    .await
}

#[tokio::test]
async fn zopes_monitor_is_asked_with_its_discipline() {
    let server = zope_monitor("OK").await;
    for (send, until, answer) in [
        ("health_check\r\n", Until::LineOrClose, "OK\n"),
        ("health_check\n", Until::Close, "OK\n"),
        ("\n\r\n health_check \n", Until::Line, "OK\n"),
        ("nope\n", Until::LineOrClose, "Invalid command 'nope'\n"),
        (
            "nope\n",
            Until::Close,
            "Invalid command 'nope'\nTry \"help\".\n",
        ),
    ] {
        let mut spec = spec(&server, Some(until));
        spec.send = Some(SecretBytes::new(send));
        let seen = run(spec).await;
        assert_eq!((&seen.trouble, kept(&seen).as_str()), (&None, answer));
        assert_eq!(seen.peer, Some(server.address.to_string()));
        for phase in [Connect, FirstByte, Body] {
            assert!(seen.phases.get(phase).is_some(), "{phase}");
        }
    }
    for unfinished in ["health_check", "health_check\r", "\n"] {
        let mut spec = spec(&server, Some(Until::LineOrClose));
        spec.send = Some(SecretBytes::new(unfinished));
        spec.timeout = Duration::from_millis(300);
        let seen = run(spec).await;
        assert_trouble(
            &seen,
            Reason::FirstByteTimeout,
            FirstByte,
            "no answer within 300ms",
        );
    }
}

#[tokio::test]
async fn hostile_servers_have_their_reasons_in_time() {
    let mut cases = JoinSet::new();
    for (script, until, reason, phase, says) in [
        (
            vec![Hang],
            Until::Close,
            Reason::FirstByteTimeout,
            FirstByte,
            "no answer within 400ms",
        ),
        (
            vec![Drip(b"a")],
            Until::Line,
            Reason::BodyTimeout,
            Body,
            "no line end within 400ms, got",
        ),
        (
            vec![Say(b"OK\n"), Hang],
            Until::Close,
            Reason::BodyTimeout,
            Body,
            "not closed within 400ms, got 3 bytes",
        ),
        (
            vec![Say(b"220 "), Hang],
            Until::Texts(vec![b"ready".to_vec()]),
            Reason::BodyTimeout,
            Body,
            "not all of the texts within",
        ),
        (
            vec![],
            Until::LineOrClose,
            Reason::Closed,
            FirstByte,
            "without an answer",
        ),
        (
            vec![Act::Reset],
            Until::LineOrClose,
            Reason::Reset,
            FirstByte,
            "reset",
        ),
        (
            vec![Say(b"up"), Act::Reset],
            Until::LineOrClose,
            Reason::Reset,
            Body,
            "reset",
        ),
        (
            vec![Say(b"up")],
            Until::Line,
            Reason::Truncated,
            Body,
            "before a line end, after 2 bytes",
        ),
        (
            vec![Times(usize::MAX, &[b'.'; 65536])],
            Until::Line,
            Reason::TooLarge,
            Body,
            "larger than 65536 bytes",
        ),
    ] {
        cases.spawn(async move {
            let server = saying(script).await;
            let mut spec = spec(&server, Some(until));
            spec.timeout = Duration::from_millis(400);
            let needs = needs(64 << 10, &[b"ready"]);
            let seen = run_for(spec, &needs).await;
            assert_trouble(&seen, reason, phase, says);
            let size = seen.body.as_ref().map_or(0, |body| body.kept.len());
            assert!(size <= 65536 && (size > 0) == (phase == Body), "{seen:?}");
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn a_peer_may_answer_before_it_was_asked_or_without_reading() {
    let server = saying(vec![Say(b"up 75%\r\nmore"), Hang]).await;
    let mut asked = spec(&server, Some(Until::LineOrClose));
    // more than the buffers of both sides take
    asked.send = Some(SecretBytes::new(vec![b'x'; 32 << 20]));
    let seen = run(asked).await;
    assert_eq!((&seen.trouble, kept(&seen).as_str()), (&None, "up 75%\r\n"));
    let server = saying(vec![Say(b"220 mail"), Say(b" ready"), Hang]).await;
    let greeted = spec(&server, Some(Until::Texts(vec![b"l ready".to_vec()])));
    let needs = needs(64 << 10, &[b"l ready"]);
    assert_eq!(run_for(greeted, &needs).await.trouble, None);
}

#[tokio::test]
async fn connection_is_enough_without_expectations() {
    let server = saying(vec![Hang]).await;
    let seen = run(spec(&server, None)).await;
    assert_eq!((seen.trouble, seen.body), (None, None));
    assert_eq!(seen.phases.get(FirstByte), None);

    let port = hostile::refusing("127.0.0.1");
    let address = port.local_addr().expect("bound");
    let mut spec = spec(&server, None);
    spec.peer = Peer::Tcp {
        host: address.ip().to_string(),
        port: address.port(),
    };
    let seen = run(spec).await;
    let says = format!("connection refused ({address})");
    assert_trouble(&seen, Reason::Refused, Connect, &says);
}

#[tokio::test]
async fn host_names_and_unix_sockets_are_addresses() {
    let server = saying(vec![Say(b"OK\n")]).await;
    let mut by_name = spec(&server, Some(Until::Line));
    by_name.peer = Peer::Tcp {
        host: "localhost".to_owned(),
        port: server.address.port(),
    };
    let seen = run(by_name.clone()).await;
    assert_eq!(seen.trouble, None);
    assert!(seen.phases.get(Phase::Dns).is_some());
    by_name.peer = Peer::Tcp {
        host: "nosuch.invalid".to_owned(),
        port: 1,
    };
    let seen = run(by_name.clone()).await;
    assert_trouble(&seen, Reason::Dns, Phase::Dns, "nosuch.invalid");

    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("agent.sock");
    by_name.peer = Peer::Unix(path.clone());
    let seen = run(by_name.clone()).await;
    assert_trouble(&seen, Reason::Refused, Connect, "no such file");
    let _server = hostile::on_unix(&path, b"OK\n");
    by_name.send = Some(SecretBytes::new("hello\r\n\r\n"));
    let seen = run(by_name).await;
    assert_eq!((&seen.trouble, kept(&seen).as_str()), (&None, "OK\n"));
}

#[test]
fn spec_errors_are_reported_before_any_connection() {
    let tcp = |host: &str| Peer::Tcp {
        host: host.to_owned(),
        port: 1,
    };
    let with = |peer, change: fn(&mut LineSpec)| {
        let mut spec = LineSpec::new("tcp://h:1", peer);
        change(&mut spec);
        LineProbe::new(spec, &BodyNeeds::default())
            .expect_err("an error")
            .to_string()
    };
    for (fault, says) in [
        (with(tcp("h"), |spec| spec.timeout = Duration::ZERO), "zero"),
        (
            with(tcp("::1"), |spec| {
                spec.family = Some(httpok::probe::IpFamily::V4);
            }),
            "not an IPv4 address",
        ),
    ] {
        assert!(fault.contains(says), "{fault}");
    }
}
