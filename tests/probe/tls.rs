//! TLS: whom a probe trusts, what it says when it does not, and what it tells of the certificate.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use httpok::health::{Phase, Reason};
use httpok::probe::http::HttpSpec;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::hostile::{self, Act, Server};
use super::openssl::Openssl;
use super::{assert_trouble, code, hasty, kept, patient, run};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An authority of our own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("our authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let file = pem_file(&[&issuer.pem()]);
        Self { issuer, file }
    }

    /// The file with its certificate.
    pub fn path(&self) -> &std::path::Path {
        self.file.path()
    }

    /// A certificate for `name`, valid from 2020 until `year`.
    pub fn issue(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Identity {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }
}

/// A certificate and its key.
pub struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    pub fn cert_file(&self) -> NamedTempFile {
        pem_file(&[&self.pem])
    }

    pub fn key_file(&self) -> NamedTempFile {
        pem_file(&[&self.key.serialize_pem()])
    }
}

fn pem_file(pems: &[&str]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    for pem in pems {
        file.write_all(pem.as_bytes()).expect("written");
    }
    file
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server that shows `identity` and answers every request.
async fn serve(identity: &Identity, clients: Option<&Authority>) -> Server {
    tls_server(identity, &[], clients, |mut stream| async move {
        hostile::read_head(&mut stream).await?;
        stream.write_all(OK).await?;
        stream.flush().await?;
        hostile::wait_until_gone(&mut stream).await
    })
    .await
}

/// A server that shows `identity` and `rest` of a chain, and does `talk` after each handshake.
pub async fn tls_server<F, T>(
    identity: &Identity,
    rest: &[CertificateDer<'static>],
    clients: Option<&Authority>,
    talk: F,
) -> Server
where
    F: Fn(TlsStream<TcpStream>) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).expect("a root");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
    let chain = std::iter::once(identity.der.clone()).chain(rest.iter().cloned());
    let mut config = builder
        .with_single_cert(chain.collect(), key)
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    hostile::talking(move |stream| {
        let (acceptor, talk) = (acceptor.clone(), talk.clone());
        async move {
            match acceptor.accept(stream).into_fallible().await {
                Ok(stream) => talk(stream).await,
                // the alert is out; leave in peace, so that it arrives
                Err((_, mut stream)) => hostile::wait_until_gone(&mut stream).await,
            }
        }
    })
    .await
}

/// A spec for `server`, trusting `authority`.
pub fn spec(server: &Server, authority: &Authority) -> HttpSpec {
    let mut spec = patient(&format!("https://{}/", server.address));
    spec.tls.cacert = Some(authority.file.path().to_owned());
    spec
}

#[tokio::test]
async fn trusted_certificate_passes_and_is_recorded() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), None).await;
    let seen = run(spec(&server, &authority)).await;
    assert_eq!(code(&seen), 200);
    assert_eq!(seen.certificates[0].names, ["127.0.0.1"]);
    assert_eq!(seen.certificates[0].not_after, 4_102_444_800);
    assert!(seen.certificates[0].issuer.contains("CN=our authority"));
    for phase in [Phase::Connect, Phase::Tls, Phase::FirstByte, Phase::Body] {
        assert!(seen.phases.get(phase).is_some(), "{phase}");
    }
    assert_eq!(seen.status.expect("a status").version, "HTTP/1.1");
}

#[tokio::test]
async fn untrusted_certificates_have_their_reasons_and_are_shown() {
    let (authority, twin) = (Authority::new(), Authority::new());
    let other = Authority::named("another");
    for (name, year, trusted, reason, says) in [
        (
            "127.0.0.1",
            2100,
            &other,
            Reason::TlsUntrusted,
            "CN=our authority",
        ),
        (
            "127.0.0.1",
            2100,
            &twin,
            Reason::TlsUntrusted,
            "not signed by its issuer",
        ),
        (
            "127.0.0.1",
            2021,
            &authority,
            Reason::TlsExpired,
            "expired on 2021-01-01T",
        ),
        (
            "shop.test",
            2100,
            &authority,
            Reason::TlsName,
            "\"127.0.0.1\" but for shop.test",
        ),
    ] {
        let server = serve(&authority.issue(name, year), None).await;
        let seen = run(spec(&server, trusted)).await;
        assert_trouble(&seen, reason, Phase::Tls, says);
        assert_eq!(seen.certificates[0].names, [name]);
        assert_eq!(seen.peer, Some(server.address.to_string()));
        assert_eq!(seen.status, None);

        let mut spec = spec(&server, trusted);
        spec.tls.insecure = true;
        let seen = run(spec).await;
        assert_eq!((code(&seen), seen.certificates.len()), (200, 1));
    }
}

