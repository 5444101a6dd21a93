//! Containers, by the API of a container engine: docker or podman.
//!
//! # Theory of operation
//! A target names a container (`web`), a service or all of a compose project (`app:web`, `app:*`), or an id.
//! Every method first inspects the container and then acts on its id: a name may move to another
//! container at any time, and engines guess when a name is the beginning of an id.
//!
//! The engine reports neither "stopping" nor the cause of a container's end. What a stop or a start by
//! httpok has shown is therefore remembered (`memory`), for as long as the container stays in that state.

mod container;
mod frames;
mod memory;
mod names;
mod ourselves;
pub mod spec;
mod wire;

use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::sleep;

use super::{OutputStream, Supervisor};
use crate::health::{CallError, Process, ProcessName, ProcessState, Signal};
use crate::sorted;
use container::{Container, UP_AFTER};
use frames::Tail;
use memory::ContainerMemory;
use names::Listed;
use wire::{DockerConnection, DockerResponse};

/// For questions, which an engine answers at once.
const QUESTION: Duration = Duration::from_secs(10);
/// For a start: networks and volumes may have to be there first.
const START: Duration = Duration::from_secs(120);
/// What an engine may take for a stop beyond the container's own time.
const SLACK: Duration = Duration::from_secs(30);
/// Within this much the kill at the end of a container's time has worked.
const KILLED: Duration = Duration::from_secs(2);
/// The time between stop signal and kill where the container has none of its own.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// For a container that is never killed.
const MAX_STOP_TIMEOUT: Duration = Duration::from_secs(600);
/// How often a started container is inspected to see whether it stays up.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Engines count a log's lines, of both outputs together; these are short ones,
const SHORT_LINE: u16 = 8;
/// and so many are never too many.
const FEW_LINES: u16 = 200;

/// A container engine.
#[derive(Clone, Debug)]
pub struct DockerClient {
    wire: DockerConnection,
    memory: ContainerMemory,
    /// The container that httpok runs in, which is never touched.
    own_id: Option<String>,
}

impl DockerClient {
    /// A client for the engine behind the Unix socket `path`. Nothing is connected.
    pub fn new(path: &str) -> Self {
        Self {
            wire: DockerConnection::new(path),
            memory: ContainerMemory::default(),
            own_id: ourselves::own_id(),
        }
    }

    /// Stops `container`, which is called `name`.
    async fn stop_one(&self, name: &ProcessName, container: &Container) -> Result<(), CallError> {
        let id = &container.id;
        if self.own_id.as_ref() == Some(id) {
            return Err(failed("it is the container that httpok runs in"));
        }
        if container.host_config.auto_remove {
            return Err(failed("it was made with --rm: a stop would remove it"));
        }
        if container.has_ended() || container.state.status == "paused" {
            return Err(CallError::fault(CallError::NOT_RUNNING, "NOT_RUNNING"));
        }
        let takes = stop_takes(container);
        self.memory
            .stops
            .asked(id, &container.life(), takes + KILLED);
        let answer = self.post(id, "stop", takes + SLACK).await?;
        match answer.status {
            200..=299 => {
                self.memory.stops.settled(id);
                self.memory.stopped(name, id);
                Ok(())
            }
            304 => {
                self.memory.stops.settled(id);
                Err(CallError::fault(CallError::NOT_RUNNING, "NOT_RUNNING"))
            }
            404 => Err(bad_name(&answer.message())),
            _ => Err(failed(answer.message())),
        }
    }

    /// What the engine lists at `path`. Podman's list fails as a whole when a container is removed while it is made, so
    /// it is asked once more then.
    async fn listed(&self, path: &str) -> Result<Vec<Listed>, CallError> {
        let mut answer = self.wire.get(path, QUESTION).await?;
        if answer.status == 500 && answer.message().contains("no such container") {
            answer = self.wire.get(path, QUESTION).await?;
        }
        answer.read()
    }

