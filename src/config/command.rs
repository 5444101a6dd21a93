//! `[supervisor.command]`: command lines that tell, stop and start anything; and what targets they can have.

use super::diagnostics::Diagnostic;
use super::requires::Draft;
use super::settings::{Command, Commands, Supervisor};
use super::table::Table;
use super::value::Value;
use crate::health::{Backend, Target};

/// The command lines. One that is missing is a fault.
pub fn read_command(table: &Table<'_>) -> Commands {
    let [status, stop, start] = ["status", "stop", "start"].map(|key| {
        let example = format!("[\"rc-service\", \"{{name}}\", {key:?}]");
        let value = table.required(key, &example);
        let command = value.and_then(|value| value.program());
        command.unwrap_or(Command::Argv(Vec::new()))
    });
    let read = Commands {
        status,
        stop,
        start,
        pidfile: table.read("pidfile", pidfile),
        timeout: table
            .read("timeout", Value::some_duration)
            .unwrap_or(Commands::TIMEOUT),
    };
    table.finish();
    read
}

fn pidfile(value: &Value<'_>) -> Option<String> {
    let path = value.some_text()?;
    if !path.starts_with('/') {
        value.wrong(Diagnostic::new(
            format!("{path:?} is no place for a pid file"),
            "expected a whole path, such as \"/run/{name}.pid\"",
        ));
    }
    Some(path)
}

/// Reports what of `drafts` is to be restarted by commands that are not there, or that cannot list it.
pub fn report_targets(drafts: &[Draft<'_>], supervisor: &Supervisor) {
    let targets = drafts.iter().flat_map(|draft| &draft.targets);
    for (target, value) in targets {
        if target.backend.unwrap_or(supervisor.default) == Backend::Command
            && let Some(wrong) = wrong(target, supervisor)
        {
            value.wrong(wrong);
        }
    }
}

fn wrong(target: &Target, supervisor: &Supervisor) -> Option<Diagnostic> {
    if let Some((group, "*" | "")) = target.pattern.split_once(':') {
        return Some(Diagnostic::new(
            format!("{target} asks for all of {group:?}, which no command can list"),
            format!("name each of them, such as \"command/{group}:one\""),
        ));
    }
    supervisor.command.is_none().then(|| {
        Diagnostic::new(
            format!("nothing is said about how {target} is stopped and started"),
            "add [supervisor.command] with status, stop and start, each a command such as \
             [\"rc-service\", \"{name}\", \"status\"]",
        )
    })
}
