//! The keys of a check that say how it is asked: which kind of probe its URL or command means, and that
//! no key is of another kind.

use std::path::PathBuf;

use super::address;
use super::common::Common;
use super::diagnostics::Diagnostic;
use super::exec::read_exec;
use super::http::read_http;
use super::line::read_line;
use super::presets::Preset;
use super::settings::{Http, Line, Peer, Probe};
use super::table::Table;
use super::value::Value;

/// The URL of a check that runs a command.
const EXEC: &str = "exec:";

/// A kind of probe, and the keys that are for it alone or for some.
struct Kind {
    name: &'static str,
    keys: &'static [&'static str],
}

const HTTP: Kind = Kind {
    name: "HTTP",
    keys: &[
        "status",
        "method",
        "headers",
        "data",
        "user",
        "password",
        "insecure",
        "cacert",
        "cert",
        "key",
        "follow",
        "resolve",
        "http2",
        "unix_socket",
        "ready",
        "ip",
    ],
};
const LINE: Kind = Kind {
    name: "tcp or unix",
    keys: &["send", "until", "ip"],
};
const COMMAND: Kind = Kind {
    name: "exec",
    keys: &["command"],
};

/// How the check is asked. In the defaults, which have no URL, the keys of every kind are looked at.
pub fn read_probe(table: &Table<'_>, url: Option<Value<'_>>, preset: Option<&Preset>) -> Probe {
    let common = Common::read(table);
    let command = table.own("command");
    let named = url.as_ref().and_then(Value::plain);
    if command.is_some() || named == Some(EXEC) {
        if let Some(url) = url.as_ref().filter(|_| named != Some(EXEC)) {
            url.wrong(Diagnostic::new(
                "a URL beside a command",
                "keep one of them; the URL of a command is \"exec:\"",
            ));
        }
        refuse_others(table, &COMMAND);
        return Probe::Exec(read_exec(url.as_ref(), command.as_ref(), &common));
    }
    let asked = |url: &str| match preset {
        Some(preset) => address::probe(&preset.place(url)?),
        None => address::probe(url),
    };
    match url.and_then(|url| url.parsed(asked)) {
        Some(Probe::Line(line)) => {
            refuse_others(table, &LINE);
            Probe::Line(read_line(table, line, &common))
        }
        Some(Probe::Http(http)) => {
            refuse_others(table, &HTTP);
            Probe::Http(read_http(table, http, &common))
        }
        Some(asked @ Probe::Exec(_)) => asked,
        None => {
            // the defaults, or a URL that is none: what is wrong with any key is told all the same
            read_line(table, Line::new("", Peer::Unix(PathBuf::new())), &common);
            Probe::Http(read_http(table, Http::new(""), &common))
        }
    }
}

/// Reports the table's own keys that are for other kinds than `kind`. A default may be for some checks
/// and not for others.
fn refuse_others(table: &Table<'_>, kind: &Kind) {
    let mut known = kind.keys.to_vec();
    for other in [HTTP, LINE, COMMAND] {
        for &key in other.keys {
            if known.contains(&key) {
                continue;
            }
            known.push(key);
            if let Some(value) = table.own(key) {
                value.wrong(Diagnostic::new(
                    format!("{key:?} is for {} checks, and this is none", other.name),
                    "leave it out",
                ));
            }
        }
    }
}
