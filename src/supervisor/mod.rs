//! Supervisors list, stop and start processes. [`Supervisor`] is the interface that all backends have in
//! common, [`Supervisors`] the ones of a watchdog. Each method is one request with one deadline: what to do
//! about a failure, and in which order things are done, is decided by the action.

pub mod command;
pub mod docker;
pub mod embedded;
mod fleet;
mod http;
mod lingering;
pub mod supervisord;
pub mod systemd;
mod transport;
pub(crate) mod xmlrpc;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::health::{CallError, Process, ProcessName, Signal};

pub use fleet::{Listing, Supervisors};

/// Within this time a supervisor that has been asked to stop a process says STOPPING.
const HEARD: Duration = Duration::from_secs(1);

/// The interface of a supervisor. A backend implements its differences; the rest has defaults.
#[async_trait]
pub trait Supervisor: Debug + Send + Sync {
    /// Where it is reached, without secrets. Two supervisors with the same address are the same one.
    fn address(&self) -> &str;

    /// Whether `address`, which was kept, is its own.
    fn is_at(&self, address: &str) -> bool {
        self.address() == address
    }

    /// What its client is made of, when the client remembers what no supervisor says. On a reload a client with
    /// the same value is kept. By default it remembers nothing.
    fn remembers_under(&self) -> Option<String> {
        None
    }

    /// The processes it has, sorted by group and name: at least those that one of `patterns` can mean. `None`
    /// means all of them. A name that it does not know is no error: it is not in the list.
    async fn list(&self, patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError>;

    /// The process `name` as it is now.
    async fn info(&self, name: &ProcessName) -> Result<Process, CallError>;

    /// Stops the process and waits until it is gone.
    async fn stop(&self, name: &ProcessName) -> Result<(), CallError>;

    /// Starts the process and waits until its supervisor considers it up.
    async fn start(&self, name: &ProcessName) -> Result<(), CallError>;

    /// Sends the main process of `name` a signal.
    async fn signal(&self, name: &ProcessName, signal: Signal) -> Result<(), CallError>;

    /// The running dependents of `name`: stopping it stops them, and starting it does not
    /// start them. None by default.
    async fn dependents(&self, _name: &ProcessName) -> Result<Vec<Process>, CallError> {
        Ok(Vec::new())
    }

    /// How long another program's stop may be in progress while the process is still said to run.
    /// By default `HEARD`: the supervisor says STOPPING as soon as it has heard of the stop.
    async fn stop_takes(&self, _name: &ProcessName) -> Duration {
        HEARD
    }

    /// At most the last `bytes` bytes that the process wrote to `stream`. Empty by default: no log is kept.
    async fn log_tail(
        &self,
        _name: &ProcessName,
        _stream: OutputStream,
        _bytes: u16,
    ) -> Result<String, CallError> {
        Ok(String::new())
    }
}

/// One of a process's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
