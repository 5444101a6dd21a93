//! All supervisors of one watchdog, by backend: the name of a process selects the supervisor. Every answer passes
//! through here, and its texts are cut here, whichever backend gave it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{OutputStream, Supervisor};
use crate::health::{Backend, CallError, Process, ProcessName, Remedy, Signal};
use crate::sorted;

/// What the supervisors said that could be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// All that they have.
    pub processes: Vec<Process>,
    /// Those that could not be asked, and why.
    pub unasked: Vec<(Backend, CallError)>,
}

impl Listing {
    /// The supervisors that could not be asked.
    pub fn unasked(&self) -> Vec<Backend> {
        self.unasked.iter().map(|(backend, _)| *backend).collect()
    }
}

/// The supervisors that are configured.
#[derive(Clone, Debug, Default)]
pub struct Supervisors(BTreeMap<Backend, Arc<dyn Supervisor>>);

impl Supervisors {
    /// Adds or replaces the one for `backend`.
    pub fn insert(&mut self, backend: Backend, supervisor: impl Supervisor + 'static) {
        self.0.insert(backend, Arc::new(supervisor));
    }

    /// Keeps each client of `before` whose settings are the same as here: a client remembers what it stopped and
    /// what it could not start, and no supervisor says that. Returns those that forget it, because their settings
    /// have changed.
    #[must_use]
    pub fn keep_equal(&mut self, before: &Self) -> Vec<Backend> {
        let mut forgot = Vec::new();
        for (backend, supervisor) in &mut self.0 {
            let remembers = supervisor.remembers_under();
            let known = before.0.get(backend);
            if let Some(known) =
                known.filter(|known| remembers.is_some() && known.remembers_under() == remembers)
            {
                *supervisor = known.clone();
            } else if remembers.is_some() && known.is_some() {
                forgot.push(*backend);
            }
        }
        forgot
    }

    /// The processes of those of `backends` that `remedy` can select from. They are asked at the same time,
    /// each for at most `most`: one that hangs hides nothing of the others.
    pub async fn list(&self, remedy: &Remedy, backends: &[Backend], most: Duration) -> Listing {
        let mut asked = JoinSet::new();
        let mut whose = Vec::new();
        let mut listing = Listing::default();
        for &backend in backends {
            let supervisor = match self.of(backend) {
                Ok(supervisor) => Arc::clone(supervisor),
                Err(error) => {
                    listing.unasked.push((backend, error));
                    continue;
                }
            };
            let patterns = remedy.patterns(backend);
            let patterns: Option<Vec<String>> =
                patterns.map(|patterns| patterns.into_iter().map(str::to_owned).collect());
            let task = asked.spawn(async move {
                let patterns: Option<Vec<&str>> = patterns
                    .as_ref()
                    .map(|patterns| patterns.iter().map(String::as_str).collect());
                let listed = timeout(most, supervisor.list(patterns.as_deref())).await;
                let late = Err(CallError::TimedOut { after: most });
                listed.unwrap_or(late)
            });
            whose.push((task.id(), backend));
        }
        while let Some(ended) = asked.join_next_with_id().await {
            let (task, listed) = match ended {
                Ok((task, listed)) => (task, listed),
                Err(error) => {
                    let detail = format!("internal error: {error}");
                    (error.id(), Err(CallError::Malformed { detail }))
                }
            };
            match listed {
                Ok(processes) => {
                    let processes = processes.into_iter().map(Process::bounded);
                    listing.processes.extend(processes);
                }
                Err(error) => {
                    let backend = whose.iter().find(|(id, _)| *id == task);
                    let unasked = backend.map(|(_, backend)| (*backend, error.bounded()));
                    listing.unasked.extend(unasked);
                }
            }
        }
        sorted::by_key(&mut listing.unasked, |(backend, _)| *backend);
        listing
    }

    /// The process `name` as it is now.
    pub async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        let info = self.of(name.backend)?.info(name).await;
        info.map(Process::bounded).map_err(CallError::bounded)
    }

    /// Stops the process and waits until it is gone.
    pub async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        let done = self.of(name.backend)?.stop(name).await;
        done.map_err(CallError::bounded)
    }

    /// Starts the process and waits until its supervisor considers it up.
    pub async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        let done = self.of(name.backend)?.start(name).await;
        done.map_err(CallError::bounded)
    }

    /// Sends the main process of `name` a signal.
    pub async fn signal(&self, name: &ProcessName, signal: Signal) -> Result<(), CallError> {
        let done = self.of(name.backend)?.signal(name, signal).await;
        done.map_err(CallError::bounded)
    }

    /// The running dependents of `name`: stopping it stops them, and starting it does not start them.
    pub async fn dependents(&self, name: &ProcessName) -> Result<Vec<Process>, CallError> {
        let found = self.of(name.backend)?.dependents(name).await;
        let found = found.map_err(CallError::bounded)?;
        Ok(found.into_iter().map(Process::bounded).collect())
    }

    /// How long another program's stop may be in progress while the process is still said to run.
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
        stream: OutputStream,
        bytes: u16,
    ) -> Result<String, CallError> {
        let supervisor = self.of(name.backend)?;
        let tail = supervisor.log_tail(name, stream, bytes).await;
        let mut tail = tail.map_err(CallError::bounded)?;
        let from = tail.len().saturating_sub(bytes.into());
        tail.drain(..tail.ceil_char_boundary(from));
        Ok(tail)
    }

    /// Where the supervisor of `backend` is reached, without secrets; empty when there is none.
    pub fn address(&self, backend: Backend) -> &str {
        self.0
            .get(&backend)
            .map_or("", |supervisor| supervisor.address())
    }

    /// Whether the supervisor of `backend` is the one at `address`, which was kept.
    pub fn is_at(&self, backend: Backend, address: &str) -> bool {
        let supervisor = self.0.get(&backend);
        supervisor.is_some_and(|supervisor| supervisor.is_at(address))
    }

    /// Whether there is one for `backend`.
    pub fn has(&self, backend: Backend) -> bool {
        self.0.contains_key(&backend)
    }

    fn of(&self, backend: Backend) -> Result<&Arc<dyn Supervisor>, CallError> {
        self.0.get(&backend).ok_or_else(|| CallError::Unreachable {
            detail: format!("no {backend} is configured"),
        })
    }
}
