//! `httpok explain`: what is remembered of a check's incidents, from the store, whether a watchdog runs or
//! not. [`crate::daemon::timeline`] puts an incident and the decisions around it in order, `render` prints it.

mod json;
mod list;
mod render;
pub mod repeats;
pub mod source;

use std::time::SystemTime;

use crate::cli::args::ExplainArgs;
use crate::cli::control::find::{no_such_check, remote};
use crate::cli::exit::Exit;
use crate::cli::render::paint::Paint;
use crate::cli::render::stamp;
use crate::cli::render::visible;
use crate::cli::say;
use crate::daemon::control::client::ControlTarget;
use crate::health::{Decision, Incident, Moment, Note, ProcessName, ProcessState, counted};
use crate::terminal;

use crate::daemon::former_names;
use crate::daemon::timeline::{self, Timeline};
use source::ExplainSource;

/// More than the store keeps.
const ALL: u32 = 100_000;

/// So many incidents are listed unless all are asked for.
const LISTED: u32 = 50;

/// So many ends of programs are listed.
const LISTED_ENDS: usize = 20;

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
    let store = match &args.access.url {
        Some(url) => ExplainSource::Remote(ControlTarget::Remote(remote(url, &args.access)?)),
        None => {
            let warn = |why: &str| say::err(&format!("httpok explain: {why}"));
            let (config, dir) = (args.config.as_deref(), args.state_dir.as_deref());
            ExplainSource::on_this_host(config, dir, env, &warn)?
        }
    };
    if args.check.is_none() && args.incident.is_none() {
        return of_all_checks(args, &store);
    }
    let subjects = subjects(args, &store)?;
    let mut texts = Vec::new();
    for subject in &subjects {
        let text = explain(args, subject, &store)?;
        if subjects.len() > 1 && !args.json && !args.trace {
            texts.push(format!("{}:", visible::line(&subject.watchdog)));
        }
        texts.push(text);
    }
    Ok(texts.join("\n"))
}

/// The incidents of all checks, newest first.
fn of_all_checks(args: &ExplainArgs, store: &ExplainSource) -> Result<String, String> {
    let limit = if args.all { ALL } else { LISTED + 1 };
    let mut found = store.incidents(None, None, limit)?;
    let more = !args.all && found.len() > LISTED as usize;
    if more {
        found.truncate(LISTED as usize);
    }
    if args.json {
        let mut lines = Vec::new();
        for (watchdog, incident) in &found {
            let notes = store.notes(watchdog, &incident.check)?;
            let around = timeline::around(incident, None, &notes);
            let waiting = store.waiting(&incident.id);
            lines.push(json::line(watchdog, incident, &around, &waiting));
        }
        return Ok(lines.join("\n"));
    }
    if found.is_empty() {
        return Ok("no incident is remembered".to_owned());
    }
    let incidents: Vec<_> = found.iter().map(|(_, incident)| incident).collect();
    let columns = terminal::size(&std::io::stdout()).map(|(columns, _)| columns);
    let paint = Paint::of_stdout();
    let mut text = list::list(&incidents, paint, columns);
    if more {
        text += &paint.dim(&format!("the newest {LISTED}; --all lists all\n"));
    }
    let read_on = "httpok explain NAME tells a check's last incident, --incident ID another one";
    Ok(text + "\n" + &paint.dim(read_on))
}

/// A check of a watchdog: two watchdogs in a state directory may have checks of the same name.
struct ExplainedCheck {
    watchdog: String,
    check: String,
    incidents: Vec<Explained>,
}

/// An incident, and when the one before it ended.
struct Explained {
    incident: Incident,
    begin: Option<Moment>,
}

