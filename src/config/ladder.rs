//! `[[check.ladder]]`: what is done at which attempt. Each table says one thing; what comes after giving up is never
//! reached, and a signal needs a process.

use std::time::Duration;

use super::diagnostics::Diagnostic;
use super::settings::RungSpec;
use super::table::TomlTable;
use super::targets::read_target;
use super::value::TomlValue;
use crate::action::spec::RungCommand;
use crate::health::{Backend, Target};

/// How long a command has that does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a rung may say, one of it.
const WORDS: [&str; 4] = ["signal", "restart", "run", "give_up"];

/// The rungs of a check, and what they restart, with the places. `own` is whether the check itself names processes.
pub fn read_ladder<'a>(
    table: &TomlTable<'a>,
    backend: Backend,
    own: bool,
) -> (Vec<RungSpec>, Vec<(Target, TomlValue<'a>)>) {
    let mut rungs = Vec::new();
    let mut places = Vec::new();
    let mut signal: Option<TomlTable<'_>> = None;
    let mut ended = false;
    for rung in table.tables("ladder") {
        if ended {
            reject(
                &rung,
                "a rung that is never reached: the one before it gives up",
                "leave it out, or move give_up to the end",
            );
        }
        let (read, targets) = read_rung(&rung, backend);
        match &read {
            Some(RungSpec::Signal(_)) if signal.is_none() => signal = Some(rung.clone()),
            Some(RungSpec::GiveUp) => ended = true,
            Some(RungSpec::Signal(_) | RungSpec::Restart(_) | RungSpec::Run(_)) | None => {}
        }
        rungs.extend(read);
        places.extend(targets);
    }
    let restarts = rungs
        .iter()
        .any(|rung| matches!(rung, RungSpec::Restart(_)));
    if let Some(rung) = signal.filter(|_| !own && !restarts) {
        reject(
            &rung,
            "nothing to send the signal to",
            "name the processes with restart in the check, or in another rung",
        );
    }
    (rungs, places)
}

fn reject(rung: &TomlTable<'_>, message: &str, help: &str) {
    rung.reject(Diagnostic::new(message, help));
}

fn read_rung<'a>(
    table: &TomlTable<'a>,
    backend: Backend,
) -> (Option<RungSpec>, Vec<(Target, TomlValue<'a>)>) {
    let said = table.one_of(&WORDS);
    let timeout = table.get("timeout");
    let within = timeout.as_ref().map(TomlValue::some_duration);
    let without_command = matches!(said, Some((word, _)) if word != "run");
    if let (Some(value), true) = (&timeout, without_command) {
        value.reject(Diagnostic::new(
            "a timeout without a command",
            "leave it out, or say what is run: run = [\"/usr/local/bin/failover\"]",
        ));
    }
    let mut targets = Vec::new();
    let rung = match said {
        None => {
            reject(
                table,
                "a rung that says nothing",
                "say one of signal = \"QUIT\", restart = [\"shop\"], run = [\"command\"] or give_up = true",
            );
            None
        }
        Some(("signal", value)) => value.parsed(str::parse).map(RungSpec::Signal),
        Some(("restart", value)) => {
            targets = value.each(|item| Some((read_target(item, backend)?, item.clone())));
            if value.is_empty_list() {
                value.reject(Diagnostic::new(
                    "nothing to restart",
                    "name a process, such as restart = [\"shop\"]",
                ));
            }
            let targets = targets.iter().map(|(target, _)| target.clone());
            Some(RungSpec::Restart(targets.collect()))
        }
        Some(("run", value)) => {
            value.check_placeholders(&RungCommand::PLACEHOLDERS);
            value.command().map(|command| {
                RungSpec::Run(RungCommand {
                    command,
                    timeout: within.flatten().unwrap_or(TIMEOUT),
                })
            })
        }
        Some((_, value)) => match value.flag() {
            Some(false) => {
                value.reject(Diagnostic::new(
                    "a rung that does not give up, and does nothing else",
                    "leave the rung out",
                ));
                None
            }
            Some(true) => Some(RungSpec::GiveUp),
            None => None,
        },
    };
    table.finish();
    (rung, targets)
}
