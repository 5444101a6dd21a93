//! The probes of `check`: from the URLs of the command line, or from the checks of a configuration file.

use crate::cli::args::CheckArgs;
use crate::cli::asked;
use crate::config;
use crate::health::Expectation;
use crate::probe::{Probe, ProbeSpec};

/// One probe, ready to run.
#[derive(Debug)]
pub struct CheckProbe {
    /// The check's name, or the URL without userinfo.
    pub name: String,
    /// The probe.
    pub probe: Probe,
    /// What its answer is judged by.
    pub expectation: Expectation,
}

/// The probes that `args` name.
///
/// # Errors
/// Every fault, ready to be printed.
pub fn from_args(
    args: &CheckArgs,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<CheckProbe>, String> {
    match &args.config {
        Some(file) => from_file(file, &args.targets, env),
        None => from_urls(args),
    }
}

fn from_urls(args: &CheckArgs) -> Result<Vec<CheckProbe>, String> {
    let (checks, fault) = asked::checks(&args.targets, &args.ask, &args.wire);
    let probes = checks
        .into_iter()
        .map(|check| check.and_then(|check| probe(check.name, check.probe, check.expectation)));
    collect(probes.chain(fault.map(Err)))
}

fn from_file(
    file: &std::path::Path,
    names: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<CheckProbe>, String> {
    let settings =
        config::load(file, &config::of_listener(env)).map_err(|faults| faults.to_string())?;
    let known: Vec<&str> = settings
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    let unknown = names.iter().filter(|name| !known.contains(&name.as_str()));
    let faults: Vec<String> = unknown
        .map(|name| {
            fault(format!(
                "{name:?} is not a check in {}: expected {}",
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
        // one that sends heartbeats cannot be asked, which is reported only for a check that is named
        .filter(|check| match names.is_empty() {
            true => !matches!(check.probe, ProbeSpec::Heartbeat(_)),
            false => names.contains(&check.name),
        });
    collect(chosen.map(|check| probe(check.name, check.probe, check.expectation)))
}

/// All probes, or every fault of them.
fn collect(
    probes: impl Iterator<Item = Result<CheckProbe, String>>,
) -> Result<Vec<CheckProbe>, String> {
    let mut valid = Vec::new();
    let mut faults = Vec::new();
    for probe in probes {
        match probe {
            Ok(probe) => valid.push(probe),
            Err(why) => faults.push(fault(why)),
        }
    }
    if faults.is_empty() {
        Ok(valid)
    } else {
        Err(faults.join("\n"))
    }
}

fn fault(why: String) -> String {
    format!("httpok check: {why}")
}

fn probe(name: String, spec: ProbeSpec, expectation: Expectation) -> Result<CheckProbe, String> {
    let probe = Probe::new(spec, &expectation.body_needs());
    Ok(CheckProbe {
        probe: probe.map_err(|fault| format!("{name}: {fault}"))?,
        name,
        expectation,
    })
}
