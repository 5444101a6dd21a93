//! What is asked: the URLs of the command line, or the checks of a configuration file.

use crate::cli::args::{AskArgs, CheckArgs, WireArgs};
use crate::cli::values;
use crate::config;
use crate::config::settings;
use crate::health::{Expectation, StatusSet};
use crate::probe::http::{Family, Override, Probe, Spec, TlsSpec};
use crate::secret::redact_url;

/// So much of a body is kept, to be shown when it is not the expected one.
const KEEP: usize = 4096;

/// One question, ready to be asked.
#[derive(Debug)]
pub struct Ask {
    /// The check's name, or the URL without userinfo.
    pub name: String,
    /// How it is asked.
    pub spec: Spec,
    /// Made from `spec`.
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
    let expectation = expectation(&args.ask).map_err(told)?;
    all(args.targets.iter().map(|url| {
        values::url(url)?;
        ask(
            redact_url(url),
            spec(url, &args.ask, &args.wire),
            expectation.clone(),
        )
    }))
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
                "{name:?} is no check of {}: expected {}",
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
    all(chosen.map(|check| {
        let settings::Probe::Http(http) = &check.probe;
        ask(check.name, spec_of(http), check.expectation)
    }))
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

fn ask(name: String, mut spec: Spec, expectation: Expectation) -> Result<Ask, String> {
    spec.keep = usize::try_from(expectation.keep()).map_or(usize::MAX, |whole| whole.max(KEEP));
    spec.needles = expectation
        .needles()
        .map(|text| text.as_bytes().to_vec())
        .collect();
    let probe = Probe::new(spec.clone()).map_err(|fault| fault.to_string())?;
    Ok(Ask {
        name,
        spec,
        probe,
        expectation,
    })
}

/// What the options say about a good answer.
pub fn expectation(args: &AskArgs) -> Result<Expectation, String> {
    Ok(Expectation {
        status: match args.codes.as_slice() {
            [] => StatusSet::default(),
            codes => StatusSet::from_words(codes)?,
        },
        body: args.body.clone(),
        not_body: args.not_body.clone(),
        ..Expectation::default()
    })
}

fn spec(url: &str, ask: &AskArgs, wire: &WireArgs) -> Spec {
    Spec {
        method: ask.method(),
        headers: ask.headers.clone(),
        data: ask.data.as_ref().map(|data| data.clone().into_bytes()),
        user: ask.user.clone(),
        tls: TlsSpec {
            insecure: ask.insecure,
            cacert: ask.cacert.clone(),
            cert: wire.cert.clone(),
            key: wire.key.clone(),
        },
        follow: ask.follow,
        max_body: ask.max_body,
        resolve: wire
            .resolve
            .iter()
            .map(|(host, port, address)| Override {
                host: host.clone(),
                port: *port,
                address: *address,
            })
            .collect(),
        family: match (wire.ipv4, wire.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            (false, false) => None,
        },
        http2: wire.http2,
        unix_socket: wire.unix_socket.clone(),
        ..Spec::new(url, ask.timeout)
    }
}

/// A configured check's question.
fn spec_of(http: &settings::Http) -> Spec {
    Spec {
        method: http.method.clone(),
        headers: http.headers.clone(),
        data: http.data.clone(),
        user: http.user.clone(),
        tls: TlsSpec {
            insecure: http.tls.insecure,
            cacert: http.tls.cacert.clone(),
            ..TlsSpec::default()
        },
        follow: http.follow,
        max_body: http.max_body,
        ..Spec::new(http.url.clone(), http.timeout)
    }
}
