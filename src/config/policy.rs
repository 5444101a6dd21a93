//! The keys of a check that say when its failures lead to an action.

use std::collections::BTreeSet;

use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::health::{Backoff, Fails, Policy, Reason};
use crate::sorted;

/// More than anybody counts to; and a window of results is kept in memory.
const MOST: u32 = 1000;

/// When fails lead to an action.
pub fn read_policy(table: &TomlTable<'_>, usual: Policy) -> Policy {
    Policy {
        fail: fails(table).unwrap_or(usual.fail),
        pass_after: table
            .read("pass_after", |value| value.count(1, MOST))
            .unwrap_or(usual.pass_after),
        grace: table
            .read("grace", TomlValue::duration)
            .unwrap_or(usual.grace),
        backoff: backoff(table),
        restarts: table
            .read("restarts", |value| {
                value.unless_off("unlimited", TomlValue::budget)
            })
            .unwrap_or(usual.restarts),
        rearm: table
            .read("rearm", |value| {
                value.unless_off("never", TomlValue::some_duration)
            })
            .unwrap_or(usual.rearm),
        act_on: table.get("act_on").and_then(|value| act_on(&value)),
        notify: usual.notify,
    }
}

fn fails(table: &TomlTable<'_>) -> Option<Fails> {
    match table.one_of(&["fail_after", "fail_within"])? {
        ("fail_within", value) => value.parsed(within),
        (_, value) => value.count(1, MOST).map(Fails::InARow),
    }
}

/// Reads `3/5`: three of five.
fn within(text: &str) -> Result<Fails, String> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let parts = text.split_once('/');
    let parts = parts.and_then(|(fails, of)| Some((number(fails)?, number(of)?)));
    match parts {
        Some((fails, of)) if 1 <= fails && fails <= of && of <= MOST => {
            Ok(Fails::Within { fails, of })
        }
        Some((fails, of)) if of <= MOST => Err(format!(
            "{fails} of {of} never happens or always: expected FAILS/PROBES, with FAILS from 1 to PROBES, such as \"3/5\""
        )),
        Some(_) => Err(format!("{text:?} is too many: expected at most {MOST}")),
        None => Err(format!(
            "{text:?} is not \"m of n\": expected FAILS/PROBES, such as \"3/5\""
        )),
    }
}

fn backoff(table: &TomlTable<'_>) -> Backoff {
    let usual = Backoff::default();
    let Some(table) = table.table("backoff") else {
        return usual;
    };
    let (min, max) = (table.get("min"), table.get("max"));
    let longest = max.as_ref().and_then(TomlValue::duration);
    let shortest = min.as_ref().and_then(TomlValue::duration);
    let factor = table.read("factor", |value| {
        let factor = value.number()?;
        if (1.0..=1000.0).contains(&factor) {
            return Some(factor);
        }
        value.reject(Diagnostic::new(
            "a factor that is out of range",
            "expected 1 for equal pauses, 2 for pauses that double; at most 1000",
        ));
        None
    });
    let read = Backoff {
        min: shortest.unwrap_or(usual.min),
        max: longest.unwrap_or(usual.max),
        factor: factor.unwrap_or(usual.factor),
    };
    if read.min > read.max
        && let Some(value) = max.or(min)
    {
        value.reject(Diagnostic::new(
            "the longest pause is shorter than the shortest",
            format!(
                "expected min <= max, found min = {:?} and max = {:?}",
                humantime::format_duration(read.min).to_string(),
                humantime::format_duration(read.max).to_string()
            ),
        ));
    }
    table.finish();
    read
}

/// The reasons to act on; `None` is all.
fn act_on(value: &TomlValue<'_>) -> Option<BTreeSet<Reason>> {
    let words = value.each(|item| Some((item.clone(), item.text()?)));
    if value.is_empty_list() {
        value.reject(Diagnostic::new(
            "nothing to act on",
            "leave out \"restart\" to restart nothing, or set dry_run = true",
        ));
    }
    let all = words.iter().any(|(_, word)| word == "fail");
    let reasons = words.iter().filter(|(_, word)| word != "fail");
    let reasons = sorted::set(reasons.filter_map(|(item, word)| reason(item, word)));
    (!all).then_some(reasons)
}

fn reason(value: &TomlValue<'_>, word: &str) -> Option<Reason> {
    let reason = Reason::from_name(word);
    match reason {
        Some(reason) if reason.is_ours() => value.reject(Diagnostic::new(
            format!("{word:?} is the watchdog's own trouble, which never leads to an action"),
            "leave it out",
        )),
        Some(_) => {}
        None => {
            let services = Reason::ALL.into_iter().filter(|reason| !reason.is_ours());
            let words: Vec<_> = services.map(Reason::as_str).chain(["fail"]).collect();
            value.none_of("reason", word, &words);
        }
    }
    reason
}
