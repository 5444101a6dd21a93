//! Runs `systemctl`: its path, its common options and its deadlines. How its output is parsed is in `show`.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use super::refusal::refusal;
use super::show::{FALL_WITH_IT, PROPERTIES, units};
use super::spec::{ManagerScope, SystemdSpec};
use super::unit::SystemdUnit;
use crate::exec::{self, Command, CommandLine, ExecError, Finished};
use crate::health::counted;
use crate::health::{CallError, Signal};

/// Deadline of a query; systemd answers at once.
const QUESTION: Duration = Duration::from_secs(10);

/// Bound on the output: enough for some thousand units.
const LONGEST: usize = 4 << 20;

/// `systemctl` for one manager.
#[derive(Clone, Debug)]
pub(super) struct Systemctl {
    spec: SystemdSpec,
    address: String,
}

impl Systemctl {
    pub(super) fn new(spec: SystemdSpec) -> Self {
        let address = match spec.scope {
            ManagerScope::System => "systemd".to_owned(),
            ManagerScope::User => format!("systemd of user {}", nix::unistd::getuid()),
        };
        Self { spec, address }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) const fn scope(&self) -> ManagerScope {
        self.spec.scope
    }

    /// The properties of the units `names`, which may be globs. An unknown unit is listed as
    /// missing; a glob without a match adds nothing.
    pub(super) async fn show(&self, names: &[String]) -> Result<Vec<SystemdUnit>, CallError> {
        if names.is_empty() {
            // without a name, systemctl shows the manager itself
            return Ok(Vec::new());
        }
        let properties = [&PROPERTIES[..], &FALL_WITH_IT].concat().join(",");
        let properties = format!("--property={properties}");
        let done = self.run(&["show", &properties], names, QUESTION).await?;
        if done.stdout.is_truncated() {
            return Err(CallError::Malformed {
                detail: format!(
                    "systemctl: an answer of {}",
                    counted(done.stdout.size, "byte", "bytes")
                ),
            });
        }
        units(&done.stdout.text())
    }

    /// Asks for a job and waits for its result.
    pub(super) async fn job(
        &self,
        verb: &str,
        unit: &str,
        within: Duration,
    ) -> Result<(), CallError> {
        let names = [unit.to_owned()];
        self.run(&[verb], &names, within).await.map(drop)
    }

    /// Sends the main process of a unit a signal.
    pub(super) async fn kill(&self, unit: &str, signal: Signal) -> Result<(), CallError> {
        let (signal, names) = (format!("--signal={signal}"), [unit.to_owned()]);
        // systemd calls it --kill-who before version 252, and knows that word still
        let arguments = ["kill", "--kill-who=main", &signal];
        self.run(&arguments, &names, QUESTION).await.map(drop)
    }

    /// Lets systemd forget that, and how often, a unit failed or was started.
    pub(super) async fn forget_failures(&self, unit: &str) {
        let names = [unit.to_owned()];
        // an error is ignored: an unloaded unit has no failures, and without this permission the start fails, too
        let _ = self.run(&["reset-failed"], &names, QUESTION).await;
    }

    async fn run(
        &self,
        arguments: &[&str],
        names: &[String],
        within: Duration,
    ) -> Result<Finished, CallError> {
        let always = match self.spec.scope {
            ManagerScope::System => ["--system", "--no-ask-password", "--no-pager"],
            ManagerScope::User => ["--user", "--no-ask-password", "--no-pager"],
        };
        let program = self.spec.systemctl.to_string_lossy().into_owned();
        let mut line = vec![program];
        line.extend(
            always
                .into_iter()
                .chain(arguments.iter().copied())
                .map(str::to_owned),
        );
        line.push("--".to_owned());
        line.extend(names.iter().cloned());
        let command = Command {
            program: CommandLine::Argv(line),
            stdin: None,
            timeout: within,
            max_output: LONGEST,
            ends_with_us: false,
            receipt: None,
            env: environment(self.spec.scope),
        };
        let done = exec::run(&command).await.map_err(no_answer)?;
        if done.status.success() {
            return Ok(done);
        }
        let signal = done.status.signal();
        Err(match signal {
            Some(signal) => CallError::Unreachable {
                detail: format!("systemctl was ended by signal {signal}"),
            },
            None => refusal(&done.stderr.text(), self.spec.scope),
        })
    }
}

/// Environment that makes the output independent of the locale, and lets a system service reach a user's manager.
pub(super) fn environment(scope: ManagerScope) -> Vec<(String, String)> {
    let mut env = vec![
        ("LC_ALL".to_owned(), "C".to_owned()),
        ("SYSTEMD_COLORS".to_owned(), "0".to_owned()),
        ("SYSTEMD_LOG_LEVEL".to_owned(), "info".to_owned()),
        ("SYSTEMD_LOG_TARGET".to_owned(), "console".to_owned()),
    ];
    const RUNTIME: &str = "XDG_RUNTIME_DIR";
    if scope == ManagerScope::User && std::env::var_os(RUNTIME).is_none() {
        let usual = Path::new("/run/user").join(nix::unistd::getuid().to_string());
        env.push((RUNTIME.to_owned(), usual.to_string_lossy().into_owned()));
    }
    env
}

fn no_answer(error: ExecError) -> CallError {
    match error {
        ExecError::TimedOut { after, .. } => CallError::TimedOut { after },
        error @ (ExecError::Spawn { .. } | ExecError::Lost { .. }) => CallError::Unreachable {
            detail: error.to_string(),
        },
    }
}
