//! Floor 2: a configuration file becomes validated settings, or all of its faults at once. A section is
//! read by the file of its name; `table` and `value` are what they read with, `faults` is what they report
//! to. Nothing below knows of configuration: `daemon::wiring` makes live parts of the settings.

mod capture;
mod checks;
mod commands;
mod diagnostics;
pub mod duration;
pub mod escape;
mod expectation;
mod fleet;
mod fleet_warnings;
mod here;
mod http;
mod include;
mod interpolate;
pub mod keys;
mod ladder;
mod maintenance;
mod mask;
mod notifier;
pub mod notify;
mod parse_context;
mod ping;
mod policy;
pub mod presets;
mod probe;
mod program;
mod requires;
mod secrets;
mod serve;
pub mod settings;
pub mod show;
mod source;
pub mod supervisor;
mod table;
mod targets;
mod top;
mod value;
mod warnings;
mod webhook;

use std::io;
use std::path::{Path, PathBuf};

pub use diagnostics::{Faults, FileDiagnostic};
pub use parse_context::NamedFile;
pub use top::parse_share;

use toml::de::{DeTable, DeValue};

use diagnostics::{Diagnostic, Severity};
use include::{Gathered, Twice};
use parse_context::ParseContext;
use settings::Settings;
use source::SourceMap;
use table::TomlTable;

/// Reads the file `path` and those that it includes; `env` is the environment for `${env:NAME}`. Blocks as long as the
/// file system does.
///
/// # Errors
/// All that is wrong with the files, or that they cannot be read.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Faults> {
    let (settings, ..) = read(path, env, false)?;
    Ok(settings)
}

/// The same with what is valid and most likely not meant, also on this machine: programs that are not there, secrets that
/// everyone can read.
///
/// # Errors
/// All that is wrong with the files, or that they cannot be read.
pub fn try_here(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Settings, Option<Faults>), Faults> {
    let (settings, warnings, _) = read(path, env, true)?;
    Ok((settings, warnings))
}

/// The same with the files that a watchdog reads when it starts, and where each of them is named.
///
/// # Errors
/// All that is wrong with the files, or that they cannot be read.
pub fn try_with_files(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Settings, Option<Faults>, Vec<NamedFile>), Faults> {
    read(path, env, true)
}

fn read(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    here: bool,
) -> Result<(Settings, Option<Faults>, Vec<NamedFile>), Faults> {
    let file = path.to_string_lossy();
    match include::read(path) {
        Ok(text) => {
            let read = |root: &TomlTable<'_>| {
                let settings = top::read_settings(root);
                (settings, root.parse_context.take_files())
            };
            let ((settings, files), warnings) = examine(&text, &file, env, here, read)?;
            Ok((settings, warnings, files))
        }
        Err(why) => Err(unreadable(&file, &why)),
    }
}

/// `env` as an event listener has it: supervisord says there how it is reached. For files that are read elsewhere.
pub fn of_listener<'e>(
    env: &'e dyn Fn(&str) -> Option<String>,
) -> impl Fn(&str) -> Option<String> + 'e {
    const URL: &str = "unix:///run/supervisor.sock";
    move |name| env(name).or_else(|| (name == "SUPERVISOR_SERVER_URL").then(|| URL.to_owned()))
}

/// The state directory that the file `path` names, whatever else is wrong there: a watchdog that runs with an earlier
/// text of the file is asked when its owner is in the middle of changing it. `None`: the file does not say.
pub fn state_dir_of(path: &Path) -> Option<Option<PathBuf>> {
    let text = include::read(path).ok()?;
    let document = DeTable::parse(&text).ok()?;
    let Some(value) = document.get_ref().get("state_dir") else {
        return Some(None);
    };
    match value.get_ref() {
        DeValue::String(dir) if !dir.contains("${") => {
            let base = path.parent().unwrap_or(Path::new(""));
            Some(Some(base.join(dir.as_ref())))
        }
        _ => None,
    }
}

fn unreadable(file: &str, why: &io::Error) -> Faults {
    let invalid = Diagnostic::new(
        format!("cannot read the configuration: {why}"),
        "expected a TOML file in UTF-8 that httpok may read",
    );
    Faults::whole(file, invalid)
}

