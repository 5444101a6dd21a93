//! Anything that command lines can stop and start: init scripts, another host's supervisor, a cluster's tool.
//!
//! # Theory of operation
//! Three templates, `status`, `stop` and `start`, with `{name}` and `{group}` filled in, each run with a deadline and
//! killed with its group. `status` is the judge: its exit code is read as init scripts mean it (0 runs, 3 does not,
//! 1 and 2 it crashed), and the exit codes of the other two count only when it agrees. A command that cannot be run
//! or does not end gives no state, in particular not "stopped".
//!
//! The status command cannot say why a process does not run, so the client remembers its stops and starts: what it
//! could not start is EXITED or FATAL, which is not what an operator stopped.

mod pidfile;
pub mod spec;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::sleep;

use super::Supervisor;
use super::lingering::LingeringStops;
use crate::exec::{self, Command, CommandLine, ExecError, Finished, Output, template};
use crate::health::{Backend, CallError, Process, ProcessName, ProcessState, Signal};
use pidfile::LiveProcess;

pub use spec::CommandSpec;

/// What is read of a command's outputs.
const MAX_OUTPUT: usize = 16 * 1024;
/// The part of it that a message quotes.
const MAX_DETAIL: usize = 200;
/// How long a program may take to be there after its start command has ended.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// How long it has to stay.
const UP_FOR: Duration = Duration::from_secs(1);
/// How often its status is asked meanwhile.
const POLL_EVERY: Duration = Duration::from_millis(200);

/// A client that runs command lines.
#[derive(Clone, Debug)]
pub struct CommandClient {
    spec: Arc<CommandSpec>,
    address: String,
    /// Stops that were not confirmed.
    stops: LingeringStops,
    /// Processes that a start by httpok did not bring up.
    ends: Arc<Mutex<HashMap<ProcessName, ProcessState>>>,
}

/// What the status command said.
struct CommandStatus {
    state: ProcessState,
    alive: Option<LiveProcess>,
    detail: String,
}

impl CommandClient {
    /// A client that runs the command lines of `spec`.
    pub fn new(spec: CommandSpec) -> Self {
        Self {
            address: template::shown(&spec.start, &[]),
            spec: Arc::new(spec),
            stops: LingeringStops::default(),
            ends: Arc::default(),
        }
    }

    async fn ask(&self, name: &ProcessName) -> Result<CommandStatus, CallError> {
        let finished = self.run(&self.spec.status, name).await?;
        let state = match finished.status.code() {
            Some(0) => ProcessState::Running,
            Some(1 | 2) => ProcessState::Exited,
            Some(3) => ProcessState::Stopped,
            Some(_) => ProcessState::Unknown,
            None => {
                return Err(CallError::Unreachable {
                    detail: format!("the status command did not end: {}", finished.status),
                });
            }
        };
        let alive = match (&self.spec.pidfile, state) {
            (Some(file), ProcessState::Running) => {
                let places = places(name);
                // a name must not lead to another directory
                match places.iter().any(|(_, value)| value.contains('/')) {
                    true => None,
                    false => pidfile::read_pid_file(template::pasted(file, &places)).await,
                }
            }
            _ => None,
        };
        let detail = first_line(&finished.stdout);
        Ok(CommandStatus {
            state,
            alive,
            detail: detail.unwrap_or_else(|| finished.status.to_string()),
        })
    }

    /// Runs `line` about `name` to its end.
    async fn run(&self, line: &CommandLine, name: &ProcessName) -> Result<Finished, CallError> {
        let places = places(name);
        let program = template::fill(line, &places).map_err(|why| CallError::Unreachable {
            detail: why.to_string(),
        })?;
        let command = Command {
            program,
            stdin: None,
            timeout: self.spec.timeout,
            max_output: MAX_OUTPUT,
            ends_with_us: false,
            receipt: None,
            env: Vec::new(),
        };
        let unreachable = |why: String| CallError::Unreachable {
            detail: format!("{:?}: {why}", template::shown(line, &places)),
        };
        match exec::run(&command).await {
            // the shell's exit codes for a missing or unusable command
            Ok(finished) if matches!(finished.status.code(), Some(126 | 127)) => {
                Err(unreachable(outcome(&finished)))
            }
            Ok(finished) => Ok(finished),
            Err(ExecError::TimedOut { after, .. }) => Err(CallError::TimedOut { after }),
            Err(error @ (ExecError::Spawn { .. } | ExecError::Lost { .. })) => {
                Err(unreachable(error.to_string()))
            }
        }
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<ProcessName, ProcessState>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Supervisor for CommandClient {
    /// The start command as it was written: two with another one are not the same.
    fn address(&self) -> &str {
        &self.address
    }

    fn remembers_under(&self) -> Option<String> {
        Some(format!("{:?}", self.spec))
    }

    /// What `patterns` name; a command can list nothing.
    async fn list(&self, patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
        let mut processes = Vec::new();
        for pattern in patterns.unwrap_or_default() {
            if let Some(name) = named(pattern) {
                processes.push(self.info(&name).await?);
            }
        }
        Ok(processes)
    }

    /// `name` as its status command reports it.
    async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        let status = self.ask(name).await?;
        let key = name.namespec();
        let mut ends = self.ends();
        let state = match status.state {
            ProcessState::Running => {
                ends.remove(name);
                let holds = self.stops.holds(&key, &status.life(), Instant::now());
                if holds {
                    ProcessState::Stopping
                } else {
                    ProcessState::Running
                }
            }
            ProcessState::Stopped => {
                self.stops.settled(&key);
                ends.get(name).copied().unwrap_or(ProcessState::Stopped)
            }
            state => state,
        };
        Ok(Process {
            name: name.clone(),
            state,
            pid: status.alive.map(|alive| alive.pid),
            uptime: status.alive.map(|alive| alive.uptime),
            detail: status.detail,
            instance: status.alive.map(LiveProcess::life),
            aliases: Vec::new(),
        })
    }

    /// Stops `name`; answered when its status says that it does not run.
    async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        let before = self.ask(name).await?;
        if before.is_down() {
            return Err(CallError::fault(CallError::NOT_RUNNING, "NOT_RUNNING"));
        }
        let takes = self.spec.timeout;
        let key = name.namespec();
        self.stops.asked(&key, &before.life(), takes);
        let finished = self.run(&self.spec.stop, name).await?;
        if !finished.status.success() {
            return Err(CallError::fault(CallError::FAILED, outcome(&finished)));
        }
        let until = Instant::now() + takes;
        loop {
            let asked = self.ask(name).await;
            if asked.as_ref().is_ok_and(CommandStatus::is_down) {
                self.stops.settled(&key);
                return Ok(());
            }
            if Instant::now() >= until {
                let state = asked?.state;
                let text = format!("its stop command ended well, but it is {state}");
                return Err(CallError::fault(CallError::FAILED, text));
            }
            sleep(POLL_EVERY).await;
        }
    }

