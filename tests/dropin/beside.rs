//! Beside the original, on the same stage and the same odd answers: never a restart that the original would not do.
//! The other way round is fine: httpok is more lenient where curl is.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use crate::eventlistener::EventListener;
use crate::fixture::Stage;
use crate::openssl::Openssl;
use crate::site::{Answer, Site};

/// An odd answer: name, options, the answer, and whether the connection stays open behind it.
type Row = (&'static str, &'static [&'static str], Vec<u8>, bool);

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
const BODY: &[u8] = b"Content-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Answers that the connection is closed behind, and answers that it stays open behind.
fn rows() -> Vec<Row> {
    let with = |line: &[u8]| [OK, line, BODY].concat();
    let first = |line: &[u8]| [line, BODY].concat();
    let framed = |headers: &[u8], body: &[u8]| [OK, headers, b"\r\n", body].concat();
    let chunks = |body: &[u8]| [CHUNKED, body].concat();
    let mut rows: Vec<Row> = Vec::new();
    // heads; the length is known, so that what follows does not matter
    for (name, answer) in [
        ("folded", with(b"X: a\r\n  b\r\n\tc\r\n")),
        ("folded from the start", with(b"  b\r\n")),
        (
            "a folded length",
            framed(b"Content-Length:\r\n 5\r\n", b"hello"),
        ),
        ("blank before the colon", with(b"X : a\r\n")),
        (
            "blank before the colon of the length",
            framed(b"Content-Length : 5\r\n", b"hello"),
        ),
        ("no header", with(b"garbage\r\n")),
        (
            "PHP's warning",
            with(b"PHP Warning:  PHP Startup: Unable to load x\r\n"),
        ),
        ("PHP's notice without a colon", with(b"Notice\r\n")),
        ("control character", with(b"X: a\x01b\r\n")),
        ("escape character", with(b"X: \x1b[31mred\r\n")),
        ("NUL", with(b"X: a\0b\r\n")),
        ("bare CR", with(b"X: a\rb\r\n")),
        ("two CR", with(b"X: a\r\r\n")),
        ("odd name", with(b"X(y): a\r\n")),
        ("Latin name", with(b"X\xe9: a\r\n")),
        ("Latin value", with(b"X: \xe9\xff\r\n")),
        ("empty name", with(b": a\r\n")),
        ("only a colon", with(b":\r\n")),
        ("many colons", with(b"X:::a\r\n")),
        (
            "bare LF",
            b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello".to_vec(),
        ),
        ("no phrase", first(b"HTTP/1.1 200\r\n")),
        ("a phrase of one blank", first(b"HTTP/1.1 200 \r\n")),
        ("two blanks", first(b"HTTP/1.1  200 OK\r\n")),
        ("a tab", first(b"HTTP/1.1\t200 OK\r\n")),
        (
            "blank before the status line",
            first(b" HTTP/1.1 200 OK\r\n"),
        ),
        (
            "blank line before the status line",
            first(b"\r\nHTTP/1.1 200 OK\r\n"),
        ),
        ("lower case", first(b"http/1.1 200 ok\r\n")),
        ("HTTP/1.0", first(b"HTTP/1.0 200 OK\r\n")),
        ("HTTP/1.2", first(b"HTTP/1.2 200 OK\r\n")),
        ("HTTP/1.x", first(b"HTTP/1.x 200 OK\r\n")),
        ("HTTP/1.1.1", first(b"HTTP/1.1.1 200 OK\r\n")),
        ("HTTP/1.", first(b"HTTP/1. 200 OK\r\n")),
        ("HTTP/0.9", first(b"HTTP/0.9 200 OK\r\n")),
        ("HTTP/2", first(b"HTTP/2 200 OK\r\n")),
        ("zeros before the code", first(b"HTTP/1.1 0200 OK\r\n")),
        ("a sign before the code", first(b"HTTP/1.1 +200 OK\r\n")),
        ("Latin phrase", first(b"HTTP/1.1 200 \xe9\xff\r\n")),
        (
            "control character in the phrase",
            first(b"HTTP/1.1 200 a\x01b\x1b\r\n"),
        ),
        ("NUL in the phrase", first(b"HTTP/1.1 200 a\0b\r\n")),
        (
            "a long phrase",
            first(&[b"HTTP/1.1 200 ", &[b'r'; 60_000][..], b"\r\n"].concat()),
        ),
        (
            "a long header",
            with(&[b"X: ", &[b'x'; 60_000][..], b"\r\n"].concat()),
        ),
        (
            "90 long headers",
            with(&[b"X: ", &[b'x'; 5000][..], b"\r\n"].concat().repeat(90)),
        ),
        (
            "100 Continue first",
            [b"HTTP/1.1 100 Continue\r\n\r\n", &first(OK)[..]].concat(),
        ),
        (
            "100 Continue thrice",
            [&b"HTTP/1.1 100 C\r\nX: y\r\n\r\n".repeat(3), &first(OK)[..]].concat(),
        ),
        ("equal lengths", with(b"Content-Length: 5\r\n")),
        (
            "different lengths, the first is right",
            framed(b"Content-Length: 5\r\nContent-Length: 7\r\n", b"hello"),
        ),
        (
            "a signed length",
            framed(b"Content-Length: +5\r\n", b"hello"),
        ),
        (
            "zeros before the length",
            framed(b"Content-Length: 0005\r\n", b"hello"),
        ),
        ("more than the length", [&with(b"")[..], b"more"].concat()),
        ("identity", with(b"Transfer-Encoding: identity\r\n")),
        (
            "an unknown transfer coding",
            with(b"Transfer-Encoding: nonsense\r\n"),
        ),
        ("gzip that is none", with(b"Content-Encoding: gzip\r\n")),
        (
            "an unknown content coding",
            with(b"Content-Encoding: nonsense\r\n"),
        ),
        (
            "an offer to upgrade",
            with(b"Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        ),
        (
            "an odd cookie",
            with(b"Set-Cookie: \x80=;;;; =\r\nSet-Cookie:\r\n"),
        ),
        ("a location that is none", with(b"Location: ::::\r\n")),
        (
            "a charset that is none",
            with(b"Content-Type: text/html; charset=\xff\"\r\n"),
        ),
        (
            "keep-alive with nonsense",
            with(b"Keep-Alive: timeout=-1, max=x\r\nConnection: \x01\r\n"),
        ),
        ("length zero", framed(b"Content-Length: 0\r\n", b"")),
    ] {
        rows.push((name, &[], answer.clone(), true));
        rows.push((name, &[], answer, false));
    }
    // bodies in chunks, whose end is known, too
    for (name, body) in [
        ("chunk extension", &b"5;a=b\r\nhello\r\n0\r\n\r\n"[..]),
        (
            "blanks around a chunk's size",
            b" 5  \r\nhello\r\n0\r\n\r\n",
        ),
        ("chunks with bare LF", b"5\nhello\r\n0\n\n"),
        ("a chunk's size with a prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("a chunk's size with a sign", b"+5\r\nhello\r\n0\r\n\r\n"),
        (
            "a chunk's size with zeros",
            b"0000000000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        ("two other bytes behind a chunk", b"5\r\nhello--0\r\n\r\n"),
        ("no chunk", b"0\r\n\r\n"),
        ("trailers", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
        (
            "trailers that are none",
            b"5\r\nhello\r\n0\r\ngarbage\r\n\r\n",
        ),
        ("more behind the last chunk", b"5\r\nhello\r\n0\r\n\r\nmore"),
    ] {
        rows.push((name, &[], chunks(body), true));
        rows.push((name, &[], chunks(body), false));
    }
    // the end is the connection's
    for (name, answer) in [
        ("no length", framed(b"", b"hello")),
        (
            "no length over HTTP/1.0",
            b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec(),
        ),
        ("no body", framed(b"", b"")),
        (
            "keep-alive without a length",
            framed(b"Connection: keep-alive\r\n", b"hello"),
        ),
        (
            "a length that is none",
            framed(b"Content-Length: abc\r\n", b"hello"),
        ),
        (
            "a negative length",
            framed(b"Content-Length: -5\r\n", b"hello"),
        ),
        ("an empty length", framed(b"Content-Length:\r\n", b"hello")),
        (
            "an immense length",
            framed(b"Content-Length: 99999999999999999999999 x\r\n", b"hello"),
        ),
        (
            "a list of lengths",
            framed(b"Content-Length: 9, 9\r\n", b"hello"),
        ),
        (
            "a length with more behind",
            framed(b"Content-Length: 9 bytes\r\n", b"hello"),
        ),
        (
            "a fractional length",
            framed(b"Content-Length: 9.0\r\n", b"hello"),
        ),
        (
            "a length of two words",
            framed(b"Content-Length: 9;5\r\n", b"hello"),
        ),
        (
            "two codings",
            framed(b"Transfer-Encoding: gzip, chunked\r\n", b"hello"),
        ),
        (
            "a coding twice",
            framed(b"Transfer-Encoding: chunked, chunked\r\n", b"hello"),
        ),
        (
            "first another coding",
            framed(
                b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                b"hello",
            ),
        ),
        (
            "the head ends with the connection",
            [OK, b"Server: x\r\n"].concat(),
        ),
        ("within a header", [OK, b"Ser"].concat()),
        ("within the first line's end", b"HTTP/1.1 200 OK\r".to_vec()),
        ("a status line alone", b"HTTP/1.1 200 OK".to_vec()),
        (
            "no blank line behind the last chunk",
            chunks(b"5\r\nhello\r\n0\r\n"),
        ),
        (
            "no line end behind the last chunk",
            chunks(b"5\r\nhello\r\n0"),
        ),
        ("within a trailer", chunks(b"5\r\nhello\r\n0\r\nX: ")),
        (
            "chunks over HTTP/1.0",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                .to_vec(),
        ),
        (
            "a length behind a line that is no header",
            framed(b"garbage\r\nContent-Length: 9\r\n", b"hello"),
        ),
    ] {
        rows.push((name, &[], answer, false));
    }
    // other good codes
    for (name, code, answer) in [
        (
            "204 with a body",
            &["-c", "204"][..],
            &b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n"[..],
        ),
        (
            "304 with a length",
            &["-c", "304"],
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        ),
        (
            "101",
            &["-c", "101"],
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        ),
        (
            "102 is the answer",
            &["-c", "102"],
            b"HTTP/1.1 102 Processing\r\n\r\n",
        ),
        (
            "999",
            &["-c", "999"],
            b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "600",
            &["-c", "600"],
            b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "401 that names no scheme",
            &["-c", "401"],
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: \x01\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "302 to nowhere",
            &["-c", "302"],
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "500 is fine",
            &["-c", "500"],
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        rows.push((name, code, answer.to_vec(), false));
    }
    rows
}

/// What both do about `url`: whether the original restarts, whether httpok does, and what httpok says.
fn both(stage: &Stage, options: &[&str], url: &str) -> (bool, bool, String) {
    let words = [&["-t", "2", "-p", "web"], options, &[url]].concat();
    let stops = || stage.supervisord.count("stop");
    let before = stops();
    let mut original = EventListener::start(&mut stage.superlance(&words));
    original.tick();
    original.close();
    let between = stops();
    let mut ours = EventListener::start(&mut stage.httpok(&words));
    ours.tick();
    let said = ours.close().err;
    (between > before, stops() > between, said)
}

#[test]
fn odd_responses_cause_no_restart_beyond_the_originals() {
    let rows = rows();
    assert!(rows.len() > 100, "{}", rows.len());
    let left = Mutex::new(rows.iter());
    let (invalid, gentle, good) = (Mutex::new(Vec::new()), Mutex::new(0), Mutex::new(0));
    let work = || {
        let stage = Stage::with("httpok=RUNNING web=RUNNING");
        loop {
            let row = left.lock().unwrap().next();
            let Some((name, options, answer, is_open)) = row else {
                return;
            };
            let bytes = answer.clone();
            let is_open = *is_open;
            stage.site.answer("/odd", move || match is_open {
                true => Answer::Hang(bytes.clone()),
                false => Answer::Bytes(bytes.clone()),
            });
            match both(&stage, options, "URL/odd") {
                (false, true, said) => {
                    invalid
                        .lock()
                        .unwrap()
                        .push(format!("{name} (open: {is_open}): {said}"));
                }
                (true, false, _) => *gentle.lock().unwrap() += 1,
                (false, false, _) => *good.lock().unwrap() += 1,
                (true, true, _) => {}
            }
        }
    };
    thread::scope(|scope| (0..6).for_each(|_| _ = scope.spawn(work)));
    let invalid = invalid.into_inner().unwrap();
    assert!(
        invalid.is_empty(),
        "{}:\n{}",
        invalid.len(),
        invalid.join("\n")
    );
    // the original gets along with most of them, and httpok with some more
    let (good, gentle) = (good.into_inner().unwrap(), gentle.into_inner().unwrap());
    assert!(
        good > 100 && gentle > 5,
        "{good} and {gentle} more of {}",
        rows.len()
    );
}

/// A server may know a path only in the form in which it is written.
#[test]
fn paths_are_asked_for_as_by_the_original() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    for path in [
        "/a/../b",
        "/./a",
        "/../a",
        "//two///three",
        "/a|b^c`d",
        "/q?x={a}\"b\"<c>",
        "/back\\slash",
        "/%7euser/%2e%2E/%zz",
        "/p;v=1?a=b?c",
        "/x??",
        "/'x'?'y'",
    ] {
        let good = || Answer::Bytes([OK, BODY].concat());
        stage.site.answer(path, good);
        let (original, ours, said) = both(&stage, &[], &format!("URL{path}"));
        assert!(!original && !ours, "{path}: {original} {ours} {said}");
        let asked = stage.site.count(path);
        assert_eq!(asked, 2, "{path}: {:?}", stage.site.asked().last());
    }
}

/// What both agree to be bad: or the test above would hold for a listener that never restarts.
#[test]
fn responses_rejected_by_the_original_and_curl_fail() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    for path in ["/500", "/close", "/garbage", "/short", "/hang", "/hangbody"] {
        // on a machine too busy to run it in time, httpok does not blame the service
        let tried = (0..5).map(|_| both(&stage, &[], &format!("URL{path}")));
        let mut failed = Vec::new();
        let agreed = tried.into_iter().any(|(original, ours, said)| {
            failed.push(format!("{original} {ours} {said}"));
            original && ours
        });
        assert!(agreed, "{path}: {failed:?}");
    }
}

/// A site over TLS that closes as Python's `http.server` does: without close_notify.
fn abrupt() -> Site {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["elsewhere.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        );
    Site::tls(Arc::new(config.unwrap()))
}

#[test]
fn tls_close_causes_no_restart_beyond_the_originals() {
    let (site, stage) = (abrupt(), Stage::with("httpok=RUNNING web=RUNNING"));
    for (name, answer, is_bad) in [
        ("no length", &b"HTTP/1.0 200 OK\r\n\r\nhello"[..], false),
        (
            "a length",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            false,
        ),
        (
            "chunks",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            false,
        ),
        (
            "the end of the last chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            false,
        ),
        (
            "an odd length",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
            false,
        ),
        (
            "within the head",
            b"HTTP/1.1 200 OK\r\nServer: x\r\n",
            false,
        ),
        (
            "within the body",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            true,
        ),
        (
            "within a chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
            true,
        ),
        ("nothing", b"", true),
    ] {
        site.answer("/odd", move || Answer::Bytes(answer.to_vec()));
        let (original, ours, said) = both(&stage, &[], &format!("{}/odd", site.origin()));
        assert_eq!((original, ours), (is_bad, is_bad), "{name}: {said}");
    }
}

/// Peers that OpenSSL, and so the original, speaks with, and our TLS library does not: our own limit, and no reason to
/// restart.
#[test]
fn openssl_only_tls_causes_no_restart() {
    const RSA: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    let old = ["-tls1_2", "-cipher"];
    for (name, key, sign, more) in [
        ("P-256", &P256[..], &["-sha256"][..], &[][..]),
        (
            "P-521",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            &["-sha512"],
            &[],
        ),
        (
            "P-521 over TLS 1.2",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            &["-sha512"],
            &["-tls1_2"],
        ),
        ("Ed25519", &["-algorithm", "ED25519"], &[], &[]),
        ("Ed448", &["-algorithm", "ED448"], &[], &[]),
        (
            "RSA of 1024 bits",
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
            &["-sha256"],
            &["-cipher", "ALL:@SECLEVEL=0"],
        ),
        ("SHA-1", &RSA, &["-sha1"], &["-cipher", "ALL:@SECLEVEL=0"]),
        (
            "CBC",
            &RSA,
            &["-sha256"],
            &[old[0], old[1], "ECDHE-RSA-AES128-SHA256"],
        ),
        (
            "DHE",
            &RSA,
            &["-sha256"],
            &[old[0], old[1], "DHE-RSA-AES128-GCM-SHA256"],
        ),
        (
            "a curve of its own",
            &P256,
            &["-sha256"],
            &["-groups", "P-521"],
        ),
        ("X448", &P256, &["-sha256"], &["-groups", "X448"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let server = Openssl::start(dir.path(), key, sign, more);
        let url = format!("https://127.0.0.1:{}/", server.port);
        let (original, ours, said) = both(&stage, &[], &url);
        let log = fs::read_to_string(dir.path().join("openssl.err")).unwrap();
        assert!(!original, "{name}: the original gets along with it: {log}");
        assert!(!ours, "{name}: {said}");
    }
}
