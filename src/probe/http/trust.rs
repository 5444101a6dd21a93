//! Which certificates are trusted: any, the system's roots, or those of a file. The system's roots are loaded once per
//! process, when the first https probe asks for them, and never on the event loop. Those of a file are
//! there once, however many probes name it; a probe that needs no roots loads none.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::sync::OnceCell;

use super::HttpSpecError;
use super::certificate;
use super::pem;
use super::trace::HttpTrace;
use crate::blocking;
use crate::net::roots;
use crate::net::tls::PROVIDER;

/// The system's roots. Only success is remembered: a bundle that is installed later is found.
static SYSTEM: OnceCell<Arc<WebPkiServerVerifier>> = OnceCell::const_new();

/// The roots of files that are in use, by what is in the file: one that was changed is another one.
static GIVEN: LazyLock<Mutex<HashMap<Digest, Weak<TrustedCertificates>>>> =
    LazyLock::new(Mutex::default);

type Digest = Vec<u8>;

/// Signatures that the library cannot verify, and OpenSSL can.
const UNVERIFIED: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::ECDSA_SHA1_Legacy,
    SignatureScheme::RSA_PKCS1_SHA1,
];

/// The roots that a probe trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Every certificate is fine.
    Anyone,
    /// The system's roots.
    System,
    /// The roots in a file.
    Given(Arc<TrustedCertificates>),
}

impl PartialEq for Trust {
    /// Whether they are alike for certain: those of a file are there once, as long as it stays the same.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anyone, Self::Anyone) | (Self::System, Self::System) => true,
            (Self::Given(own), Self::Given(others)) => Arc::ptr_eq(own, others),
            (Self::Anyone | Self::System | Self::Given(_), _) => false,
        }
    }
}

/// The certificates of a file.
#[derive(Debug)]
pub struct TrustedCertificates {
    roots: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Loads the system's roots where they are needed and not there yet. Returns an error text when there
    /// are none.
    pub async fn prepare(&self) -> Result<(), String> {
        if !matches!(self, Self::System) {
            return Ok(());
        }
        let load = || async {
            match blocking::run("roots", || verifier(roots::system()?)).await {
                Ok(loaded) => loaded,
                Err(broken) => Err(broken.to_string()),
            }
        };
        SYSTEM.get_or_try_init(load).await.map(|_| ())
    }
}

impl TrustedCertificates {
    /// The certificates in the file `path`.
    pub fn read(path: &Path) -> Result<Arc<Self>, HttpSpecError> {
        let text = pem::read("cacert", path)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &text);
        let digest = digest.as_ref().to_vec();
        // plain values: a panic elsewhere cannot leave them half-written
        let mut known = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = known.get(&digest).and_then(Weak::upgrade) {
            return Ok(given);
        }
        let given = Arc::new(Self::parse(path, &text)?);
        known.retain(|_, given| given.strong_count() > 0);
        known.insert(digest, Arc::downgrade(&given));
        Ok(given)
    }

    fn parse(path: &Path, text: &[u8]) -> Result<Self, HttpSpecError> {
        let certificates = pem::certificates("cacert", path, text)?;
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.iter().cloned());
        let roots = verifier(store).map_err(|broken| pem::fault("cacert", path, broken))?;
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

fn verifier(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(roots.into(), PROVIDER.clone())
        .build()
        .map_err(|broken| broken.to_string())
}

/// Judges the peer's certificate and notes both it and the judgement.
#[derive(Debug)]
pub struct Judge {
    pub trust: Trust,
    pub trace: HttpTrace,
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
        let verifier: &dyn ServerCertVerifier = match &self.trust {
            Trust::Anyone => return Ok(ServerCertVerified::assertion()),
            Trust::System => match SYSTEM.get() {
                Some(system) => system.as_ref(),
                None => return Err(Error::General("the system's roots are not loaded".into())),
            },
            Trust::Given(given) if given.certificates.iter().any(|known| known == leaf) => {
                let verified = given.verify_itself(leaf, name, now)?;
                self.trace.note_verified(&[0]);
                return Ok(verified);
            }
            Trust::Given(given) => given.roots.as_ref(),
        };
        if let Some((verified, path)) = self.shortest(verifier, leaf, chain, name, now) {
            self.trace.note_verified(&path);
            return Ok(verified);
        }
        verifier.verify_server_cert(leaf, chain, name, ocsp, now)
    }

    /// The path that verification uses, as places in the chain: the leaf, then issuer after issuer, no further than it
    /// takes to reach a root. The library does not say which one it took, so it is given one certificate more each
    /// time; without an issuer it gives up before any signature is checked, so this costs next to nothing. `None`
    /// where that leads nowhere: then the chain as a whole says why.
    fn shortest(
        &self,
        verifier: &dyn ServerCertVerifier,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<(ServerCertVerified, Vec<usize>)> {
        let facts = self.trace.peek(|marks| marks.certificates.clone());
        let secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let mut path = vec![0];
        loop {
            let issuers: Vec<_> = path[1..]
                .iter()
                .filter_map(|at: &usize| chain.get(at - 1).cloned())
                .collect();
            match verifier.verify_server_cert(leaf, &issuers, name, &[], now) {
                Ok(verified) => return Some((verified, path)),
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(_) => return None,
            }
            let issuer = &facts.get(*path.last()?)?.issuer;
            let next = (1..facts.len()).find(|at| {
                let one = &facts[*at];
                let valid = (one.not_before..=one.not_after).contains(&secs);
                valid && one.subject == *issuer && !path.contains(at)
            });
            path.push(next?);
        }
    }

    /// That the peer has the certificate's key. Where any certificate will do nobody cares.
    fn verified(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Trust::Anyone => Ok(HandshakeSignatureValid::assertion()),
            Trust::System | Trust::Given(_) => verify(&PROVIDER.signature_verification_algorithms),
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
        self.verified(|algorithms| {
            rustls::crypto::verify_tls12_signature(message, leaf, signed, algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verified(|algorithms| {
            rustls::crypto::verify_tls13_signature(message, leaf, signed, algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        let mut schemes = algorithms.supported_schemes();
        if matches!(self.trust, Trust::Anyone) {
            // what nobody verifies need not be understood
            schemes.extend(UNVERIFIED);
        }
        schemes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_certificates_are_shared_while_used() {
        let pem = |name: &str| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]);
            made.expect("a certificate").cert.pem()
        };
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, pem: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, pem).expect("a file");
            path
        };
        let (ours, other) = (pem("a.example"), pem("b.example"));
        let path = file("one", &ours);
        let one = TrustedCertificates::read(&path).expect("right");
        let same = TrustedCertificates::read(&file("two", &ours)).expect("right");
        assert!(Arc::ptr_eq(&one, &same));
        // a file that was changed is read anew
        let changed = TrustedCertificates::read(&file("one", &other)).expect("right");
        assert!(!Arc::ptr_eq(&one, &changed));
        drop((one, same, changed));
        let again = TrustedCertificates::read(&path).expect("right");
        assert_eq!(Arc::strong_count(&again), 1);
    }
}
