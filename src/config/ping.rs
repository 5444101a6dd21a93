//! `[heartbeat]`: the dead man's switch, which somebody elsewhere watches.

use std::time::Duration;

use super::diagnostics::Diagnostic;
use super::http::read_headers;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::notify::spec::{PingFormat, PingSpec, WebhookUrl};

/// Receivers count in minutes, and a request takes up to 10 s.
const SHORTEST: Duration = Duration::from_secs(10);

/// Without the key.
const EVERY: Duration = Duration::from_secs(60);

/// The switch of the file.
pub fn read_ping(table: &TomlTable<'_>) -> Option<PingSpec> {
    let table = table.table("heartbeat")?;
    let url = table.required("url", "\"https://hc.example.org/ping/x\"");
    let headers = read_headers(&table);
    let cacert = table.read("cacert", TomlValue::file);
    let every = table.read("every", every).unwrap_or(EVERY);
    let format = table.read("format", format).unwrap_or_default();
    table.finish();
    let value = url?;
    let url = value.accept(WebhookUrl::parse(value.hidden()?.expose()))?;
    Some(PingSpec {
        url,
        headers,
        cacert,
        every,
        format,
    })
}

fn every(value: &TomlValue<'_>) -> Option<Duration> {
    let span = value.some_duration()?;
    if span < SHORTEST {
        value.reject(Diagnostic::new(
            "a heartbeat more often than every 10s",
            "expected \"10s\" or more; receivers count in minutes",
        ));
        return None;
    }
    Some(span)
}

fn format(value: &TomlValue<'_>) -> Option<PingFormat> {
    let word = value.text()?;
    let found = PingFormat::ALL.iter().find(|(known, _)| *known == word);
    if found.is_none() {
        value.none_of("format", &word, &PingFormat::ALL.map(|(known, _)| known));
    }
    found.map(|(_, format)| *format)
}
