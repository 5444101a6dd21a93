//! `httpok config`: what is said about configuration files, and what is made of their description.

use std::path::Path;

use super::args::ConfigCommand;
use super::exit::Exit;
use super::{refuse, say};
use crate::config::keys;
use crate::config::settings::Settings;
use crate::health::counted;
use crate::supervisor::embedded::find_command;

/// Does what `command` says.
pub fn run(command: &ConfigCommand, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    match command {
        ConfigCommand::Check { file } => check(file, env),
        ConfigCommand::Example => {
            say::out(keys::example().trim_end());
            Exit::Ok
        }
        ConfigCommand::Schema => {
            say::out(&format!("{:#}", keys::schema()));
            Exit::Ok
        }
    }
}

fn check(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    match crate::config::load(file, env) {
        Ok(settings) => {
            say::out(&format!("{} is valid: {}", file.display(), size(&settings)));
            for program in &settings.programs {
                // no fault: it may be deployed later, and then it is started
                if let Err(why) = find_command(program) {
                    say::err(&format!("program {:?}: {why}", program.name));
                }
            }
            for warning in settings.warnings() {
                say::err(&format!("warning: {warning}"));
            }
            Exit::Ok
        }
        Err(faults) => refuse(&faults.styled()),
    }
}

/// How much there is in a file, for people.
fn size(settings: &Settings) -> String {
    let checks = counted(settings.checks.len(), "check", "checks");
    match settings.programs.len() {
        0 => checks,
        programs => format!("{checks}, {}", counted(programs, "program", "programs")),
    }
}
