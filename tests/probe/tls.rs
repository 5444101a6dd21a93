//! TLS: whom a probe trusts, what it says when it does not, and what it tells of the certificate.

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
use tokio_rustls::TlsAcceptor;

use super::hostile::{self, Act, Server};
use super::{assert_trouble, code, hasty, look, patient};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An authority of our own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new() -> Self {
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

    /// A certificate for `name`, valid from 2020 until `year`.
    fn issue(&self, name: &str, year: i32) -> Identity {
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
struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
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
    let mut config = builder
        .with_single_cert(vec![identity.der.clone()], key)
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    hostile::talking(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = match acceptor.accept(stream).into_fallible().await {
                Ok(stream) => stream,
                // the alert is out; leave in peace, so that it arrives
                Err((_, mut stream)) => return hostile::wait_until_gone(&mut stream).await,
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                return speak_http2(&mut stream).await;
            }
            hostile::read_head(&mut stream).await?;
            stream.write_all(OK).await?;
            stream.flush().await?;
            hostile::wait_until_gone(&mut stream).await
        }
    })
    .await
}

/// The least of HTTP/2: settings, their acknowledgement, and status 200 on the first stream.
async fn speak_http2<S>(stream: &mut S) -> std::io::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
    stream.write_all(&[0, 0, 0, 4, 1, 0, 0, 0, 0]).await?;
    stream.write_all(&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]).await?;
    stream.flush().await?;
    hostile::wait_until_gone(stream).await
}

/// A spec for `server`, trusting `authority`.
fn spec(server: &Server, authority: &Authority) -> HttpSpec {
    let mut spec = patient(&format!("https://{}/", server.address));
    spec.tls.cacert = Some(authority.file.path().to_owned());
    spec
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_fine_and_is_told() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), None).await;
    let seen = look(spec(&server, &authority)).await;
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
async fn every_distrust_has_its_reason_and_still_shows_the_certificate() {
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
        let seen = look(spec(&server, trusted)).await;
        assert_trouble(&seen, reason, Phase::Tls, says);
        assert_eq!(seen.certificates[0].names, [name]);
        assert_eq!(seen.peer, Some(server.address.to_string()));
        assert_eq!(seen.status, None);

        let mut spec = spec(&server, trusted);
        spec.tls.insecure = true;
        let seen = look(spec).await;
        assert_eq!((code(&seen), seen.certificates.len()), (200, 1));
    }
}

#[tokio::test]
async fn the_systems_roots_do_not_vouch_for_us() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), None).await;
    let seen = look(patient(&format!("https://{}/", server.address))).await;
    let trouble = seen.trouble.expect("trouble");
    // a machine without any roots cannot tell
    let expected = match rustls_platform_verifier::Verifier::new(provider()) {
        Ok(_) => Reason::TlsUntrusted,
        Err(_) => Reason::Config,
    };
    assert_eq!(
        (trouble.reason, trouble.phase),
        (expected, Phase::Tls),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_when_it_is_the_given_one() {
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
            let seen = look(spec).await;
            assert_eq!(
                seen.trouble.map(|trouble| trouble.reason),
                reason,
                "{name} {year}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_told() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), Some(&authority)).await;
    let seen = look(spec(&server, &authority)).await;
    assert_trouble(
        &seen,
        Reason::TlsHandshake,
        Phase::Tls,
        "CertificateRequired",
    );

    let us = authority.issue("us.test", 2100);
    let (cert, key) = (pem_file(&[&us.pem]), pem_file(&[&us.key.serialize_pem()]));
    let both = pem_file(&[&us.pem, &us.key.serialize_pem()]);
    for (cert, key) in [(&cert, Some(&key)), (&both, None)] {
        let mut spec = spec(&server, &authority);
        spec.tls.cert = Some(cert.path().to_owned());
        spec.tls.key = key.map(|key| key.path().to_owned());
        assert_eq!(code(&look(spec).await), 200);
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_said() {
    let authority = Authority::new();
    let silent =
        hostile::talking(|mut stream| async move { hostile::wait_until_gone(&mut stream).await })
            .await;
    let mut hung = spec(&silent, &authority);
    hung.timeout = hasty("http://h/").timeout;
    let seen = look(hung).await;
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
    let seen = look(spec(&plain, &authority)).await;
    assert_trouble(
        &seen,
        Reason::TlsHandshake,
        Phase::Tls,
        "does not speak TLS",
    );
    assert!(seen.duration < Duration::from_secs(5));
}

#[tokio::test]
async fn http2_is_spoken_when_both_want_it() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1", 2100), None).await;
    let mut spec = spec(&server, &authority);
    spec.http2 = true;
    let seen = look(spec).await;
    assert_eq!(code(&seen), 200);
    let status = seen.status.expect("a status");
    assert_eq!(
        (status.version.as_str(), status.reason.as_str()),
        ("HTTP/2", "")
    );
}
