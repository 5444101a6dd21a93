//! Mail through a command that reads it on standard input, such as `/usr/sbin/sendmail -t -i`. The command
//! line is the user's own, for the shell. What it prints goes into our errors and nowhere else: under
//! supervisord our standard output is the protocol.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use crate::exec::{self, Command, CommandLine, ExecError, Finished, Receipt};
use crate::health::seconds;

use super::message::DeliveryError;
use super::text::brief;

/// How much of the command's output is kept for the error.
pub(super) const KEPT_OUTPUT: usize = 4096;

/// The codes of sysexits.h that say it is the message itself: usage, data error, no input, no such user. Any
/// other failure (no host, service unavailable, try again, not found, killed) can be mended while it waits.
const PERMANENT: std::ops::RangeInclusive<i32> = 64..=67;

/// A command that takes mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// The command line.
    pub command: String,
    /// It is killed after so long.
    pub deadline: Duration,
}

impl Pipe {
    /// Hands `mail` over, headers and all.
    ///
    /// # Errors
    /// The command could not be run, did not end in time, or did not succeed.
    pub async fn send(&self, mail: Vec<u8>, receipt: Option<Receipt>) -> Result<(), DeliveryError> {
        let command = Command {
            program: CommandLine::Shell(self.command.clone()),
            stdin: Some(mail),
            timeout: self.deadline,
            max_output: KEPT_OUTPUT,
            ends_with_us: false,
            receipt,
            env: Vec::new(),
        };
        hand_over("sendmail", &command).await
    }
}

/// Runs `command`, which takes a message and is called `what` in errors.
///
/// # Errors
/// It could not be run, did not end in time, or did not succeed.
pub(super) async fn hand_over(what: &str, command: &Command) -> Result<(), DeliveryError> {
    match exec::run(command).await {
        Ok(finished) => judge(what, &finished),
        Err(error @ (ExecError::Spawn { .. } | ExecError::Lost { .. })) => {
            Err(DeliveryError::Temporary(format!("{what}: {error}")))
        }
        Err(ExecError::TimedOut {
            after,
            stdout,
            stderr,
        }) => {
            let error_text = error_text(&stderr.text(), &stdout.text());
            let after = seconds(after);
            Err(DeliveryError::Temporary(format!(
                "{what} was killed: not done within {after} s{error_text}"
            )))
        }
    }
}

fn judge(what: &str, finished: &Finished) -> Result<(), DeliveryError> {
    let error_text = error_text(&finished.stderr.text(), &finished.stdout.text());
    match finished.status.code() {
        Some(0) => Ok(()),
        Some(code) if PERMANENT.contains(&code) => Err(DeliveryError::Permanent(format!(
            "{what} refused the message with exit status {code}{error_text}"
        ))),
        Some(code) => Err(DeliveryError::Temporary(format!(
            "{what} failed with exit status {code}{error_text}"
        ))),
        None => {
            let signal = finished.status.signal().unwrap_or_default();
            Err(DeliveryError::Temporary(format!(
                "{what} was ended by signal {signal}{error_text}"
            )))
        }
    }
}

/// What it had to say, standard error first.
fn error_text(stderr: &str, stdout: &str) -> String {
    [stderr.trim(), stdout.trim()]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or_else(String::new, |text| format!(": {}", brief(text, 200)))
}
