//! The keys of a check that say what it asks: which kind of probe its URL or command means, and that no key
//! is of another kind. The keys of HTTP are read in `http`.

use std::time::Duration;

use toml::de::DeValue;

use super::diagnostics::Diagnostic;
use super::escape::unescape;
use super::http::{read_grpc, read_http};
use super::presets::Preset;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::exec::CommandLine;
use crate::probe::http::spec::{HttpSpec, IpFamily};
use crate::probe::line::spec::{LineSpec, Peer, Until};
use crate::probe::spec::{ExecSpec, HeartbeatSpec, ProbeSpec};
use crate::secret::SecretBytes;

/// The URL of a check that runs a command.
const EXEC: &str = "exec:";
/// What the keys of HTTP, and those of gRPC, are read for where there is no URL.
const NO_URL: &str = "http://localhost/";
const NO_GRPC_URL: &str = "grpc://localhost:1";

/// The kinds of checks, as people know them.
pub const HTTP: &str = "HTTP";
pub const LINE: &str = "tcp or unix";
pub const COMMAND: &str = "exec";
pub const GRPC: &str = "gRPC";
pub const HTTP_AND_GRPC: &str = "HTTP and gRPC";
pub const HEARTBEAT: &str = "heartbeat";

/// What a check that is not probed has no use for, beside the keys of other kinds.
const OF_PROBES: [&str; 12] = [
    "timeout",
    "max_body",
    "body",
    "not_body",
    "expect",
    "degraded",
    "verdicts",
    "max_parsed",
    "grace",
    "warmup",
    "warmup_timeout",
    "preset",
];

/// The keys that every kind of probe has.
#[derive(Default)]
pub struct Common {
    pub timeout: Option<Duration>,
    pub max_body: Option<u64>,
}

impl Common {
    fn read(table: &TomlTable<'_>) -> Self {
        Self {
            timeout: table.read("timeout", TomlValue::some_duration),
            max_body: table.read("max_body", TomlValue::some_size),
        }
    }
}

/// What the check asks. In the defaults, which have no URL, the keys of every kind are read.
pub fn read_probe(
    table: &TomlTable<'_>,
    url: Option<TomlValue<'_>>,
    preset: Option<&Preset>,
) -> ProbeSpec {
    let common = Common::read(table);
    let command = table.own("command");
    if let Some(heartbeat) = table.own("heartbeat") {
        let beside = url.as_ref().filter(|url| !url.is_preset);
        if let Some(other) = beside.or(command.as_ref()) {
            other.reject(Diagnostic::new(
                "a check that waits for heartbeats is not probed",
                "keep either of them: a service can have one check of each kind",
            ));
        }
        refuse_others(table, HEARTBEAT);
        refuse_of_probes(table);
        return ProbeSpec::Heartbeat(read_heartbeat(table, &heartbeat));
    }
    let named = url.as_ref().and_then(TomlValue::plain);
    if command.is_some() || named == Some(EXEC) {
        if let Some(url) = url.as_ref().filter(|_| named != Some(EXEC)) {
            url.reject(Diagnostic::new(
                "a URL beside a command",
                "keep one of them; the URL of a command is \"exec:\"",
            ));
        }
        refuse_others(table, COMMAND);
        return ProbeSpec::Exec(read_exec(url.as_ref(), command.as_ref(), &common));
    }
    let spec = |url: &str| match preset {
        Some(preset) => ProbeSpec::of_url(&preset.place(url)?),
        None => ProbeSpec::of_url(url),
    };
    match url.and_then(|url| url.parsed(spec)) {
        Some(ProbeSpec::Line(line)) => {
            refuse_others(table, LINE);
            ProbeSpec::Line(read_line(table, line, &common))
        }
        Some(ProbeSpec::Http(http)) => {
            refuse_others(table, HTTP);
            ProbeSpec::Http(read_http(table, http, &common))
        }
        Some(ProbeSpec::Grpc(grpc)) => {
            refuse_others(table, GRPC);
            ProbeSpec::Grpc(read_grpc(table, grpc, &common))
        }
        Some(other @ (ProbeSpec::Exec(_) | ProbeSpec::Heartbeat(_))) => other,
        None => {
            // the defaults, or a wrong URL: what is wrong with any key is reported all the same
            if let Ok(http) = HttpSpec::of_url(NO_URL) {
                read_http(table, http, &common);
            }
            ProbeSpec::Line(read_line(table, placeholder_spec(), &common))
        }
    }
}

/// A kind of probe, and the keys that it reads.
struct Kind {
    name: &'static str,
    keys: Vec<&'static str>,
}

/// Every kind. Which keys it has is found by reading a table without any.
fn kinds(table: &TomlTable<'_>) -> [Kind; 5] {
    let common = Common::default();
    let http = table.without_keys();
    if let Ok(placeholder_spec) = HttpSpec::of_url(NO_URL) {
        read_http(&http, placeholder_spec, &common);
    }
    let grpc = table.without_keys();
    if let Ok(ProbeSpec::Grpc(placeholder_spec)) = ProbeSpec::of_url(NO_GRPC_URL) {
        read_grpc(&grpc, placeholder_spec, &common);
    }
    let line = table.without_keys();
    read_line(&line, placeholder_spec(), &common);
    let kind = |name, keys| Kind { name, keys };
    [
        // only HTTP has a status
        kind(HTTP, [http.asked(), vec!["status"]].concat()),
        kind(LINE, line.asked()),
        kind(COMMAND, vec!["command"]),
        kind(GRPC, grpc.asked()),
        kind(HEARTBEAT, vec!["heartbeat", "heartbeat_token"]),
    ]
}

