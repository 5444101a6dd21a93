//! The file as a whole: the keys above the first table, and its sections.

use toml::de::DeValue;

use super::checks::{CheckContext, read_check, read_defaults};
use super::diagnostics::Diagnostic;
use super::fleet::{read_fleet, reject_without_fleet};
use super::fleet_warnings::warn_of_fleet;
use super::include;
use super::keys;
use super::maintenance::read_maintenance;
use super::notify::read_notify;
use super::presets::{self, Preset};
use super::program::{read_embedded, read_programs};
use super::requires::{CheckDraft, resolve};
use super::serve::read_serve;
use super::settings::{CheckSettings, Settings};
use super::supervisor::read_supervisor;
use super::table::TomlTable;
use super::targets::{check_names, check_targets};
use super::value::TomlValue;
use super::warnings::{warn_of_patterns, warn_of_tokens};

/// More restarts at once than any machine should see.
const MOST: u32 = 1000;

/// A check with its preset and the defaults below it.
pub struct LayeredCheck<'a> {
    pub table: TomlTable<'a>,
    pub preset: Option<&'static Preset>,
}

impl<'a> LayeredCheck<'a> {
    fn of(check: TomlTable<'a>, defaults: &TomlTable<'a>) -> Self {
        let preset = presets::of_check(&check);
        let table = match preset {
            Some(preset) => {
                let below = preset.below(&check).over(defaults);
                check.over(&below)
            }
            None => check.over(defaults),
        };
        Self { table, preset }
    }

    /// Those of the file, whose root is `table`.
    pub fn all(table: &TomlTable<'a>) -> Vec<Self> {
        let defaults = defaults_of(table);
        let checks = table.tables("check").into_iter();
        checks.map(|check| Self::of(check, &defaults)).collect()
    }
}

/// Everything. What cannot be read is reported, and stands there as the default.
pub fn read_settings(table: &TomlTable<'_>) -> Settings {
    let usual = Settings::default();
    // `include` has read them; here is said what is no name of a file
    table.read(include::INCLUDE, |value| {
        value.each(TomlValue::some_text);
        Some(())
    });
    let every = table
        .read("every", TomlValue::some_duration)
        .unwrap_or(CheckSettings::EVERY);
    let mut read = Settings {
        state_dir: table.read("state_dir", TomlValue::path),
        journal: table.read("journal", TomlValue::path),
        panic_threshold: table
            .read("panic_threshold", |value| value.unless_off("off", share))
            .unwrap_or(usual.panic_threshold),
        panic_window: table
            .read("panic_window", TomlValue::some_duration)
            .unwrap_or(usual.panic_window),
        max_concurrent_restarts: table
            .read("max_concurrent_restarts", |value| value.count(1, MOST))
            .unwrap_or(usual.max_concurrent_restarts),
        max_restarts: table
            .read("max_restarts", |value| {
                value.unless_off("unlimited", TomlValue::budget)
            })
            .unwrap_or(usual.max_restarts),
        dry_run: table.read("dry_run", TomlValue::flag).unwrap_or_default(),
        ..usual
    };
    read.supervisor = read_supervisor(table);
    let context = CheckContext {
        every,
        backend: read.supervisor.default,
    };
    let defaults = defaults(table, context);
    read.notify = read_notify(table);
    read.maintenance = read_maintenance(table);
    let fleet = read_fleet(table);
    read.serve = read_serve(table);
    read.programs = read_programs(table);
    read.on_exit = read_embedded(table);
    let tables = table.tables("check");
    // programs are worth running unwatched, too
    if tables.is_empty() && table.own("program").is_none() {
        report_no_check(table);
    }
    let mut drafts: Vec<CheckDraft<'_>> = tables
        .into_iter()
        .map(|check| {
            let check = LayeredCheck::of(check, &defaults);
            read_check(&check.table, context, check.preset)
        })
        .collect();
    resolve(&mut drafts);
    check_targets(&drafts, &read.programs, &read.supervisor);
    warn_of_patterns(table, &drafts, &read.programs);
    warn_of_tokens(&drafts, &read.serve);
    check_names(&drafts, &read.programs);
    let has_fleet = table.own("fleet").is_some();
    for draft in &mut drafts {
        let name = draft.name.as_ref();
        if !has_fleet {
            reject_without_fleet(&draft.fleet);
        }
        let policy = fleet
            .as_ref()
            .and_then(|fleet| fleet.policy(&draft.check, name, &draft.fleet));
        draft.check.fleet = policy;
    }
    read.fleet = fleet.map(|fleet| fleet.spec);
    read.checks = drafts.into_iter().map(|draft| draft.check).collect();
    warn_of_fleet(table, &read);
    table.finish();
    read
}

/// Reports that there is nothing to watch, unless what is there is reported already.
fn report_no_check(table: &TomlTable<'_>) {
    let invalid = Diagnostic::new(
        "there is no check",
        "add one: [[check]] with a name and a url",
    );
    match table.own("check") {
        None => table.parse_context.whole_fault("check", invalid),
        Some(value) if value.is_empty_list() => value.reject(invalid),
        Some(_) => {}
    }
}

/// `[defaults]`, read once.
fn defaults<'a>(table: &TomlTable<'a>, context: CheckContext) -> TomlTable<'a> {
    let defaults = defaults_of(table);
    read_defaults(&defaults, context);
    defaults
}

/// The table of `[defaults]`, which may be an empty one.
fn defaults_of<'a>(table: &TomlTable<'a>) -> TomlTable<'a> {
    table.table("defaults").unwrap_or_else(|| {
        TomlTable::new(
            table.parse_context,
            Some(&keys::CHECK),
            "defaults".to_owned(),
            0..0,
            None,
        )
    })
}

/// `"60%"` or 0.6: more than nothing, at most all.
pub fn share(value: &TomlValue<'_>) -> Option<f64> {
    let example = "for example: \"60%\" or 0.6, or false to switch it off";
    let share = match value.found {
        DeValue::String(text) => {
            let Some(share) = percentage(text) else {
                value.reject(Diagnostic::new(format!("{text:?} is not a share"), example));
                return None;
            };
            share
        }
        DeValue::Float(_) => value.number()?,
        _ => return value.mistyped("a share", example),
    };
    if is_share(share) {
        return Some(share);
    }
    value.reject(Diagnostic::new(
        "a share that is out of range",
        "expected more than 0% and at most 100%",
    ));
    None
}

/// `60%` on a command line: more than nothing, at most all.
///
/// # Errors
/// Says what would be right.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let share = percentage(text).filter(|share| is_share(*share));
    share.ok_or_else(|| {
        format!("{text:?} is not a share: expected more than 0% and at most 100%, such as 60%")
    })
}

fn percentage(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    Some(percent / 100.0)
}

fn is_share(share: f64) -> bool {
    share > 0.0 && share <= 1.0
}
