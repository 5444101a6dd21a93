//! `httpok check`: ask once, judge, tell, and leave with the verdict as exit status. Uses the probe and
//! the judge, and nothing of the daemon.

pub mod asks;
mod look;

use std::io::{ErrorKind, IsTerminal, Write};

use crate::cli::args::{CheckArgs, Format, OutputArgs};
use crate::cli::exit::{Exit, badness};
use crate::cli::render::paint::Paint;
use crate::cli::{render, say};
use crate::exec::open_files;
use crate::health::{Judgement, Observation};
use crate::terminal;

/// One look and what it came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The check's name; for a URL of the command line that URL without userinfo.
    pub name: String,
    /// What was asked, without userinfo.
    pub url: String,
    /// The facts of the last look.
    pub seen: Observation,
    /// The opinion about them.
    pub judgement: Judgement,
    /// How often it was looked, which is more than once only with `--wait`.
    pub looks: u32,
}

/// Does what `args` ask for.
pub fn run(args: &CheckArgs, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    open_files::raise();
    match looked(args, env) {
        Ok(results) => tell(&results, &args.output),
        Err(why) => {
            // Nagios shows what stands on standard output, and only its first line
            if args.output.format == Some(Format::Nagios) {
                let first = why.lines().next().unwrap_or_default();
                say::out(&format!("HTTPOK UNKNOWN - {first}"));
            }
            say::err(&why);
            Exit::Unknown
        }
    }
}

fn looked(args: &CheckArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Checked>, String> {
    fits(&args.output)?;
    let asks = asks::asks(args, env)?;
    look::all(asks, &args.wait).map_err(|why| format!("httpok check: cannot start: {why}"))
}

/// Ranges are for Nagios only: elsewhere they would be given and change nothing.
fn fits(output: &OutputArgs) -> Result<(), String> {
    let ranges = [("--warn", output.warn), ("--crit", output.crit)];
    let given = ranges.iter().find(|(_, range)| range.is_some());
    match given {
        Some((option, _)) if output.format != Some(Format::Nagios) => {
            Err(format!("httpok check: {option} belongs to --format nagios"))
        }
        _ => Ok(()),
    }
}

fn tell(results: &[Checked], output: &OutputArgs) -> Exit {
    let worst = results
        .iter()
        .map(|checked| checked.judgement.verdict)
        .max_by_key(|verdict| badness(*verdict));
    let exit = worst.map_or(Exit::Unknown, Exit::of_verdict);
    if output.quiet {
        return exit;
    }
    let stdout = std::io::stdout();
    let for_people = output.verbose || stdout.is_terminal();
    let format = output.format.unwrap_or(match for_people {
        true => Format::Human,
        false => Format::Plain,
    });
    let (text, exit) = match format {
        Format::Human => {
            let options = render::HumanOptions {
                paint: Paint::of_stdout(),
                columns: terminal::size(&stdout).map(|(columns, _)| columns),
                verbose: output.verbose,
            };
            (render::human(results, options), exit)
        }
        Format::Plain => (render::plain(results), exit),
        Format::Json => (render::json(results), exit),
        Format::Nagios => render::nagios(results, output.warn, output.crit),
        Format::Openmetrics => (render::openmetrics(results), exit),
    };
    match stdout
        .lock()
        .write_all(say::shown(&text).as_bytes())
        .and_then(|()| stdout.lock().flush())
    {
        Ok(()) => exit,
        // whoever read us has seen enough
        Err(why) if why.kind() == ErrorKind::BrokenPipe => exit,
        Err(why) => {
            say::err(&format!("httpok check: cannot write the results: {why}"));
            Exit::Unknown
        }
    }
}
