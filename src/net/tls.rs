//! TLS for clients: where the ciphers come from, and configurations that trust nobody, the system's roots, or
//! those of a file. How a probe judges certificates is its own matter.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tokio_rustls::TlsConnector;

use super::endpoint::Connection;
use super::roots;
use super::trouble::words;

/// Where the ciphers come from; made when the first handshake needs it.
pub static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(ring::default_provider()));

fn versions() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for TLS 1.2 and 1.3")
}

/// A configuration that trusts nobody: for plain HTTP, which must also work on a machine without roots, and to
/// put another verifier into.
pub fn trusting_nobody() -> ConfigBuilder<ClientConfig, WantsClientCert> {
    versions().with_root_certificates(RootCertStore::empty())
}

/// A configuration that trusts the roots in the PEM file `cacert`, or the system's. Blocks while it reads them.
///
/// # Errors
/// Says what cannot be read or used.
pub fn trusting(cacert: Option<&Path>) -> Result<ClientConfig, String> {
    identified(cacert, None)
}

/// The same, with the certificate and the key of `own`, which may be one file.
///
/// # Errors
/// Says what cannot be read or used.
pub fn identified(
    cacert: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<ClientConfig, String> {
    let roots = match cacert {
        None => roots::system()
            .map_err(|error| format!("cannot load the system's certificates: {error}"))?,
        Some(path) => {
            let invalid = |why: &dyn std::fmt::Display| format!("cannot use {path:?}: {why}");
            let mut roots = RootCertStore::empty();
            let pem = CertificateDer::pem_file_iter(path).map_err(|error| invalid(&error))?;
            for root in pem {
                let root = root.map_err(|error| invalid(&error))?;
                roots.add(root).map_err(|error| invalid(&error))?;
            }
            roots
        }
    };
    let config = versions().with_root_certificates(roots);
    let Some((cert, key)) = own else {
        return Ok(config.with_no_client_auth());
    };
    let invalid = |path: &Path, why: &dyn std::fmt::Display| format!("cannot use {path:?}: {why}");
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|error| invalid(cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| invalid(key, &error))?;
    config
        .with_client_auth_cert(chain, secret)
        .map_err(|error| invalid(cert, &error))
}

/// TLS over `connection` with `host`, a name or an address as it stands in a URL.
///
/// # Errors
/// Says why there is no handshake.
pub async fn secured(
    connection: Connection,
    host: &str,
    config: ClientConfig,
) -> Result<Connection, String> {
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name =
        ServerName::try_from(bare).map_err(|error| format!("not a name for TLS: {error}"))?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, connection);
    match secured.await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(words(&error)),
    }
}
