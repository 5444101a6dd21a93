//! The keys of a check that runs a command.

use super::common::Common;
use super::diagnostics::Diagnostic;
use super::settings::Exec;
use super::value::Value;
use crate::exec::CommandLine;

/// The command to run; `url` is where it is reported missing.
pub fn read_exec(url: Option<&Value<'_>>, command: Option<&Value<'_>>, common: &Common) -> Exec {
    if let (Some(url), None) = (url, command) {
        url.wrong(Diagnostic::new(
            "no command to run",
            "for example: command = [\"check_disk\", \"-w\", \"10%\"]",
        ));
    }
    let command = command.and_then(Value::program);
    let exec = Exec::new(command.unwrap_or(CommandLine::Argv(Vec::new())));
    Exec {
        timeout: common.timeout.unwrap_or(exec.timeout),
        max_body: common.max_body.unwrap_or(exec.max_body),
        ..exec
    }
}
