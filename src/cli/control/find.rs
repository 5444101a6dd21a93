//! Finds the watchdogs to talk to: one socket, or all in a state directory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::of_file;
use crate::cli::args::{ChosenArgs, RemoteArgs, WatchdogArgs};
use crate::config;
use crate::config::settings::Settings;
use crate::daemon::control::client::{self, ClientError, ControlTarget};
use crate::daemon::control::protocol::{ControlCommand, ControlReply};
use crate::daemon::control::remote::Remote;
use crate::daemon::{NotifierStatus, state_dir};
use crate::health::suggest;
use crate::health::{Process, Snapshot};
use crate::secret::Secret;

/// No file with a key is longer, in bytes.
const LONGEST_KEY: u64 = 64 << 10;

/// A watchdog that answers.
#[derive(Debug)]
pub struct FoundWatchdog {
    pub target: ControlTarget,
    pub watchdog: String,
    pub pid: u32,
    pub snapshot: Snapshot,
    pub programs: Vec<Process>,
    pub notifiers: Vec<NotifierStatus>,
    /// A person said that it is unhealthy, and why.
    pub unhealthy: Option<String>,
}

/// The state directory of `config`, else `dir`, else the usual one.
///
/// # Errors
/// All that is wrong with the configuration, ready to be printed.
pub fn directory(
    config: Option<&Path>,
    dir: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<PathBuf, String> {
    let settings = match config {
        Some(file) => config::load(file, env).or_else(|faults| {
            let found = config::state_dir_of(file).ok_or_else(|| faults.styled())?;
            Ok::<_, String>(Settings {
                state_dir: found,
                ..Settings::default()
            })
        })?,
        None => Settings {
            state_dir: dir.map(Path::to_path_buf),
            ..Settings::default()
        },
    };
    Ok(state_dir(&settings, env))
}

/// Every watchdog that answers there; at least one.
///
/// # Errors
/// Says that none answers, or what is wrong with those that are there.
pub fn watchdogs(
    place: &WatchdogArgs,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<FoundWatchdog>, String> {
    Ok(asked(place, env)?.0)
}

/// The same, and what is wrong with those that do not answer.
///
/// # Errors
/// As of [`watchdogs`].
pub fn asked(
    place: &WatchdogArgs,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Vec<FoundWatchdog>, Vec<String>), String> {
    if let Some(file) = file_of(place) {
        return of_file::ask(file, env);
    }
    let (targets, searched) = watchdog_targets(place, env)?;
    let (found, troubles) = ask_all(targets);
    if !found.is_empty() {
        return Ok((found, troubles));
    }
    if troubles.is_empty() {
        return Err(format!("no watchdog answers at {searched}: is it running?"));
    }
    Err(troubles.join("\n"))
}

/// The configuration file that chooses the watchdog.
fn file_of(place: &WatchdogArgs) -> Option<&Path> {
    let is_elsewhere = place.socket.is_some() || place.access.url.is_some();
    place.config.as_deref().filter(|_| !is_elsewhere)
}

/// The watchdogs that answer at `targets`, and what is wrong with those that are there and do not.
pub(super) fn ask_all(
    targets: impl IntoIterator<Item = ControlTarget>,
) -> (Vec<FoundWatchdog>, Vec<String>) {
    let mut found = Vec::new();
    let mut troubles = Vec::new();
    for target in targets {
        match client::ask(&target, ControlCommand::Status) {
            Ok(ControlReply::Status {
                watchdog,
                pid,
                snapshot,
                programs,
                notifiers,
                unhealthy,
            }) => found.push(FoundWatchdog {
                target,
                watchdog,
                pid,
                snapshot: *snapshot,
                programs,
                notifiers,
                unhealthy,
            }),
            Ok(other) => troubles.push(format!("{target}: {}", reply_text(&other))),
            // a socket that a killed watchdog left behind
            Err(ClientError::Nobody) => {}
            Err(why) => troubles.push(format!("{target}: {why}")),
        }
    }
    (found, troubles)
}

/// Where watchdogs may answer, and what was searched, in words.
///
/// # Errors
/// Says what is wrong with the place.
pub fn watchdog_targets(
    place: &WatchdogArgs,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Vec<ControlTarget>, String), String> {
    if let Some(file) = file_of(place) {
        let (found, _) = of_file::ask(file, env)?;
        let targets = found.into_iter().map(|one| one.target).collect();
        return Ok((targets, file.display().to_string()));
    }
    Ok(match (&place.socket, &place.access.url) {
        (_, Some(url)) => (
            vec![ControlTarget::Remote(remote(url, &place.access)?)],
            url.clone(),
        ),
        (Some(socket), None) => {
            let searched = socket.display().to_string();
            (vec![ControlTarget::Socket(socket.clone())], searched)
        }
        (None, None) => {
            let dir = directory(None, place.state_dir.as_deref(), env)?;
            let sockets = client::sockets(&dir).map_err(|why| unreadable(&dir, &why))?;
            let sockets = sockets.into_iter().map(ControlTarget::Socket);
            (sockets.collect(), dir.display().to_string())
        }
    })
}

/// It may come through a pipe.
fn read_key(file: &Path) -> io::Result<String> {
    let mut key = String::new();
    let file = File::open(file)?;
    file.take(LONGEST_KEY).read_to_string(&mut key)?;
    Ok(key)
}

pub(super) fn unreadable(dir: &Path, why: &io::Error) -> String {
    let dir = dir.display();
    match why.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "cannot read {dir}: permission denied: only the watchdog's own user and root may talk to it"
        ),
        _ => format!("cannot read {dir}: {why}"),
    }
}

