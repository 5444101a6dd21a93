//! `httpok config import`: takes over the listeners of a supervisord.conf, or the services of a monitrc. What comes out
//! is a configuration file in which every line of the other one that means something is named with its number: what it
//! became, or that nothing here does that.

mod draft;
mod ini;
mod monitrc;
mod placeholders;
pub mod secrets;
mod supervisord;
mod valid;

use std::path::{Path, PathBuf};

use crate::safe_path::read_text;
use draft::Draft;

/// No file is larger.
const LARGEST: u64 = 1 << 20;

/// What became of a file.
pub struct Imported {
    /// A configuration file.
    pub text: String,
    /// What it could not take over, each with its line.
    pub left: Vec<String>,
}

/// What the files `paths` become, together.
///
/// # Errors
/// One cannot be read, or there is nothing in them for httpok.
pub fn import(paths: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Imported, String> {
    let names: Vec<_> = paths.iter().map(|path| supervisord::name(path)).collect();
    let mut draft = Draft::new(names.join(", "));
    let mut files = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let text = read(path).map_err(|why| format!("cannot read {name:?}: {why}"))?;
        let is_ini = text.lines().any(|line| line.trim_start().starts_with('['));
        match is_ini {
            true => files.push((path.clone(), text)),
            false => {
                draft.begin(&supervisord::name(path));
                draft.source(&text);
                monitrc::take(&text, &mut draft);
            }
        }
    }
    let is_ini = !files.is_empty();
    if is_ini {
        supervisord::take(files, env, &mut draft);
    }
    let found_something = !draft.is_empty();
    if found_something {
        valid::leave_invalid(&mut draft, env);
    }
    let left = draft.left().to_vec();
    if draft.is_empty() {
        let why = match is_ini {
            _ if found_something => "nothing of it can be taken over",
            true => "it has no [eventlistener] whose command is httpok",
            false => "it has no service with a test of a port or URL",
        };
        let left: String = left.iter().map(|line| format!("\n{line}")).collect();
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(format!(
            "nothing to import from {}: {why}{left}",
            names.join(", ")
        ));
    }
    Ok(Imported {
        text: draft.finish(),
        left,
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    read_text(path, LARGEST)
}
