//! The keys of a check that say what a passing answer looks like, and what others mean. A fault in an
//! assertion is reported at its column in the file.

use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::health::{Assertion, Expectation, StatusSet, Verdict, VerdictRule};

/// What a passing answer looks like.
pub fn read_expectation(table: &TomlTable<'_>) -> Expectation {
    Expectation {
        status: table.read("status", status).unwrap_or_default(),
        body: read_each(table, "body", TomlValue::any_text),
        not_body: read_each(table, "not_body", TomlValue::any_text),
        expect: read_each(table, "expect", assertion),
        degraded: read_each(table, "degraded", degraded),
        verdicts: read_each(table, "verdicts", rule),
        max_parsed: table
            .read("max_parsed", TomlValue::some_size)
            .unwrap_or(Expectation::MAX_PARSED),
    }
}

fn read_each<'a, T>(
    table: &TomlTable<'a>,
    key: &'static str,
    read: impl Fn(&TomlValue<'a>) -> Option<T>,
) -> Vec<T> {
    let value = table.get(key);
    value.map_or_else(Vec::new, |value| value.each(read))
}

fn assertion(value: &TomlValue<'_>) -> Option<Assertion> {
    let text = value.some_text()?;
    Assertion::parse(&text)
        .map_err(|error| {
            let start = error.column - 1;
            let invalid = Diagnostic::new(error.message, error.help);
            value.reject_part(start..start + error.length, invalid);
        })
        .ok()
}

/// An assertion of `degraded`, where people write what is degraded instead of what good answers meet.
fn degraded(value: &TomlValue<'_>) -> Option<Assertion> {
    let read = assertion(value)?;
    if read.fails_for_good_answer() {
        value.warn(
            "this warns of every good answer",
            "degraded holds what good answers meet, such as 'certificate expires > 14d'",
        );
    }
    Some(read)
}

fn rule(value: &TomlValue<'_>) -> Option<VerdictRule> {
    let table = TomlTable::of(value);
    let when = table.required("when", "'line == \"Warmup in progress\"'");
    let is = table.required("is", "\"starting\"");
    table.finish();
    // both are read, so that what is wrong with either is reported
    let (when, is) = (
        when.as_ref().and_then(assertion),
        is.as_ref().and_then(verdict),
    );
    Some(VerdictRule {
        when: when?,
        is: is?,
    })
}

fn verdict(value: &TomlValue<'_>) -> Option<Verdict> {
    let word = value.text()?;
    let found = Verdict::from_name(&word);
    if found.is_none() {
        value.none_of("verdict", &word, &Verdict::ALL.map(Verdict::as_str));
    }
    found
}

/// Codes as integers or words, one or a list of them.
fn status(value: &TomlValue<'_>) -> Option<StatusSet> {
    use toml::de::DeValue;
    let words = value.each(|item| {
        let word = match item.found {
            DeValue::Integer(code) => code.to_string(),
            DeValue::String(word) => word.to_string(),
            _ => {
                return item.mistyped("a status", "for example: 200, \"2xx\" or \"200-299\"");
            }
        };
        let one = item.accept(StatusSet::from_words(&[word.as_str()]))?;
        // 101 answers who asks for another protocol, and 999 is what some large sites answer to robots
        let is_known = matches!(word.trim(), "101" | "999");
        if !one.can_be_final() && !is_known {
            item.warn(
                format!("no answer has the status {word}"),
                "expected codes from 200 to 599, such as \"2xx\" or \"200-299\"",
            );
        }
        Some(word)
    });
    if value.is_empty_list() {
        value.reject(Diagnostic::new(
            "a list of no status",
            "leave the key out for [200]",
        ));
    }
    StatusSet::from_words(&words).ok()
}
