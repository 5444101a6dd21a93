//! All supervisors of one watchdog, by backend: a process's name says whom to ask.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Stream, Supervisor};
use crate::health::{Backend, CallError, Process, ProcessName, Remedy};

/// The supervisors that are configured.
#[derive(Clone, Debug, Default)]
pub struct Supervisors(BTreeMap<Backend, Supervisor>);

impl Supervisors {
    /// Adds or replaces the one for `backend`.
    pub fn insert(&mut self, backend: Backend, supervisor: Supervisor) {
        self.0.insert(backend, supervisor);
    }

    /// The processes of every supervisor that `remedy` can select from.
    pub async fn list(&self, remedy: &Remedy) -> Result<Vec<Process>, CallError> {
        let mut processes = Vec::new();
        for backend in remedy.backends() {
            let patterns = remedy.patterns(backend);
            processes.extend(self.of(backend)?.list(patterns.as_deref()).await?);
        }
        Ok(processes)
    }

    /// The process `name` as it is now.
    pub async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        self.of(name.backend)?.info(name).await
    }

    /// Stops the process and waits until it is gone.
    pub async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        self.of(name.backend)?.stop(name).await
    }

    /// Starts the process and waits until its supervisor considers it up.
    pub async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        self.of(name.backend)?.start(name).await
    }

    /// The processes that run and fall with `name`: who stops it stops them, and who starts it does not.
    pub async fn dependents(&self, name: &ProcessName) -> Result<Vec<Process>, CallError> {
        self.of(name.backend)?.dependents(name).await
    }

    /// How long a stop that someone else asked for may be under way while the process is still said to run.
    pub async fn stop_takes(&self, name: &ProcessName) -> Duration {
        match self.of(name.backend) {
            Ok(supervisor) => supervisor.stop_takes(name).await,
            Err(_) => Duration::ZERO,
        }
    }

    /// At most the last `bytes` bytes that the process wrote to `stream`.
    pub async fn log_tail(
        &self,
        name: &ProcessName,
        stream: Stream,
        bytes: u16,
    ) -> Result<String, CallError> {
        self.of(name.backend)?.log_tail(name, stream, bytes).await
    }

    /// Where the supervisor of `backend` is reached, without secrets; empty when there is none.
    pub fn address(&self, backend: Backend) -> &str {
        self.0.get(&backend).map_or("", Supervisor::address)
    }

    fn of(&self, backend: Backend) -> Result<&Supervisor, CallError> {
        self.0.get(&backend).ok_or_else(|| CallError::Unreachable {
            detail: format!("no {backend} is configured"),
        })
    }
}
