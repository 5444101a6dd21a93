//! The effective configuration: every key that holds, with where its value comes from. It is TOML again, with secrets
//! masked; what several files and the defaults say stands with each check.

use toml::de::DeValue;

use super::keys::{Default, Key, Kind, ROOT, Section};
use super::secrets::{self, is_secret_name};
use super::settings::CheckSettings;
use super::table::TomlTable;
use super::top::LayeredCheck;
use super::value::TomlValue;
use crate::probe::spec::ProbeSpec;

/// What stands for a secret.
const MASKED: &str = "***";
/// Origins stand in one column where lines are no longer than this.
const COLUMN: usize = 44;

/// A value of the whole file that comes from elsewhere: a flag or the environment.
#[derive(Clone, Debug)]
pub struct Override {
    pub key: &'static str,
    /// In TOML.
    pub value: String,
    /// Such as `flag --dry-run`.
    pub origin: String,
    /// Whether it holds only where the file says nothing.
    pub is_weak: bool,
}

/// The text so far.
struct Page<'o> {
    text: String,
    overrides: &'o [Override],
}

/// What `root` and `overrides` come to; `checks` are those of `root` with their layers.
pub fn show(
    root: &TomlTable<'_>,
    checks: &[(LayeredCheck<'_>, &CheckSettings)],
    overrides: &[Override],
) -> String {
    let mut page = Page {
        text: String::new(),
        overrides,
    };
    page.table("", root, &ROOT, "", root);
    for (layered, check) in checks {
        let place = root.parse_context.origin(layered.table.span().start);
        page.text.push('\n');
        page.line("[[check]]", &place);
        let section = &super::keys::CHECK;
        page.table("check", &layered.table, section, kind(&check.probe), root);
    }
    page.text
}

/// The kind of check as keys name it.
const fn kind(probe: &ProbeSpec) -> &'static str {
    match probe {
        ProbeSpec::Http(_) => super::probe::HTTP,
        ProbeSpec::Line(_) => super::probe::LINE,
        ProbeSpec::Exec(_) => super::probe::COMMAND,
        ProbeSpec::Grpc(_) => super::probe::GRPC,
        ProbeSpec::Heartbeat(_) => super::probe::HEARTBEAT,
    }
}

impl Page<'_> {
    fn line(&mut self, text: &str, origin: &str) {
        self.text.push_str(&format!("{text:<COLUMN$} # {origin}\n"));
    }

    /// The keys of `table`, then the tables in it. `only` is the kind of check.
    fn table(
        &mut self,
        path: &str,
        table: &TomlTable<'_>,
        section: &'static Section,
        only: &str,
        root: &TomlTable<'_>,
    ) {
        let is_for = |key: &Key| key.only.split(" and ").any(|kind| kind == only);
        let mine = |key: &&Key| key.only.is_empty() || only.is_empty() || is_for(key);
        for key in section
            .all()
            .filter(mine)
            .filter(|key| !key.kind.is_table())
        {
            self.key(table, section, key, root);
        }
        for key in section.all().filter(|key| key.kind.is_table()) {
            // checks are shown one by one, with what the defaults say
            if path.is_empty() && matches!(key.name, "check" | "defaults") {
                continue;
            }
            let path = match path {
                "" => key.name.to_owned(),
                path => format!("{path}.{}", key.name),
            };
            match key.kind {
                Kind::Tables(inner) => {
                    for item in table.tables(key.name) {
                        self.text.push('\n');
                        let place = root.parse_context.origin(item.span().start);
                        self.line(&format!("[[{path}]]"), &place);
                        self.table(&path, &item, inner, "", root);
                    }
                }
                Kind::Table(inner) => self.inner(&path, table.table(key.name), inner, root),
                _ => {}
            }
        }
    }

    /// A table in a table. One that is not there is shown where all of it has a default.
    fn inner(
        &mut self,
        path: &str,
        table: Option<TomlTable<'_>>,
        section: &'static Section,
        root: &TomlTable<'_>,
    ) {
        let Some(table) = table else {
            let defaults: Option<Vec<_>> = section
                .all()
                .map(|key| match key.default {
                    Default::Is(value) => Some(format!("{} = {value}", key.name)),
                    _ => None,
                })
                .collect();
            let Some(lines) = defaults.filter(|lines| !lines.is_empty()) else {
                return;
            };
            self.text.push('\n');
            self.line(&format!("[{path}]"), "default");
            lines.iter().for_each(|line| self.line(line, "default"));
            return;
        };
        self.text.push('\n');
        let origin = match table.is_inherited() {
            true => "defaults".to_owned(),
            false => root.parse_context.origin(table.span().start),
        };
        self.line(&format!("[{path}]"), &origin);
        self.table(path, &table, section, "", root);
    }

    fn key(
        &mut self,
        table: &TomlTable<'_>,
        section: &'static Section,
        key: &'static Key,
        root: &TomlTable<'_>,
    ) {
        let whole = section.path == ROOT.path;
        // the files that it names are shown as one
        if whole && key.name == super::include::INCLUDE {
            return;
        }
        let found = table.get(key.name);
        let overrides = self
            .overrides
            .iter()
            .filter(|one| whole && one.key == key.name);
        let other = overrides
            .clone()
            .find(|one| !one.is_weak || found.is_none());
        if let Some(one) = other {
            return self.line(&format!("{} = {}", key.name, one.value), &one.origin);
        }
        if let Some(value) = found {
            let text = shown(key, value.found);
            return self.line(&format!("{} = {text}", key.name), &origin(&value));
        }
        // what excludes it is there
        let excluded = section.all().any(|other| {
            let pair = other.instead_of == key.name || key.instead_of == other.name;
            pair && table.get(other.name).is_some()
        });
        if excluded {
            return;
        }
        // nor is there a default of what goes with another key alone
        let beside = section
            .all()
            .find(|other| key.beside.starts_with(&format!("{} =", other.name)));
        if beside.is_some_and(|other| table.get(other.name).is_none()) {
            return;
        }
        match key.default {
            Default::Is(value) => self.line(&format!("{} = {value}", key.name), "default"),
            Default::Words(_) if section.path == "check" && key.name == "every" => {
                let every = root.get("every");
                let text = every.as_ref().map(|value| shown(key, value.found));
                let text = text.unwrap_or_else(|| "\"60s\"".to_owned());
                let origin = every.as_ref().map_or_else(|| "default".to_owned(), origin);
                self.line(&format!("every = {text}"), &origin);
            }
            Default::Words(words) => self.line(&format!("# {}: {words}", key.name), "default"),
            Default::Required | Default::Nothing => {}
        }
    }
}

