//! Floor 2: a configuration file becomes validated settings, or all of its faults at once. A section is
//! read by the file of its name; `table` and `value` are what they read with, `faults` is what they report
//! to. Nothing below knows of configuration: `daemon::wiring` makes live parts of the settings.

mod capture;
mod checks;
mod diagnostics;
pub mod duration;
pub mod escape;
mod expectation;
mod http;
mod interpolate;
pub mod keys;
mod mask;
pub mod notify;
mod parse_context;
mod policy;
pub mod presets;
mod probe;
mod program;
mod requires;
mod serve;
pub mod settings;
pub mod supervisor;
mod table;
mod targets;
mod top;
mod value;
mod warnings;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::de::DeTable;

pub use diagnostics::{Faults, FileDiagnostic};
pub use top::parse_share;

use diagnostics::Diagnostic;
use interpolate::Sources;
use parse_context::ParseContext;
use settings::Settings;
use table::TomlTable;

/// A configuration file is no larger.
const LARGEST: u64 = 1 << 20;

/// Reads the file `path`; `env` is the environment for `${env:NAME}`. Blocks as long as the file system does.
///
/// # Errors
/// All that is wrong with the file, or that it cannot be read.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Faults> {
    let file = path.to_string_lossy();
    match read(path) {
        Ok(text) => parse(&text, &file, env),
        Err(why) => {
            let wrong = Diagnostic::new(
                format!("cannot read the configuration: {why}"),
                "expected a TOML file in UTF-8 that httpok may read",
            );
            Err(Faults::whole(&file, wrong))
        }
    }
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
    let (document, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        let faults = broken.iter().map(|error| {
            let span = error.span().unwrap_or(text.len()..text.len());
            FileDiagnostic::at(text, span, "", no_toml(error.message()))
        });
        let shown = mask::hide_broken(text);
        return Err(Faults::of(file, shown, faults.collect()));
    }
    let base = Path::new(file).parent().unwrap_or(Path::new(""));
    let parse_context = ParseContext::new(text, Sources { env, base });
    let document = document.get_ref();
    let settings = top::read_settings(&TomlTable::new(
        &parse_context,
        Some(&keys::ROOT),
        String::new(),
        0..0,
        Some(document),
    ));
    let faults = parse_context.into_faults();
    if faults.is_empty() {
        return Ok(settings);
    }
    Err(Faults::of(file, mask::hide(text, document), faults))
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

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}
