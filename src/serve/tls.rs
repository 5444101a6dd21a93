//! What is served, with its certificate read: what can be wrong with it is found before anything is bound.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::spec::{ServeSpec, TlsFiles};
use crate::net::tls::PROVIDER;
use crate::safe_path::read_regular;

/// More than any file of certificates has, in bytes.
const FILE: u64 = 1 << 20;

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what} {path:?} of [serve.tls]: {why}: expected a PEM file with {expected}")]
pub struct ServeError {
    /// Its key.
    what: &'static str,
    path: PathBuf,
    why: String,
    expected: &'static str,
}

/// `[serve]`, ready to be bound.
#[derive(Clone, Debug)]
pub struct ServeSetup {
    pub spec: ServeSpec,
    pub tls: Option<Arc<ServerConfig>>,
}

impl ServeSetup {
    /// Reads the files that `spec` names. Blocks as long as the file system does.
    ///
    /// # Errors
    /// Names the file, and what is wrong with it.
    pub fn new(spec: ServeSpec) -> Result<Self, ServeError> {
        let tls = spec.tls.as_ref().map(config).transpose()?;
        Ok(Self {
            tls: tls.map(Arc::new),
            spec,
        })
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, ServeError> {
    let cert = |why: String| ServeError {
        what: "cert",
        path: files.cert.clone(),
        why,
        expected: "the server's certificate and those above it",
    };
    let key = |why: String| ServeError {
        what: "key",
        path: files.key.clone(),
        why,
        expected: "the private key of cert",
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(&files.cert).map_err(cert)?)
        .collect::<Result<_, _>>()
        .map_err(|why| cert(why.to_string()))?;
    if chain.is_empty() {
        return Err(cert("no certificate in it".to_owned()));
    }
    let private_key = PrivateKeyDer::from_pem_slice(&read(&files.key).map_err(key)?)
        .map_err(|why| key(format!("no private key in it: {why}")))?;
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|why| cert(why.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private_key)
        .map_err(|why| key(why.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    read_regular(path, FILE).map_err(|why| why.to_string())
}