#[tokio::test]
async fn system_roots_do_not_trust_the_test_server() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), None).await;
    let seen = run(patient(&format!("https://{}/", server.address))).await;
    let trouble = seen.trouble.expect("trouble");
    // a machine without any roots cannot tell
    let expected = match rustls_native_certs::load_native_certs().certs.is_empty() {
        false => Reason::TlsUntrusted,
        true => Reason::Config,
    };
    assert_eq!(
        (trouble.reason, trouble.phase),
        (expected, Phase::Tls),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn named_roots_are_trusted_instead_of_the_systems() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().expect("a directory");
    fs::copy(authority.path(), dir.path().join("ours.pem")).expect("copied");
    for (variable, value, status) in [
        ("SSL_CERT_FILE", authority.path(), 0),
        ("SSL_CERT_DIR", dir.path(), 0),
        ("SSL_CERT_FILE", Authority::new().path(), 2),
    ] {
        let server = serve(&authority.issue("127.0.0.1", 2100), None).await;
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"));
        check
            .args(["check", "--timeout", "60s"])
            .arg(format!("https://{}/", server.address))
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env(variable, value);
        let ended = tokio::task::spawn_blocking(move || check.output());
        let ended = ended.await.expect("joined").expect("it runs");
        assert_eq!(ended.status.code(), Some(status), "{variable}: {ended:?}");
    }
}

#[tokio::test]
async fn self_signed_certificate_is_trusted_as_cacert() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        for (name, year, reason) in [
            ("127.0.0.1", 2100, None),
            ("shop.test", 2100, Some(Reason::TlsName)),
            ("127.0.0.1", 2021, Some(Reason::TlsExpired)),
        ] {
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params.is_ca = is_ca;
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("signed");
            let file = pem_file(&[&certificate.pem()]);
            let identity = Identity {
                der: certificate.der().clone(),
                pem: certificate.pem(),
                key,
            };
            let server = serve(&identity, None).await;
            let mut spec = patient(&format!("https://{}/", server.address));
            spec.tls.cacert = Some(file.path().to_owned());
            let seen = run(spec).await;
            assert_eq!(
                seen.trouble.map(|trouble| trouble.reason),
                reason,
                "{name} {year}"
            );
        }
    }
}

#[tokio::test]
async fn client_certificate_is_sent_when_asked() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), Some(&authority)).await;
    let seen = run(spec(&server, &authority)).await;
    assert_trouble(&seen, Reason::Config, Phase::Tls, "certificate required");
    let stranger = Authority::new().issue("us.test", 2100);
    let both = pem_file(&[&stranger.pem, &stranger.key.serialize_pem()]);
    let mut with_stranger = spec(&server, &authority);
    with_stranger.tls.cert = Some(both.path().to_owned());
    let seen = run(with_stranger).await;
    assert_trouble(&seen, Reason::Config, Phase::Tls, "certificate of httpok");

    let us = authority.issue("us.test", 2100);
    let (cert, key) = (pem_file(&[&us.pem]), pem_file(&[&us.key.serialize_pem()]));
    let both = pem_file(&[&us.pem, &us.key.serialize_pem()]);
    for (cert, key) in [(&cert, Some(&key)), (&both, None)] {
        let mut spec = spec(&server, &authority);
        spec.tls.cert = Some(cert.path().to_owned());
        spec.tls.key = key.map(|key| key.path().to_owned());
        assert_eq!(code(&run(spec).await), 200);
    }
}

#[tokio::test]
async fn non_tls_response_is_named() {
    let authority = Authority::new();
    let silent =
        hostile::talking(|mut stream| async move { hostile::wait_until_gone(&mut stream).await })
            .await;
    let mut hung = spec(&silent, &authority);
    hung.timeout = hasty("http://h/").timeout;
    let seen = run(hung).await;
    assert_trouble(
        &seen,
        Reason::TlsHandshake,
        Phase::Tls,
        "not done within 400ms",
    );

    let plain = hostile::talking(|mut stream| async move {
        hostile::play(&mut stream, Act::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await?;
        hostile::wait_until_gone(&mut stream).await
    })
    .await;
    let seen = run(spec(&plain, &authority)).await;
    assert_trouble(
        &seen,
        Reason::TlsHandshake,
        Phase::Tls,
        "does not speak TLS",
    );
    assert!(seen.duration < Duration::from_secs(5));
}

/// A server over TLS that says `answer` and closes without the good-bye of TLS.
async fn abrupt(identity: &Identity, answer: &'static [u8]) -> Server {
    tls_server(identity, &[], None, move |mut stream| async move {
        hostile::read_head(&mut stream).await?;
        stream.write_all(answer).await?;
        stream.flush().await?;
        let (mut socket, _) = stream.into_inner();
        socket.shutdown().await?;
        hostile::wait_until_gone(&mut socket).await
    })
    .await
}

#[tokio::test]
async fn a_close_without_close_notify_ends_a_body_of_unknown_length_and_no_other() {
    let authority = Authority::new();
    let identity = authority.issue("127.0.0.1", 2100);
    // as Python's http.server over TLS does it
    let server = abrupt(&identity, b"HTTP/1.0 200 OK\r\n\r\nhello").await;
    let seen = run(spec(&server, &authority)).await;
    assert_eq!((code(&seen), kept(&seen).as_str()), (200, "hello"));
    assert_eq!(seen.notes, ["TLS ended without close_notify"]);
    let server = abrupt(
        &identity,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    )
    .await;
    let seen = run(spec(&server, &authority)).await;
    assert_eq!((code(&seen), seen.notes.len()), (200, 0));
    for (answer, says) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"[..],
            "expected 9 bytes of body, got 5",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "broke off after 5 bytes",
        ),
    ] {
        let server = abrupt(&identity, answer).await;
        let seen = run(spec(&server, &authority)).await;
        assert_trouble(&seen, Reason::Truncated, Phase::Body, says);
    }
}

