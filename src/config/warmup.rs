//! What a check's program is asked once after each start: a plain GET in the manner of the check itself.

use std::time::Duration;

use super::address;
use super::diagnostics::Diagnostic;
use super::settings::{Http, Probe};
use super::table::Table;
use super::value::Value;

/// The keys of a check that are read here.
const URL: &str = "warmup";
const TIMEOUT: &str = "warmup_timeout";

/// The request for a check that asks like `probe`.
pub fn read_warmup(table: &Table<'_>, probe: &Probe) -> Option<Http> {
    let timeout = table.read(TIMEOUT, Value::some_duration);
    let Some(url) = table.own(URL) else {
        if let Some(value) = table.own(TIMEOUT) {
            value.wrong(Diagnostic::new(
                "a time limit for no warm-up",
                "add warmup = \"http://127.0.0.1:8080/warmup\", or leave it out",
            ));
        }
        return None;
    };
    let asked = url.parsed(|text| match address::probe(text)? {
        Probe::Http(http) => Ok(http),
        Probe::Line(_) | Probe::Exec(_) => Err(format!(
            "{text:?} cannot warm up: expected a URL of http, https or http+unix"
        )),
    })?;
    Some(like(probe, asked, timeout.unwrap_or(Http::WARM_UP)))
}

/// `asked`, with all that the check's own requests need to be let in.
fn like(probe: &Probe, asked: Http, timeout: Duration) -> Http {
    let usual = match probe {
        Probe::Http(http) => http.clone(),
        Probe::Line(_) | Probe::Exec(_) => Http::new(""),
    };
    let plain = Http::new(asked.url);
    let names_its_socket = plain.url.starts_with("http+unix:");
    Http {
        url: plain.url,
        timeout,
        method: plain.method,
        data: plain.data,
        max_body: plain.max_body,
        ready: plain.ready,
        user: asked.user.or(usual.user.clone()),
        unix_socket: usual.unix_socket.clone().filter(|_| !names_its_socket),
        ..usual
    }
}
