//! `httpok events`: what a watchdog decided last, and with `--follow` what it decides, as it does.

use std::sync::mpsc;

use serde_json::Value;

use super::args::{EventsArgs, EventsFormat};
use super::control::find::{no_such_check, remote, watchdog_targets, watchdogs};
use super::exit::Exit;
use super::explain::repeats::{self, Shown};
use super::explain::source::ExplainSource;
use super::render::{stamp, visible};
use super::say;
use crate::blocking;
use crate::daemon::control::client::ControlTarget;
use crate::daemon::control::follow::{self, FollowEnd};
use crate::daemon::timeline::TimelineLine;
use crate::health::{Moment, Note, glob, rfc3339};
use crate::serve::events::{EventFilter, is_pass, line};
use crate::terminal;

/// So many of a check are searched for those that are shown.
const SEARCHED: u32 = 2000;

/// Stands before what is left of a line that is longer than the terminal is wide.
const INDENT: &str = "    ";

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Does what `args` ask for.
pub fn run(args: &EventsArgs, env: Env<'_>) -> Exit {
    match show(args, env) {
        Ok(()) => Exit::Ok,
        Err(why) => {
            say::err(&format!("httpok events: {why}"));
            Exit::Unknown
        }
    }
}

fn show(args: &EventsArgs, env: Env<'_>) -> Result<(), String> {
    if !args.follow {
        let source = source(args, env)?;
        known(args, &source, env)?;
        recent(args, &source)?;
        return Ok(());
    }
    if !args.checks.is_empty() {
        known(args, &source(args, env)?, env)?;
    }
    let (targets, searched) = watchdog_targets(&args.place, env)?;
    // what happens between the two is not lost
    let (sender, receiver) = mpsc::channel();
    for target in targets {
        let sender = sender.clone();
        let filter = filter(args);
        blocking::thread("follow", move || {
            let mut take = |line: &str| sender.send((None, line.to_owned())).is_ok();
            let end = follow::follow(&target, &filter, &mut take);
            // nobody listens any more when the command has ended
            let _ = sender.send((Some((target, end)), String::new()));
        })
        .map_err(|why| format!("cannot start a thread: {why}"))?;
    }
    drop(sender);
    let shown = source(args, env).and_then(|source| recent(args, &source));
    let shown = shown.unwrap_or_default();
    let mut troubles = Vec::new();
    while let Ok((end, line)) = receiver.recv() {
        if say::has_ended() {
            return Ok(());
        }
        match end {
            None => print_line(args, &line, shown),
            Some((_, FollowEnd::Nobody)) => {}
            Some((target, FollowEnd::Ended(why))) => troubles.push(format!("{target}: {why}")),
        }
    }
    match troubles.is_empty() {
        true => Err(format!("no watchdog answers at {searched}: is it running?")),
        false => Err(troubles.join("\n")),
    }
}

/// Where what was decided before is read from.
fn source(args: &EventsArgs, env: Env<'_>) -> Result<ExplainSource, String> {
    let place = &args.place;
    match (&place.access.url, &place.socket) {
        (Some(url), _) => Ok(ExplainSource::Remote(ControlTarget::Remote(remote(
            url,
            &place.access,
        )?))),
        (None, Some(socket)) => Ok(ExplainSource::Remote(ControlTarget::Socket(socket.clone()))),
        (None, None) => {
            let warn = |why: &str| say::err(&format!("httpok events: {why}"));
            let (config, dir) = (place.config.as_deref(), place.state_dir.as_deref());
            ExplainSource::on_this_host(config, dir, env, &warn)
        }
    }
}

/// Whether each word names a check, or fits one: of a watchdog that runs, or one of which something is remembered.
fn known(args: &EventsArgs, source: &ExplainSource, env: Env<'_>) -> Result<(), String> {
    if args.checks.is_empty() {
        return Ok(());
    }
    // one that does not run has no other checks than those that are remembered
    let running = watchdogs(&args.place, env).unwrap_or_default();
    let running = running.into_iter().flat_map(|one| one.snapshot.checks);
    let mut names: Vec<_> = running.map(|check| check.name).collect();
    names.extend(source.checks(None)?.into_iter().map(|(_, check)| check));
    names.sort();
    names.dedup();
    let unknown = |word: &&String| !names.iter().any(|name| glob::matches(word, name));
    match args.checks.iter().find(unknown) {
        Some(word) => Err(no_such_check(word, names.iter().map(String::as_str))),
        None => Ok(()),
    }
}

fn filter(args: &EventsArgs) -> EventFilter {
    EventFilter {
        checks: args.checks.clone(),
        passes: args.passes,
    }
}

/// Prints the last events; the moment of the newest one.
fn recent(args: &EventsArgs, source: &ExplainSource) -> Result<Option<Moment>, String> {
    let notes = source.recent(SEARCHED)?;
    let wanted = |note: &&Note| {
        let mut patterns = args.checks.iter();
        let fits = patterns.any(|pattern| glob::matches(pattern, &note.check));
        (args.passes || !is_pass(&note.decision)) && (args.checks.is_empty() || fits)
    };
    let newest = notes.iter().map(|note| note.at).max();
    let wanted: Vec<_> = notes.iter().filter(wanted).collect();
    if args.format == EventsFormat::Json {
        let from = wanted.len().saturating_sub(args.last);
        wanted[from..].iter().for_each(|note| say::out(&line(note)));
        return Ok(newest);
    }
    let lines = wanted.iter().map(|note| {
        let event: Value = serde_json::from_str(&line(note)).unwrap_or_default();
        TimelineLine::of(note, human(&event))
    });
    let lines: Vec<_> = lines.collect();
    let shown = repeats::shown(&lines);
    // what came again stands below what it was, and is none of those that are counted
    let is_line = |(_, shown): &(usize, &Shown<'_>)| matches!(shown, Shown::Line(_));
    let at: Vec<_> = shown.iter().enumerate().filter(is_line).collect();
    let from = match at.len().checked_sub(args.last) {
        Some(first) => at.get(first).map_or(shown.len(), |(index, _)| *index),
        None => 0,
    };
    for shown in &shown[from..] {
        match shown {
            Shown::Line(one) => print_at(one.at, &one.text),
            Shown::Again(last, text) => print_at(last.at, text),
        }
    }
    Ok(newest)
}

/// What an event says, with its check.
fn human(event: &Value) -> String {
    let text = |key: &str| visible::line(event[key].as_str().unwrap_or_default());
    format!("{}: {}", text("check"), text("text"))
}

fn print_at(at: Moment, text: &str) {
    let line = format!("{}  {text}", stamp(at));
    let lines = match terminal::size(&std::io::stdout()) {
        Some((columns, _)) => terminal::wrap(&line, columns - INDENT.len()),
        None => vec![line],
    };
    say::out(&lines.join(&format!("\n{INDENT}")));
}

/// Prints one event, unless it is no newer than `shown`.
fn print_line(args: &EventsArgs, line: &str, shown: Option<Moment>) {
    let event: Value = serde_json::from_str(line).unwrap_or_default();
    let at = rfc3339::parse(event["at"].as_str().unwrap_or_default());
    if at.zip(shown).is_some_and(|(at, shown)| at <= shown) {
        return;
    }
    match args.format {
        EventsFormat::Json => say::out(line),
        EventsFormat::Human => print_at(at.unwrap_or_default(), &human(&event)),
    }
}
