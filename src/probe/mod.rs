//! Floor 2: looking. One kind of probe per module; each turns its `Spec` into a health
//! [`Observation`]. Dispatch only: how a kind looks lives with the kind, what the kinds share stands
//! beside them, and what a look means lives in [`crate::health`].

pub mod exec;
pub mod http;
pub(crate) mod intake;
pub mod line;
mod lookup;
mod place;
mod trouble;

use std::time::Duration;

pub use place::Family;

use crate::health::Observation;

/// What is wrong with a spec of any kind.
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

/// A probe of any kind, ready to look as often as wanted.
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
    /// Looks once. Never fails: what goes wrong is part of what was seen. Returns within the
    /// probe's timeout.
    pub async fn look(&self) -> Observation {
        self.look_within(Duration::MAX).await
    }

    /// The same within `most` if that is less than the probe's timeout.
    pub async fn look_within(&self, most: Duration) -> Observation {
        match self {
            Self::Http(probe) => probe.look(most.min(probe.timeout())).await,
            Self::Line(probe) => probe.look(most.min(probe.timeout())).await,
            Self::Exec(probe) => probe.look(most.min(probe.timeout())).await,
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
