//! `status`: the checks and programs of the watchdogs that run, as a table, as JSON, or again and again.

use serde_json::json;

use super::find::{self, FoundWatchdog};
use super::{Env, finish, screen, table};
use crate::cli::args::StatusArgs;
use crate::cli::exit::Exit;
use crate::cli::render::paint::Paint;
use crate::cli::render::visible;
use crate::cli::say;
use crate::terminal;

/// The version of the keys of `status --json`. Keys may be added to it; a change of meaning is another version.
const SCHEMA: u32 = 1;

/// `httpok status`.
pub fn status(args: &StatusArgs, env: Env<'_>) -> Exit {
    let paint = Paint::of_stdout();
    if !args.watch {
        let columns = terminal::size(&std::io::stdout()).map(|(columns, _)| columns);
        return finish("status", status_text(args, env, paint, columns));
    }
    let watched = screen::refresh(args.interval, |columns| {
        // a watchdog that is restarted is waited for
        status_text(args, env, paint, columns).unwrap_or_else(|why| why)
    });
    match watched {
        Ok(()) => Exit::Ok,
        Err(why) => finish("status", Err(format!("cannot show it: {why}"))),
    }
}

fn status_text(
    args: &StatusArgs,
    env: Env<'_>,
    paint: Paint,
    columns: Option<usize>,
) -> Result<String, String> {
    let (mut found, troubles) = find::asked(&args.place, env)?;
    if !args.checks.is_empty() {
        for name in &args.checks {
            let mut known = found.iter().flat_map(|found| &found.snapshot.checks);
            if !known.any(|check| check.name == *name) {
                let known = found.iter().flat_map(|found| &found.snapshot.checks);
                let names = known.map(|check| check.name.as_str());
                return Err(find::no_such_check(name, names));
            }
        }
        for FoundWatchdog {
            snapshot, programs, ..
        } in &mut found
        {
            programs.clear();
            snapshot
                .checks
                .retain(|check| args.checks.contains(&check.name));
        }
        found.retain(|found| !found.snapshot.checks.is_empty());
    }
    if args.json {
        troubles.iter().for_each(|why| say::err(why));
        return Ok(status_json(&found));
    }
    let mut text = table::tables(&found, paint, columns);
    for why in &troubles {
        text += &format!("\n{}\n", visible::line(why));
    }
    Ok(text)
}

/// A line for each watchdog. The manual page of `status` describes the keys.
fn status_json(found: &[FoundWatchdog]) -> String {
    let lines = found.iter().map(|found| {
        json!({
            "schema": SCHEMA,
            "watchdog": found.watchdog,
            "pid": found.pid,
            "socket": found.target.to_string(),
            "snapshot": found.snapshot,
            "programs": found.programs,
            "notifiers": found.notifiers,
            "unhealthy": found.unhealthy,
        })
        .to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}
