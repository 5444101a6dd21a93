//! The keys of a check of `tcp://` or `unix://`.

use super::common::Common;
use super::diagnostics::Diagnostic;
use super::escape::unescape;
use super::settings::{Line, Payload, Until};
use super::table::Table;
use super::value::Value;

/// `line` with what the table says.
pub fn read_line(table: &Table<'_>, line: Line, common: &Common) -> Line {
    Line {
        timeout: common.timeout.unwrap_or(line.timeout),
        max_body: common.max_body.unwrap_or(line.max_body),
        family: common.family,
        send: table.read("send", payload),
        until: table.read("until", |value| until(table, value)),
        ..line
    }
}

/// Escapes are those of the text alone, not of what is put into it.
fn payload(value: &Value<'_>) -> Option<Payload> {
    let text = value.some_text()?;
    let filled = value
        .parse_context
        .sources
        .fill_with(&text, |secret| secret.replace('\\', r"\\"));
    match filled {
        Ok(filled) => value.accept(unescape(&filled)).map(Payload::new),
        Err(faults) => {
            faults.into_iter().for_each(|wrong| value.wrong(wrong));
            None
        }
    }
}

fn until(table: &Table<'_>, value: &Value<'_>) -> Option<Until> {
    let word = value.text()?;
    let until = Until::from_name(&word);
    match until {
        Some(Until::Text) if table.get("body").is_none() => value.wrong(Diagnostic::new(
            "no text to wait for",
            "add body = \"TEXT\"",
        )),
        Some(_) => {}
        None => value.none_of(
            "end of an answer",
            &word,
            &Until::NAMES.map(|(name, _)| name),
        ),
    }
    until
}
