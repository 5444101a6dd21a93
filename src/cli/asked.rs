//! A URL and the options beside it, as `check` and `watch` take them, in the terms of the configuration.

use crate::cli::args::{AskArgs, ConnectionArgs};
use crate::config::presets;
use crate::config::settings::CheckSettings;
use crate::health::{Expectation, StatusSet};
use crate::probe::grpc::GrpcSpec;
use crate::probe::http::{HttpSpec, TlsSpec};
use crate::probe::line::{LineSpec, Until};
use crate::probe::{IpFamily, ProbeSpec};
use crate::secret::{SecretBytes, shown_url};
use http::Method;

/// What is asked of each of `urls`, or what is wrong with it; then what is wrong with the options. A check
/// is named after its URL.
pub fn checks(
    urls: &[String],
    ask: &AskArgs,
    wire: &ConnectionArgs,
) -> (Vec<Result<CheckSettings, String>>, Option<String>) {
    let checks: Vec<_> = urls.iter().map(|url| check_of(url, ask, wire)).collect();
    let all = |is: fn(&ProbeSpec) -> bool| {
        let is =
            |check: &Result<CheckSettings, String>| check.as_ref().is_ok_and(|it| is(&it.probe));
        checks.iter().all(is)
    };
    // an option that means nothing to any URL would be given and change nothing
    let idle = if all(|probe| matches!(probe, ProbeSpec::Http(_))) {
        for_lines(ask).map(|option| (option, "tcp:// and unix://"))
    } else if all(|probe| matches!(probe, ProbeSpec::Line(_))) {
        for_http(ask, wire).map(|option| (option, "HTTP"))
    } else if all(|probe| matches!(probe, ProbeSpec::Grpc(_))) {
        let other = for_lines(ask).map(|option| (option, "tcp:// and unix://"));
        other.or_else(|| for_http_alone(ask, wire).map(|option| (option, "HTTP")))
    } else {
        None
    };
    let fault = idle.map(|(option, kind)| format!("{option} is for {kind} URLs: there is none"));
    (checks, fault)
}

/// The same for a single URL.
///
/// # Errors
/// Says what is wrong with the URL or the options.
pub fn check(url: &str, ask: &AskArgs, wire: &ConnectionArgs) -> Result<CheckSettings, String> {
    let (mut checks, fault) = checks(&[url.to_owned()], ask, wire);
    match fault {
        Some(fault) => Err(fault),
        None => checks.remove(0),
    }
}

fn check_of(url: &str, ask: &AskArgs, wire: &ConnectionArgs) -> Result<CheckSettings, String> {
    let CheckSettings {
        probe, expectation, ..
    } = match ask.preset {
        Some(preset) => presets::check(preset, url)?,
        None => CheckSettings::of_url("", url)?,
    };
    let probe = match probe {
        ProbeSpec::Http(asked) => ProbeSpec::Http(http(asked, ask, wire)),
        ProbeSpec::Line(asked) => ProbeSpec::Line(line(asked, ask, wire)?),
        ProbeSpec::Grpc(asked) => ProbeSpec::Grpc(grpc(asked, ask, wire)),
        other @ (ProbeSpec::Exec(_) | ProbeSpec::Heartbeat(_)) => other,
    };
    Ok(CheckSettings {
        expectation: expected(expectation, ask)?,
        ..CheckSettings::new(shown_url(url), probe)
    })
}

fn http(asked: HttpSpec, ask: &AskArgs, wire: &ConnectionArgs) -> HttpSpec {
    let data = ask.data.clone().map(SecretBytes::new);
    let usual = match data {
        Some(_) => Method::POST,
        None => asked.method,
    };
    HttpSpec {
        timeout: ask.timeout,
        method: ask.method.clone().unwrap_or(usual),
        headers: asked
            .headers
            .into_iter()
            .chain(ask.headers.clone())
            .collect(),
        data,
        user: ask.user.clone().or(asked.user),
        tls: tls(ask, wire),
        follow: ask.follow,
        max_body: ask.max_body.unwrap_or(asked.max_body),
        resolve: wire.resolve.clone(),
        family: family(wire),
        http2: wire.http2,
        unix_socket: wire.unix_socket.clone(),
        ..asked
    }
}

fn grpc(asked: GrpcSpec, ask: &AskArgs, wire: &ConnectionArgs) -> GrpcSpec {
    let asked_http = asked.http;
    let metadata = ask.headers.clone();
    GrpcSpec {
        http: HttpSpec {
            timeout: ask.timeout,
            headers: asked_http.headers.iter().cloned().chain(metadata).collect(),
            tls: tls(ask, wire),
            resolve: wire.resolve.clone(),
            family: family(wire),
            unix_socket: wire.unix_socket.clone(),
            ..asked_http
        },
        ..asked
    }
}

fn tls(ask: &AskArgs, wire: &ConnectionArgs) -> TlsSpec {
    TlsSpec {
        insecure: ask.insecure,
        cacert: ask.cacert.clone(),
        cert: wire.cert.clone(),
        key: wire.key.clone(),
        as_original: false,
    }
}

fn line(asked: LineSpec, ask: &AskArgs, wire: &ConnectionArgs) -> Result<LineSpec, String> {
    let until = match &ask.until {
        Some(Until::Texts(_)) if ask.body.is_empty() => {
            return Err("--until text waits for the texts of --body, and there is none".to_owned());
        }
        Some(Until::Texts(_)) => Until::from_name("text", &ask.body),
        until => until.clone(),
    };
    Ok(LineSpec {
        timeout: ask.timeout,
        send: ask.send.clone().or(asked.send),
        until: until.or(asked.until),
        max_body: ask.max_body.unwrap_or(asked.max_body),
        family: family(wire),
        ..asked
    })
}

fn family(wire: &ConnectionArgs) -> Option<IpFamily> {
    match (wire.ipv4, wire.ipv6) {
        (true, _) => Some(IpFamily::V4),
        (_, true) => Some(IpFamily::V6),
        (false, false) => None,
    }
}

/// The first option given that only HTTP, and gRPC over it, has a use for.
fn for_http(ask: &AskArgs, wire: &ConnectionArgs) -> Option<&'static str> {
    let given = [
        ("--header", !ask.headers.is_empty()),
        ("--cacert", ask.cacert.is_some()),
        ("--insecure", ask.insecure),
        ("--cert", wire.cert.is_some()),
        ("--resolve", !wire.resolve.is_empty()),
        ("--unix-socket", wire.unix_socket.is_some()),
    ];
    let given = given.into_iter().find(|(_, is)| *is).map(|(name, _)| name);
    for_http_alone(ask, wire).or(given)
}

/// The first option given that gRPC has no use for.
fn for_http_alone(ask: &AskArgs, wire: &ConnectionArgs) -> Option<&'static str> {
    let given = [
        ("--code", !ask.codes.is_empty()),
        ("--method", ask.method.is_some()),
        ("--data", ask.data.is_some()),
        ("--user", ask.user.is_some()),
        ("--follow", ask.follow),
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

/// What the options say about a good answer, over what the preset says.
fn expected(usual: Expectation, args: &AskArgs) -> Result<Expectation, String> {
    Ok(Expectation {
        status: match args.codes.as_slice() {
            [] => usual.status,
            codes => StatusSet::from_words(codes)?,
        },
        body: args.body.clone(),
        not_body: args.not_body.clone(),
        expect: usual
            .expect
            .into_iter()
            .chain(args.expect.clone())
            .collect(),
        max_parsed: args.max_parsed.unwrap_or(usual.max_parsed),
        ..usual
    })
}
