//! A whole HTTPS check, beside a bare rustls handshake with the same server and the same trust. The server
//! has threads of its own, so only the client's time counts.

use std::sync::Arc;
use std::time::Duration;

use httpok::health::BodyNeeds;
use httpok::probe::http::{HttpProbe, HttpSpec};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::meter::{Table, each};
use super::server::{Identity, Server};

const TIMES: u32 = 40;
const TIMEOUT: Duration = Duration::from_secs(10);

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
    let own = Identity::new();
    let address = Server::https(&own).address;
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
