//! `httpok start` and `stop`, and `httpok restart` of a program that no check restarts.

use super::find::{FoundWatchdog, no_such, reply_text, watchdogs};
use super::{Env, finish, lines_or_faults};
use crate::cli::args::{ProgramArgs, WatchdogArgs};
use crate::cli::exit::Exit;
use crate::cli::render::visible;
use crate::daemon::control::client;
use crate::daemon::control::protocol::{ControlCommand, ControlReply};
use crate::health::{Process, ProcessName, ProcessState};

/// `httpok start`.
pub fn start(args: &ProgramArgs, env: Env<'_>) -> Exit {
    let start = |found: &FoundWatchdog, program: &Process| {
        let program = program.name.namespec();
        ask(found, ControlCommand::Start { program })
    };
    finish("start", each(&args.place, &args.programs, start, env))
}

/// `httpok stop`.
pub fn stop(args: &ProgramArgs, env: Env<'_>) -> Exit {
    let stop = |found: &FoundWatchdog, program: &Process| {
        let program = program.name.namespec();
        ask(found, ControlCommand::Stop { program })
    };
    finish("stop", each(&args.place, &args.programs, stop, env))
}

/// Stops and starts the programs that `words` name. One that does not run is started.
///
/// # Errors
/// Says which word names no program, or what could not be done.
pub fn restart(place: &WatchdogArgs, words: &[String], env: Env<'_>) -> Result<String, String> {
    let restart = |found: &FoundWatchdog, program: &Process| {
        let name = program.name.namespec();
        let is_up = !matches!(
            program.state,
            ProcessState::Stopped | ProcessState::Exited | ProcessState::Fatal
        );
        if is_up {
            ask(
                found,
                ControlCommand::Stop {
                    program: name.clone(),
                },
            )?;
        }
        ask(found, ControlCommand::Start { program: name })
    };
    each(place, words, restart, env)
}

/// Whether `word` names a program and no check: what `restart` means by it.
pub fn is_program_only(found: &[FoundWatchdog], word: &str) -> bool {
    let is_check = |found: &FoundWatchdog| {
        let mut checks = found.snapshot.checks.iter();
        // the watchdog's own check of a program restarts nothing
        checks.any(|check| check.name == word && !word.starts_with(ProcessName::PROGRAM))
    };
    !found.iter().any(is_check) && named(found, word).is_ok()
}

/// Does `act` to every program that one of `words` names. One that fails holds back none of the others.
fn each(
    place: &WatchdogArgs,
    words: &[String],
    act: impl Fn(&FoundWatchdog, &Process) -> Result<String, String>,
    env: Env<'_>,
) -> Result<String, String> {
    let found = watchdogs(place, env)?;
    let mut programs: Vec<(&FoundWatchdog, &Process)> = Vec::new();
    for word in words {
        for (watchdog, program) in named(&found, word)? {
            if !programs
                .iter()
                .any(|(_, known)| std::ptr::eq(*known, program))
            {
                programs.push((watchdog, program));
            }
        }
    }
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    for (watchdog, program) in programs {
        match act(watchdog, program) {
            Ok(line) => lines.push(line),
            Err(why) => faults.push(why),
        }
    }
    lines_or_faults(lines, &faults)
}

/// The programs that `word` names: one, or all of a group, with their watchdog.
fn named<'a>(
    found: &'a [FoundWatchdog],
    word: &str,
) -> Result<Vec<(&'a FoundWatchdog, &'a Process)>, String> {
    let name = word.strip_prefix(ProcessName::PROGRAM).unwrap_or(word);
    let of = |watchdog: &'a FoundWatchdog| {
        let programs = watchdog.programs.iter();
        programs.map(move |program| (watchdog, program))
    };
    let with = |fits: &dyn Fn(&ProcessName) -> bool| {
        let all = found.iter().flat_map(of);
        all.filter(|(_, program)| fits(&program.name))
            .collect::<Vec<_>>()
    };
    let mut named = with(&|program| program.namespec() == name);
    if named.is_empty() {
        let group = name.strip_suffix(":*").unwrap_or(name);
        named = with(&|program| program.group == group);
    }
    let Some((first, _)) = named.first() else {
        return Err(no_such_program(found, name));
    };
    match named
        .iter()
        .find(|(other, _)| !std::ptr::eq(*other, *first))
    {
        None => Ok(named),
        Some((second, _)) => Err(format!(
            "more than one watchdog has a program {name:?}: choose one with --socket\n  {}\n  {}",
            first.target, second.target,
        )),
    }
}

fn no_such_program(found: &[FoundWatchdog], name: &str) -> String {
    let known = found.iter().flat_map(|found| &found.programs);
    let known: Vec<_> = known.map(|one| one.name.namespec()).collect();
    no_such("program", name, known.iter().map(String::as_str))
}

/// How the program is after `command`.
fn ask(found: &FoundWatchdog, command: ControlCommand) -> Result<String, String> {
    match client::ask(&found.target, command) {
        Ok(ControlReply::Program { program }) => {
            let name = visible::line(&program.name.namespec());
            let detail = match visible::line(&program.detail) {
                detail if detail.is_empty() => String::new(),
                detail => format!(": {detail}"),
            };
            Ok(format!("{name} is {}{detail}", program.state))
        }
        Ok(other) => Err(reply_text(&other)),
        Err(why) => Err(format!("{}: {why}", found.target)),
    }
}
