//! `[check.capture]`: which evidence is kept before a restart.

use toml::de::DeValue;

use super::faults::Wrong;
use super::settings::{Capture, Command};
use super::table::Table;
use super::value::Value;

/// More core files than any disk holds.
const MOST: u32 = 10_000;

/// The evidence that `[check.capture]` asks for; `None` without that table.
pub fn read_capture(table: &Table<'_>) -> Option<Capture> {
    let table = table.table("capture")?;
    let usual = Capture::default();
    let read = Capture {
        cores: table.read("cores", Value::path),
        gcore: table.read("gcore", Value::some_text).unwrap_or(usual.gcore),
        run: table
            .get("run")
            .map_or_else(Vec::new, |value| commands(&value)),
        timeout: table
            .read("timeout", Value::some_duration)
            .unwrap_or(usual.timeout),
        keep: table
            .read("keep", |value| value.count(1, MOST))
            .unwrap_or(usual.keep),
        max_bytes: table
            .read("max_bytes", Value::size)
            .unwrap_or(usual.max_bytes),
        min_free: table
            .read("min_free", Value::size)
            .unwrap_or(usual.min_free),
    };
    table.finish();
    Some(read)
}

/// Commands, each a string or a list of strings; a single string is a single command.
fn commands(value: &Value<'_>) -> Vec<Command> {
    value.each(|item| {
        let DeValue::Array(words) = item.found else {
            return item.some_text().map(Command::Shell);
        };
        if words.is_empty() {
            item.wrong(Wrong::new(
                "a command of no words",
                "for example: [\"ss\", \"-tnp\"]",
            ));
        }
        Some(Command::Argv(item.each(Value::text)))
    })
}