    /// The containers that run in a name space of `container`, sorted by name.
    async fn sharing(&self, container: &Container) -> Result<Vec<Container>, CallError> {
        let mut found = Vec::new();
        for listed in self.listed("/containers/json").await? {
            if listed.can_share_with(&container.id)
                && let Some(other) = self.find_container(&listed.id).await?
                && other.shares_with(&container.id)
                && self.own_id.as_ref() != Some(&other.id)
            {
                found.push(other);
            }
        }
        sorted::by_key(&mut found, Container::called);
        Ok(found)
    }

    /// Waits until a container that was just started has been up for long enough.
    async fn stays_up(&self, id: &str) -> Result<(), CallError> {
        let until = Instant::now() + UP_AFTER;
        let mut life = None;
        loop {
            let Some(container) = self.find_container(id).await? else {
                return Err(bad_name("it was removed while it was starting"));
            };
            let same = *life.get_or_insert_with(|| container.life()) == container.life();
            if !container.is_running() || !same {
                // An exit within this second is taken as the container's own, not as an operator's stop: it is
                // started again.
                self.memory.ended(&container, ProcessState::Exited);
                let code = container.state.exit_code;
                return Err(CallError::fault(
                    CallError::ABNORMAL_TERMINATION,
                    format!("it did not stay up, exit code {code}"),
                ));
            }
            if Instant::now() >= until {
                return Ok(());
            }
            sleep(POLL_EVERY).await;
        }
    }

    /// `name` as it is now. A container that httpok stopped is also found after a rename.
    async fn find(&self, name: &ProcessName) -> Result<Container, CallError> {
        let named = self.find_container(&encoded(&name.name)).await?;
        if let Some(container) = named.filter(|container| container.is(name)) {
            return Ok(container);
        }
        if let Some(id) = self.memory.id_of(name)
            && let Some(container) = self.find_container(&id).await?
        {
            return Ok(container);
        }
        Err(bad_name(&format!("no such container: {}", name.name)))
    }

    /// The container `which`, an id or an encoded name, if there is one.
    async fn find_container(&self, which: &str) -> Result<Option<Container>, CallError> {
        let path = format!("/containers/{which}/json");
        let answer = self.wire.get(&path, QUESTION).await?;
        match answer.status {
            404 => Ok(None),
            _ => answer.read().map(Some),
        }
    }

    async fn post(
        &self,
        id: &str,
        verb: &str,
        within: Duration,
    ) -> Result<DockerResponse, CallError> {
        self.wire
            .post(&format!("/containers/{id}/{verb}"), within)
            .await
    }

    /// `container` as the process `name`, corrected by what the client remembers.
    fn describe(&self, container: &Container, name: ProcessName) -> Process {
        let mut process = container.process(name, SystemTime::now());
        if let Some(state) = self.memory.state_of(container, Instant::now()) {
            process.state = state;
        }
        process
    }
}

#[async_trait]
impl Supervisor for DockerClient {
    /// Where it is reached.
    fn address(&self) -> &str {
        self.wire.shown()
    }

    fn remembers_under(&self) -> Option<String> {
        Some(self.address().to_owned())
    }

    /// The containers that one of `patterns` means, or all but the one that httpok runs in.
    async fn list(&self, patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
        let mut processes = Vec::new();
        for listed in self.listed("/containers/json?all=1").await? {
            let Some((name, aliases)) = listed.called(patterns) else {
                continue;
            };
            if self.own_id.as_ref() == Some(&listed.id) {
                continue;
            }
            // one that is gone by now is in no list
            if let Some(container) = self.find_container(&listed.id).await? {
                let process = self.describe(&container, name);
                processes.push(Process { aliases, ..process });
            }
        }
        sorted::by(&mut processes, |a, b| a.name.cmp(&b.name));
        Ok(processes)
    }

