//! Finds the watchdog of a configuration file among those that share its state directory.

use std::path::Path;

use super::find::{FoundWatchdog, ask_all, directory, unreadable};
use crate::daemon::control::client::{self, ControlTarget};
use crate::daemon::control::path;
use crate::daemon::former_names::{Whose, name_of_file, watch_key, whose};
use crate::daemon::run_lock::holder_of_file;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The watchdog of `file`; without one the event listeners of its state directory, one of which may have this file.
/// Others are asked only where that of the file's own name does not answer.
///
/// # Errors
/// Says that it does not answer, which others do, and which process watches the file.
pub fn ask(file: &Path, env: Env<'_>) -> Result<(Vec<FoundWatchdog>, Vec<String>), String> {
    let dir = directory(Some(file), None, env)?;
    let own = path(&dir, &watch_key(&name_of_file(file)));
    let (found, troubles) = ask_all([ControlTarget::Socket(own.clone())]);
    if !found.is_empty() {
        return Ok((found, troubles));
    }
    if !troubles.is_empty() {
        return Err(troubles.join("\n"));
    }
    let sockets = client::sockets(&dir).map_err(|why| unreadable(&dir, &why))?;
    let others = sockets.into_iter().filter(|socket| *socket != own);
    let (found, troubles) = ask_all(others.map(ControlTarget::Socket));
    let (mut of_file, mut listeners, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for one in found {
        match whose(&dir, &one.watchdog, file) {
            Whose::OfFile => of_file.push(one),
            Whose::Listener => listeners.push(one),
            Whose::Other => others.push(one),
        }
    }
    if !of_file.is_empty() {
        return Ok((of_file, Vec::new()));
    }
    if !listeners.is_empty() {
        return Ok((listeners, troubles));
    }
    let others = others
        .iter()
        .map(|one| format!("{} (pid {}) at {}", one.watchdog, one.pid, one.target));
    Err(none(file, &dir, others.chain(troubles).collect()))
}

/// That there is no watchdog of `file` in `dir`, where only `others` are.
fn none(file: &Path, dir: &Path, others: Vec<String>) -> String {
    let (shown, at) = (file.display(), dir.display());
    let mut text = match others.is_empty() {
        true => format!("no watchdog answers at {at}"),
        false => format!("no watchdog of {shown} answers at {at}"),
    };
    text += &match holder_of_file(file) {
        Some(pid) => format!(
            ": process {pid} watches {shown}, and was started with another state directory, or has no control socket: \
             restart it, or choose its directory with --state-dir"
        ),
        None => ": is it running?".to_owned(),
    };
    if !others.is_empty() {
        text += &format!("\nothers are there:\n  {}", others.join("\n  "));
    }
    text
}
