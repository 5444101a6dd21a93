//! Floor 2: probes. One kind of probe per module; each turns its `Spec` into a health
//! [`Observation`]. Dispatch only: how a kind asks lives with the kind, what the kinds share stands
//! beside them, and what an observation means lives in [`crate::health`].

pub mod exec;
pub mod http;
pub(crate) mod intake;
pub mod line;
pub mod spec;

use std::time::Duration;

pub use spec::ProbeSpec;

pub use crate::net::Family;

use crate::health::{BodyNeeds, Observation};
use http::HttpSpec;

/// Why there can be no probe for a spec.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Of an HTTP request.
    #[error(transparent)]
    Http(#[from] http::SpecError),
    /// Of a plain connection.
    #[error(transparent)]
    Line(#[from] line::SpecError),
    /// Of a command.
    #[error(transparent)]
    Exec(#[from] exec::SpecError),
}

/// A probe of any kind, ready to ask as often as wanted.
#[derive(Debug)]
pub enum Probe {
    /// One HTTP request.
    Http(http::Probe),
    /// One exchange over a plain connection.
    Line(line::Probe),
    /// One run of a command.
    Exec(exec::Probe),
}

impl Probe {
    /// A probe for what `spec` asks, which keeps what `needs` says of an answer. Reads the certificate files
    /// that the spec names.
    ///
    /// # Errors
    /// Says what cannot be read or used.
    pub fn new(spec: ProbeSpec, needs: &BodyNeeds) -> Result<Self, SpecError> {
        Ok(match spec {
            ProbeSpec::Http(spec) => Self::Http(http::Probe::new(spec, needs)?),
            ProbeSpec::Line(spec) => Self::Line(line::Probe::new(spec, needs)?),
            ProbeSpec::Exec(spec) => Self::Exec(exec::Probe::new(spec, needs)?),
        })
    }

    /// The request that warms a program up: nothing of its answer is kept.
    ///
    /// # Errors
    /// Says what cannot be read or used.
    pub fn warm_up(spec: HttpSpec) -> Result<Self, SpecError> {
        let spec = HttpSpec {
            // that nobody listens yet is for the decision core to judge
            retry_refused: None,
            ..spec
        };
        let needs = BodyNeeds {
            keep: 0,
            ..BodyNeeds::default()
        };
        Ok(Self::Http(http::Probe::new(spec, &needs)?))
    }

    /// Asks once. Never fails: what goes wrong is part of what was seen. Returns within the
    /// probe's timeout.
    pub async fn run(&self) -> Observation {
        self.run_within(Duration::MAX).await
    }

    /// The same within `most` if that is less than the probe's timeout.
    pub async fn run_within(&self, most: Duration) -> Observation {
        match self {
            Self::Http(probe) => probe.run(most.min(probe.timeout())).await,
            Self::Line(probe) => probe.run(most.min(probe.timeout())).await,
            Self::Exec(probe) => probe.run(most.min(probe.timeout())).await,
        }
    }

    /// What is asked, without secrets.
    pub fn url(&self) -> &str {
        match self {
            Self::Http(probe) => probe.url(),
            Self::Line(probe) => probe.url(),
            Self::Exec(probe) => probe.url(),
        }
    }
}
