//! `[[check]]` and `[defaults]`: one check from its table and the defaults below it.

use std::time::Duration;

use super::capture::read_capture;
use super::diagnostics::Diagnostic;
use super::expectation::read_expectation;
use super::fleet::read_fleet_of_check;
use super::http::read_warmup;
use super::ladder::read_ladder;
use super::policy::read_policy;
use super::presets::Preset;
use super::probe::read_probe;
use super::requires::{CheckDraft, Required};
use super::settings::CheckSettings;
use super::table::TomlTable;
use super::targets::read_target;
use super::value::TomlValue;
use super::warnings::warn_of_check;
use crate::health::{Backend, Fails, Policy};
use crate::probe::spec::ProbeSpec;

/// What the rest of the file says about every check.
#[derive(Clone, Copy, Debug)]
pub struct CheckContext {
    /// How often a check is asked that does not say.
    pub every: Duration,
    /// Where targets without a backend's word live.
    pub backend: Backend,
}

/// Reads `[defaults]` on its own, so that what is wrong there is reported once, even if no check uses it.
pub fn read_defaults(table: &TomlTable<'_>, context: CheckContext) {
    for key in [
        "name",
        "url",
        "command",
        "preset",
        "heartbeat",
        "heartbeat_token",
        "warmup",
        "ladder",
    ] {
        if let Some(value) = table.own(key) {
            value.reject(Diagnostic::new(
                format!("{key:?} cannot be a default"),
                "each check has its own: move it to its [[check]]",
            ));
        }
    }
    read_keys(table, None, context, None);
    table.finish();
}

/// One check. What cannot be read is reported, and stands in the draft as the default.
pub fn read_check<'a>(
    table: &TomlTable<'a>,
    context: CheckContext,
    preset: Option<&Preset>,
) -> CheckDraft<'a> {
    let name = table.required("name", "\"shop\"");
    let url = match table.own("url") {
        None if preset.is_some() => table.get("url"),
        None if table.own("command").is_none() && table.own("heartbeat").is_none() => {
            table.required("url", "\"http://127.0.0.1:8080/health\"")
        }
        url => url,
    };
    let mut draft = read_keys(table, url, context, preset);
    warn_of_check(table, &draft.check);
    if let Some(value) = name
        && let Some(name) = check_name(&value)
    {
        draft.check.name = name;
        draft.name = Some(value);
    }
    table.finish();
    draft
}

/// All keys that may also stand in the defaults.
fn read_keys<'a>(
    table: &TomlTable<'a>,
    url: Option<TomlValue<'a>>,
    context: CheckContext,
    preset: Option<&Preset>,
) -> CheckDraft<'a> {
    let requires = table.get("requires").map_or_else(Vec::new, |value| {
        value.each(|item| {
            let name = item.some_text()?;
            let value = item.clone();
            Some(Required { name, value })
        })
    });
    let targets = table.get("restart").map_or_else(Vec::new, |value| {
        value.each(|item| Some((read_target(item, context.backend)?, item.clone())))
    });
    let (ladder, wider) = read_ladder(table, context.backend, !targets.is_empty());
    let probe = read_probe(table, url, preset);
    let heartbeat = match &probe {
        ProbeSpec::Heartbeat(spec) => Some(spec.every),
        ProbeSpec::Http(_) | ProbeSpec::Line(_) | ProbeSpec::Exec(_) | ProbeSpec::Grpc(_) => None,
    };
    let usual = Policy {
        // it does not get truer by being seen again
        fail: heartbeat.map_or(Policy::default().fail, |_| Fails::InARow(1)),
        ..Policy::default()
    };
    let check = CheckSettings {
        every: table
            .read("every", TomlValue::some_duration)
            .unwrap_or_else(|| noticed_within(heartbeat, context.every)),
        expectation: read_expectation(table),
        policy: read_policy(table, usual),
        restart: targets.iter().map(|(target, _)| target.clone()).collect(),
        ladder,
        start_stopped: table
            .read("start_stopped", TomlValue::flag)
            .unwrap_or_default(),
        dry_run: table.read("dry_run", TomlValue::flag).unwrap_or_default(),
        capture: read_capture(table),
        warmup: read_warmup(table, &probe).map(Box::new),
        ..CheckSettings::new("", probe)
    };
    CheckDraft {
        check,
        fleet: read_fleet_of_check(table),
        name: None,
        token: table.own("heartbeat_token"),
        requires,
        targets: targets.into_iter().chain(wider).collect(),
    }
}

/// How often a check is due that does not say: whether a heartbeat is overdue is noticed soon.
fn noticed_within(heartbeat: Option<Duration>, every: Duration) -> Duration {
    match heartbeat {
        Some(period) => (period / 4).max(Duration::from_secs(1)).min(every),
        None => every,
    }
}

fn check_name(value: &TomlValue<'_>) -> Option<String> {
    let name = value.text()?;
    if name.trim().is_empty() {
        value.reject(Diagnostic::new(
            "an empty name",
            "for example: name = \"shop\"",
        ));
        return None;
    }
    if name.contains(char::is_control) {
        value.reject(Diagnostic::new(
            "a name with control characters in it",
            "a name is shown in mails, pages and metrics: for example \"shop\"",
        ));
        return None;
    }
    Some(name)
}
