//! A question before something that is hard to take back: asked on a terminal, and refused where nobody can answer.

use std::io::{self, IsTerminal, Write};

use super::find::FoundWatchdog;
use crate::cli::render::visible;
use crate::health::counted;

/// So many names are listed.
const NAMED: usize = 10;

/// Whether the processes of `checks` are to be restarted.
///
/// # Errors
/// When they are not, or nobody can be asked.
pub fn restart(checks: &[(&FoundWatchdog, &str)]) -> Result<(), String> {
    let names = checks.iter().map(|(_, name)| visible::line(name));
    let mut listed = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if checks.len() > NAMED {
        listed += &format!(" and {} more", checks.len() - NAMED);
    }
    let count = counted(checks.len(), "check", "checks");
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(format!(
            "--all restarts the processes of {count} ({listed}): say --yes, as there is no terminal to ask on"
        ));
    }
    let mut err = io::stderr();
    let asked = write!(err, "Restart the processes of {count} ({listed})? [y/N] ");
    let mut answer = String::new();
    let read = asked
        .and_then(|()| err.flush())
        .and_then(|()| io::stdin().read_line(&mut answer));
    let answer = answer.trim().to_ascii_lowercase();
    match read.is_ok() && ["y", "yes"].contains(&answer.as_str()) {
        true => Ok(()),
        false => Err("nothing was restarted".to_owned()),
    }
}
