//! Floor 2: probes. One kind of probe per module; each turns its `Spec` into a health
//! [`Observation`]. Dispatch only: how a kind asks lives with the kind, what the kinds share stands
//! beside them, and what an observation means lives in [`crate::health`].

pub(crate) mod body_reader;
pub mod exec;
pub mod grpc;
pub mod http;
pub mod line;
mod pace;
pub mod spec;

use std::time::Duration;

pub use spec::ProbeSpec;

pub use crate::net::IpFamily;

use crate::health::{BodyNeeds, Observation, Reason, Trouble};
use http::{HttpSpec, RulesPool};

/// Why there can be no probe for a spec.
#[derive(Debug, thiserror::Error)]
pub enum ProbeSpecError {
    /// Of an HTTP request.
    #[error(transparent)]
    Http(#[from] http::HttpSpecError),
    /// Of a plain connection.
    #[error(transparent)]
    Line(#[from] line::LineSpecError),
    /// Of a command.
    #[error(transparent)]
    Exec(#[from] exec::ExecSpecError),
    /// It is not asked.
    #[error("it waits for heartbeats and cannot be asked: httpok status shows them")]
    Heartbeat,
}

/// A probe of any kind, ready to ask as often as wanted.
#[derive(Debug)]
pub enum Probe {
    /// One HTTP request.
    Http(http::HttpProbe),
    /// One exchange over a plain connection.
    Line(Box<line::LineProbe>),
    /// One run of a command.
    Exec(Box<exec::ExecProbe>),
    /// One question to gRPC's health service.
    Grpc(Box<grpc::GrpcProbe>),
}

impl Probe {
    /// A probe for what `spec` asks, which keeps what `needs` says of an answer. Reads the certificate files
    /// that the spec names.
    ///
    /// # Errors
    /// Says what cannot be read or used.
    pub fn new(spec: ProbeSpec, needs: &BodyNeeds) -> Result<Self, ProbeSpecError> {
        Ok(match spec {
            ProbeSpec::Http(spec) => Self::Http(http::HttpProbe::new(spec, needs)?),
            ProbeSpec::Line(spec) => Self::Line(Box::new(line::LineProbe::new(spec, needs)?)),
            ProbeSpec::Exec(spec) => Self::Exec(Box::new(exec::ExecProbe::new(spec, needs)?)),
            ProbeSpec::Grpc(spec) => Self::Grpc(Box::new(grpc::GrpcProbe::new(spec, needs)?)),
            ProbeSpec::Heartbeat(_) => return Err(ProbeSpecError::Heartbeat),
        })
    }

    /// Has what was met before take the place of what is equal: thousands of checks are asked alike.
    pub fn share_rules(&mut self, pool: &mut RulesPool) {
        match self {
            Self::Http(probe) => probe.share_rules(pool),
            Self::Grpc(probe) => probe.share_rules(pool),
            Self::Line(_) | Self::Exec(_) => {}
        }
    }

    /// The request that warms a program up: nothing of its answer is kept.
    ///
    /// # Errors
    /// Says what cannot be read or used.
    pub fn warm_up(spec: HttpSpec) -> Result<Self, ProbeSpecError> {
        let spec = HttpSpec {
            // that nobody listens yet is for the decision core to judge
            retry_refused: None,
            ..spec
        };
        let needs = BodyNeeds {
            keep: 0,
            ..BodyNeeds::default()
        };
        Ok(Self::Http(http::HttpProbe::new(spec, &needs)?))
    }

    /// Asks once. Never fails: what goes wrong is part of what was seen. Returns within the
    /// probe's timeout.
    pub async fn run(&self) -> Observation {
        self.run_within(Duration::MAX).await
    }

    /// The same within `most` if that is less than the probe's timeout.
    pub async fn run_within(&self, most: Duration) -> Observation {
        let timeout = most.min(self.timeout());
        match self {
            Self::Http(probe) => attended(pace::in_turn(|| probe.run(timeout)).await, timeout),
            Self::Line(probe) => attended(pace::in_turn(|| probe.run(timeout)).await, timeout),
            Self::Grpc(probe) => attended(pace::in_turn(|| probe.run(timeout)).await, timeout),
            // on the heap, so that what waits for its turn is small
            Self::Exec(probe) => Box::pin(probe.run(timeout)).await,
        }
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Http(probe) => probe.timeout(),
            Self::Line(probe) => probe.timeout(),
            Self::Exec(probe) => probe.timeout(),
            Self::Grpc(probe) => probe.timeout(),
        }
    }

    /// What is asked, without secrets.
    pub fn url(&self) -> &str {
        match self {
            Self::Http(probe) => probe.url(),
            Self::Line(probe) => probe.url(),
            Self::Exec(probe) => probe.url(),
            Self::Grpc(probe) => probe.url(),
        }
    }
}

/// What was `seen`, unless it is not known: a probe whose time ran out while httpok itself was not scheduled (a stopped process,
/// a paused machine, an overload of our own) for a good part of its time says nothing about the service.
fn attended((mut seen, lost): (Observation, Duration), timeout: Duration) -> Observation {
    let slack = (timeout / 10).clamp(Duration::from_millis(100), Duration::from_secs(1));
    let late = seen.duration.saturating_sub(timeout);
    let lost = lost.max(late);
    if let Some(trouble) = &seen.trouble
        && !trouble.reason.is_ours()
        && seen.duration >= timeout
        && lost > slack
    {
        let lost = humantime::format_duration(Duration::from_millis(lost.as_millis() as u64));
        let detail = format!(
            "httpok itself was not scheduled for {lost} meanwhile ({})",
            trouble.detail
        );
        seen.trouble = Some(Trouble::new(Reason::Cancelled, trouble.phase, detail));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Phase;

    #[test]
    fn waiting_probe_is_small() {
        let spec = HttpSpec::of_url("http://127.0.0.1:1/").expect("a URL");
        let probe = Probe::new(ProbeSpec::Http(spec), &BodyNeeds::default()).expect("a probe");
        let size = size_of_val(&probe.run());
        assert!(size < 4096, "{size}");
    }

    #[test]
    fn unpolled_probe_is_unknown() {
        for (timeout, took, lost, reason) in [
            (1000, 1020, 0, Reason::FirstByteTimeout),
            (1000, 1500, 0, Reason::Cancelled),
            // in time, but only just, and not for long
            (1000, 1010, 300, Reason::Cancelled),
            (1000, 1010, 90, Reason::FirstByteTimeout),
            (60_000, 60_900, 0, Reason::FirstByteTimeout),
            (60_000, 60_000, 900, Reason::FirstByteTimeout),
            (60_000, 300_000, 0, Reason::Cancelled),
            // what came before the time was over is a fact
            (1000, 700, 600, Reason::FirstByteTimeout),
        ] {
            let trouble = Trouble::new(Reason::FirstByteTimeout, Phase::FirstByte, "no answer");
            let seen = Observation {
                duration: Duration::from_millis(took),
                ..Observation::of_trouble(trouble)
            };
            let lost = Duration::from_millis(lost);
            let seen = attended((seen, lost), Duration::from_millis(timeout));
            assert_eq!(seen.trouble.expect("it failed").reason, reason, "{took}");
        }
    }
}
