//! The keys of a check that runs a command.

use super::faults::Wrong;
use super::probe::Common;
use super::settings::{Command, Exec};
use super::value::Value;

/// The command to run; `url` is where it is reported missing.
pub fn read_exec(url: Option<&Value<'_>>, command: Option<&Value<'_>>, common: &Common) -> Exec {
    if let (Some(url), None) = (url, command) {
        url.wrong(Wrong::new(
            "no command to run",
            "for example: command = [\"check_disk\", \"-w\", \"10%\"]",
        ));
    }
    let command = command.and_then(|value| {
        let command = value.command()?;
        let is_blank = match &command {
            Command::Shell(line) => line.trim().is_empty(),
            Command::Argv(words) => words.first().is_some_and(|word| word.is_empty()),
        };
        if is_blank {
            value.wrong(Wrong::new("no program to run", "its name comes first"));
        }
        Some(command)
    });
    let exec = Exec::new(command.unwrap_or(Command::Argv(Vec::new())));
    Exec {
        timeout: common.timeout.unwrap_or(exec.timeout),
        max_body: common.max_body.unwrap_or(exec.max_body),
        ..exec
    }
}
