//! `httpok simulate`: the decision core alone over a trace. `trace` reads the lines, `written` those that a person wrote
//! (`fields` has one object's keys), into the words of `trace_event`. `world` completes what a written trace
//! leaves out (with its processes in `processes`, and what is observed in `answers`), `replay` runs a journal, `print` prints decisions.

mod answers;
mod differences;
mod fields;
mod print;
mod processes;
mod replay;
mod trace;
mod trace_event;
mod world;
mod written;
mod written_slot;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::cli::args::SimulateArgs;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::config;
use crate::daemon::wiring::{self, RunOptions};
use crate::health::{Check, Limits};
use print::TracePrinter;
use trace::Trace;

/// The decision core that a trace is run through, as configured.
#[derive(Debug)]
struct SimulatedConfig {
    checks: Vec<Check>,
    limits: Limits,
}

/// A trace is no larger, in bytes.
const LARGEST: u64 = 1 << 30;

/// Does what `args` ask for.
pub fn run(args: &SimulateArgs, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    let mut printer = TracePrinter::new(args.json);
    match simulated(args, env, &mut printer) {
        Ok(exit) => {
            say::out(printer.finish().trim_end());
            exit
        }
        Err(why) => {
            say::err(why.trim_end());
            Exit::Unknown
        }
    }
}

fn simulated(
    args: &SimulateArgs,
    env: &dyn Fn(&str) -> Option<String>,
    printer: &mut TracePrinter,
) -> Result<Exit, String> {
    let settings =
        config::load(&args.config, &config::of_listener(env)).map_err(|faults| faults.styled())?;
    let parts = wiring::wire(&settings, &RunOptions::default())
        .map_err(|why| format!("httpok simulate: {why:#}"))?;
    let setup = SimulatedConfig {
        checks: parts.checks.into_iter().map(Arc::unwrap_or_clone).collect(),
        limits: parts.limits,
    };
    let text = read(&args.trace)
        .map_err(|why| format!("httpok simulate: cannot read {:?}: {why}", args.trace))?;
    let names: Vec<_> = setup
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    match trace::parse(&text, &args.trace.to_string_lossy(), &names)? {
        Trace::Written(steps) => {
            let mut setup = setup;
            // samples say what was made of heartbeats, too: it is not judged again
            let checks = setup.checks.iter_mut();
            checks.for_each(|check| check.heartbeat = None);
            setup.checks.retain(|check| check.program.is_none());
            world::run(&setup, &steps, printer);
            Ok(Exit::Ok)
        }
        Trace::RecordedLine(lines) => match replay::run(&setup, lines, printer) {
            true => Ok(Exit::Differs),
            false => Ok(Exit::Ok),
        },
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let mut source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(path)?),
    };
    source
        .by_ref()
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than 1 GiB"));
    }
    Ok(text)
}
