//! `[check.capture]`: which evidence is kept before a restart.

use super::table::TomlTable;
use super::value::TomlValue;
use crate::action::spec::{CaptureSpec, Dumper};

/// More core files than any disk holds.
const MOST: u32 = 10_000;

/// The evidence that `[check.capture]` asks for: the cheap kinds without that table, and none (`None`) with `keep = 0`.
pub fn read_capture(table: &TomlTable<'_>) -> Option<CaptureSpec> {
    let usual = CaptureSpec::default();
    let Some(table) = table.table("capture") else {
        return Some(usual);
    };
    let cores = table.read("cores", TomlValue::path);
    let gcore = table.read("gcore", TomlValue::some_text);
    let read = CaptureSpec {
        core: cores.as_ref().map(|_| {
            let gcore = gcore.as_deref().map(Dumper::new);
            gcore.unwrap_or_default()
        }),
        dir: cores,
        run: table.get("run").map_or_else(Vec::new, |value| {
            value.check_placeholders(&CaptureSpec::PLACEHOLDERS);
            value.each(TomlValue::command)
        }),
        timeout: table
            .read("timeout", TomlValue::some_duration)
            .unwrap_or(usual.timeout),
        keep: table
            .read("keep", |value| value.count(0, MOST))
            .unwrap_or(usual.keep),
        max_bytes: table
            .read("max_bytes", TomlValue::size)
            .unwrap_or(usual.max_bytes),
        min_free: table
            .read("min_free", TomlValue::size)
            .unwrap_or(usual.min_free),
        ..usual
    };
    table.finish();
    (read.keep > 0).then_some(read)
}
