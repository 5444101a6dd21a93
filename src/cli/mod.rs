//! Floor 5: the command line. Two of them in fact: the original's, where any first word that is no
//! command's name leads, and the commands'. Each command reads its words into plain data first and does
//! something with it second; what runs for long is the daemon's.

mod args;
mod asked;
mod check;
mod config;
mod control;
mod dropin;
mod events;
mod exit;
mod explain;
mod generate;
mod handover;
mod help;
mod import;
mod listen;
mod monitor;
mod range;
mod render;
mod run;
mod sample;
mod say;
mod simulate;
mod values;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use anstream::adapter::strip_str;

use crate::action;
use crate::supervisor::embedded::{KEEPER, LOG_WRITER, run_keeper, run_log_writer};

use args::{CliCommand, GenerateCommand, HealthCommand};
use exit::Exit;

/// Runs the program whose command line is `argv`, its own name first; returns its exit status.
pub fn main(argv: Vec<OsString>) -> i32 {
    // Ourselves, to write a program's logs or a core, or to end what a killed `run` has left: not for users.
    if argv.get(1).is_some_and(|word| word == LOG_WRITER) {
        return run_log_writer(&argv[2..]);
    }
    if argv.get(1).is_some_and(|word| word == KEEPER) {
        return run_keeper(&argv[2..]);
    }
    if argv.get(1).is_some_and(|word| word == action::DUMP) {
        return action::run_dump(&argv[2..]);
    }
    say::conceal(&argv);
    let first = argv.get(1).and_then(|word| word.to_str());
    let second = argv.get(2).and_then(|word| word.to_str());
    let exit = if first == Some("help") && !second.is_some_and(args::is_command) {
        match second {
            None => listen::help(&env),
            Some(word) => refuse(&format!("httpok help: {}", help::no_command(word))),
        }
    } else if first.is_some_and(args::is_command) {
        let family = first.unwrap_or_default().to_owned();
        match args::parse(argv) {
            // its exit status is the command's, which may be any
            Ok(CliCommand::Run(args)) => return run::run(&args),
            Ok(command) => run_command(command),
            Err(fault) => explain(&fault, &family),
        }
    } else {
        listen::run(&words(argv), &env)
    };
    say::written(std::io::stdout().flush());
    if let Some(why) = say::lost() {
        say::err(&format!("httpok: cannot write standard output: {why}"));
        return i32::from(Exit::Unknown.code());
    }
    i32::from(exit.code())
}

fn run_command(command: CliCommand) -> Exit {
    match command {
        CliCommand::Check(args) => check::run(&args, &env),
        CliCommand::Watch(args) => {
            let file = args.config.is_some();
            let read = move || watch::settings(&args, &env, Path::exists);
            match read() {
                Ok((settings, options)) => {
                    if !options.only_probed.is_empty() {
                        say::err(&format!(
                            "httpok watch: --once supervises no program; checks that restart one are probed, and neither restart nor report: {}",
                            options.only_probed.join(", ")
                        ));
                    }
                    // what is wrong at a reload goes to logs and to the control socket: without escape codes
                    let again: handover::SettingsFile = std::sync::Arc::new(move || match read() {
                        Ok((settings, _)) => Ok(settings),
                        Err(why) => Err(strip_str(&why).to_string()),
                    });
                    handover::watch(settings, &options, file.then_some(again))
                }
                Err(why) => refuse(&why),
            }
        }
        CliCommand::Run(_) => Exit::Ok,
        CliCommand::Sample(args) => sample::run(&args),
        CliCommand::Status(args) => control::status(&args, &env),
        CliCommand::Events(args) => events::run(&args, &env),
        CliCommand::Explain(args) => explain::run(&args, &env),
        CliCommand::Pause(args) => control::pause(&args, &env),
        CliCommand::Silence(args) => control::silence(&args, &env),
        CliCommand::Resume(args) => control::resume(&args, &env),
        CliCommand::Restart(args) => control::restart(&args, &env),
        CliCommand::Start(args) => control::program_commands::start(&args, &env),
        CliCommand::Stop(args) => control::program_commands::stop(&args, &env),
        CliCommand::Beat(args) => control::beat::run(&args, &env),
        CliCommand::Reset(args) => control::reset(&args, &env),
        CliCommand::Reload(place) => control::reload(&place, &env),
        CliCommand::Notify(command) => control::notify(&command, &env),
        CliCommand::Fleet(command) => control::fleet::run(&command, &env),
        CliCommand::Health(HealthCommand::Set(args)) => control::set_health(&args, &env),
        CliCommand::Monitor(args) => monitor::run(&args),
        CliCommand::Simulate(args) => simulate::run(&args, &env),
        CliCommand::Config(command) => config::run(&command, &env),
        CliCommand::Generate(GenerateCommand::Man { dir }) => match generate::man(&dir) {
            Ok(()) => Exit::Ok,
            Err(why) => refuse(&format!("httpok generate: cannot write to {dir:?}: {why}")),
        },
        CliCommand::Generate(GenerateCommand::Completions { shell }) => {
            say::write(&generate::completions(shell));
            Exit::Ok
        }
    }
}

/// Help and version are what was asked for; anything else that clap says is a wrong command line, and
/// then nothing is known about any service.
fn explain(fault: &clap::Error, family: &str) -> Exit {
    say::usage(fault);
    if fault.kind() == clap::error::ErrorKind::InvalidSubcommand {
        say::err(&format!("expected one of: {}", help::family(family)));
    }
    if fault.use_stderr() {
        Exit::Unknown
    } else {
        Exit::Ok
    }
}

fn refuse(why: &str) -> Exit {
    say::err(why);
    Exit::Unknown
}

/// The words after the program's name. What is not UTF-8 cannot be part of a URL or a name that
/// supervisord knows, so it may as well be seen to be wrong.
fn words(argv: Vec<OsString>) -> Vec<String> {
    let words = argv.into_iter().skip(1);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

fn env(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
