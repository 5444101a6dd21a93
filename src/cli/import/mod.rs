//! `httpok config import`: takes over the listeners of a supervisord.conf, or the services of a monitrc. What comes out
//! is a configuration file in which every line of the other one that means something is named with its number: what it
//! became, or that nothing here does that.

mod draft;
mod ini;
mod monitrc;
mod supervisord;

use std::path::Path;

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

/// What the file `path` becomes.
///
/// # Errors
/// It cannot be read, or there is nothing in it for httpok.
pub fn import(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Imported, String> {
    let name = path.display().to_string();
    let text = read(path).map_err(|why| format!("cannot read {name:?}: {why}"))?;
    let file = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let mut draft = Draft::new(file.unwrap_or_default());
    let is_ini = text.lines().any(|line| line.trim_start().starts_with('['));
    match is_ini {
        true => supervisord::take(&text, path, env, &mut draft),
        false => monitrc::take(&text, &mut draft),
    }
    let left = draft.left().to_vec();
    if draft.is_empty() {
        let why = match is_ini {
            true => "it has no [eventlistener] whose command is httpok",
            false => "it has no service with a test of a port or URL",
        };
        let left: String = left.iter().map(|line| format!("\n{line}")).collect();
        return Err(format!("nothing to import from {name:?}: {why}{left}"));
    }
    Ok(Imported {
        text: draft.finish(),
        left,
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}
