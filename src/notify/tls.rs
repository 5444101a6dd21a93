//! TLS for what is sent: whom it trusts. Reading the roots blocks.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// TLS that trusts the roots in `cacert`, or the system's.
///
/// # Errors
/// The roots cannot be read.
pub fn config(cacert: Option<PathBuf>) -> Result<ClientConfig, String> {
    let builder = versions()?;
    let config = match cacert {
        None => builder
            .with_platform_verifier()
            .map_err(|error| format!("cannot read the system's roots: {error}"))?,
        Some(path) => {
            let wrong = |why: &dyn std::fmt::Display| format!("cannot use {path:?}: {why}");
            let mut roots = RootCertStore::empty();
            let pem = CertificateDer::pem_file_iter(&path).map_err(|error| wrong(&error))?;
            for root in pem {
                let root = root.map_err(|error| wrong(&error))?;
                roots.add(root).map_err(|error| wrong(&error))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(config.with_no_client_auth())
}

/// For plain HTTP: it must not need any roots, and must work on a machine that has none.
///
/// # Errors
/// TLS cannot be prepared.
pub fn trusting_nobody() -> Result<ClientConfig, String> {
    let builder = versions()?.with_root_certificates(RootCertStore::empty());
    Ok(builder.with_no_client_auth())
}

fn versions() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot prepare TLS: {error}"))
}
