//! One probe's side of TLS: our own certificate, and what is offered. Trust is decided in [`super::trust`].
//! Probes without a certificate of their own, which are nearly all, share one configuration, which is made
//! when the first of them shakes hands; a probe over plain HTTP makes nothing.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::HttpSpecError;
use super::pem;
use super::spec::TlsSpec;
use super::trace::HttpTrace;
use crate::net::tls::trusting_nobody;

use super::trust::{Judge, Trust, TrustedCertificates};

/// The configuration of probes without a client certificate.
static NOBODY: LazyLock<ClientConfig> = LazyLock::new(|| trusting_nobody().with_no_client_auth());

/// One probe's side of TLS.
pub struct ProbeTls {
    /// With our certificate, if we have one.
    own: Option<Box<ClientConfig>>,
    versions: &'static [&'static str],
    trust: Trust,
}

impl PartialEq for ProbeTls {
    /// Whether they are alike for certain: certificates of our own are not compared.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            own,
            versions,
            trust,
        } = self;
        own.is_none() && other.own.is_none() && *versions == other.versions && trust == &other.trust
    }
}

impl ProbeTls {
    /// Reads the files that `spec` names.
    pub fn new(spec: &TlsSpec, versions: &'static [&'static str]) -> Result<Self, HttpSpecError> {
        let trust = match &spec.cacert {
            _ if spec.insecure => Trust::Anyone,
            None => Trust::System,
            Some(path) => Trust::Given(TrustedCertificates::read(path)?),
        };
        let own = match (&spec.cert, &spec.key) {
            (None, None) => None,
            (None, Some(key)) => return Err(HttpSpecError::KeyAlone(key.clone())),
            (Some(cert), Some(key)) => Some(Box::new(identified(cert, "key", key)?)),
            (Some(cert), None) => Some(Box::new(identified(cert, "cert", cert)?)),
        };
        Ok(Self {
            own,
            versions,
            trust,
        })
    }

    /// Whether it gets along with all that the original's handshake does ([`TlsSpec::as_original`]): no version is offered.
    pub const fn is_as_original(&self) -> bool {
        self.versions.is_empty()
    }

    /// Makes what is needed to trust. Returns an error text when that cannot be had.
    pub async fn prepare(&self) -> Result<(), String> {
        self.trust.prepare().await
    }

    /// The configuration for one attempt, which `trace` watches.
    pub fn config(&self, trace: &HttpTrace) -> ClientConfig {
        let mut config = self.own.as_deref().unwrap_or(&NOBODY).clone();
        let versions = self.versions.iter();
        config.alpn_protocols = versions.map(|name| name.as_bytes().to_vec()).collect();
        let judge = Judge {
            trust: self.trust.clone(),
            trace: trace.clone(),
        };
        config.dangerous().set_certificate_verifier(Arc::new(judge));
        // so that every handshake shows the certificate
        config.resumption = Resumption::disabled();
        config
    }
}

/// The configuration of probes with the client certificate in `cert`. `what` says which file `key` is.
fn identified(cert: &Path, what: &'static str, key: &Path) -> Result<ClientConfig, HttpSpecError> {
    let chain = pem::certificates("cert", cert, &pem::read("cert", cert)?)?;
    let text = pem::read(what, key)?;
    let secret = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|broken| pem::fault(what, key, format!("no private key in it: {broken}")))?;
    trusting_nobody()
        .with_client_auth_cert(chain, secret)
        .map_err(|fault| HttpSpecError::Cert {
            path: cert.to_owned(),
            why: fault.to_string(),
        })
}
