//! A URL and the options beside it, as `check` and `watch` take them, in the terms of the configuration.

use crate::cli::args::{AskArgs, WireArgs};
use crate::config::settings::{Check, Family, Http, Line, Probe, Tls};
use crate::health::{Expectation, StatusSet};

/// How each of `urls` is asked, or what is wrong with it; then what is wrong with the options.
pub fn probes(
    urls: &[String],
    ask: &AskArgs,
    wire: &WireArgs,
) -> (Vec<Result<Probe, String>>, Option<String>) {
    let probes: Vec<_> = urls.iter().map(|url| probe_of(url, ask, wire)).collect();
    let is_http = |probe: &Result<Probe, String>| matches!(probe, Ok(Probe::Http(_)));
    let is_line = |probe: &Result<Probe, String>| matches!(probe, Ok(Probe::Line(_)));
    // an option that means nothing to any URL would be given and change nothing
    let idle = match (probes.iter().all(is_http), probes.iter().all(is_line)) {
        (true, _) => for_lines(ask).map(|option| (option, "tcp:// and unix://")),
        (_, true) => for_http(ask, wire).map(|option| (option, "HTTP")),
        _ => None,
    };
    let fault = idle.map(|(option, kind)| format!("{option} is for {kind} URLs: there is none"));
    (probes, fault)
}

/// The same for a single URL.
///
/// # Errors
/// Says what is wrong with the URL or the options.
pub fn probe(url: &str, ask: &AskArgs, wire: &WireArgs) -> Result<Probe, String> {
    let (mut probes, fault) = probes(&[url.to_owned()], ask, wire);
    match fault {
        Some(fault) => Err(fault),
        None => probes.remove(0),
    }
}

fn probe_of(url: &str, ask: &AskArgs, wire: &WireArgs) -> Result<Probe, String> {
    Ok(match Check::of_url("", url)?.probe {
        Probe::Http(asked) => Probe::Http(http(asked, ask, wire)),
        Probe::Line(asked) => Probe::Line(line(asked, ask, wire)?),
        exec @ Probe::Exec(_) => exec,
    })
}

fn http(asked: Http, ask: &AskArgs, wire: &WireArgs) -> Http {
    Http {
        url: asked.url,
        timeout: ask.timeout,
        method: ask.method(),
        headers: ask.headers.clone(),
        data: ask.data.as_ref().map(|data| data.clone().into_bytes()),
        user: ask.user.clone().or(asked.user),
        tls: Tls {
            insecure: ask.insecure,
            cacert: ask.cacert.clone(),
            cert: wire.cert.clone(),
            key: wire.key.clone(),
        },
        follow: ask.follow,
        max_body: ask.max_body.unwrap_or(asked.max_body),
        resolve: wire.resolve.clone(),
        family: family(wire),
        http2: wire.http2,
        unix_socket: wire.unix_socket.clone(),
    }
}

fn line(asked: Line, ask: &AskArgs, wire: &WireArgs) -> Result<Line, String> {
    use crate::config::settings::Until;
    if ask.until == Some(Until::Text) && ask.body.is_empty() {
        return Err("--until text waits for the texts of --body, and there is none".to_owned());
    }
    Ok(Line {
        timeout: ask.timeout,
        send: ask.send.clone(),
        until: ask.until,
        max_body: ask.max_body.unwrap_or(asked.max_body),
        family: family(wire),
        ..asked
    })
}

fn family(wire: &WireArgs) -> Option<Family> {
    match (wire.ipv4, wire.ipv6) {
        (true, _) => Some(Family::V4),
        (_, true) => Some(Family::V6),
        (false, false) => None,
    }
}

/// The first option given that only HTTP has a use for.
fn for_http(ask: &AskArgs, wire: &WireArgs) -> Option<&'static str> {
    let given = [
        ("--code", !ask.codes.is_empty()),
        ("--header", !ask.headers.is_empty()),
        ("--method", ask.method.is_some()),
        ("--data", ask.data.is_some()),
        ("--user", ask.user.is_some()),
        ("--cacert", ask.cacert.is_some()),
        ("--insecure", ask.insecure),
        ("--follow", ask.follow),
        ("--cert", wire.cert.is_some()),
        ("--resolve", !wire.resolve.is_empty()),
        ("--unix-socket", wire.unix_socket.is_some()),
        ("--http2", wire.http2),
    ];
    given.into_iter().find(|(_, is)| *is).map(|(name, _)| name)
}

/// The first option given that only a plain connection has a use for.
fn for_lines(ask: &AskArgs) -> Option<&'static str> {
    let given = [
        ("--send", ask.send.is_some()),
        ("--until", ask.until.is_some()),
    ];
    given.into_iter().find(|(_, is)| *is).map(|(name, _)| name)
}

/// What the options say about a good answer.
///
/// # Errors
/// Says which status is none.
pub fn expectation(args: &AskArgs) -> Result<Expectation, String> {
    Ok(Expectation {
        status: match args.codes.as_slice() {
            [] => StatusSet::default(),
            codes => StatusSet::from_words(codes)?,
        },
        body: args.body.clone(),
        not_body: args.not_body.clone(),
        expect: args.expect.clone(),
        ..Expectation::default()
    })
}
