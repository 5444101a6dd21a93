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

/// The variables of a command, without `HTTPOK_`: where in the report each is, and what it says.
pub const VARIABLES: [(&str, &str, &str); 12] = [
    ("KIND", "/kind", "What it is: one of the kinds above."),
    ("CHECK", "/check", "The name of the check."),
    ("HOST", "/host", "The host of the watchdog."),
    ("URL", "/url", "What the check asks, without its password."),
    ("AT", "/at", "When it was decided, as RFC 3339 in UTC."),
    ("SINCE", "/incident/since", "When the first fail was."),
    (
        "INCIDENT",
        "/incident/id",
        "The incident: the same in all reports of it.",
    ),
    (
        "ATTEMPTS",
        "/incident/attempts",
        "How often a restart was tried in it.",
    ),
    ("NUMBER", "/number", "Counts the reports of an incident."),
    ("SUBJECT", "/subject", "The report in one line."),
    (
        "REASON",
        "/seen/reason",
        "Why the last probe failed, in one word.",
    ),
    ("DETAIL", "/seen/detail", "The same in a sentence."),
];

/// The main words of a report.
fn environment(message: &Notification) -> Vec<(String, String)> {
    VARIABLES
        .into_iter()
        .map(|(word, pointer, _)| {
            let value = match message.event.pointer(pointer) {
                Some(Value::String(text)) => text.replace('\0', ""),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            (format!("HTTPOK_{word}"), value)
        })
        .collect()
}
