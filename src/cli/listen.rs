//! The drop-in listener's entry: what [`crate::cli::dropin`] read is shown, or passed on.

use std::sync::Arc;

use super::dropin::{self, DropIn, DropInRefusal, DropInRequest, HELP, USAGE, WatchedUrls};
use super::exit::Exit;
use super::handover::{self, SettingsFile};
use super::help;
use super::render::paint::Paint;
use super::say;
use crate::config::settings::Settings;
use crate::config::supervisor::SupervisorSettings;
use crate::config::{self, Faults};
use crate::terminal;

/// Does what the words after the program's name ask for.
pub fn run(words: &[String], env: &dyn Fn(&str) -> Option<String>) -> Exit {
    // to supervisord, what an event listener writes to standard output is its protocol
    let supervised = env("SUPERVISOR_ENABLED").is_some();
    if let Some(why) = mistyped(words, env) {
        say::err(&format!("httpok: {why}"));
        return Exit::Unknown;
    }
    match dropin::parse(words, env) {
        Ok(DropInRequest::Help) => help(env),
        Ok(DropInRequest::Version) => {
            let version = concat!("httpok ", env!("CARGO_PKG_VERSION"));
            answer(supervised, version, Exit::Ok)
        }
        Ok(DropInRequest::Listen(listener)) => listen(*listener),
        Err(DropInRefusal::Usage(why)) => {
            let text = format!(
                "{USAGE}\nhttpok: {why}\nTry `httpok --help`, or `httpok check URL` to ask once."
            );
            answer(supervised, &say::masked(&text), Exit::DropInUsage)
        }
        Err(DropInRefusal::NotAListener) => {
            say::err("httpok must be run as a supervisor event listener");
            say::err("To ask once from a shell: httpok check URL");
            Exit::CannotListen
        }
        Err(DropInRefusal::CannotListen(why)) => {
            say::err(&why);
            Exit::CannotListen
        }
    }
}

/// Every command, and the listener's options.
pub fn help(env: &dyn Fn(&str) -> Option<String>) -> Exit {
    let page = match env("SUPERVISOR_ENABLED") {
        Some(_) => return answer(true, &format!("{USAGE}\n\n{}", HELP.trim_end()), Exit::Ok),
        None => {
            let columns = terminal::size(&std::io::stdout()).map(|(columns, _)| columns);
            help::page(Paint::of_stdout(), columns)
        }
    };
    answer(false, page.trim_end(), Exit::Ok)
}

/// What is wrong with a first word that is neither an option nor a URL, in a shell: there it was meant to be a command.
fn mistyped(words: &[String], env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let word = words.first()?;
    let bare = word.starts_with(|letter: char| letter.is_ascii_lowercase())
        && word
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !bare || env("SUPERVISOR_SERVER_URL").is_some() || env("SUPERVISOR_ENABLED").is_some() {
        return None;
    }
    Some(help::neither_command_nor_url(word))
}

fn answer(supervised: bool, text: &str, exit: Exit) -> Exit {
    match supervised {
        true => say::err(text),
        false => say::out(text),
    }
    exit
}

fn listen(listener: DropIn) -> Exit {
    let file = match &listener.watched {
        WatchedUrls::Url(_) => None,
        WatchedUrls::File(path) => Some(path.clone()),
    };
    let (line, options) = listener.into_settings();
    let Some(path) = file else {
        return handover::listen(line, &options, None, &[]);
    };
    let (settings, warnings) = match config::try_here(&path, &super::env) {
        Ok((loaded, warnings)) => (from_file(loaded, &line), warnings),
        Err(faults) => {
            say::err(&faults.to_string());
            return Exit::Unknown;
        }
    };
    let load: SettingsFile = Arc::new(move || {
        let loaded = config::load(&path, &super::env).map_err(|faults| faults.to_string())?;
        Ok(from_file(loaded, &line))
    });
    let warnings: Vec<_> = warnings.iter().flat_map(Faults::lines).collect();
    handover::listen(settings, &options, Some(load), &warnings)
}

/// The file's settings, but for what the command line and the supervisord above us know better.
fn from_file(file: Settings, line: &Settings) -> Settings {
    Settings {
        state_dir: line.state_dir.clone().or(file.state_dir),
        dry_run: line.dry_run || file.dry_run,
        supervisor: SupervisorSettings {
            supervisord: file
                .supervisor
                .supervisord
                .or_else(|| line.supervisor.supervisord.clone()),
            ..file.supervisor
        },
        ..file
    }
}
