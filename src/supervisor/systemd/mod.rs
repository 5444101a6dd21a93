//! systemd, through `systemctl`: what it does as a command is documented, and the same for every version, for
//! root, for a user's manager and behind polkit. A stop or start waits for the job's result; when the deadline is
//! over first, the job continues in systemd.
//!
//! What systemd does by itself is left to it: a unit that it is about to start again is BACKOFF, one that it has
//! started again is another life (its invocation id is another).

mod dependents;
mod journal;
mod refusal;
mod show;
pub mod spec;
mod systemctl;
mod unit;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use self::dependents::dependents;
use self::systemctl::Systemctl;
use self::unit::SystemdUnit;
use super::{OutputStream, Supervisor};
use crate::health::unit::is_name;
use crate::health::{CallError, Process, ProcessName, ProcessState, Signal};
use crate::sorted;

pub use self::spec::{ManagerScope, SystemdSpec};

/// A unit is up when it has been so for this long, as under supervisord. Most types of services are active as
/// soon as their process exists, whatever becomes of it.
const UP_AFTER: Duration = Duration::from_secs(1);

/// Every unit that is a service.
const ALL: &str = "*.service";

/// A service manager: the system's, or a user's.
#[derive(Clone, Debug)]
pub struct SystemdClient {
    systemctl: Systemctl,
    /// The invocation id of the unit that httpok runs in, if it runs in one.
    ourselves: Option<String>,
    /// Units that httpok started and that exited with success at once. systemd forgets how a unit ended as soon as
    /// nothing refers to it.
    ended: Arc<Mutex<BTreeSet<String>>>,
}

impl SystemdClient {
    /// A client for the manager of `spec`. Nothing is asked yet.
    pub fn new(spec: SystemdSpec) -> Self {
        Self {
            systemctl: Systemctl::new(spec),
            ourselves: std::env::var("INVOCATION_ID").ok(),
            ended: Arc::default(),
        }
    }

    /// Why `unit` must not be stopped: it, or something that falls with it, would stay stopped.
    async fn stop_is_final(&self, unit: &SystemdUnit) -> Result<Option<String>, CallError> {
        if let Some(why) = unit.stop_is_final() {
            return Ok(Some(why));
        }
        let dependents = dependents(unit, &self.systemctl).await?;
        let ours =
            |unit: &SystemdUnit| unit.invocation.is_some() && unit.invocation == self.ourselves;
        if ours(unit) || dependents.iter().any(ours) {
            return Ok(Some("with it this watchdog would be stopped".to_owned()));
        }
        Ok(dependents.iter().find_map(|dependent| {
            let why = dependent.cannot_start()?;
            Some(format!(
                "{:?} would be stopped with it, and {why}",
                dependent.id
            ))
        }))
    }

    /// Verifies a successful start: the unit stays up under the same invocation id.
    async fn stays_up(&self, name: &ProcessName) -> Result<(), CallError> {
        let begun = self.find_unit(name).await?;
        if begun.state() == ProcessState::Running && begun.main_pid.is_none() {
            return Ok(());
        }
        let up = Duration::from_micros(now().saturating_sub(begun.active_enter));
        if begun.state() == ProcessState::Running {
            sleep(UP_AFTER.saturating_sub(up)).await;
        }
        let unit = self.find_unit(name).await?;
        match unit.state() {
            ProcessState::Running | ProcessState::Starting
                if unit.invocation == begun.invocation =>
            {
                Ok(())
            }
            state => {
                if matches!(state, ProcessState::Stopped | ProcessState::Exited) {
                    // an exit within this second is taken as the program's own, not as an operator's stop: it is
                    // started again
                    self.ended().insert(unit.id.clone());
                }
                Err(unit.refused())
            }
        }
    }

    /// `unit` as a process, corrected by what the client remembers of its own starts.
    fn describe(&self, unit: &SystemdUnit) -> Process {
        let mut process = unit.process(now());
        let mut ended = self.ended();
        match process.state {
            ProcessState::Stopped if ended.contains(&unit.id) => {
                process.state = ProcessState::Exited;
            }
            ProcessState::Running => drop(ended.remove(&unit.id)),
            _ => {}
        }
        process
    }

    fn ended(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unit's own reason for a failed start; the job's message has less detail.
    async fn why_not(&self, name: &ProcessName) -> Option<CallError> {
        let unit = self.find_unit(name).await.ok()?;
        (unit.state() != ProcessState::Running).then(|| unit.refused())
    }

    async fn find_unit(&self, name: &ProcessName) -> Result<SystemdUnit, CallError> {
        let id = &name.name;
        let missing = || fault(CallError::BAD_NAME, format!("there is no unit {id:?}"));
        if !is_name(id) {
            return Err(missing());
        }
        let mut units = self.show(std::slice::from_ref(id)).await?;
        units.retain(|unit| !unit.is_missing());
        units.pop().ok_or_else(missing)
    }

    async fn show(&self, names: &[String]) -> Result<Vec<SystemdUnit>, CallError> {
        self.systemctl.show(names).await
    }
}

#[async_trait]
impl Supervisor for SystemdClient {
    /// Which manager it is.
    fn address(&self) -> &str {
        self.systemctl.address()
    }

