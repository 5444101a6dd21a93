//! A whole HTTPS check, beside a bare rustls handshake with the same server and the same trust. The server
//! has threads of its own, so only the client's time counts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use httpok::health::BodyNeeds;
use httpok::probe::http::{HttpProbe, HttpSpec};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::meter::{Table, each};

const TIMES: u32 = 40;
const TIMEOUT: Duration = Duration::from_secs(10);

/// An authority, and a server's certificate by it with its key.
struct Identity {
    authority: CertificateDer<'static>,
    pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn identity() -> Identity {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &issuer).expect("signed");
    Identity {
        authority: issuer.der().clone(),
        pem: issuer.pem(),
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
    }
}

/// A server that answers whoever asks something after the handshake.
fn serve(own: &Identity) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(own.chain.clone(), own.key.clone_key())
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut stream = StreamOwned::new(session, stream);
            let mut piece = [0; 1024];
            if stream.read(&mut piece).is_ok_and(|got| got > 0) {
                // a client that goes early is not measured here
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                let _ = stream.flush();
            }
        }
    });
    address
}

fn bare(own: &Identity) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(own.authority.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

pub fn measure(table: &mut Table) {
    let own = identity();
    let address = serve(&own);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &own.pem).expect("written");
    let mut spec = HttpSpec::of_url(&format!("https://{address}/")).expect("a URL");
    spec.timeout = TIMEOUT;
    spec.tls.cacert = Some(file.path().to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let probe = HttpProbe::new(spec, &BodyNeeds::default()).expect("right");
    let connector = bare(&own);
    let name = ServerName::from(address.ip());
    table.beside(
        "an HTTPS check, clients shared",
        || {
            each(TIMES, || {
                let seen = runtime.block_on(probe.run(TIMEOUT));
                assert_eq!(seen.trouble, None);
            })
        },
        "bare rustls handshake",
        || {
            each(TIMES, || {
                let shaken = runtime.block_on(async {
                    let stream = TcpStream::connect(address).await.expect("it listens");
                    connector.connect(name.clone(), stream).await
                });
                shaken.expect("trusted");
            })
        },
    );
}