    /// The container `name`.
    async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        let container = self.find(name).await?;
        Ok(self.describe(&container, name.clone()))
    }

    /// Stops `name`, and before it what shares its name spaces; answered when all have stopped. A restart policy
    /// sleeps until the container is started.
    async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        let container = self.find(name).await?;
        if container.is_running() {
            // those that cannot be found or stopped must not keep the restart from happening
            for dependent in self.sharing(&container).await.unwrap_or_default() {
                let stopped = self.stop_one(&dependent.called(), &dependent).await;
                if let Err(error) = stopped {
                    let dependent = dependent.called();
                    tracing::warn!("cannot stop {dependent}, which shares with {name}: {error}");
                }
            }
        }
        self.stop_one(name, &container).await
    }

    /// The containers that use a name space of `name`: when that ends they are in a dead one.
    async fn dependents(&self, name: &ProcessName) -> Result<Vec<Process>, CallError> {
        let container = self.find(name).await?;
        let found = self.sharing(&container).await?;
        let processes = found
            .iter()
            .map(|found| self.describe(found, found.called()));
        Ok(processes.collect())
    }

    /// Starts `name`; answered when it has been up for a little while, or will not be.
    async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        let container = self.find(name).await?;
        let id = &container.id;
        let answer = self.post(id, "start", START).await?;
        let error = match answer.status {
            200..=299 => {
                self.memory.stops.settled(id);
                self.stays_up(id).await?;
                self.memory.started(name);
                return Ok(());
            }
            304 => {
                return Err(CallError::fault(
                    CallError::ALREADY_STARTED,
                    "ALREADY_STARTED",
                ));
            }
            _ => CallError::fault(CallError::SPAWN_ERROR, answer.message()),
        };
        // an engine also says "not found" when it is the container's network or file that is not there
        match self.find_container(id).await? {
            None => Err(bad_name(&answer.message())),
            Some(container) => {
                self.memory.ended(&container, ProcessState::Fatal);
                Err(error)
            }
        }
    }

    /// Sends the first process of `name` a signal.
    async fn signal(&self, name: &ProcessName, signal: Signal) -> Result<(), CallError> {
        let container = self.find(name).await?;
        let verb = format!("kill?signal={signal}");
        let answer = self.post(&container.id, &verb, QUESTION).await?;
        match answer.status {
            200..=299 => Ok(()),
            404 => Err(bad_name(&answer.message())),
            409 => Err(CallError::fault(CallError::NOT_RUNNING, answer.message())),
            _ => Err(failed(answer.message())),
        }
    }

    /// How long another program's stop may be in progress while the container is still said to run.
    async fn stop_takes(&self, name: &ProcessName) -> Duration {
        let container = self.find(name).await.ok();
        container.map_or(STOP_TIMEOUT, |container| stop_takes(&container)) + KILLED
    }

    /// The last `bytes` bytes of what `name` wrote to `stream`; empty when its engine keeps no log.
    async fn log_tail(
        &self,
        name: &ProcessName,
        stream: OutputStream,
        bytes: u16,
    ) -> Result<String, CallError> {
        let container = self.find(name).await?;
        let tty = container.config.tty;
        let stream = match stream {
            OutputStream::Stdout => "stdout",
            // a terminal has but one output
            OutputStream::Stderr if tty => return Ok(String::new()),
            OutputStream::Stderr => "stderr",
        };
        if container.host_config.log_config.r#type == "none" {
            return Ok(String::new());
        }
        let path = format!(
            "/containers/{}/logs?{stream}=1&tail={}",
            container.id,
            bytes / SHORT_LINE + FEW_LINES
        );
        let mut tail = Tail::new(bytes.into(), !tty);
        let refused = self
            .wire
            .get_all(&path, QUESTION, |piece| tail.push(piece))
            .await?;
        match refused {
            None => Ok(tail.text()),
            Some(answer) if answer.status == 404 => Err(bad_name(&answer.message())),
            // the log goes where the engine cannot read it
            Some(answer) if answer.message().contains("does not support reading") => {
                Ok(String::new())
            }
            Some(answer) => Err(failed(answer.message())),
        }
    }
}

/// How long the container takes to stop, at most.
fn stop_takes(container: &Container) -> Duration {
    match container.config.stop_timeout.map(u64::try_from) {
        None => STOP_TIMEOUT,
        Some(Ok(seconds)) => Duration::from_secs(seconds),
        Some(Err(_)) => MAX_STOP_TIMEOUT,
    }
}

fn bad_name(why: &str) -> CallError {
    CallError::fault(CallError::BAD_NAME, why)
}

fn failed(why: impl Into<String>) -> CallError {
    CallError::fault(CallError::FAILED, why)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
