//! `[check.capture]`: which evidence is kept before a restart.

use super::settings::Capture;
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
            .map_or_else(Vec::new, |value| value.each(Value::command)),
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
