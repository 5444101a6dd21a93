//! One HTTP request as a probe: [`Spec`] in, [`Observation`] out.
//!
//! A look takes a fresh connection, never a proxy, never a second try after the peer was reached, and
//! one deadline for everything from the name look-up to the last byte of the body. Redirects are
//! followed by hand (`redirect`), addresses are tried one by one (`look`), and the connection is opened
//! here rather than by a client (`attempt`), so that a probe that fails is timed as well, and so that
//! what a peer may send has a bound (`wire`).

mod answer;
mod attempt;
mod certificate;
mod look;
mod pem;
mod provider;
mod redirect;
mod request;
mod spec;
mod target;
mod tls;
mod trace;
mod trouble;
mod trust;
mod wire;

pub use spec::{Override, Spec, SpecError, TlsSpec};

use std::time::Duration;

use crate::health::Observation;

use look::Exchange;
use request::Request;

/// An HTTP probe, validated and ready to look as often as wanted.
pub struct Probe {
    request: Box<Request>,
}

impl Probe {
    /// A probe for what `spec` asks. Reads the certificate files it names, and nothing else.
    ///
    /// # Errors
    /// Whatever can be known to be wrong with `spec` before asking.
    pub fn new(spec: Spec) -> Result<Self, SpecError> {
        let request = Box::new(Request::new(spec)?);
        Ok(Self { request })
    }

    /// What is asked, without userinfo.
    pub fn url(&self) -> &str {
        &self.request.shown
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        self.request.timeout
    }

    /// Looks once, within `timeout`, whatever the peer does.
    pub async fn look(&self, timeout: Duration) -> Observation {
        Exchange::new(&self.request, timeout).take().await
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.url()).finish()
    }
}
