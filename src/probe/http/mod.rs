//! One HTTP request as a probe: [`HttpSpec`] in, [`Observation`] out.
//!
//! A probe takes a fresh connection, never a proxy, never a second try after the peer was reached, and
//! one deadline for everything from the name look-up to the last byte of the body. Redirects are
//! followed by our own code (`redirect`), and the connection is opened by [`crate::net`] rather than by a client, so that
//! a probe that fails is timed as well, and so that what a peer may send has a bound.

mod answer;
mod attempt;
mod certificate;
mod exchange;
mod http2;
mod pem;
mod redirect;
mod request;
pub mod spec;
mod tls;
mod tls_trouble;
mod trace;
mod trouble;
mod trust;
mod url;

pub use spec::{HttpSpec, Override, TlsSpec};

use std::path::PathBuf;
use std::time::Duration;

use crate::health::{BodyNeeds, Observation, Pool};

use exchange::Exchange;
use request::{ProbeRequest, RequestRules};

/// How probes are asked, which many checks have in common.
pub type RulesPool = Pool<RequestRules>;

/// Why there can be no probe for a spec: what shows only when it is made.
#[derive(Debug, thiserror::Error)]
pub enum HttpSpecError {
    /// No time at all.
    #[error("a timeout of zero leaves no time to ask")]
    Timeout,
    /// An address of the other family.
    #[error("{0}")]
    Family(String),
    /// A file that cannot be read.
    #[error("cannot read {what} {path:?}: {why}")]
    File {
        /// `cacert`, `cert` or `key`.
        what: &'static str,
        /// As given.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// A `Host` that is given twice or cannot be one.
    #[error("header \"Host\" must be given once, as a host or host:port")]
    Host,
    /// A key without a certificate.
    #[error("key {0:?} is of no use without a cert")]
    KeyAlone(PathBuf),
    /// A certificate and a key that do not belong together, or are of a kind that we cannot use.
    #[error("cannot use cert {path:?}: {why}")]
    Cert {
        /// The certificate's file.
        path: PathBuf,
        /// In words.
        why: String,
    },
}

/// An HTTP probe, ready to be used as often as wanted.
pub struct HttpProbe {
    request: Box<ProbeRequest>,
}

impl HttpProbe {
    /// A probe for what `spec` asks, which keeps what `needs` says of the body. Reads the certificate files
    /// that the spec names.
    ///
    /// # Errors
    /// Says what cannot be read or used.
    pub fn new(spec: HttpSpec, needs: &BodyNeeds) -> Result<Self, HttpSpecError> {
        let request = Box::new(ProbeRequest::new(spec, needs)?);
        Ok(Self { request })
    }

    /// Has rules that were met before take the place of equal ones.
    pub fn share_rules(&mut self, pool: &mut RulesPool) {
        self.request.share_rules(pool);
    }

    /// What is asked, without userinfo.
    pub fn url(&self) -> &str {
        &self.request.shown
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        self.request.rules.timeout
    }

    /// Asks once, within `timeout`, whatever the peer does.
    pub async fn run(&self, timeout: Duration) -> Observation {
        Exchange::new(&self.request, timeout).run().await
    }
}

impl std::fmt::Debug for HttpProbe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.url()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_under_way_is_small() {
        let spec = HttpSpec::of_url("http://127.0.0.1:1/").expect("a URL");
        let probe = HttpProbe::new(spec, &BodyNeeds::default()).expect("a probe");
        let size = size_of_val(&probe.run(Duration::from_secs(1)));
        assert!(size < 4608, "{size}");
    }
}