fn explain(
    args: &ExplainArgs,
    subject: &ExplainedCheck,
    store: &ExplainSource,
) -> Result<String, String> {
    let notes = store.notes(&subject.watchdog, &subject.check)?;
    if args.trace {
        return traced(&subject.check, &notes, store);
    }
    let incidents = subject.incidents.iter();
    if args.json {
        let lines = incidents.map(|Explained { incident, begin }| {
            let around = timeline::around(incident, *begin, &notes);
            let waiting = store.waiting(&incident.id);
            json::line(&subject.watchdog, incident, &around, &waiting)
        });
        return Ok(lines.collect::<Vec<_>>().join("\n"));
    }
    if subject.incidents.is_empty() {
        return no_incident_text(&subject.check, &notes, store);
    }
    let columns = terminal::size(&std::io::stdout()).map(|(columns, _)| columns);
    let paint = Paint::of_stdout();
    let texts = incidents.map(|Explained { incident, begin }| {
        let timeline = Timeline::of(incident, *begin, &notes);
        let waiting = store.waiting(&incident.id);
        render::incident(incident, &timeline, paint, columns)
            + &render::waiting(&waiting, now(), columns)
    });
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

/// By the clock of this host.
fn now() -> Moment {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment::from(since_1970.unwrap_or_default())
}

/// What is asked for, each with its incidents, the oldest first.
fn subjects(args: &ExplainArgs, store: &ExplainSource) -> Result<Vec<ExplainedCheck>, String> {
    if let Some(id) = &args.incident {
        let Some((watchdog, incident)) = store.incident(id)? else {
            return Err(format!(
                "there is no incident {id:?}, or it is too long ago"
            ));
        };
        if args
            .check
            .as_ref()
            .is_some_and(|check| *check != incident.check)
        {
            return Err(format!("incident {id:?} is one of {:?}", incident.check));
        }
        let before = store.incidents(Some(&watchdog), Some(&incident.check), ALL)?;
        let before = before.iter().map(|(_, before)| before);
        let begin = before
            .filter_map(|before| before.ended)
            .filter(|ended| *ended <= incident.since)
            .max();
        return Ok(vec![ExplainedCheck {
            watchdog,
            check: incident.check.clone(),
            incidents: vec![Explained { incident, begin }],
        }]);
    }
    let Some(check) = &args.check else {
        return Err("there is nothing to explain".to_owned());
    };
    let mut known = store.checks(Some(check))?;
    if known.is_empty() {
        let program = format!("{}{check}", ProcessName::PROGRAM);
        known = store.checks(Some(&program))?;
    }
    if let Some(file) = &args.config {
        let key = former_names::watch_key(&former_names::name_of_file(file));
        // a listener with a configuration file has another key
        if known.iter().any(|(watchdog, _)| *watchdog == key) {
            known.retain(|(watchdog, _)| *watchdog == key);
        }
    }
    if known.is_empty() {
        return Err(unknown(check, store)?);
    }
    let mut subjects = Vec::new();
    for (watchdog, check) in known {
        // one more than is shown: its end is where the next one begins
        let limit = if args.all { ALL } else { 2 };
        let found = store.incidents(Some(&watchdog), Some(&check), limit)?;
        let ends: Vec<_> = found
            .iter()
            .skip(1)
            .map(|(_, before)| before.ended)
            .collect();
        let mut incidents: Vec<_> = found
            .into_iter()
            .zip(ends.into_iter().chain([None]))
            .map(|((_, incident), begin)| Explained { incident, begin })
            .collect();
        incidents.truncate(if args.all { usize::MAX } else { 1 });
        incidents.reverse();
        subjects.push(ExplainedCheck {
            watchdog,
            check,
            incidents,
        });
    }
    if subjects.len() > 1 {
        // of a run that ended before its first probe nothing is known but the name
        let is_known = |subject: &ExplainedCheck| -> Result<bool, String> {
            let has_notes = || store.notes(&subject.watchdog, &subject.check);
            Ok(!subject.incidents.is_empty() || !has_notes()?.is_empty())
        };
        let known: Result<Vec<_>, _> = subjects.iter().map(is_known).collect();
        let known = known?;
        if known.contains(&true) {
            let mut known = known.into_iter();
            subjects.retain(|_| known.next().unwrap_or(true));
        }
    }
    Ok(subjects)
}

/// Every decision as a line of JSON, for `simulate` and for other programs.
fn traced(check: &str, notes: &[Note], store: &ExplainSource) -> Result<String, String> {
    if notes.is_empty() {
        return Err(unknown(check, store)?);
    }
    let lines: Result<Vec<_>, _> = notes.iter().map(serde_json::to_string).collect();
    lines
        .map(|lines| lines.join("\n"))
        .map_err(|why| why.to_string())
}

/// What is known of a check that had no incident.
fn no_incident_text(check: &str, notes: &[Note], store: &ExplainSource) -> Result<String, String> {
    let Some(newest) = notes.last() else {
        return Err(unknown(check, store)?);
    };
    let ends = program_ends(notes);
    if let Some(text) = program_text(check, notes) {
        return Ok(text + &ends);
    }
    let mut text = format!("{}: no incident is remembered.\n", visible::line(check));
    let probes = notes.iter().map(|note| match note.decision {
        Decision::Judged { .. } => 1,
        Decision::Passed { count, .. } => count,
        _ => 0,
    });
    let first = notes.first().unwrap_or(newest);
    let since = match first.decision {
        Decision::Passed { since, .. } => since,
        _ => first.at,
    };
    text += &format!(
        "  {} since {}\n",
        counted(probes.sum::<u64>(), "probe", "probes"),
        stamp(since)
    );
    let decision = visible::line(&newest.decision.to_string());
    text += &format!("  newest decision, {}: {decision}\n", stamp(newest.at));
    Ok(text + &ends)
}

/// How a program stands, and what is to be done about it; `None` when nothing has become of it.
fn program_text(check: &str, notes: &[Note]) -> Option<String> {
    let name = visible::line(check);
    if !check.starts_with(ProcessName::PROGRAM) {
        return None;
    }
    let last = notes.iter().rev().find_map(|note| match &note.decision {
        Decision::ProgramChanged { state, .. } => Some((note.at, *state)),
        _ => None,
    });
    let (at, state) = last?;
    let since = stamp(at);
    Some(match state {
        ProcessState::Fatal => {
            format!("{name}: FATAL since {since}\n  fix the cause, then: httpok start {name}\n")
        }
        state => format!("{name}: {state} since {since}\n"),
    })
}

/// The last starts and ends of programs, as lines.
fn program_ends(notes: &[Note]) -> String {
    let is_end = |note: &&Note| {
        matches!(
            note.decision,
            Decision::ProgramEnded { .. } | Decision::ProgramChanged { .. }
        )
    };
    let newest = notes.iter().rev().filter(is_end).take(LISTED_ENDS);
    let mut lines: Vec<_> = newest
        .map(|note| {
            let end = visible::line(&note.decision.to_string());
            format!("  {}: {end}\n", stamp(note.at))
        })
        .collect();
    lines.reverse();
    lines.concat()
}

/// That nothing is known of a check, with the nearest name of which something is.
fn unknown(check: &str, store: &ExplainSource) -> Result<String, String> {
    let known = store.checks(None)?;
    let mut known: Vec<_> = known.iter().map(|(_, check)| check.as_str()).collect();
    known.dedup();
    let known = known.into_iter();
    Ok(format!(
        "nothing is remembered of {check:?}: {}",
        no_such_check(check, known)
    ))
}
