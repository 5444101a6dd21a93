//! Whom to trust, and who we are. The system's roots are loaded once per process, when the first
//! https probe asks for them, and never on the event loop; a probe that needs no roots loads none.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use tokio::sync::OnceCell;

use super::certificate;
use super::spec::{SpecError, TlsSpec};
use super::trace::Trace;

/// More than any bundle of certificates has.
const FILE_MAX: u64 = 16 * 1024 * 1024;

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(ring::default_provider()));

/// The system's roots. Only success is remembered: a bundle that is installed later is found.
static SYSTEM: OnceCell<Verifier> = OnceCell::const_new();

/// One probe's side of TLS.
pub struct Tls {
    base: ClientConfig,
    trust: Trust,
}

#[derive(Clone, Debug)]
enum Trust {
    /// Every certificate is fine.
    Anyone,
    /// Whom the system trusts.
    System,
    /// Whom the certificates of a file vouch for.
    Given(Arc<Given>),
}

#[derive(Debug)]
struct Given {
    roots: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Tls {
    /// Reads the files that `spec` names.
    pub fn new(spec: &TlsSpec, http2: bool) -> Result<Self, SpecError> {
        let trust = match &spec.cacert {
            _ if spec.insecure => Trust::Anyone,
            None => Trust::System,
            Some(path) => Trust::Given(Arc::new(Given::read(path)?)),
        };
        let mut base = client(spec)?;
        base.alpn_protocols = match http2 {
            true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            false => vec![b"http/1.1".to_vec()],
        };
        Ok(Self { base, trust })
    }

    /// Loads the system's roots where they are needed and not there yet. Told in words when there
    /// are none.
    pub async fn prepare(&self) -> Result<(), String> {
        if !matches!(self.trust, Trust::System) {
            return Ok(());
        }
        let load = || async {
            let loading = tokio::task::spawn_blocking(|| Verifier::new(PROVIDER.clone()));
            match loading.await {
                Ok(loaded) => loaded.map_err(|fault| fault.to_string()),
                Err(broken) => Err(broken.to_string()),
            }
        };
        SYSTEM.get_or_try_init(load).await.map(|_| ())
    }

    /// The configuration for one attempt, which `trace` watches.
    pub fn config(&self, trace: &Trace) -> ClientConfig {
        let mut config = self.base.clone();
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

/// A configuration with our certificate, if there is one, that trusts nobody yet.
fn client(spec: &TlsSpec) -> Result<ClientConfig, SpecError> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|fault| SpecError::Cert {
            path: spec.cert.clone().unwrap_or_default(),
            why: fault.to_string(),
        })?
        .with_root_certificates(RootCertStore::empty());
    let Some(path) = &spec.cert else {
        return match &spec.key {
            Some(key) => Err(SpecError::KeyAlone(key.clone())),
            None => Ok(builder.with_no_client_auth()),
        };
    };
    let chain = read_certificates("cert", path)?;
    let (what, key) = match &spec.key {
        Some(key) => ("key", key),
        None => ("cert", path),
    };
    let pem = read_file(what, key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|fault| SpecError::File {
        what,
        path: key.clone(),
        why: format!("no private key in it: {fault}"),
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|fault| SpecError::Cert {
            path: path.clone(),
            why: fault.to_string(),
        })
}

fn read_certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, SpecError> {
    let fault = |why: String| SpecError::File {
        what,
        path: path.to_owned(),
        why,
    };
    let pem = read_file(what, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|broken| fault(broken.to_string()))?;
    match certificates.is_empty() {
        true => Err(fault("no certificate in it".to_owned())),
        false => Ok(certificates),
    }
}

fn read_file(what: &'static str, path: &Path) -> Result<Vec<u8>, SpecError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes))
        .map_err(|fault| SpecError::File {
            what,
            path: path.to_owned(),
            why: fault.to_string(),
        })?;
    Ok(bytes)
}

impl Given {
    fn read(path: &Path) -> Result<Self, SpecError> {
        let fault = |why: String| SpecError::File {
            what: "cacert",
            path: path.to_owned(),
            why,
        };
        let certificates = read_certificates("cacert", path)?;
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.iter().cloned());
        let roots = WebPkiServerVerifier::builder_with_provider(store.into(), PROVIDER.clone())
            .build()
            .map_err(|broken| fault(broken.to_string()))?;
        Ok(Self {
            roots,
            certificates,
        })
    }

    /// A certificate that is in the file itself is trusted as it is, even one that signed itself as
    /// an authority, which the chain rules allow for no server.
    fn verify_itself(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        let facts = certificate::read(leaf).ok_or(CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < facts.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > facts.not_after {
            return Err(CertificateError::Expired.into());
        }
        Ok(ServerCertVerified::assertion())
    }
}

/// Judges the peer's certificate and notes both it and the judgement.
#[derive(Debug)]
struct Judge {
    trust: Trust,
    trace: Trace,
}

impl Judge {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anyone => Ok(ServerCertVerified::assertion()),
            Trust::System => match SYSTEM.get() {
                Some(system) => system.verify_server_cert(leaf, chain, name, ocsp, now),
                None => Err(Error::General("the system's roots are not loaded".into())),
            },
            Trust::Given(given) if given.certificates.iter().any(|known| known == leaf) => {
                given.verify_itself(leaf, name, now)
            }
            Trust::Given(given) => given.roots.verify_server_cert(leaf, chain, name, ocsp, now),
        }
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.trace.note_chain(leaf, chain);
        self.judge(leaf, chain, name, ocsp, now)
            .inspect_err(|error| self.trace.note_distrust(error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.trust, Trust::Anyone) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &PROVIDER.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, leaf, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.trust, Trust::Anyone) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &PROVIDER.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
