//! Beside the original over TLS: how a connection begins and how it ends.

use std::fs;

use crate::beside::both;
use crate::fixture::Stage;
use crate::openssl::Openssl;
use crate::site::{Answer, Site};

/// A site over TLS that closes as Python's `http.server` does: without close_notify.
fn abrupt() -> Site {
    Site::self_signed(vec!["elsewhere.test".to_owned()]).0
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

/// Peers that want to be spoken to as the original does: without a version of HTTP, without the name of a host.
#[test]
fn handshake_that_the_original_passes_causes_no_restart() {
    const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    let other_host = [
        "-servername",
        "other.test",
        "-cert2",
        "cert.pem",
        "-key2",
        "key.pem",
        "-servername_fatal",
    ];
    for (name, more) in [
        ("it knows no HTTP/1.1", &["-alpn", "foo"][..]),
        ("it knows another host", &other_host),
        ("both", &[&other_host[..], &["-alpn", "h2"]].concat()),
        (
            "over TLS 1.2",
            &[&other_host[..], &["-alpn", "h2", "-tls1_2"]].concat(),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let server = Openssl::start(dir.path(), &P256, &["-sha256"], more);
        let url = format!("https://localhost:{}/", server.port);
        let (original, ours, said) = both(&stage, &[], &url);
        let log = fs::read_to_string(dir.path().join("openssl.err")).unwrap();
        assert!(!original, "{name}: the original gets along with it: {log}");
        assert!(!ours, "{name}: {said}");
    }
}
