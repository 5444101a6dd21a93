//! One exchange over a plain TCP connection or a unix socket: send something, read the answer.
//!
//! Made for protocols of one command and one answer: the monitor of Zope, HAProxy's agents, a mail
//! server's greeting. Sending is never ended before the answer is there: there are servers that take the
//! end of the question for the end of the talk. With nothing to send and nothing to wait for, a
//! connection that opens is all that is asked.

pub(crate) mod answer;
mod spec;
mod talk;

pub use spec::{Peer, Spec, SpecError, Until};

use std::time::Duration;

use crate::health::Observation;
use crate::probe::intake::Needle;

use talk::Talk;

/// A line probe, validated and ready to look as often as wanted.
pub struct Probe {
    spec: Spec,
    needles: Vec<Needle>,
}

impl Probe {
    /// A probe for what `spec` asks.
    ///
    /// # Errors
    /// Whatever can be known to be wrong with `spec` before asking.
    pub fn new(spec: Spec) -> Result<Self, SpecError> {
        spec.validate()?;
        let needles = spec.needles.iter().map(|text| Needle::new(text)).collect();
        Ok(Self { spec, needles })
    }

    /// What is asked.
    pub fn url(&self) -> &str {
        &self.spec.url
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        self.spec.timeout
    }

    /// Looks once, within `timeout`, whatever the peer does.
    pub async fn look(&self, timeout: Duration) -> Observation {
        Talk::new(&self.spec, &self.needles, timeout).take().await
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.url()).finish()
    }
}
