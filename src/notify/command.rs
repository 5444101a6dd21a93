//! A command that takes reports: the JSON on standard input, the main words in its environment.

use std::time::Duration;

use serde_json::Value;

use super::message::{DeliveryError, Notification};
use super::sendmail;
use crate::exec::{Command, CommandLine, Receipt};

/// A command that takes reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandNotifier {
    /// The command.
    pub command: CommandLine,
    /// It is killed after so long.
    pub deadline: Duration,
}

impl CommandNotifier {
    /// Hands `message` over.
    ///
    /// # Errors
    /// The command could not be run, did not end in time, or did not succeed.
    pub async fn deliver(
        &self,
        message: &Notification,
        receipt: Option<Receipt>,
    ) -> Result<(), DeliveryError> {
        let command = Command {
            program: self.command.clone(),
            stdin: Some(message.event.to_string().into_bytes()),
            timeout: self.deadline,
            max_output: sendmail::KEPT_OUTPUT,
            env: environment(message),
            ends_with_us: false,
            receipt,
        };
        sendmail::hand_over("the command", &command).await
    }
}

/// The main words of a report.
fn environment(message: &Notification) -> Vec<(String, String)> {
    [
        ("KIND", "/kind"),
        ("CHECK", "/check"),
        ("HOST", "/host"),
        ("URL", "/url"),
        ("AT", "/at"),
        ("SINCE", "/incident/since"),
        ("INCIDENT", "/incident/id"),
        ("ATTEMPTS", "/incident/attempts"),
        ("NUMBER", "/number"),
        ("SUBJECT", "/subject"),
        ("REASON", "/seen/reason"),
        ("DETAIL", "/seen/detail"),
    ]
    .into_iter()
    .map(|(word, pointer)| {
        let value = match message.event.pointer(pointer) {
            Some(Value::String(text)) => text.replace('\0', ""),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        (format!("HTTPOK_{word}"), value)
    })
    .collect()
}
