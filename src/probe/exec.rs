//! A command as a probe: its exit code and what it prints are the answer. [`crate::exec`] runs it; which
//! exit code means what is for [`crate::health`] to say.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use memchr::memmem;

use super::spec::ExecSpec;
use crate::exec::{self, Command, CommandLine, ExecError, Output};
use crate::health::counted;
use crate::health::{Body, BodyNeeds, Observation, Phase, Reason, Trouble};

/// Why there can be no probe for a spec.
#[derive(Debug, thiserror::Error)]
pub enum ExecSpecError {
    /// No time at all.
    #[error("a timeout of zero leaves no time to ask")]
    Timeout,
    /// No program.
    #[error("a command of no words")]
    NoProgram,
}

/// A command, ready to be run as often as wanted.
pub struct ExecProbe {
    spec: ExecSpec,
    /// Searched in its output.
    needles: Vec<Vec<u8>>,
    url: String,
}

impl ExecProbe {
    /// A probe for what `spec` asks, which looks for what `needs` says.
    ///
    /// # Errors
    /// Says what is missing in `spec`.
    pub fn new(spec: ExecSpec, needs: &BodyNeeds) -> Result<Self, ExecSpecError> {
        if spec.timeout.is_zero() {
            return Err(ExecSpecError::Timeout);
        }
        // its arguments may hold what must not be seen
        let program = match &spec.command {
            CommandLine::Shell(line) if line.trim().is_empty() => {
                return Err(ExecSpecError::NoProgram);
            }
            CommandLine::Shell(_) => "/bin/sh",
            CommandLine::Argv(words) => words.first().ok_or(ExecSpecError::NoProgram)?,
        };
        Ok(Self {
            url: format!("exec:{program}"),
            needles: needs.needles.clone(),
            spec,
        })
    }

    /// `exec:` and the program.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        self.spec.timeout
    }

    /// Runs the command once, within `timeout`.
    pub async fn run(&self, timeout: Duration) -> Observation {
        let command = Command {
            program: self.spec.command.clone(),
            stdin: None,
            timeout,
            max_output: usize::try_from(self.spec.max_body).unwrap_or(usize::MAX),
            ends_with_us: true,
            receipt: None,
            env: Vec::new(),
        };
        let started = tokio::time::Instant::now();
        let mut seen = Observation {
            url: self.url.clone(),
            ..Observation::default()
        };
        match exec::run(&command).await {
            Ok(finished) => {
                // as in shells: a signal counts from 128 on
                let signal = finished.status.signal().map(|signal| 128 + signal);
                seen.exit = finished.status.code().or(signal);
                self.note_output(&mut seen, &finished.stdout, &finished.stderr);
            }
            Err(ExecError::TimedOut { stdout, stderr, .. }) => {
                self.note_output(&mut seen, &stdout, &stderr);
                let within = humantime::format_duration(timeout);
                let detail = format!("not done within {within}, killed");
                let reason = Reason::FirstByteTimeout;
                seen.trouble = Some(Trouble::new(reason, Phase::FirstByte, detail));
            }
            Err(fault @ ExecError::Spawn { .. }) => seen.trouble = Some(not_started(&fault)),
            Err(fault @ ExecError::Lost { .. }) => {
                let detail = fault.to_string();
                seen.trouble = Some(Trouble::new(Reason::Cancelled, Phase::FirstByte, detail));
            }
        }
        seen.duration = started.elapsed();
        let phase = match &seen.trouble {
            Some(trouble) => trouble.phase,
            None => Phase::FirstByte,
        };
        seen.phases.add(phase, seen.duration);
        seen
    }

    /// What was printed is the body: on standard output, or else on standard error.
    fn note_output(&self, seen: &mut Observation, stdout: &Output, stderr: &Output) {
        let output = match stdout.bytes.is_empty() {
            true => stderr,
            false => stdout,
        };
        let kept = output.bytes.clone();
        let occurs = |needle: &&Vec<u8>| memmem::find(&kept, needle).is_some();
        let found: Vec<_> = self.needles.iter().filter(occurs).cloned().collect();
        if output.is_truncated() && found.len() < self.needles.len() {
            // it may stand in what was dropped, so the answer is not known
            let detail = format!(
                "it prints more than {}",
                counted(self.spec.max_body, "byte", "bytes")
            );
            seen.trouble = Some(Trouble::new(Reason::TooLarge, Phase::FirstByte, detail));
        }
        seen.body = Some(Body {
            kept,
            size: output.size,
            found,
            ..Body::default()
        });
    }
}

/// That a command cannot be started says nothing about the service.
fn not_started(fault: &ExecError) -> Trouble {
    let code = match fault {
        ExecError::Spawn { source, .. } => source.raw_os_error(),
        ExecError::TimedOut { .. } | ExecError::Lost { .. } => None,
    };
    let reason = match code {
        Some(libc::EMFILE | libc::ENFILE) => Reason::NoFds,
        Some(libc::ENOMEM | libc::EAGAIN) => Reason::NoMemory,
        _ => Reason::Spawn,
    };
    Trouble::new(reason, Phase::Connect, fault.to_string())
}

impl std::fmt::Debug for ExecProbe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.url()).finish()
    }
}
