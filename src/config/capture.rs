//! `[check.capture]`: which evidence is kept before a restart.

use super::table::Table;
use super::value::Value;
use crate::action::spec::{CaptureSpec, Dumper};

/// More core files than any disk holds.
const MOST: u32 = 10_000;

/// The evidence that `[check.capture]` asks for; `None` without that table.
pub fn read_capture(table: &Table<'_>) -> Option<CaptureSpec> {
    let table = table.table("capture")?;
    let usual = CaptureSpec::default();
    let cores = table.read("cores", Value::path);
    let gcore = table.read("gcore", Value::some_text);
    let read = CaptureSpec {
        core: cores.as_ref().map(|_| {
            let gcore = gcore.as_deref().map(Dumper::new);
            gcore.unwrap_or_default()
        }),
        dir: cores,
        run: table.get("run").map_or_else(Vec::new, |value| {
            value.check_placeholders(&CaptureSpec::PLACEHOLDERS);
            value.each(Value::command)
        }),
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
        ..usual
    };
    table.finish();
    Some(read)
}
