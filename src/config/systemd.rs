//! `[supervisor.systemd]`: whose service manager is meant. The section may be left out.

use super::settings::{Scope, Systemd};
use super::table::Table;
use super::value::Value;

/// How systemd is reached.
pub fn read_systemd(table: &Table<'_>) -> Systemd {
    let read = Systemd {
        scope: table.read("scope", scope).unwrap_or_default(),
    };
    table.finish();
    read
}

fn scope(value: &Value<'_>) -> Option<Scope> {
    let word = value.text()?;
    match word.as_str() {
        "system" => Some(Scope::System),
        "user" => Some(Scope::User),
        _ => {
            value.none_of("scope", &word, &["system", "user"]);
            None
        }
    }
}
