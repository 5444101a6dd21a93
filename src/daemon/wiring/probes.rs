//! Settings of a check's question become a live probe.

use std::time::Duration;

use crate::config::settings::{
    Exec, Family as Version, Http, Line, Peer as Named, Probe as Asked, Tls, Until as End,
};
use crate::health::Expectation;
use crate::probe::http::{self, Override, Spec, TlsSpec};
use crate::probe::line::{self, Peer, Until};
use crate::probe::{Family, Probe, SpecError};

use super::run_options::RunOptions;

/// What is kept of a body for excerpts, in bytes, when no expectation needs more.
const KEEP: usize = 64 * 1024;

/// The probe for what is `asked`, which sees all that `expectation` is about.
///
/// # Errors
/// Says what cannot be asked like that.
pub fn probe(
    asked: &Asked,
    expectation: &Expectation,
    run_options: &RunOptions,
) -> Result<Probe, SpecError> {
    let needles = expectation.needles();
    let needles: Vec<_> = needles.map(|text| text.as_bytes().to_vec()).collect();
    let keep = usize::try_from(expectation.keep()).map_or(usize::MAX, |all| all.max(KEEP));
    Ok(match asked {
        Asked::Http(http) => {
            let spec = http_spec(http, needles, run_options);
            Probe::Http(http::Probe::new(Spec { keep, ..spec })?)
        }
        Asked::Line(line) => Probe::Line(line::Probe::new(line_spec(line, needles, expectation))?),
        Asked::Exec(exec) => Probe::Exec(crate::probe::exec::Probe::new(exec_spec(exec, needles))?),
    })
}

/// The probe that warms a program up: what it answers is not kept.
///
/// # Errors
/// Says what cannot be asked like that.
pub fn warmup(http: &Http, run_options: &RunOptions) -> Result<Probe, SpecError> {
    let spec = Spec {
        keep: 0,
        timeout: http.timeout.min(LONGEST),
        // nobody listening yet is the decision core's to bear
        retry_refused: None,
        ..http_spec(http, Vec::new(), run_options)
    };
    Ok(Probe::Http(http::Probe::new(spec)?))
}

fn http_spec(http: &Http, needles: Vec<Vec<u8>>, run_options: &RunOptions) -> Spec {
    Spec {
        method: http.method.clone(),
        headers: http.headers.clone(),
        data: http.data.clone(),
        user: http.user.clone(),
        tls: tls(&http.tls),
        follow: http.follow,
        max_body: http.max_body,
        needles,
        user_agent: run_options.user_agent.clone(),
        retry_refused: run_options.retry_refused,
        resolve: http.resolve.iter().map(known).collect(),
        family: http.family.map(family),
        http2: http.http2,
        unix_socket: http.unix_socket.clone(),
        ready: http.ready.clone(),
        ..Spec::new(http.url.clone(), http.timeout)
    }
}

fn line_spec(line: &Line, needles: Vec<Vec<u8>>, expectation: &Expectation) -> line::Spec {
    let peer = match &line.peer {
        Named::Tcp { host, port } => Peer::Tcp {
            host: host.clone(),
            port: *port,
        },
        Named::Unix(path) => Peer::Unix(path.clone()),
    };
    let until = match line.until {
        Some(End::Line) => Some(Until::Line),
        Some(End::Close) => Some(Until::Close),
        Some(End::Text) => Some(Until::Texts(texts(&expectation.body))),
        // nothing is said and nothing expected: that somebody listens is enough
        None if line.send.is_none() && !expectation.reads_body() => None,
        None => Some(Until::LineOrClose),
    };
    line::Spec {
        send: line.send.as_ref().map(|bytes| bytes.expose().to_vec()),
        until,
        needles,
        max_body: line.max_body,
        family: line.family.map(family),
        ..line::Spec::new(line.url.clone(), peer, line.timeout)
    }
}

fn exec_spec(exec: &Exec, needles: Vec<Vec<u8>>) -> crate::probe::exec::Spec {
    crate::probe::exec::Spec {
        command: exec.command.clone(),
        timeout: exec.timeout.min(LONGEST),
        max_output: usize::try_from(exec.max_body).unwrap_or(usize::MAX),
        needles,
    }
}

/// Longer is as good as for ever, and no clock has to tell it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

fn texts(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn tls(tls: &Tls) -> TlsSpec {
    TlsSpec {
        insecure: tls.insecure,
        cacert: tls.cacert.clone(),
        cert: tls.cert.clone(),
        key: tls.key.clone(),
    }
}

fn known(known: &crate::config::settings::Override) -> Override {
    Override {
        host: known.host.clone(),
        port: known.port,
        address: known.address,
    }
}

fn family(version: Version) -> Family {
    match version {
        Version::V4 => Family::V4,
        Version::V6 => Family::V6,
    }
}
