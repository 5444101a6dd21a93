//! What is asked: the URLs of the command line, or the checks of a configuration file.

use crate::cli::args::CheckArgs;
use crate::cli::asked;
use crate::config;
use crate::health::Expectation;
use crate::probe::{Probe, ProbeSpec};

/// One question, ready to be asked.
#[derive(Debug)]
pub struct Ask {
    /// The check's name, or the URL without userinfo.
    pub name: String,
    /// How it is asked.
    pub probe: Probe,
    /// What is judged.
    pub expectation: Expectation,
}

/// All that `args` ask.
///
/// # Errors
/// All that is wrong, ready to be printed.
pub fn asks(args: &CheckArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Ask>, String> {
    match &args.config {
        Some(file) => from_file(file, &args.targets, env),
        None => from_urls(args),
    }
}

fn from_urls(args: &CheckArgs) -> Result<Vec<Ask>, String> {
    let (checks, fault) = asked::checks(&args.targets, &args.ask, &args.wire);
    let asks = checks
        .into_iter()
        .map(|check| check.and_then(|check| ask(check.name, check.probe, check.expectation)));
    all(asks.chain(fault.map(Err)))
}

fn from_file(
    file: &std::path::Path,
    names: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Ask>, String> {
    let settings = config::load(file, env).map_err(|faults| faults.to_string())?;
    let known: Vec<&str> = settings
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    let unknown = names.iter().filter(|name| !known.contains(&name.as_str()));
    let faults: Vec<String> = unknown
        .map(|name| {
            told(format!(
                "{name:?} is not a check of {}: expected {}",
                file.display(),
                known.join(", ")
            ))
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    let chosen = settings
        .checks
        .into_iter()
        .filter(|check| names.is_empty() || names.contains(&check.name));
    all(chosen.map(|check| ask(check.name, check.probe, check.expectation)))
}

/// Every fault of `asks`, not just the first.
fn all(asks: impl Iterator<Item = Result<Ask, String>>) -> Result<Vec<Ask>, String> {
    let mut fine = Vec::new();
    let mut faults = Vec::new();
    for ask in asks {
        match ask {
            Ok(ask) => fine.push(ask),
            Err(why) => faults.push(told(why)),
        }
    }
    if faults.is_empty() {
        Ok(fine)
    } else {
        Err(faults.join("\n"))
    }
}

fn told(why: String) -> String {
    format!("httpok check: {why}")
}

fn ask(name: String, asked: ProbeSpec, expectation: Expectation) -> Result<Ask, String> {
    let probe = Probe::new(asked, &expectation.body_needs());
    Ok(Ask {
        probe: probe.map_err(|fault| fault.to_string())?,
        name,
        expectation,
    })
}
