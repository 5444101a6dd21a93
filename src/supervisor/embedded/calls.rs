//! What programs are asked for one at a time: stop, start, signal, log. And all of them together, at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::fault::ProgramError;
use super::handle::JobHandle;
use super::handle::{JobRequest, Replies, ReplySender, settle};
use super::logs;
use super::programs::Embedded;
use super::spec::ProgramOutput;
use super::status::ProgramStatus;
use super::unit::KILL_WAIT;
use crate::blocking;
use crate::health::{self, CallError, Process, ProcessName};
use crate::supervisor::{OutputStream, Supervisor};
use nix::sys::signal::Signal;

#[async_trait]
impl Supervisor for Embedded {
    /// Where it keeps its notes. There is one in each watchdog, and only that one can finish its restarts.
    fn address(&self) -> &str {
        self.directory()
    }

    async fn list(&self, _patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
        Ok(self.list())
    }

    async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        self.info(name)
    }

    /// Stops `name`; answered when it is gone.
    async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        self.ask(name, JobRequest::Stop).await
    }

    /// Starts `name`; answered when it is up, or will not be.
    async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        if self.closing() {
            return Err(ProgramError::Closing.about(name));
        }
        if self.handle(name)?.retired {
            return Err(ProgramError::BadName.about(name));
        }
        self.ask(name, JobRequest::Start).await
    }

    async fn signal(&self, name: &ProcessName, signal: health::Signal) -> Result<(), CallError> {
        self.signal(name, signal.name()).await
    }

    /// At most the last `bytes` bytes of what `name` wrote to `stream`; empty when that is no file.
    async fn log_tail(
        &self,
        name: &ProcessName,
        stream: OutputStream,
        bytes: u16,
    ) -> Result<String, CallError> {
        let program = self.handle(name)?.program;
        let output = match stream {
            OutputStream::Stdout => &program.stdout,
            OutputStream::Stderr => &program.stderr,
        };
        let ProgramOutput::File(log) = output else {
            return Ok(String::new());
        };
        self.log_writers().settle(log).await;
        let path = log.path.clone();
        let tail = blocking::run("log", move || logs::tail(&path, bytes)).await;
        tail.unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| CallError::Unreachable {
                detail: format!("cannot read \"{}\": {error}", log.path.display()),
            })
    }
}

/// How long what programs wrote last may take to be in their logs, when all have ended.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

impl Embedded {
    /// Sends `name` alone, not its group, the signal `signal`: `HUP`, `SIGHUP` or `1`.
    pub async fn signal(&self, name: &ProcessName, signal: &str) -> Result<(), CallError> {
        let number = signal_number(signal)
            .ok_or_else(|| ProgramError::BadSignal(signal.to_owned()).about(name))?;
        self.ask(name, |ticket| JobRequest::Signal(number, ticket))
            .await
    }

    /// How long a [`Self::shutdown`] may take when every program ignores its stop signal.
    pub fn longest_stop(&self) -> Duration {
        let mut longest = BTreeMap::new();
        for handle in self.by_priority() {
            let level: &mut Duration = longest.entry(handle.program.priority).or_default();
            *level = handle.program.stopwaitsecs.max(*level);
        }
        longest
            .values()
            .fold(KILL_WAIT, |sum, level| sum.saturating_add(*level))
    }

    /// Stops every program, those of the highest priority number first and each number at once. What is
    /// left after `within` is killed. From here on nothing is started any more.
    pub async fn shutdown(&self, within: Duration) {
        self.close();
        self.stop_all(within).await;
        self.log_writers().finish(LAST_OUTPUT).await;
    }

    async fn stop_all(&self, within: Duration) {
        let deadline = Instant::now().checked_add(within);
        let handles = self.by_priority();
        for level in handles
            .chunk_by(|one, other| one.program.priority == other.program.priority)
            .rev()
        {
            let receipts = ask_all(level, JobRequest::Stop).await;
            if !in_time(deadline, settle(receipts)).await {
                tracing::warn!("programs did not stop in time and are killed");
                settle(ask_all(&handles, JobRequest::Kill).await).await;
                return;
            }
        }
    }

    /// Waits until `name` has come to its end by itself and will not be started again, and gives the exit
    /// code for `httpok run`. A stopped program is waited for until it is started again.
    pub async fn over(&self, name: &ProcessName) -> Result<i32, CallError> {
        let status = self.handle(name)?.wait(ProgramStatus::is_over).await;
        let status = status.ok_or_else(|| gone(name))?;
        Ok(status.exit_code().unwrap_or(1))
    }

    /// The exit code with which `name` ended, if it did.
    pub fn exit_code(&self, name: &ProcessName) -> Option<i32> {
        self.handle(name).ok()?.status().exit_code()
    }

    pub(super) async fn ask(
        &self,
        name: &ProcessName,
        request: impl FnOnce(ReplySender) -> JobRequest,
    ) -> Result<(), CallError> {
        let receipt = self.handle(name)?.ask(request).await;
        let answer = receipt.ok_or_else(|| gone(name))?.await;
        answer
            .map_err(|_| gone(name))?
            .map_err(|fault| fault.about(name))
    }
}

/// The error when a job panicked: a job cannot end before its handles in any other way.
fn gone(name: &ProcessName) -> CallError {
    CallError::Unreachable {
        detail: format!("the job of program \"{name}\" has ended"),
    }
}

/// Whether `work` ended before `deadline`; `None` is never.
async fn in_time(deadline: Option<Instant>, work: impl Future<Output = ()>) -> bool {
    match deadline {
        Some(at) => timeout_at(at, work).await.is_ok(),
        None => {
            work.await;
            true
        }
    }
}

async fn ask_all(handles: &[JobHandle], request: fn(ReplySender) -> JobRequest) -> Replies {
    let mut receipts = Vec::with_capacity(handles.len());
    for handle in handles {
        receipts.extend(handle.ask(request).await);
    }
    receipts
}

/// The number of the signal `HUP`, `SIGHUP` or `1`.
fn signal_number(text: &str) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    let signal = match upper.parse::<i32>() {
        Ok(number) => Signal::try_from(number),
        Err(_) if upper.starts_with("SIG") => upper.parse(),
        Err(_) => format!("SIG{upper}").parse(),
    };
    signal.ok().map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("HUP", Some(1)),
            ("hup", Some(1)),
            ("SIGHUP", Some(1)),
            ("1", Some(1)),
            ("USR2", Some(12)),
            ("", None),
            ("0", None),
            ("-9", None),
            ("999", None),
            ("SIG", None),
            ("HUP ", None),
        ] {
            assert_eq!(signal_number(text), number, "{text:?}");
        }
    }
}
