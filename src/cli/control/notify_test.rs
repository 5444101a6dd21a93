//! `httpok notify test`: a sample report through the notifiers of a running watchdog or of a file, and what the other
//! side answered. Nothing is queued: what is not taken now is said, and not tried again.

use std::collections::BTreeSet;
use std::path::Path;

use tokio::task::JoinSet;

use super::Env;
use super::find::{FoundWatchdog, reply_text, watchdogs};
use crate::blocking;
use crate::cli::args::WatchdogArgs;
use crate::cli::exit::Exit;
use crate::cli::render::visible;
use crate::cli::say;
use crate::config;
use crate::daemon::control::client;
use crate::daemon::control::protocol::{ControlCommand, ControlReply};
use crate::daemon::wiring::{self, RunOptions, hostname};
use crate::health::counted;
use crate::notify::sample;

/// Tests the notifier `name`, or all, of `file`, or of the running watchdogs at `place`.
pub fn run(name: Option<&str>, file: Option<&Path>, place: &WatchdogArgs, env: Env<'_>) -> Exit {
    let tested = match file {
        Some(file) => of_file(name, file, env),
        None => of_running(name, place, env),
    };
    match tested {
        Ok(0) => Exit::Ok,
        Ok(failed) => {
            let failed = counted(failed, "notifier", "notifiers");
            let text = format!("httpok notify test: {failed} did not take it for everybody");
            say::err(&text);
            Exit::Unknown
        }
        Err(why) => {
            say::err(&format!("httpok notify test: {why}"));
            Exit::Unknown
        }
    }
}

/// How many of the running watchdogs' notifiers failed.
fn of_running(name: Option<&str>, place: &WatchdogArgs, env: Env<'_>) -> Result<u64, String> {
    let found = watchdogs(place, env)?;
    let has = |found: &&FoundWatchdog| {
        let mut known = found.notifiers.iter();
        name.is_none_or(|name| known.any(|known| known.name == name && known.configured))
    };
    let with: Vec<_> = found.iter().filter(has).collect();
    if let (Some(name), true) = (name, with.is_empty()) {
        let known = found.iter().flat_map(|found| &found.notifiers);
        let known: BTreeSet<_> = known
            .filter(|known| known.configured)
            .map(|known| known.name.as_str())
            .collect();
        let known: Vec<_> = known.into_iter().collect();
        return Err(no_notifier(name, &known.join(", ")));
    }
    let mut failed = 0;
    for found in with {
        let ask = ControlCommand::Test {
            notifier: name.map(str::to_owned),
        };
        match client::ask(&found.target, ask) {
            Ok(ControlReply::Tested { notifiers }) => {
                for one in notifiers {
                    failed += u64::from(one.failure.is_some() || one.refused.is_some());
                    say_result(&one.name, one.failure.as_deref(), one.refused.as_deref());
                }
            }
            Ok(other) => return Err(reply_text(&other)),
            Err(why) => return Err(format!("{}: {why}", found.target)),
        }
    }
    Ok(failed)
}

fn no_notifier(name: &str, known: &str) -> String {
    match known {
        "" => format!("there is no notifier {name:?}, nor any other"),
        known => format!("there is no notifier {name:?}; there are: {known}"),
    }
}

fn say_result(name: &str, failure: Option<&str>, refused: Option<&str>) {
    let name = visible::line(name);
    match (failure, refused) {
        (None, None) => say::out(&format!("{name}: taken")),
        (None, Some(refused)) => {
            let refused = visible::line(refused);
            say::out(&format!("{name}: taken, but NOT for everybody: {refused}"));
        }
        (Some(why), _) => say::out(&format!("{name}: NOT taken: {}", visible::line(why))),
    }
}

/// How many of the file's notifiers failed.
fn of_file(name: Option<&str>, file: &Path, env: Env<'_>) -> Result<u64, String> {
    let settings =
        config::load(file, &config::of_listener(env)).map_err(|faults| faults.styled())?;
    let host = hostname();
    let mut notifiers = wiring::notifiers(&settings, &RunOptions::default(), &host)
        .map_err(|why| why.to_string())?;
    if let Some(name) = name {
        let known: Vec<_> = notifiers.keys().cloned().collect();
        notifiers.retain(|known, _| known == name);
        if notifiers.is_empty() {
            return Err(no_notifier(name, &known.join(", ")));
        }
    }
    if notifiers.is_empty() {
        return Err("there is no notifier in it: add [mail], [[webhook]] or [[notify]]".to_owned());
    }
    let runtime = blocking::event_loop().map_err(|why| format!("cannot start: {why}"))?;
    let failed = runtime.block_on(async {
        // one that is slow keeps none waiting; each has a deadline of its own
        let mut tests = JoinSet::new();
        for (name, recipient) in notifiers {
            let host = host.clone();
            tests.spawn(async move {
                let sent = sample::send(&recipient.notifier, recipient.route.pairs, &host).await;
                (name, sent)
            });
        }
        let mut failed = 0;
        while let Some(ended) = tests.join_next().await {
            let (name, sent) = ended.map_err(|panic| format!("internal error: {panic}"))?;
            let (failure, refused) = match sent {
                Ok(taken) => (None, taken.refused_text()),
                Err(why) => (Some(why.to_string()), None),
            };
            failed += u64::from(failure.is_some() || refused.is_some());
            say_result(&name, failure.as_deref(), refused.as_deref());
        }
        Ok::<u64, String>(failed)
    });
    // a name look-up cannot be cancelled, and dropping the runtime would wait for it
    runtime.shutdown_background();
    failed
}
