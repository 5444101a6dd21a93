//! gRPC's health service: Google's own server, over TLS, too, and servers that do what it never would.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason as Code, server};
use httpok::health::{BodyNeeds, Expectation, Judgement, Observation, Phase, Reason, Verdict};
use httpok::probe::{Probe, ProbeSpec};
use hyper::{HeaderMap, Response};
use tempfile::NamedTempFile;

use super::hostile::{self, Act, Server};
use super::tls::Authority;

/// Google's health service. Prints its ports, and ends with its standard input.
const SERVER: &str = r#"
import sys, time
from concurrent import futures
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

class Health(health.HealthServicer):
    def Check(self, request, context):
        if request.service == "hang":
            time.sleep(20)
        if request.service == "abort":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many: größer")
        if request.service == "secret":
            if ("x-token", "let-me-in") not in context.invocation_metadata():
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "who is it?")
        return super().Check(request, context)

def serve(credentials=None):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    servicer = Health()
    Status = health_pb2.HealthCheckResponse
    for name, status in [("", Status.SERVING), ("shop.Orders", Status.SERVING), ("secret", Status.SERVING),
                         ("down", Status.NOT_SERVING), ("new", Status.UNKNOWN), ("gone", Status.SERVICE_UNKNOWN)]:
        servicer.set(name, status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return server

plain, secure, empty = serve(), serve(), grpc.server(futures.ThreadPoolExecutor(max_workers=2))
cert, key = [open(path, "rb").read() for path in sys.argv[1:3]]
credentials = grpc.ssl_server_credentials([(key, cert)])
ports = [plain.add_insecure_port("127.0.0.1:0"), secure.add_secure_port("127.0.0.1:0", credentials),
         empty.add_insecure_port("127.0.0.1:0")]
for server in (plain, secure, empty):
    server.start()
print(*ports, flush=True)
sys.stdin.read()
"#;

struct Google {
    child: Child,
    plain: u16,
    secure: u16,
    /// One without the health service.
    empty: u16,
    authority: Authority,
    _files: [NamedTempFile; 2],
}

impl Google {
    fn start() -> Self {
        let authority = Authority::new();
        let identity = authority.issue("127.0.0.1", 2100);
        let files = [identity.cert_file(), identity.key_file()];
        let mut child = Command::new(".provision/venv/bin/python")
            .args(["-c", SERVER])
            .args(files.iter().map(NamedTempFile::path))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python is provisioned");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("its ports");
        let ports: Vec<u16> = line
            .split_whitespace()
            .map(|port| port.parse().expect("a port"))
            .collect();
        Self {
            child,
            plain: ports[0],
            secure: ports[1],
            empty: ports[2],
            authority,
            _files: files,
        }
    }
}

impl Drop for Google {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One probe of `url`, and what it came to.
async fn ask(
    url: &str,
    change: impl FnOnce(&mut httpok::probe::http::HttpSpec),
) -> (Observation, Judgement) {
    let Ok(ProbeSpec::Grpc(mut spec)) = ProbeSpec::of_url(url) else {
        panic!("{url}");
    };
    spec.http.timeout = Duration::from_secs(10);
    change(&mut spec.http);
    let timeout = spec.http.timeout;
    let expectation = Expectation::default();
    let probe = Probe::new(ProbeSpec::Grpc(spec), &BodyNeeds::default()).expect("a good spec");
    let seen = probe.run().await;
    assert!(seen.duration < timeout + super::SLACK, "{seen:?}");
    assert_eq!(seen.url, url);
    let judgement = expectation.judge(&seen);
    (seen, judgement)
}

#[tokio::test]
async fn googles_health_service_is_understood() {
    let google = Google::start();
    let at = |port: u16, service: &str| format!("grpc://127.0.0.1:{port}{service}");
    for (url, verdict, detail) in [
        (at(google.plain, ""), Verdict::Pass, "SERVING"),
        (at(google.plain, "/shop.Orders"), Verdict::Pass, "SERVING"),
        (
            at(google.plain, "/down"),
            Verdict::Fail,
            "expected SERVING, got NOT_SERVING",
        ),
        (
            at(google.plain, "/new"),
            Verdict::Fail,
            "expected SERVING, got UNKNOWN",
        ),
        (
            at(google.plain, "/gone"),
            Verdict::Fail,
            "expected SERVING, got SERVICE_UNKNOWN",
        ),
        (
            at(google.plain, "/nothing"),
            Verdict::Fail,
            "expected SERVING, got grpc-status 5 NOT_FOUND: the server does not know this service",
        ),
        (
            at(google.plain, "/abort"),
            Verdict::Fail,
            "expected SERVING, got grpc-status 8 RESOURCE_EXHAUSTED: too many: größer",
        ),
        (
            at(google.plain, "/secret"),
            Verdict::Fail,
            "expected SERVING, got grpc-status 16 UNAUTHENTICATED: who is it?",
        ),
        (
            at(google.empty, ""),
            Verdict::Fail,
            "expected SERVING, got grpc-status 12 UNIMPLEMENTED: the server has no grpc.health.v1.Health (Method not found!)",
        ),
    ] {
        let (seen, judged) = ask(&url, |_| {}).await;
        assert_eq!(
            (judged.verdict, judged.detail.as_str()),
            (verdict, detail),
            "{url}: {seen:?}"
        );
        let reason = (verdict == Verdict::Fail).then_some(Reason::Status);
        assert_eq!(judged.reason, reason, "{url}");
    }
    let token = httpok::net::http::header("X-Token", "let-me-in").expect("a header");
    let (_, judged) = ask(&at(google.plain, "/secret"), |http| {
        http.headers.push(token)
    })
    .await;
    assert_eq!(
        judged.verdict,
        Verdict::Pass,
        "metadata is sent: {judged:?}"
    );
}

#[tokio::test]
async fn over_tls_certificates_count_as_for_https() {
    let google = Google::start();
    let url = format!("grpcs://127.0.0.1:{}/shop.Orders", google.secure);
    let cacert = google.authority.path().to_owned();
    let (seen, judged) = ask(&url, |http| http.tls.cacert = Some(cacert)).await;
    assert_eq!(judged.verdict, Verdict::Pass, "{seen:?}");
    assert!(!seen.certificates.is_empty() && seen.phases.get(Phase::Tls).is_some());
    let other = Authority::new();
    let cacert = other.path().to_owned();
    let (_, judged) = ask(&url, |http| http.tls.cacert = Some(cacert)).await;
    assert_eq!(judged.reason, Some(Reason::TlsUntrusted), "{judged:?}");
}

#[tokio::test]
async fn hung_service_ends_with_the_timeout() {
    let google = Google::start();
    let url = format!("grpc://127.0.0.1:{}/hang", google.plain);
    let (_, judged) = ask(&url, |http| http.timeout = Duration::from_millis(400)).await;
    assert_eq!(
        (judged.verdict, judged.reason),
        (Verdict::Fail, Some(Reason::FirstByteTimeout)),
        "{judged:?}"
    );
}

/// How a server of the test's own answers.
#[derive(Clone)]
struct Play {
    status: u16,
    kind: &'static str,
    head: &'static [(&'static str, &'static str)],
    body: &'static [u8],
    trailers: Option<&'static [(&'static str, &'static str)]>,
    reset: bool,
}

const GOOD: Play = Play {
    status: 200,
    kind: "application/grpc",
    head: &[],
    body: &[0, 0, 0, 0, 2, 8, 1],
    trailers: Some(&[("grpc-status", "0")]),
    reset: false,
};

fn trailers(of: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = of.iter().map(|(name, value)| {
        let name = name.parse::<hyper::header::HeaderName>().expect("a name");
        (name, value.parse().expect("a value"))
    });
    pairs.collect()
}

async fn playing(play: Play) -> Server {
    hostile::talking(move |stream| {
        let play = play.clone();
        async move {
            let mut connection = server::handshake(stream)
                .await
                .map_err(std::io::Error::other)?;
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(request.headers()["content-type"], "application/grpc");
                assert_eq!(request.headers()["te"], "trailers");
                let mut head = Response::builder()
                    .status(play.status)
                    .header("content-type", play.kind);
                for (name, value) in play.head {
                    head = head.header(*name, *value);
                }
                let ends = play.body.is_empty() && play.trailers.is_none() && !play.reset;
                let mut body = respond
                    .send_response(head.body(()).expect("a head"), ends)
                    .expect("sent");
                if ends {
                    continue;
                }
                let last = play.trailers.is_none() && !play.reset;
                body.send_data(Bytes::from_static(play.body), last)
                    .expect("sent");
                if play.reset {
                    let out = tokio::time::timeout(Duration::from_millis(300), connection.accept());
                    let _ = out.await;
                    body.send_reset(Code::INTERNAL_ERROR);
                } else if let Some(pairs) = play.trailers {
                    body.send_trailers(trailers(pairs)).expect("sent");
                }
            }
            Ok(())
        }
    })
    .await
}

#[tokio::test]
async fn non_grpc_response_is_named() {
    for (play, reason, says) in [
        (GOOD, None, "SERVING"),
        // trailers alone, as a call that fails at once is answered
        (
            Play {
                head: &[("grpc-status", "14"), ("grpc-message", "draining%20now")],
                body: &[],
                trailers: None,
                ..GOOD
            },
            Some(Reason::Status),
            "grpc-status 14 UNAVAILABLE: draining now",
        ),
        (
            Play {
                head: &[("grpc-status", "14"), ("grpc-message", "a%0AINFO%00%1B[2J")],
                body: &[],
                trailers: None,
                ..GOOD
            },
            Some(Reason::Status),
            "grpc-status 14 UNAVAILABLE: a\\nINFO\\x00\\x1b[2J",
        ),
        (
            Play {
                body: &[0, 0, 0, 0, 100, 8, 1],
                ..GOOD
            },
            Some(Reason::Truncated),
            "the message is said to have 100 bytes, got 2",
        ),
        (
            Play {
                body: &[0, 0xff, 0xff, 0xff, 0xff, 8, 1],
                ..GOOD
            },
            Some(Reason::Truncated),
            "4294967295 bytes, got 2",
        ),
        (
            Play {
                body: &[0, 0, 0, 0, 1, 8, 1],
                ..GOOD
            },
            Some(Reason::Malformed),
            "1 byte after a message of 1",
        ),
        (
            Play {
                body: &[1, 0, 0, 0, 2, 8, 1],
                ..GOOD
            },
            Some(Reason::Malformed),
            "compressed",
        ),
        (
            Play {
                body: b"<html>sorry</html>",
                kind: "text/html",
                trailers: None,
                ..GOOD
            },
            Some(Reason::Malformed),
            "content-type \"text/html\", expected application/grpc",
        ),
        (
            Play {
                trailers: Some(&[("x", "y")]),
                ..GOOD
            },
            Some(Reason::Malformed),
            "without a grpc-status",
        ),
        (
            Play {
                trailers: Some(&[("grpc-status", "fine")]),
                ..GOOD
            },
            Some(Reason::Malformed),
            "grpc-status \"fine\" is not a number",
        ),
        (
            Play {
                status: 503,
                kind: "text/plain",
                ..GOOD
            },
            Some(Reason::Status),
            "expected status 200, got 503",
        ),
        (
            Play {
                reset: true,
                ..GOOD
            },
            Some(Reason::Truncated),
            "the body broke off after 7 bytes",
        ),
        (
            Play {
                body: &[0; 5000],
                ..GOOD
            },
            Some(Reason::TooLarge),
            "larger than 4096 bytes",
        ),
    ] {
        let server = playing(play).await;
        let url = format!("grpc://{}/shop", server.address);
        let (seen, judged) = ask(&url, |_| {}).await;
        assert_eq!(judged.reason, reason, "{says}: {seen:?}");
        assert!(judged.detail.contains(says), "{says}: {:?}", judged.detail);
    }
}

#[tokio::test]
async fn server_without_http2_fails_with_a_message() {
    const HTTP1: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for (script, reasons, says) in [
        (
            vec![Act::Say(HTTP1), Act::Hang],
            &[Reason::Malformed][..],
            "not HTTP/2: the answer is HTTP/1",
        ),
        (
            vec![Act::Say(b"220 mail.example.org ESMTP\r\n"), Act::Hang],
            &[Reason::Malformed],
            "not HTTP/2",
        ),
        // whether the end or the reset is seen first is up to the system
        (vec![Act::Reset], &[Reason::Reset, Reason::Closed], ""),
        (vec![], &[Reason::Reset, Reason::Closed], ""),
        (vec![Act::Hang], &[Reason::FirstByteTimeout], "no answer"),
        (
            vec![Act::Drip(b"\0")],
            &[Reason::FirstByteTimeout, Reason::Malformed],
            "",
        ),
    ] {
        let server = hostile::scripted(script).await;
        let url = format!("grpc://{}", server.address);
        let (_, judged) = ask(&url, |http| http.timeout = Duration::from_millis(600)).await;
        assert_eq!(judged.verdict, Verdict::Fail, "{judged:?}");
        assert!(
            reasons.contains(&judged.reason.expect("a reason")),
            "{judged:?}"
        );
        assert!(judged.detail.contains(says), "{judged:?}");
    }
}

fn check(words: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .arg("check")
        .args(words)
        .output()
        .expect("it runs");
    let both = [stdout, stderr].concat();
    (status.code(), String::from_utf8(both).expect("text"))
}

#[test]
fn check_and_configurations_take_grpc_urls() {
    let google = Google::start();
    let url = format!("grpc://127.0.0.1:{}", google.plain);
    let secure = format!("grpcs://127.0.0.1:{}", google.secure);
    let down = format!("{url}/down");
    let cacert = google.authority.path().to_str().expect("a path");
    for (words, code, says) in [
        (vec![url.as_str()], 0, "SERVING"),
        (vec![down.as_str()], 2, "expected SERVING, got NOT_SERVING"),
        (vec![secure.as_str(), "--cacert", cacert], 0, "SERVING"),
        (vec![secure.as_str()], 2, "tls_untrusted"),
        // an answer in words is a body for assertions
        (vec![url.as_str(), "--expect", "line == \"SERVING\""], 0, ""),
        (
            vec![url.as_str(), "--code", "200"],
            3,
            "--code is for HTTP URLs",
        ),
        (
            vec![url.as_str(), "--send", "x"],
            3,
            "--send is for tcp:// and unix:// URLs",
        ),
        (vec!["grpc://127.0.0.1"], 3, "names no host and port"),
    ] {
        let (found, said) = check(&words);
        assert_eq!(found, Some(code), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("httpok.toml");
    let config = |keys: &str| {
        let text = format!("[[check]]\nname = \"orders\"\nurl = \"{url}/new\"\n{keys}\n");
        std::fs::write(&file, text).expect("written");
        check(&["--config", file.to_str().expect("a path")])
    };
    // UNKNOWN is what a service says that is coming up
    let rule = "verdicts = [{ when = 'line == \"UNKNOWN\"', is = \"starting\" }]";
    let (code, said) = config(rule);
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = config("headers = { X-Token = \"a\" }\ntimeout = \"5s\"\nip = 4");
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = config("method = \"PUT\"");
    assert_eq!(code, Some(3));
    assert!(said.contains("\"method\" is for HTTP checks"), "{said}");
}