/// Where `value` is written.
fn origin(value: &TomlValue<'_>) -> String {
    if value.is_preset {
        return "preset".to_owned();
    }
    let place = value.parse_context.origin(value.span.start);
    match value.inherited {
        true => format!("{place} [defaults]"),
        false => place,
    }
}

/// `value` in TOML, without secrets.
fn shown(key: &Key, value: &DeValue<'_>) -> String {
    match key.is_secret() {
        true => hidden(value),
        // an address with a login shows what is not the login
        false => plain(value),
    }
}

/// The names in a table, and that there are values.
fn hidden(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Table(table) => {
            let entries = table
                .iter()
                .map(|(name, _)| (name.get_ref().as_ref(), quoted(MASKED)));
            inline(entries)
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| hidden(item.get_ref()));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        _ => quoted(MASKED),
    }
}

fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(&secrets::shown(text)),
        DeValue::Integer(number) => match number.radix() {
            8 => format!("0o{}", number.as_str()),
            16 => format!("0x{}", number.as_str()),
            2 => format!("0b{}", number.as_str()),
            _ => number.as_str().to_owned(),
        },
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_str()) => {
            let words: Vec<&str> = items
                .iter()
                .filter_map(|item| item.get_ref().as_str())
                .collect();
            let words = secrets::shown_words(&words);
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            format!("[{}]", words.join(", "))
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| plain(item.get_ref()));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => inline(table.iter().map(|(name, value)| {
            let name: &str = name.get_ref();
            let value = value.get_ref();
            (
                name,
                if is_secret_name(name) {
                    hidden(value)
                } else {
                    plain(value)
                },
            )
        })),
    }
}

fn inline<'n>(entries: impl Iterator<Item = (&'n str, String)>) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let entries = entries.map(
        |(name, value)| match name.chars().all(bare) && !name.is_empty() {
            true => format!("{name} = {value}"),
            false => format!("{} = {value}", quoted(name)),
        },
    );
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// A string of TOML: one of JSON is, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
