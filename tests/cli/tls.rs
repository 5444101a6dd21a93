//! `httpok check` over TLS: whom it trusts, and who it is.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::run;
use super::server::response;

/// A self-signed certificate and its key, as files and as rustls wants them.
struct Identity {
    cert: PathBuf,
    key: PathBuf,
    der: rustls::pki_types::CertificateDer<'static>,
    secret: PrivateKeyDer<'static>,
}

fn identity(dir: &Path, name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), name.to_owned()])
        .expect("a certificate");
    let (cert, key) = (
        dir.join(format!("{name}.pem")),
        dir.join(format!("{name}.key")),
    );
    std::fs::write(&cert, made.cert.pem()).expect("a file");
    let pem = made.signing_key.serialize_pem();
    std::fs::write(&key, &pem).expect("a file");
    Identity {
        cert,
        key,
        der: made.cert.der().clone(),
        secret: PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key"),
    }
}

/// A server that answers 200 and notes how each request began; `client` is whom it wants to see.
fn serve(
    own: &Identity,
    client: Option<&Identity>,
    alpn: &[u8],
) -> (String, Arc<Mutex<Vec<String>>>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.der.clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let mut config = builder
        .with_single_cert(vec![own.der.clone()], own.secret.clone_key())
        .expect("a pair");
    config.alpn_protocols = vec![alpn.to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}/", listener.local_addr().expect("bound"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut tls = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // a client that does not like us hangs up
            if let Ok(count) = tls.read(&mut request) {
                let text = String::from_utf8_lossy(&request[..count]).into_owned();
                log.lock().expect("no panic").push(text);
                let _ = tls.write_all(response(200, "secret").as_bytes());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (url, asked)
}

#[test]
fn untrusted_certificate_is_accepted_only_when_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let own = identity(dir.path(), "server");
    let (url, _) = serve(&own, None, b"http/1.1");
    let strange = run(&["check", &url]);
    assert_eq!(strange.code, Some(2), "{strange:?}");
    assert!(strange.out.contains(" tls_untrusted: "), "{strange:?}");
    let cacert = own.cert.to_str().expect("text");
    for words in [&["--insecure"][..], &["--cacert", cacert]] {
        let fine = run(&[&["check", "--format", "human"], words, &[&url]].concat());
        assert_eq!(fine.code, Some(0), "{words:?}: {fine:?}");
        assert!(
            fine.out.contains("certificate") && fine.out.contains("valid until "),
            "{fine:?}"
        );
    }
    let missing = run(&["check", "--cacert", "/nonexistent.pem", &url]);
    assert_eq!(missing.code, Some(3), "{missing:?}");
    assert!(missing.err.contains("/nonexistent.pem"), "{missing:?}");
}

#[test]
fn client_certificate_is_presented_on_request() {
    let dir = tempfile::tempdir().expect("a directory");
    let (own, client) = (
        identity(dir.path(), "server"),
        identity(dir.path(), "client"),
    );
    let (url, _) = serve(&own, Some(&client), b"http/1.1");
    // that it wants one is a fault of the configuration, which no restart mends
    assert_eq!(run(&["check", "--insecure", &url]).code, Some(3));
    let (cert, key) = (
        client.cert.to_str().expect("text"),
        client.key.to_str().expect("text"),
    );
    let known = run(&["check", "--insecure", "--cert", cert, "--key", key, &url]);
    assert_eq!(known.code, Some(0), "{known:?}");
    assert_eq!(run(&["check", "--key", key, &url]).code, Some(3));
}

#[test]
fn http2_is_offered_when_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let own = identity(dir.path(), "server");
    let (url, asked) = serve(&own, None, b"h2");
    let first = run(&["check", "--insecure", &url]);
    assert!(
        first.out.contains("tls_handshake") && asked.lock().expect("no panic").is_empty(),
        "{first:?}"
    );
    // this server knows no more of HTTP/2 than to agree to it
    let second = run(&["check", "--insecure", "--http2", "-t", "2", &url]);
    let asked = asked.lock().expect("no panic");
    assert!(
        asked.iter().any(|text| text.starts_with("PRI * HTTP/2.0")),
        "{second:?} {asked:?}"
    );
}