/// An authority between `root` and servers, valid until `year`: its certificate, and itself.
fn between(root: &Authority, name: &str, key: KeyPair, year: i32) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let name = (rcgen::DnType::CommonName, name);
    params.distinguished_name.push(name.0, name.1);
    let issuer = CertifiedIssuer::signed_by(params, key, &root.issuer).expect("a certificate");
    let file = pem_file(&[&issuer.pem()]);
    Authority { issuer, file }
}

async fn answering(identity: &Identity, rest: &[CertificateDer<'static>]) -> Server {
    tls_server(identity, rest, None, |mut stream| async move {
        hostile::read_head(&mut stream).await?;
        stream.write_all(OK).await?;
        stream.flush().await?;
        hostile::wait_until_gone(&mut stream).await
    })
    .await
}

#[tokio::test]
async fn unused_certificates_do_not_count() {
    let (old, new) = (Authority::named("old root"), Authority::named("new root"));
    let key = || KeyPair::generate().expect("a key");
    let middle = between(&new, "middle", key(), 2090);
    // the new root as the old one signed it once, which is over
    let shared = KeyPair::try_from(new.issuer.key().serialize_der()).expect("the same key");
    let cross = between(&old, "new root", shared, 2021);
    let identity = middle.issue("127.0.0.1", 2100);
    let chain = [middle.issuer.der().clone(), cross.issuer.der().clone()];
    let server = answering(&identity, &chain).await;
    let seen = run(spec(&server, &new)).await;
    assert_eq!(code(&seen), 200);
    let verified: Vec<_> = seen.certificates.iter().map(|one| one.verified).collect();
    assert_eq!(verified, [true, true, false]);
    assert_eq!(seen.first_expiry(), Some(3_786_912_000)); // 2090
    // where nothing is verified the leaf counts
    let mut insecure = spec(&server, &new);
    insecure.tls.insecure = true;
    assert_eq!(run(insecure).await.first_expiry(), Some(4_102_444_800)); // 2100
}

#[tokio::test]
async fn an_expired_intermediate_is_named_with_its_date() {
    let root = Authority::named("root");
    let middle = between(&root, "middle", KeyPair::generate().expect("a key"), 2021);
    let identity = middle.issue("127.0.0.1", 2100);
    let server = answering(&identity, &[middle.issuer.der().clone()]).await;
    let seen = run(spec(&server, &root)).await;
    let says = "the issuer's certificate \"CN=middle\" expired on 2021-01-01T00:00:00Z";
    assert_trouble(&seen, Reason::TlsExpired, Phase::Tls, says);
}

/// Peers that our TLS library cannot judge: what is our limit is no failure of theirs.
#[tokio::test]
async fn unsupported_certificates_are_unknown() {
    const P521: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
    const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let limit = "beyond what httpok's TLS library can do";
    let of = |server: &Openssl, cacert: Option<std::path::PathBuf>| {
        let mut spec = patient(&format!("https://127.0.0.1:{}/", server.port));
        spec.tls.insecure = cacert.is_none();
        spec.tls.cacert = cacert;
        spec
    };
    let dir = tempfile::tempdir().expect("a directory");
    let in_dir = |name: &str| Some(dir.path().join(name));
    // the server's own key
    let server = Openssl::start(dir.path(), &P521, &["-sha512"], &[]);
    assert_trouble(
        &run(of(&server, in_dir("cert.pem"))).await,
        Reason::Config,
        Phase::Tls,
        limit,
    );
    // which does not matter where nothing is verified
    assert_eq!(code(&run(of(&server, None)).await), 200);
    // the authority's key
    let server = Openssl::signed(dir.path(), &P256, &P521);
    assert_trouble(
        &run(of(&server, in_dir("ca.pem"))).await,
        Reason::Config,
        Phase::Tls,
        limit,
    );
    // X.509 version 1
    let server = Openssl::start(dir.path(), &P256, &["-sha256"], &[]);
    fs::write(dir.path().join("other.pem"), Authority::new().issuer.pem()).expect("written");
    assert_trouble(
        &run(of(&server, in_dir("other.pem"))).await,
        Reason::Config,
        Phase::Tls,
        limit,
    );
    assert_eq!(code(&run(of(&server, None)).await), 200);
    // as a check on the comparison
    let server = Openssl::signed(dir.path(), &P256, &P256);
    assert_eq!(code(&run(of(&server, in_dir("ca.pem"))).await), 200);
}
