//! One exchange over a plain TCP connection or a unix socket: send something, read the answer.
//!
//! Made for protocols of one command and one answer: the monitor of Zope, HAProxy's agents, a mail
//! server's greeting. Sending is never ended before the answer is there: there are servers that take the
//! end of the question for the end of the talk. With nothing to send and nothing to wait for, a
//! connection that opens is all that is asked.

pub(crate) mod answer;
mod exchange;
pub mod spec;

pub use spec::{LineSpec, Peer, Until};

use std::time::Duration;

use crate::health::{BodyNeeds, Observation};
use crate::probe::body_reader::Needle;

use exchange::LineExchange;

/// Why there can be no probe for a spec.
#[derive(Debug, thiserror::Error)]
pub enum LineSpecError {
    /// No time at all.
    #[error("a timeout of zero leaves no time to ask")]
    Timeout,
    /// An address of the other family.
    #[error("{0}")]
    Family(String),
}

/// A line probe, ready to be used as often as wanted.
pub struct LineProbe {
    spec: LineSpec,
    /// When the answer is complete; `None`: none is waited for.
    until: Option<Until>,
    /// So many bytes of the answer are kept.
    keep: usize,
    needles: Vec<Needle>,
}

impl LineProbe {
    /// A probe for what `spec` asks, which keeps what `needs` says of the answer.
    ///
    /// # Errors
    /// Says what of `spec` does not fit together.
    pub fn new(spec: LineSpec, needs: &BodyNeeds) -> Result<Self, LineSpecError> {
        if spec.timeout.is_zero() {
            return Err(LineSpecError::Timeout);
        }
        spec.check_family(spec.family)
            .map_err(LineSpecError::Family)?;
        let expects_answer = spec.send.is_some() || needs.is_read;
        let usual = expects_answer.then_some(Until::LineOrClose);
        Ok(Self {
            until: spec.until.clone().or(usual),
            // it is not searched on the way, and has a bound
            keep: match needs.is_read {
                true => usize::MAX,
                false => needs.keep,
            },
            needles: needs.needles.iter().map(|text| Needle::new(text)).collect(),
            spec,
        })
    }

    /// What is asked.
    pub fn url(&self) -> &str {
        &self.spec.url
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        self.spec.timeout
    }

    /// Asks once, within `timeout`, whatever the peer does.
    pub async fn run(&self, timeout: Duration) -> Observation {
        LineExchange::new(self, timeout).run().await
    }
}

impl std::fmt::Debug for LineProbe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.url()).finish()
    }
}
