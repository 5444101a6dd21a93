//! Floor 2: looking. One kind of probe per module; each turns its `Spec` into a health
//! [`Observation`]. Dispatch only: how a kind looks lives with the kind, what a look means lives in
//! [`crate::health`].

pub mod http;

use crate::health::Observation;

/// A probe of any kind, ready to look as often as wanted.
#[derive(Debug)]
pub enum Probe {
    /// One HTTP request.
    Http(http::Probe),
}

impl Probe {
    /// Looks once. Never fails: what goes wrong is part of what was seen. Returns within the
    /// probe's timeout.
    pub async fn look(&self) -> Observation {
        match self {
            Self::Http(probe) => probe.look().await,
        }
    }

    /// What is asked, without secrets.
    pub fn url(&self) -> &str {
        match self {
            Self::Http(probe) => probe.url(),
        }
    }
}
