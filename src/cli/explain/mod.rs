//! `httpok explain`: what is remembered of a check's incidents, from the store, whether a watchdog runs or
//! not. `timeline` puts an incident and the decisions around it in order, `render` prints it.

mod render;
mod timeline;

use serde_json::json;

use crate::cli::args::ExplainArgs;
use crate::cli::control::place::{directory, no_such_check};
use crate::cli::exit::Exit;
use crate::cli::render::paint::Paint;
use crate::cli::render::time::stamp;
use crate::cli::render::visible;
use crate::cli::say;
use crate::daemon::control::client;
use crate::daemon::control::protocol::ControlCommand;
use crate::health::{Decision, Incident, Note};
use crate::store::{ReadOnlyStore, Store};

use timeline::Timeline;

/// More than the store keeps.
const ALL: u32 = 100_000;

/// Does what `args` ask for.
pub fn run(args: &ExplainArgs, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    match explained(args, env) {
        Ok(text) => {
            say::out(text.trim_end());
            Exit::Ok
        }
        Err(why) => {
            say::err(&format!("httpok explain: {why}"));
            Exit::Unknown
        }
    }
}

fn explained(args: &ExplainArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let dir = directory(args.config.as_deref(), args.state_dir.as_deref(), env)?;
    for socket in client::sockets(&dir) {
        // a watchdog that does not answer has written, or will, what it can
        let _ = client::ask(&socket, ControlCommand::Flush);
    }
    let archive = Store::open_read_only(&dir).map_err(|why| why.to_string())?;
    let incidents = incidents(args, &archive)?;
    let check = match (&args.check, incidents.first()) {
        (Some(check), _) => check.clone(),
        (None, Some(incident)) => incident.check.clone(),
        (None, None) => return Err("there is nothing to explain".to_owned()),
    };
    let notes = archive.notes(&check, ALL).map_err(|why| why.to_string())?;
    if args.trace {
        return traced(&check, &notes, &archive);
    }
    if args.json {
        let lines = incidents.iter().map(|incident| {
            let around = timeline::around(incident, &notes);
            json!({ "incident": incident, "decisions": around }).to_string()
        });
        return Ok(lines.collect::<Vec<_>>().join("\n"));
    }
    if incidents.is_empty() {
        return quiet(&check, &notes, &archive);
    }
    let paint = Paint::of_stdout();
    let told = incidents
        .iter()
        .map(|incident| render::incident(incident, &Timeline::of(incident, &notes), paint));
    Ok(told.collect::<Vec<_>>().join("\n"))
}

/// The incidents that are asked for, the oldest first.
fn incidents(args: &ExplainArgs, archive: &ReadOnlyStore) -> Result<Vec<Incident>, String> {
    if let Some(id) = &args.incident {
        let found = archive.incident(id).map_err(|why| why.to_string())?;
        return match found {
            Some(found)
                if args
                    .check
                    .as_ref()
                    .is_none_or(|check| *check == found.check) =>
            {
                Ok(vec![found])
            }
            Some(found) => Err(format!("incident {id:?} is one of {:?}", found.check)),
            None => Err(format!(
                "there is no incident {id:?}, or it is too long ago"
            )),
        };
    }
    let limit = if args.all { ALL } else { 1 };
    let mut found = archive
        .incidents(args.check.as_deref(), limit)
        .map_err(|why| why.to_string())?;
    found.reverse();
    Ok(found)
}

/// Every decision as a line of JSON, for `simulate` and for other programs.
fn traced(check: &str, notes: &[Note], archive: &ReadOnlyStore) -> Result<String, String> {
    if notes.is_empty() {
        return Err(unknown(check, archive)?);
    }
    let lines: Result<Vec<_>, _> = notes.iter().map(serde_json::to_string).collect();
    lines
        .map(|lines| lines.join("\n"))
        .map_err(|why| why.to_string())
}

/// What is known of a check that had no incident.
fn quiet(check: &str, notes: &[Note], archive: &ReadOnlyStore) -> Result<String, String> {
    let Some(newest) = notes.last() else {
        return Err(unknown(check, archive)?);
    };
    let mut text = format!("{}: no incident is remembered.\n", visible::line(check));
    let looks = notes
        .iter()
        .filter(|note| matches!(note.decision, Decision::Judged { .. }));
    let since = notes.first().unwrap_or(newest).at;
    text += &format!("  {} looks since {}\n", looks.count(), stamp(since));
    let decision = visible::line(&newest.decision.to_string());
    text += &format!("  newest decision, {}: {decision}\n", stamp(newest.at));
    Ok(text)
}

/// That nothing is known of a check, with the nearest name of which something is.
fn unknown(check: &str, archive: &ReadOnlyStore) -> Result<String, String> {
    let known = archive.checks().map_err(|why| why.to_string())?;
    let known = known.iter().map(String::as_str);
    Ok(format!(
        "nothing is remembered of {check:?}: {}",
        no_such_check(check, known)
    ))
}