/// The watchdog at `url`, with its key.
pub fn remote(url: &str, access: &RemoteArgs) -> Result<Remote, String> {
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(format!(
            "{url:?} is not where a watchdog serves: expected a URL such as \"https://host:9181\""
        ));
    }
    let key = match &access.key_file {
        Some(file) => read_key(file)
            .map_err(|why| format!("cannot read the key in {}: {why}", file.display()))?,
        None => String::new(),
    };
    Ok(Remote {
        url: url.to_owned(),
        key: Secret::new(key.trim()),
        cacert: access.cacert.clone(),
    })
}

/// The checks that `chosen` means, each with its watchdog, in the order of the words and once each. All words are
/// resolved before anything is asked for, so that a wrong one changes nothing.
///
/// # Errors
/// Says which word means no check, or more than one where it names one.
pub fn chosen<'a>(
    found: &'a [FoundWatchdog],
    chosen: &ChosenArgs,
) -> Result<Vec<(&'a FoundWatchdog, &'a str)>, String> {
    let every = || {
        let of = |one: &'a FoundWatchdog| {
            let names = one.snapshot.checks.iter().map(|check| check.name.as_str());
            names.map(move |name| (one, name))
        };
        found.iter().flat_map(of)
    };
    let mut checks: Vec<(&FoundWatchdog, &str)> = Vec::new();
    let mut add = |one: &'a FoundWatchdog, name: &'a str| {
        let known =
            |(other, known): &(&FoundWatchdog, &str)| std::ptr::eq(*other, one) && *known == name;
        if !checks.iter().any(known) {
            checks.push((one, name));
        }
    };
    if chosen.all {
        every().for_each(|(one, name)| add(one, name));
        return match checks.is_empty() {
            true => Err("there are no checks".to_owned()),
            false => Ok(checks),
        };
    }
    for word in &chosen.checks {
        // a check may be named with a pattern's characters
        let is_name = every().any(|(_, name)| name == word);
        if is_name || !word.contains(['*', '?', '[']) {
            let one = with_check(found, word)?;
            let named =
                |(of, name): &(&FoundWatchdog, &str)| std::ptr::eq(*of, one) && name == word;
            every().filter(named).for_each(|(one, name)| add(one, name));
            continue;
        }
        let pattern =
            glob::Pattern::new(word).map_err(|why| format!("{word:?} is not a pattern: {why}"))?;
        let mut fitting = every().filter(|(_, name)| pattern.matches(name)).peekable();
        if fitting.peek().is_none() {
            let known: Vec<_> = every().map(|(_, name)| name).collect();
            let known = known.join(", ");
            return Err(format!("no check fits {word:?}; there are: {known}"));
        }
        fitting.for_each(|(one, name)| add(one, name));
    }
    Ok(checks)
}

/// The one of `found` that has the check.
///
/// # Errors
/// Says which checks there are, or which watchdogs have it.
pub fn with_check<'a>(
    found: &'a [FoundWatchdog],
    check: &str,
) -> Result<&'a FoundWatchdog, String> {
    let has = |found: &&FoundWatchdog| {
        found
            .snapshot
            .checks
            .iter()
            .any(|known| known.name == check)
    };
    let mut with = found.iter().filter(has);
    match (with.next(), with.next()) {
        (Some(one), None) => Ok(one),
        (Some(first), Some(second)) => Err(format!(
            "more than one watchdog has a check {check:?}: choose one with --socket\n  {}\n  {}",
            first.target, second.target,
        )),
        (None, _) => {
            let known = found.iter().flat_map(|found| &found.snapshot.checks);
            Err(no_such_check(check, known.map(|known| known.name.as_str())))
        }
    }
}

/// That there is no such check, with the nearest one or those that there are.
pub fn no_such_check<'a>(check: &str, known: impl Iterator<Item = &'a str>) -> String {
    no_such("check", check, known)
}

/// So many names are listed where none of them is near.
const LISTED: usize = 20;

/// That there is no `what` of that name, with the nearest one or those that there are.
pub fn no_such<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return format!("there is no {what} {name:?}, nor any other");
    }
    if let Some(near) = suggest::nearest(name, &known) {
        return format!("there is no {what} {name:?}: did you mean {near:?}?");
    }
    let more = match known.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let listed = known[..known.len().min(LISTED)].join(", ");
    format!("there is no {what} {name:?}; there are: {listed}{more}")
}

/// An answer that was not the wanted one, in words.
pub fn reply_text(answer: &ControlReply) -> String {
    match answer {
        ControlReply::Error { text, .. } => text.clone(),
        ControlReply::Status { .. }
        | ControlReply::Done { .. }
        | ControlReply::Program { .. }
        | ControlReply::Reloaded { .. }
        | ControlReply::Moved { .. }
        | ControlReply::Tested { .. }
        | ControlReply::Fleet { .. }
        | ControlReply::Freed { .. }
        | ControlReply::Health { .. }
        | ControlReply::Remembered { .. }
        | ControlReply::Flushed { .. } => "an answer to something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_listed_are_few() {
        let known: Vec<_> = (0..10_000).map(|n| format!("c{n}")).collect();
        let said = no_such_check("shop", known.iter().map(String::as_str));
        assert!(
            said.len() < 400 && said.ends_with(" and 9980 more"),
            "{said}"
        );
    }

    #[test]
    fn a_wrong_name_leads_to_the_right_one() {
        for (invalid, words) in [
            ("shpo", "did you mean \"shop\"?"),
            ("Shop", "did you mean \"shop\"?"),
            ("zzz", "there are: shop, database"),
        ] {
            let said = no_such_check(invalid, ["shop", "database"].into_iter());
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(
            no_such_check("x", std::iter::empty()),
            "there is no check \"x\", nor any other"
        );
    }
}
