//! `httpok config`: what is said about configuration files, and what is made of their description.

use std::path::{Path, PathBuf};

use super::args::ConfigCommand;
use super::exit::Exit;
use super::import::secrets;
use super::{refuse, say};
use crate::config::settings::Settings;
use crate::config::show::Override;
use crate::config::{NamedFile, keys, of_listener};
use crate::daemon::state_dir;
use crate::daemon::wiring::{self, RunOptions};
use crate::health::counted;

/// Does what `command` says.
pub fn run(command: &ConfigCommand, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    match command {
        ConfigCommand::Check { file, listener } => match listener {
            true => check(file, &of_listener(env), |_| None),
            false => check(file, env, |settings| settings.notify.hint()),
        },
        ConfigCommand::Show {
            file,
            state_dir,
            listener,
            journal,
            dry_run,
        } => {
            let supervised = of_listener(env);
            let env: &dyn Fn(&str) -> Option<String> = match listener {
                true => &supervised,
                false => env,
            };
            let flags = overrides(state_dir.as_deref(), journal.as_deref(), *dry_run);
            let all = |settings: &Settings| {
                let mut all = flags.clone();
                all.push(usual_state_dir(settings, env));
                all
            };
            match crate::config::show(file, env, &all) {
                Ok(text) => {
                    say::out(text.trim_end());
                    Exit::Ok
                }
                Err(faults) => refuse(&faults.styled()),
            }
        }
        ConfigCommand::Import { files } => import(files, env),
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

/// Prints the configuration that `files` become, which is one that can be read.
fn import(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Exit {
    let imported = match super::import::import(files, env) {
        Ok(imported) => imported,
        Err(why) => return refuse(&format!("httpok config import: {why}")),
    };
    let parse = |text: &str, env: &dyn Fn(&str) -> Option<String>| {
        crate::config::parse(text, "what it becomes", env).map_err(|faults| {
            refuse(&format!(
                "httpok config import: not valid: {}",
                faults.styled()
            ))
        })
    };
    // reading it makes its secrets known
    if let Err(exit) = parse(&imported.text, env) {
        return exit;
    }
    let referred = secrets::refer(&imported.text);
    let with_secrets = |name: &str| referred.variable(name).or_else(|| env(name));
    if let Err(exit) = parse(&referred.text, &with_secrets) {
        return exit;
    }
    for note in &referred.notes {
        say::out(&format!("# {note}"));
        say::err(note);
    }
    // as it is: asterisks for a secret would be taken for it
    say::write(format!("{}\n", referred.text.trim_end()).as_bytes());
    for line in &imported.left {
        say::err(&format!("not taken over: {line}"));
    }
    Exit::Ok
}

/// What the flags of `watch` say instead of the file.
fn overrides(state_dir: Option<&Path>, journal: Option<&Path>, dry_run: bool) -> Vec<Override> {
    let flag = |key, value: String, flag: &str| Override {
        key,
        value,
        origin: format!("flag {flag}"),
        is_weak: false,
    };
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let state_dir = state_dir.map(|dir| flag("state_dir", quoted(dir), "--state-dir"));
    let journal = journal.map(|file| flag("journal", quoted(file), "--journal"));
    let dry_run = dry_run.then(|| flag("dry_run", "true".to_owned(), "--dry-run"));
    state_dir
        .into_iter()
        .chain(journal)
        .chain(dry_run)
        .collect()
}

/// Where state is kept when neither a flag nor the file says so.
fn usual_state_dir(settings: &Settings, env: &dyn Fn(&str) -> Option<String>) -> Override {
    let nothing = Settings {
        state_dir: None,
        ..settings.clone()
    };
    let dir = state_dir(&nothing, env);
    let without = state_dir(&nothing, &|name| {
        env(name).filter(|_| name != "STATE_DIRECTORY")
    });
    let origin = match dir == without {
        true => "default",
        false => "environment STATE_DIRECTORY",
    };
    Override {
        key: "state_dir",
        value: format!("{:?}", dir.display().to_string()),
        origin: origin.to_owned(),
        is_weak: true,
    }
}

fn check(
    file: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    hint: fn(&Settings) -> Option<&'static str>,
) -> Exit {
    match crate::config::try_with_files(file, env) {
        Ok((settings, warnings, files)) => {
            if let Err(why) = unusable(&settings, &files) {
                return refuse(&why);
            }
            say::out(&format!("{} is valid: {}", file.display(), size(&settings)));
            if let Some(hint) = hint(&settings) {
                say::out(&format!("hint: {hint}"));
            }
            if let Some(warnings) = warnings {
                say::err(&warnings.styled());
            }
            Exit::Ok
        }
        Err(faults) => refuse(&faults.styled()),
    }
}

/// What a watchdog would find out when it starts: certificates and keys that are none, or do not fit.
fn unusable(settings: &Settings, files: &[NamedFile]) -> Result<(), String> {
    let wired = wiring::wire(settings, &RunOptions::default());
    wired.map(|_| ()).map_err(|why| {
        let why = format!("{why:#}");
        // the same file may be named several times; its check is named, too
        let named = files.iter().find(|file| {
            let path = file.path.display().to_string();
            let key = file.place.rsplit('.').next().unwrap_or_default();
            why.contains(&format!(" {key} {path:?}"))
        });
        let place = named.map_or_else(String::new, |file| format!("{}: ", file.place));
        format!("error: {place}{why}")
    })
}

/// How much there is in a file, for people.
fn size(settings: &Settings) -> String {
    let checks = counted(settings.checks.len(), "check", "checks");
    match settings.programs.len() {
        0 => checks,
        programs => format!("{checks}, {}", counted(programs, "program", "programs")),
    }
}
