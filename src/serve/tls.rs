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
#[error("[serve.tls] {}: {why}", path.display())]
pub struct ServeError {
    path: PathBuf,
    why: String,
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
    let fault = |path: &Path, why: String| ServeError {
        path: path.to_owned(),
        why,
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(&files.cert)?)
        .collect::<Result<_, _>>()
        .map_err(|why| fault(&files.cert, why.to_string()))?;
    if chain.is_empty() {
        return Err(fault(&files.cert, "no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|why| fault(&files.key, format!("no private key in it: {why}")))?;
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|why| fault(&files.cert, why.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| fault(&files.cert, why.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    read_regular(path, FILE).map_err(|why| ServeError {
        path: path.to_owned(),
        why: why.to_string(),
    })
}