/// Reads the configuration `text`, which is that of `file`: its name in faults, and its directory is where
/// relative paths start.
///
/// # Errors
/// All that is wrong with it, in its order. Of a text that is no TOML, only that.
pub fn parse(
    text: &str,
    file: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, Faults> {
    let (settings, _) = parse_and_warn(text, file, env)?;
    Ok(settings)
}

/// The same with what is valid and most likely not meant, whatever machine this is.
///
/// # Errors
/// All that is wrong with it, in its order. Of a text that is no TOML, only that.
pub fn parse_and_warn(
    text: &str,
    file: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Settings, Option<Faults>), Faults> {
    examine(text, file, env, false, top::read_settings)
}

/// The effective configuration of the file `path`, with where each value comes from.
///
/// # Errors
/// All that is wrong with the files, or that they cannot be read.
pub fn show(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    overrides: &dyn Fn(&Settings) -> Vec<show::Override>,
) -> Result<String, Faults> {
    let file = path.to_string_lossy();
    let text = include::read(path).map_err(|why| unreadable(&file, &why))?;
    let shown = examine(&text, &file, env, false, |root| {
        let settings = top::read_settings(root);
        let layered = top::LayeredCheck::all(root);
        // the fault is reported instead
        if layered.len() != settings.checks.len() {
            return String::new();
        }
        let checks: Vec<_> = layered.into_iter().zip(&settings.checks).collect();
        show::show(root, &checks, &overrides(&settings))
    });
    shown.map(|(shown, _)| shown)
}

/// The words of a command line in quotes and backslashes as a shell has them, without being one.
///
/// # Errors
/// A quote that is not closed, or a backslash at the end.
pub fn split_words(line: &str) -> Result<Vec<String>, String> {
    program::split::split(line).map_err(|invalid| invalid.message)
}

/// What `read` makes of the configuration `text`, which is that of `file`, and warnings. `here`: what the file names is
/// looked for on this machine.
fn examine<T>(
    text: &str,
    file: &str,
    env: &dyn Fn(&str) -> Option<String>,
    here: bool,
    read: impl FnOnce(&TomlTable<'_>) -> T,
) -> Result<(T, Option<Faults>), Faults> {
    let gathered = Gathered::of(file, text);
    let (map, whole) = SourceMap::join(&gathered.texts);
    let (document, twice) = match include::parse(&whole, &map) {
        Ok(parsed) => parsed,
        Err(broken) => {
            let faults = broken.into_iter().map(|(span, message)| {
                FileDiagnostic::at(&whole, &map, span, "", no_toml(&message))
            });
            let faults = faults.collect();
            let shown = mask::hide_broken(&whole);
            return Err(Faults::of(Severity::Fault, map, shown, faults));
        }
    };
    let context = ParseContext::new(&whole, &map, env, here);
    for (number, span, invalid) in gathered.invalid {
        context.fault(map.shifted(number, &span), include::INCLUDE, invalid);
    }
    for Twice { key, second, first } in twice {
        let name = key.rsplit('.').next().unwrap_or_default();
        let invalid = Diagnostic::new(
            format!(
                "{name:?} is there already, on {}",
                context.place(first.start, second.start)
            ),
            "each key, and each table in single brackets, stands in one file only",
        );
        context.fault(second, &key, invalid);
    }
    let root = TomlTable::new(
        &context,
        Some(&keys::ROOT),
        String::new(),
        0..0,
        Some(&document),
    );
    let read = read(&root);
    let (faults, warnings) = context.into_found();
    let shown = || mask::hide(&whole, &document);
    if !faults.is_empty() {
        return Err(Faults::of(Severity::Fault, map.clone(), shown(), faults));
    }
    let warnings = (!warnings.is_empty())
        .then(|| Faults::of(Severity::Warning, map.clone(), shown(), warnings));
    Ok((read, warnings))
}

/// The TOML parser's words, with what would be right apart.
fn no_toml(message: &str) -> Diagnostic {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let help = match (what, expected) {
        ("string values must be quoted", _) => {
            "a value that is not a number, true or false is put in quotes".to_owned()
        }
        ("duplicate key", _) => {
            "each key, and each table in single brackets, stands in one place only".to_owned()
        }
        (_, "") => "see https://toml.io for what TOML looks like".to_owned(),
        (_, expected) => format!("expected {expected}"),
    };
    Diagnostic::new(format!("not TOML: {what}"), help)
}