/// What the keys of a plain connection are read for where there is no URL.
fn placeholder_spec() -> LineSpec {
    LineSpec::new("", Peer::Unix("/".into()))
}

/// Reports the table's own keys that are for other kinds than `name`. A default may be for some checks
/// and not for others.
fn refuse_others(table: &TomlTable<'_>, name: &str) {
    let kinds = kinds(table);
    let own = kinds.iter().filter(|kind| kind.name == name);
    let mut known: Vec<_> = own.flat_map(|kind| kind.keys.clone()).collect();
    for other in &kinds {
        for &key in &other.keys {
            if known.contains(&key) {
                continue;
            }
            known.push(key);
            if let Some(value) = table.own(key) {
                let only = value.key.map(|key| key.only);
                let kinds = only.filter(|kinds| !kinds.is_empty());
                let kinds = kinds.unwrap_or(other.name);
                value.reject(Diagnostic::new(
                    format!("{key:?} is for {kinds} checks, and this is not one"),
                    "leave it out",
                ));
            }
        }
    }
}

/// Reports the table's own keys that only a probe has a use for.
fn refuse_of_probes(table: &TomlTable<'_>) {
    for key in OF_PROBES {
        if let Some(value) = table.own(key) {
            value.reject(Diagnostic::new(
                format!("{key:?} is for checks that are probed, and this one waits for heartbeats"),
                "leave it out",
            ));
        }
    }
}

fn read_heartbeat(table: &TomlTable<'_>, every: &TomlValue<'_>) -> HeartbeatSpec {
    let token = table.get("heartbeat_token");
    let token = token.and_then(|value| value.some_secret());
    HeartbeatSpec {
        every: every.some_duration().unwrap_or(Duration::from_secs(1)),
        token,
    }
}

/// The family of addresses that `ip` wants. `fits` says whether the URL has one of another.
pub fn read_family(
    table: &TomlTable<'_>,
    fits: impl FnOnce(Option<IpFamily>) -> Result<(), String>,
) -> Option<IpFamily> {
    let value = table.get("ip")?;
    let family = family(&value);
    if let Err(why) = fits(family) {
        value.reject(Diagnostic::new(why, "leave it out, or write a host's name"));
    }
    family
}

fn family(value: &TomlValue<'_>) -> Option<IpFamily> {
    let family = match value.found {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) => number.as_str(),
        _ => "",
    };
    match family {
        "4" => Some(IpFamily::V4),
        "6" => Some(IpFamily::V6),
        _ => {
            value.reject(Diagnostic::new(
                "not a version of IP",
                "expected \"4\" or \"6\", or leave it out for both",
            ));
            None
        }
    }
}

/// The command to run; `url` is where it is reported missing.
fn read_exec(
    url: Option<&TomlValue<'_>>,
    command: Option<&TomlValue<'_>>,
    common: &Common,
) -> ExecSpec {
    if let (Some(url), None) = (url, command) {
        url.reject(Diagnostic::new(
            "no command to run",
            "for example: command = [\"check_disk\", \"-w\", \"10%\"]",
        ));
    }
    let command = command.and_then(TomlValue::command);
    let exec = ExecSpec::new(command.unwrap_or(CommandLine::Argv(Vec::new())));
    ExecSpec {
        timeout: common.timeout.unwrap_or(exec.timeout),
        max_body: common.max_body.unwrap_or(exec.max_body),
        ..exec
    }
}

/// `line` with what the table says.
fn read_line(table: &TomlTable<'_>, line: LineSpec, common: &Common) -> LineSpec {
    let family = read_family(table, |family| line.check_family(family));
    LineSpec {
        timeout: common.timeout.unwrap_or(line.timeout),
        max_body: common.max_body.unwrap_or(line.max_body),
        family,
        send: table.read("send", payload),
        until: table.read("until", |value| until(table, value)),
        ..line
    }
}

/// Escapes are those of the text alone, not of what is put into it.
fn payload(value: &TomlValue<'_>) -> Option<SecretBytes> {
    let text = value.any_text()?;
    let filled = value
        .sources()
        .fill_with(&text, |secret| secret.replace('\\', r"\\"));
    match filled {
        Ok(filled) => value.accept(unescape(&filled)).map(SecretBytes::new),
        Err(faults) => {
            faults.into_iter().for_each(|invalid| value.reject(invalid));
            None
        }
    }
}

fn until(table: &TomlTable<'_>, value: &TomlValue<'_>) -> Option<Until> {
    let word = value.text()?;
    // a text that is wrong is reported where it is read for the expectation
    let body = table.get("body");
    let texts = body.as_ref().map_or_else(Vec::new, |body| {
        body.each(|text| text.plain().map(str::to_owned))
    });
    let until = Until::from_name(&word, &texts);
    match until {
        Some(Until::Texts(_)) if body.is_none() => value.reject(Diagnostic::new(
            "no text to wait for",
            "add body = \"TEXT\"",
        )),
        Some(_) => {}
        None => value.none_of("end of an answer", &word, &Until::NAMES),
    }
    until
}