    /// The units that `patterns` mean, or every service that is loaded. A unit with several names is there once.
    async fn list(&self, patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
        let asked: Vec<_> = match patterns {
            None => vec![ALL.to_owned()],
            Some(patterns) => patterns.iter().map(|pattern| glob(pattern)).collect(),
        };
        let mut units = self.show(&asked).await?;
        units.retain(|unit| !unit.is_missing());
        sorted::by(&mut units, |a, b| a.id.cmp(&b.id));
        units.dedup_by(|a, b| a.id == b.id);
        Ok(units.into_iter().map(|unit| self.describe(&unit)).collect())
    }

    /// The unit `name`.
    async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        Ok(self.describe(&self.find_unit(name).await?))
    }

    /// Stops the unit, and waits until it has ended. Refused when it could not be started again.
    async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        let unit = self.find_unit(name).await?;
        match unit.state() {
            ProcessState::Running
            | ProcessState::Starting
            | ProcessState::Backoff
            | ProcessState::Unknown => {}
            state @ (ProcessState::Stopped
            | ProcessState::Stopping
            | ProcessState::Exited
            | ProcessState::Fatal) => {
                return Err(fault(CallError::NOT_RUNNING, format!("it is {state}")));
            }
        }
        if let Some(why) = self.stop_is_final(&unit).await? {
            return Err(fault(CallError::FAILED, why));
        }
        let done = self.systemctl.job("stop", &unit.id, unit.stops_within());
        done.await
    }

    /// Starts the unit, and waits until it is up. What systemd had counted against it is forgotten: how often
    /// a unit is restarted is bounded by the restart budget of httpok.
    async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        let unit = self.find_unit(name).await?;
        match unit.state() {
            state @ (ProcessState::Running | ProcessState::Starting | ProcessState::Backoff) => {
                return Err(fault(CallError::ALREADY_STARTED, format!("it is {state}")));
            }
            ProcessState::Stopped
            | ProcessState::Stopping
            | ProcessState::Exited
            | ProcessState::Fatal
            | ProcessState::Unknown => {}
        }
        self.systemctl.forget_failures(&unit.id).await;
        let done = self.systemctl.job("start", &unit.id, unit.starts_within());
        if let Err(error) = done.await {
            return Err(match error.is_fault(CallError::ABNORMAL_TERMINATION) {
                true => self.why_not(name).await.unwrap_or(error),
                false => error,
            });
        }
        self.stays_up(name).await
    }

    /// Sends the unit's main process a signal.
    async fn signal(&self, name: &ProcessName, signal: Signal) -> Result<(), CallError> {
        let unit = self.find_unit(name).await?;
        if unit.main_pid.is_none() {
            return Err(fault(
                CallError::NOT_RUNNING,
                "it has no main process".to_owned(),
            ));
        }
        self.systemctl.kill(&unit.id, signal).await
    }

    /// The running units that systemd stops with `name`.
    async fn dependents(&self, name: &ProcessName) -> Result<Vec<Process>, CallError> {
        let unit = self.find_unit(name).await?;
        let now = now();
        let found = dependents(&unit, &self.systemctl).await?;
        Ok(found.into_iter().map(|unit| unit.process(now)).collect())
    }

    /// The end of the unit's output. The journal does not separate the two outputs: all of it is returned as
    /// standard output. Empty without a journal, or without permission to read it.
    async fn log_tail(
        &self,
        name: &ProcessName,
        stream: OutputStream,
        bytes: u16,
    ) -> Result<String, CallError> {
        Ok(match stream {
            OutputStream::Stdout if is_name(&name.name) => {
                journal::tail(self.systemctl.scope(), &name.name, bytes).await
            }
            OutputStream::Stdout | OutputStream::Stderr => String::new(),
        })
    }
}

/// What `systemctl` is asked for a target's pattern: of a group, every instance that is loaded.
fn glob(pattern: &str) -> String {
    match pattern.split_once(':') {
        Some((group, _)) => format!("{group}{ALL}"),
        None => pattern.to_owned(),
    }
}

fn fault(code: i64, text: String) -> CallError {
    CallError::Fault { code, text }
}

/// systemd's clock, in microseconds.
fn now() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    // the kernel always has this clock
    let micros = time.unwrap_or_default().as_micros();
    u64::try_from(micros).unwrap_or(u64::MAX)
}
