//! When one attempt reached what, and what its peer showed. Shared with the certificate verifier (see
//! [`super::tls`]), which is the only one to see the certificates of a handshake that fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use super::certificate;
use crate::health::{Certificate, Phase, Phases};
use crate::net::Endpoint;

/// More certificates than this are no chain.
const CHAIN_MAX: usize = 10;

/// The notes of one attempt.
#[derive(Clone, Debug, Default)]
pub struct HttpTrace(Arc<Mutex<HttpTimes>>);

/// What was noted.
#[derive(Debug, Default)]
pub struct HttpTimes {
    connecting: Option<Instant>,
    handshaking: Option<Instant>,
    connected: Option<Instant>,
    /// The endpoint that accepted the connection.
    pub peer: Option<String>,
    /// The peer's chain, leaf first.
    pub certificates: Vec<Certificate>,
    /// Why the chain was not accepted.
    pub distrust: Option<rustls::Error>,
}

impl HttpTimes {
    /// How far the attempt came.
    pub fn phase(&self) -> Phase {
        match (self.handshaking, self.connected) {
            (_, Some(_)) => Phase::FirstByte,
            (Some(_), None) => Phase::Tls,
            (None, None) => Phase::Connect,
        }
    }

    /// Adds to `phases` what this attempt spent in each until `now`.
    pub fn add_to(&self, phases: &mut Phases, now: Instant) {
        let connected = self.connected.unwrap_or(now);
        let reached = self.handshaking.unwrap_or(connected);
        if let Some(connecting) = self.connecting {
            phases.add(Phase::Connect, reached.duration_since(connecting));
        }
        if let Some(handshaking) = self.handshaking {
            phases.add(Phase::Tls, connected.duration_since(handshaking));
        }
        if self.connected.is_some() {
            phases.add(Phase::FirstByte, now.duration_since(connected));
        }
    }
}

impl HttpTrace {
    fn marks(&self) -> MutexGuard<'_, HttpTimes> {
        // plain values: a panic elsewhere cannot leave them half-written
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the attempt came.
    pub fn phase(&self) -> Phase {
        self.marks().phase()
    }

    /// The attempt enters `phase` now.
    pub fn enter(&self, phase: Phase) {
        let mut marks = self.marks();
        let slot = match phase {
            Phase::Connect => &mut marks.connecting,
            Phase::Tls => &mut marks.handshaking,
            Phase::FirstByte => &mut marks.connected,
            // not an attempt's
            Phase::Dns | Phase::Body => return,
        };
        *slot = Some(Instant::now());
    }

    /// What `read` makes of the notes so far.
    pub fn peek<T>(&self, read: impl FnOnce(&HttpTimes) -> T) -> T {
        read(&self.marks())
    }

    /// The notes, which start anew.
    pub fn take(&self) -> HttpTimes {
        std::mem::take(&mut self.marks())
    }

    /// Notes the endpoint that accepted the connection.
    pub fn note_peer(&self, endpoint: &Endpoint) {
        self.marks().peer = Some(endpoint.to_string());
    }

    /// Notes the chain that the peer showed.
    pub fn note_chain(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) {
        // of an unreadable leaf nothing can be said; an unreadable issuer keeps its place, which others count by
        let chain = certificate::read(leaf).map(|leaf| {
            let issuers = rest.iter().take(CHAIN_MAX - 1);
            let issuers = issuers.map(|der| certificate::read(der).unwrap_or_default());
            std::iter::once(leaf).chain(issuers).collect()
        });
        self.marks().certificates = chain.unwrap_or_default();
    }

    /// Notes which certificates of the chain it was verified by.
    pub fn note_verified(&self, path: &[usize]) {
        let mut marks = self.marks();
        for at in path {
            if let Some(one) = marks.certificates.get_mut(*at) {
                one.verified = true;
            }
        }
    }

    /// Notes why the chain was not accepted.
    pub fn note_distrust(&self, error: &rustls::Error) {
        self.marks().distrust = Some(error.clone());
    }
}
