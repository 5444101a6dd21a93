//! https: the original never verified a certificate, so on its command line nothing is, which is said; unless
//! verification is asked for.

use std::fs;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::eventlistener::EventListener;
use crate::fixture::Stage;
use crate::site::Site;

/// A server with a certificate that it signed itself, and that certificate.
fn server(name: &str) -> (Site, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (Site::tls(Arc::new(config)), certificate.pem())
}

#[test]
fn certificates_are_verified_when_asked_for() {
    let (site, pem) = server("127.0.0.1");
    let (stranger, _) = server("other.example");
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    fs::write(stage.dir().join("ca.pem"), pem).unwrap();
    let cases = [
        (&site, &[][..], true),
        (&stranger, &[], true),
        (&site, &["--verify"], false),
        (&site, &["--cacert", "DIR/ca.pem"], true),
        (&stranger, &["--cacert", "DIR/ca.pem"], false),
    ];
    for (site, options, good) in cases {
        let url = format!("{}/ok", site.origin());
        let restarts = stage.supervisord.count("start");
        let words = [options, &["-p", "web", &url]].concat();
        let mut listener = EventListener::start(&mut stage.httpok(&words));
        (0..3).for_each(|_| listener.tick());
        let said = listener.close().err;
        let unverified =
            format!("httpok: the certificate of {url} is not verified; --verify does that\n");
        if options.is_empty() {
            assert_eq!(said, unverified, "once");
        } else if good {
            assert_eq!(said, "", "{words:?}");
        } else {
            assert!(
                said.starts_with(&format!("error contacting {url}:\n\n ")),
                "{said}"
            );
            assert!(said.to_lowercase().contains("certificate"), "{said}");
        }
        assert_eq!(
            stage.supervisord.count("start") > restarts,
            !good,
            "{words:?}: {said}"
        );
    }
}