    /// Starts `name`; answered when its status has said for a little while that it runs, or will not.
    async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        if self.ask(name).await?.state == ProcessState::Running {
            return Err(CallError::fault(
                CallError::ALREADY_STARTED,
                "ALREADY_STARTED",
            ));
        }
        let finished = self.run(&self.spec.start, name).await?;
        if !finished.status.success() && self.ask(name).await?.state != ProcessState::Running {
            self.ends().insert(name.clone(), ProcessState::Fatal);
            return Err(CallError::fault(CallError::SPAWN_ERROR, outcome(&finished)));
        }
        let there = Instant::now() + UP_WITHIN.min(self.spec.timeout);
        let mut since = None;
        loop {
            let status = self.ask(name).await?;
            let now = Instant::now();
            match (status.state, since) {
                (ProcessState::Running, Some(since)) if now >= since + UP_FOR => {
                    self.ends().remove(name);
                    self.stops.settled(&name.namespec());
                    return Ok(());
                }
                (ProcessState::Running, None) => since = Some(now),
                (ProcessState::Running, Some(_)) => {}
                (_, None) if now < there => {}
                (state, _) => {
                    self.ends().insert(name.clone(), ProcessState::Exited);
                    let text = format!(
                        "its start command ended well, but it is {state} (what it starts must not \
                         hold the command's output, or it is killed with it)"
                    );
                    return Err(CallError::fault(CallError::ABNORMAL_TERMINATION, text));
                }
            }
            sleep(POLL_EVERY).await;
        }
    }

    /// Sends the process of the pid file a signal; without one nobody knows which process it is.
    async fn signal(&self, name: &ProcessName, signal: Signal) -> Result<(), CallError> {
        let Some(alive) = self.ask(name).await?.alive else {
            return Err(CallError::fault(
                CallError::FAILED,
                "its pid is not known: set pidfile in [supervisor.command]",
            ));
        };
        pidfile::signal(alive, signal).map_err(|error| {
            CallError::fault(CallError::FAILED, format!("cannot send {signal}: {error}"))
        })
    }

    /// How long another program's stop may be in progress while the status still says that it runs.
    async fn stop_takes(&self, _name: &ProcessName) -> Duration {
        self.spec.timeout
    }
}

impl CommandStatus {
    fn is_down(&self) -> bool {
        matches!(self.state, ProcessState::Stopped | ProcessState::Exited)
    }

    /// Which life of it this is, as far as that can be known.
    fn life(&self) -> String {
        self.alive.map(LiveProcess::life).unwrap_or_default()
    }
}

/// The process that `pattern` names, unless it asks for all of a group.
fn named(pattern: &str) -> Option<ProcessName> {
    match pattern.split_once(':') {
        None => Some(ProcessName::alone(Backend::Command, pattern)),
        Some((_, "*" | "")) => None,
        Some((group, name)) => Some(ProcessName {
            backend: Backend::Command,
            group: group.to_owned(),
            name: name.to_owned(),
        }),
    }
}

fn places(name: &ProcessName) -> [template::Placeholder<'static>; 2] {
    [
        ("{name}", name.name.clone()),
        ("{group}", name.group.clone()),
    ]
}

/// How a command ended, with its own message, if it printed one.
fn outcome(finished: &Finished) -> String {
    let said = last_line(&finished.stderr).or_else(|| last_line(&finished.stdout));
    match said {
        Some(line) => format!("{}: {line}", finished.status),
        None => finished.status.to_string(),
    }
}

fn first_line(output: &Output) -> Option<String> {
    let text = output.text();
    text.lines()
        .map(str::trim)
        .find(|l| !l.is_empty())
        .map(brief)
}

fn last_line(output: &Output) -> Option<String> {
    let text = output.text();
    text.lines()
        .rev()
        .map(str::trim)
        .find(|l| !l.is_empty())
        .map(brief)
}

fn brief(line: &str) -> String {
    line.chars().take(MAX_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_map_to_process_names() {
        let namespec = |pattern| named(pattern).map(|name| name.namespec());
        assert_eq!(namespec("redis").as_deref(), Some("redis"));
        assert_eq!(namespec("host:redis").as_deref(), Some("host:redis"));
        assert_eq!(namespec("host:*"), None);
        assert_eq!(namespec("host:"), None);
    }
}
