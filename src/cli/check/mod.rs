//! `httpok check`: probes once, judges, prints, and exits with the verdict as its status. It starts no watchdog.

pub mod probes;
mod probing;

use std::io::IsTerminal;

use crate::cli::args::{CheckArgs, CheckFormat, OutputArgs};
use crate::cli::exit::Exit;
use crate::cli::render::paint::Paint;
use crate::cli::{render, say};
use crate::exec::children;
use crate::health::{Judgement, Observation};
use crate::terminal;

/// The result of one probe.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The check's name; for a URL of the command line that URL without userinfo.
    pub name: String,
    /// The URL that was probed, without userinfo.
    pub url: String,
    /// The facts of the last probe.
    pub seen: Observation,
    /// The judgement of these facts.
    pub judgement: Judgement,
    /// How many probes ran: more than one only with `--wait`.
    pub probes: u32,
}

/// Runs `httpok check` with `args`.
pub fn run(args: &CheckArgs, env: &dyn Fn(&str) -> Option<String>) -> Exit {
    children::raise_open_files();
    match probe(args, env) {
        Ok(results) => print(&results, &args.output),
        Err(why) => {
            // Nagios shows standard output, and only its first line
            if args.output.format == Some(CheckFormat::Nagios) {
                let first = why.lines().next().unwrap_or_default();
                say::out(&format!("HTTPOK UNKNOWN - {first}"));
            }
            say::err(&why);
            Exit::Unknown
        }
    }
}

fn probe(args: &CheckArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Checked>, String> {
    check_ranges(&args.output)?;
    let probes = probes::from_args(args, env)?;
    probing::run_all(probes, &args.wait).map_err(|why| format!("httpok check: cannot start: {why}"))
}

/// Refuses ranges with other formats than nagios, which would ignore them.
fn check_ranges(output: &OutputArgs) -> Result<(), String> {
    let ranges = [("--warn", output.warn), ("--crit", output.crit)];
    let given = ranges.iter().find(|(_, range)| range.is_some());
    match given {
        Some((option, _)) if output.format != Some(CheckFormat::Nagios) => {
            Err(format!("httpok check: {option} belongs to --format nagios"))
        }
        _ => Ok(()),
    }
}

fn print(results: &[Checked], output: &OutputArgs) -> Exit {
    let worst = results
        .iter()
        .map(|checked| checked.judgement.verdict)
        .max_by_key(|verdict| verdict.severity());
    let exit = worst.map_or(Exit::Unknown, Exit::of_verdict);
    if output.quiet {
        return exit;
    }
    let stdout = std::io::stdout();
    let for_people = output.verbose || stdout.is_terminal();
    let format = output.format.unwrap_or(match for_people {
        true => CheckFormat::Human,
        false => CheckFormat::Plain,
    });
    let (text, exit) = match format {
        CheckFormat::Human => {
            let options = render::HumanOptions {
                paint: Paint::of_stdout(),
                columns: terminal::size(&stdout).map(|(columns, _)| columns),
                verbose: output.verbose,
            };
            (render::human(results, options), exit)
        }
        CheckFormat::Plain => (render::plain(results), exit),
        CheckFormat::Json => (render::json(results), exit),
        CheckFormat::Nagios => render::nagios(results, output.warn, output.crit),
        CheckFormat::Openmetrics => (render::openmetrics(results), exit),
    };
    say::write(say::shown(&text).as_bytes());
    exit
}
