//! The keys of a check that every kind of probe has.

use std::time::Duration;

use super::diagnostics::Diagnostic;
use super::settings::Family;
use super::table::Table;
use super::value::Value;

/// What every kind is told.
pub struct Common {
    pub timeout: Option<Duration>,
    pub max_body: Option<u64>,
    pub family: Option<Family>,
}

impl Common {
    pub fn read(table: &Table<'_>) -> Self {
        Self {
            timeout: table.read("timeout", Value::some_duration),
            max_body: table.read("max_body", some_size),
            family: table.read("ip", family),
        }
    }
}

fn some_size(value: &Value<'_>) -> Option<u64> {
    let size = value.size()?;
    if size == 0 {
        value.wrong(Diagnostic::new(
            "no room for any answer",
            "for example: \"16MiB\"",
        ));
        return None;
    }
    Some(size)
}

fn family(value: &Value<'_>) -> Option<Family> {
    use toml::de::DeValue;
    let family = match value.found {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) => number.as_str(),
        _ => "",
    };
    match family {
        "4" => Some(Family::V4),
        "6" => Some(Family::V6),
        _ => {
            value.wrong(Diagnostic::new(
                "not a version of IP",
                "expected \"4\" or \"6\", or leave it out for both",
            ));
            None
        }
    }
}
