//! `[[maintenance]]`: recurring times in which restarts or reports are held back.

use std::time::Duration;

use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::tick::calendar::{Calendar, EXAMPLES, is_timezone};
use crate::tick::maintenance::MaintenanceSpec;

/// Windows shorter than this are over before anybody begins.
const SHORTEST: Duration = Duration::from_secs(60);

/// What lasts longer is no window.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// The windows of the file.
pub fn read_maintenance(table: &TomlTable<'_>) -> Vec<MaintenanceSpec> {
    let tables = table.tables("maintenance").into_iter();
    tables.filter_map(|table| read_window(&table)).collect()
}

fn read_window(table: &TomlTable<'_>) -> Option<MaintenanceSpec> {
    let checks = table.get("checks").map_or_else(
        || vec!["*".to_owned()],
        |value| value.each(TomlValue::some_text),
    );
    if let Some(value) = table.get("checks").filter(TomlValue::is_empty_list) {
        value.reject(Diagnostic::new(
            "a window for no check",
            "leave the key out for all checks, or leave out this [[maintenance]]",
        ));
    }
    let at = table.required("at", "\"Sun 02:00\"");
    let lasting = table.required("for", "\"2h\"");
    let timezone = table.read("timezone", timezone);
    let restart = table.read("restart", TomlValue::flag);
    let notify = table.get("notify");
    let notifies = notify.as_ref().and_then(TomlValue::flag);
    table.finish();
    if let (Some(true), Some(true), Some(value)) = (restart, notifies, &notify) {
        value.reject(Diagnostic::new(
            "a window that holds nothing",
            "leave restart or notify out: both are false by default",
        ));
    }
    let at = at.and_then(|value| calendar(&value, timezone.as_deref()));
    let span = lasting.as_ref().and_then(span);
    if let (Some(at), Some(span), Some(value)) = (&at, span, &lasting)
        && at.never_pauses(span)
    {
        value.warn(
            format!(
                "the window is always open: {at} comes again before {} are over",
                humantime::format_duration(span)
            ),
            "expected less than the time between two; to hold back restarts for good, restart = [] in the check",
        );
    }
    Some(MaintenanceSpec {
        checks,
        at: at?,
        lasting: span?,
        restart: restart.unwrap_or(false),
        notify: notifies.unwrap_or(false),
    })
}

fn calendar(value: &TomlValue<'_>, timezone: Option<&str>) -> Option<Calendar> {
    let text = value.some_text()?;
    match Calendar::parse(&text, timezone) {
        Ok(calendar) => Some(calendar),
        Err(why) => {
            let help = format!("expected such as {EXAMPLES}");
            value.reject(Diagnostic::new(format!("{text:?} {why}"), help));
            None
        }
    }
}

/// The name of a time zone that this system knows.
fn timezone(value: &TomlValue<'_>) -> Option<String> {
    let name = value.some_text()?;
    if is_timezone(&name) {
        return Some(name);
    }
    value.reject(Diagnostic::new(
        format!("{name:?} is not a time zone that this system knows"),
        "expected a name of /usr/share/zoneinfo, such as \"Europe/Berlin\"; without the key it is the system's own",
    ));
    None
}

fn span(value: &TomlValue<'_>) -> Option<Duration> {
    let span = value.some_duration()?;
    if (SHORTEST..=LONGEST).contains(&span) {
        return Some(span);
    }
    value.reject(Diagnostic::new(
        "a window lasts for 1m to 7d",
        "to hold back restarts for longer, use httpok pause, or restart = [] in the check",
    ));
    None
}
