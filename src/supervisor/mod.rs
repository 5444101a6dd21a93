//! Supervisors: who lists, stops, starts and signals processes for us. One member per backend, and the
//! set of methods that all of them have. Each method is one request with one deadline: what to do about a
//! failure, and in which order things are done, is the action's business.

pub mod command;
pub mod docker;
pub mod embedded;
mod fleet;
mod http;
mod lingering;
mod stream;
pub mod supervisord;
pub mod systemd;
mod transport;
pub(crate) mod xmlrpc;

use std::time::Duration;

use crate::health::{CallError, Process, ProcessName};

pub use fleet::{Listing, Supervisors};
pub use stream::Stream;

/// Within this much a supervisor has heard what it was asked.
const HEARD: Duration = Duration::from_secs(1);

/// A supervisor that can be asked.
#[derive(Clone, Debug)]
pub enum Supervisor {
    /// supervisord, over XML-RPC.
    Supervisord(supervisord::Client),
    /// Our own.
    Embedded(embedded::Embedded),
    /// systemd, through `systemctl`.
    Systemd(systemd::Client),
    /// A container engine.
    Docker(docker::Client),
    /// Command lines.
    Command(command::Client),
}

impl Supervisor {
    /// Where it is reached, without secrets: says whether two of them are the same.
    pub fn address(&self) -> &str {
        match self {
            Self::Supervisord(client) => client.address(),
            // there is one in each watchdog, and only that one can finish its restarts
            Self::Embedded(embedded) => embedded.address(),
            Self::Systemd(client) => client.address(),
            Self::Docker(client) => client.address(),
            Self::Command(client) => client.address(),
        }
    }

    /// The processes it has, by group and name: at least those that one of `patterns` can mean. `None` means
    /// all of them. What nobody has is no error: it is not in the list.
    pub async fn list(&self, patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
        match self {
            Self::Supervisord(client) => client.list().await,
            Self::Embedded(embedded) => Ok(embedded.list()),
            Self::Systemd(client) => client.list(patterns).await,
            Self::Docker(client) => client.list(patterns).await,
            Self::Command(client) => client.list(patterns).await,
        }
    }

    /// The process `name` as it is now.
    pub async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        match self {
            Self::Supervisord(client) => client.info(name).await,
            Self::Embedded(embedded) => embedded.info(name),
            Self::Systemd(client) => client.info(name).await,
            Self::Docker(client) => client.info(name).await,
            Self::Command(client) => client.info(name).await,
        }
    }

    /// Stops the process and waits until it is gone.
    pub async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        match self {
            Self::Supervisord(client) => client.stop(name).await,
            Self::Embedded(embedded) => embedded.stop(name).await,
            Self::Systemd(client) => client.stop(name).await,
            Self::Docker(client) => client.stop(name).await,
            Self::Command(client) => client.stop(name).await,
        }
    }

    /// Starts the process and waits until its supervisor considers it up.
    pub async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        match self {
            Self::Supervisord(client) => client.start(name).await,
            Self::Embedded(embedded) => embedded.start(name).await,
            Self::Systemd(client) => client.start(name).await,
            Self::Docker(client) => client.start(name).await,
            Self::Command(client) => client.start(name).await,
        }
    }

    /// The processes that run and fall with `name`: who stops it stops them, and who starts it does not.
    pub async fn dependents(&self, name: &ProcessName) -> Result<Vec<Process>, CallError> {
        match self {
            Self::Systemd(client) => client.dependents(name).await,
            Self::Supervisord(_) | Self::Embedded(_) | Self::Docker(_) | Self::Command(_) => {
                Ok(Vec::new())
            }
        }
    }

    /// How long a stop that someone else asked for may be under way while the process is still said to run.
    pub async fn stop_takes(&self, name: &ProcessName) -> Duration {
        match self {
            // they say STOPPING as soon as they have heard of it
            Self::Supervisord(_) | Self::Embedded(_) | Self::Systemd(_) => HEARD,
            Self::Docker(client) => client.stop_takes(name).await,
            Self::Command(client) => client.stop_takes(),
        }
    }

    /// Sends the process a signal, such as `HUP` or `1`.
    pub async fn signal(&self, name: &ProcessName, signal: &str) -> Result<(), CallError> {
        match self {
            Self::Supervisord(client) => client.signal(name, signal).await,
            Self::Embedded(embedded) => embedded.signal(name, signal).await,
            Self::Systemd(client) => client.signal(name, signal).await,
            Self::Docker(client) => client.signal(name, signal).await,
            Self::Command(_) => Err(CallError::fault(
                CallError::FAILED,
                "there is no command for signals",
            )),
        }
    }

    /// At most the last `bytes` bytes that the process wrote to `stream`; empty when nobody keeps them.
    pub async fn log_tail(
        &self,
        name: &ProcessName,
        stream: Stream,
        bytes: u16,
    ) -> Result<String, CallError> {
        match self {
            Self::Supervisord(client) => client.log_tail(name, stream, bytes).await,
            Self::Embedded(embedded) => embedded.log_tail(name, stream, bytes).await,
            Self::Systemd(client) => client.log_tail(name, stream, bytes).await,
            Self::Docker(client) => client.log_tail(name, stream, bytes).await,
            // nobody knows where it writes
            Self::Command(_) => Ok(String::new()),
        }
    }
}
