//! When one connection reached what. The HTTP client tells nothing about that on failure, so three of
//! its hooks do: a layer around its connector, the TLS session store (asked at the start of a
//! handshake), and our own certificate verifier (see [`super::tls`]).

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::certificate;
use crate::health::{Certificate, Phase, Phases};

/// More certificates than this are no chain.
const CHAIN_MAX: usize = 10;

/// The notes of one attempt, written by the hooks.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Marks>>);

/// What the hooks noted.
#[derive(Debug, Default)]
pub struct Marks {
    connecting: Option<Instant>,
    handshaking: Option<Instant>,
    connected: Option<Instant>,
    /// The peer's chain, leaf first.
    pub certificates: Vec<Certificate>,
    /// Why the chain was not accepted.
    pub distrust: Option<rustls::Error>,
}

impl Marks {
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

impl Trace {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        // plain values: a panic elsewhere cannot leave them half-written
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the attempt came.
    pub fn phase(&self) -> Phase {
        self.marks().phase()
    }

    /// What `read` makes of the notes so far.
    pub fn peek<T>(&self, read: impl FnOnce(&Marks) -> T) -> T {
        read(&self.marks())
    }

    /// The notes, which start anew.
    pub fn take(&self) -> Marks {
        std::mem::take(&mut self.marks())
    }

    /// Notes the chain that the peer showed.
    pub fn note_chain(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) {
        let chain = std::iter::once(leaf).chain(rest).take(CHAIN_MAX);
        self.marks().certificates = chain.filter_map(|der| certificate::read(der)).collect();
    }

    /// Notes why the chain was not accepted.
    pub fn note_distrust(&self, error: &rustls::Error) {
        self.marks().distrust = Some(error.clone());
    }
}

/// Remembers no session, so that every handshake shows the peer's certificate.
impl ClientSessionStore for Trace {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    /// Asked once per handshake, right before its first message.
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.marks().handshaking = Some(Instant::now());
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

impl<S> Layer<S> for Trace {
    type Service = Traced<S>;

    fn layer(&self, connector: S) -> Self::Service {
        Traced {
            connector,
            trace: self.clone(),
        }
    }
}

/// A connector whose beginning and end are noted.
#[derive(Clone)]
pub struct Traced<S> {
    connector: S,
    trace: Trace,
}

// generic over the request, whose type has no name outside the client
impl<S, R> Service<R> for Traced<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let trace = self.trace.clone();
        trace.marks().connecting = Some(Instant::now());
        let connection = self.connector.call(request);
        Box::pin(async move {
            let connection = connection.await?;
            trace.marks().connected = Some(Instant::now());
            Ok(connection)
        })
    }
}
