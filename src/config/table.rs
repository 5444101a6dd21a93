//! Reads a TOML table key by key: remembers which keys were asked for, so that the rest can be reported,
//! and falls back to a table of defaults. What a value must be is in `value`.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::diagnostics::Diagnostic;
use super::keys::{Key, Section};
use super::parse_context::ParseContext;
use super::value::TomlValue;
use crate::sorted;

/// A table of the file, over an optional table of defaults: tables are merged key by key, anything else
/// is taken whole from the one or the other.
#[derive(Clone)]
pub struct TomlTable<'a> {
    pub parse_context: &'a ParseContext<'a>,
    /// The keys that it may have. `None`: they are the user's own.
    section: Option<&'static Section>,
    path: String,
    /// Where a missing key is reported: the table's header.
    span: Range<usize>,
    /// `None`: the file does not have this table, only its defaults.
    own: Option<&'a DeTable<'a>>,
    fallback: Option<Box<TomlTable<'a>>>,
    inherited: bool,
    /// It is what a preset says.
    is_preset: bool,
    /// What stands in the table's place instead of it: reported by [`TomlTable::finish`], which knows the keys.
    mistyped: Option<TomlValue<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> TomlTable<'a> {
    pub fn new(
        parse_context: &'a ParseContext<'a>,
        section: Option<&'static Section>,
        path: String,
        span: Range<usize>,
        own: Option<&'a DeTable<'a>>,
    ) -> Self {
        Self {
            parse_context,
            section,
            path,
            span,
            own,
            fallback: None,
            inherited: false,
            is_preset: false,
            mistyped: None,
            asked: RefCell::default(),
        }
    }

    /// The table that `value` is. Another value is read as a table without keys, and reported at the end.
    pub fn of(value: &TomlValue<'a>) -> Self {
        let (own, mistyped) = match value.found {
            DeValue::Table(table) => (Some(table), None),
            _ => (None, Some(value.clone())),
        };
        let (path, span) = (value.path.clone(), value.span.clone());
        let section = value.key.and_then(|key| key.kind.section());
        let section = section.map(|(section, _)| section);
        Self {
            inherited: value.inherited,
            is_preset: value.is_preset,
            mistyped,
            ..Self::new(value.parse_context, section, path, span, own)
        }
    }

    /// This table with `defaults` below it.
    pub fn over(mut self, defaults: &Self) -> Self {
        self.fallback = Some(Box::new(Self {
            inherited: true,
            ..defaults.clone()
        }));
        self
    }

    /// The `keys` of a preset, to stand below this table. They are right, so their places do not matter.
    pub fn of_preset(&self, keys: &'static DeTable<'static>) -> Self {
        let (path, span) = (self.path.clone(), self.span.clone());
        Self {
            is_preset: true,
            ..Self::new(self.parse_context, self.section, path, span, Some(keys))
        }
    }

    /// Reports what is wrong with the table as a whole, where it begins.
    pub fn reject(&self, invalid: Diagnostic) {
        self.parse_context
            .fault(self.span.clone(), &self.path, invalid);
    }

    /// Warns of the table as a whole, where it begins.
    pub fn warn(&self, unlikely: Diagnostic) {
        if !self.is_preset {
            self.parse_context
                .warning(self.span.clone(), &self.path, unlikely);
        }
    }

    /// Whether it stands in the defaults, not here.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// Where the table begins.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A table in this one's place with no keys and no defaults.
    pub fn without_keys(&self) -> Self {
        Self::new(
            self.parse_context,
            self.section,
            self.path.clone(),
            self.span.clone(),
            None,
        )
    }

    /// The keys that were asked for so far.
    pub fn asked(&self) -> Vec<&'static str> {
        self.asked.borrow().clone()
    }

    /// What `key` holds, here or in the defaults.
    pub fn get(&self, key: &'static str) -> Option<TomlValue<'a>> {
        self.own(key)
            .or_else(|| self.fallback.as_ref().and_then(|below| below.get(key)))
    }

    /// What `key` holds here.
    pub fn own(&self, key: &'static str) -> Option<TomlValue<'a>> {
        self.ask(key);
        let found = self.own?.get(key)?;
        Some(TomlValue {
            parse_context: self.parse_context,
            path: self.path_of(key),
            span: found.span(),
            inherited: self.inherited,
            is_preset: self.is_preset,
            key: self.described(key),
            found: found.get_ref(),
        })
    }

    /// What is described of `key`.
    fn described(&self, key: &str) -> Option<&'static Key> {
        self.section.and_then(|section| section.find(key))
    }

    /// What `read` makes of `key`'s value.
    pub fn read<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&TomlValue<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|value| read(&value))
    }

    /// What `key` holds here; that it is missing is a fault.
    pub fn required(&self, key: &'static str, example: &str) -> Option<TomlValue<'a>> {
        let found = self.own(key);
        if found.is_none() && self.mistyped.is_none() {
            let invalid = Diagnostic::new(
                format!("missing key {key:?}"),
                format!("for example: {key} = {example}"),
            );
            self.parse_context
                .fault(self.span.clone(), &self.path_of(key), invalid);
        }
        found
    }

    /// The layer, this one or the defaults', that has any of `keys`: for keys that belong together.
    pub fn holding(&self, keys: &[&'static str]) -> Option<&Self> {
        keys.iter().for_each(|key| self.ask(key));
        let has = |table: &DeTable<'_>| keys.iter().any(|&key| table.contains_key(key));
        if self.own.is_some_and(has) {
            return Some(self);
        }
        self.fallback.as_ref().and_then(|below| below.holding(keys))
    }

    /// The one of `keys` that is there, of keys that exclude each other.
    pub fn one_of(&self, keys: &[&'static str]) -> Option<(&'static str, TomlValue<'a>)> {
        let layer = self.holding(keys)?;
        let mut there: Vec<_> = keys
            .iter()
            .filter_map(|&key| Some((key, layer.own(key)?)))
            .collect();
        sorted::by_key(&mut there, |(_, value)| value.span.start);
        if let [(first, _), (second, value), ..] = there.as_slice() {
            value.reject(Diagnostic::new(
                format!("{second:?} and {first:?} exclude each other"),
                "keep one of them",
            ));
        }
        there.into_iter().next()
    }

    /// The table that `key` holds, with the defaults' table of that name below it.
    pub fn table(&self, key: &'static str) -> Option<Self> {
        let own = self.own(key).map(|value| Self::of(&value));
        let below = self.fallback.as_ref().and_then(|below| below.table(key));
        match (own, below) {
            (Some(own), Some(below)) => Some(own.over(&below)),
            (own, below) => own.or(below),
        }
    }

    /// The tables of the array `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.own(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.found else {
            let section = self.section.map_or("", |section| section.path);
            let name = match section {
                "" => key.to_owned(),
                section => format!("{section}.{key}"),
            };
            value.reject(Diagnostic::new(
                format!("{} where a list of tables belongs", value.kind()),
                format!("begin each with [[{name}]], in double brackets"),
            ));
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(at, item)| Self::of(&value.item(at, item)))
            .collect()
    }

    /// All keys with their values, in the file's order: for tables whose keys are the user's own. A key of
    /// the defaults counts when no key here has the same name in any case.
    pub fn entries(&self) -> Vec<(&'a str, TomlValue<'a>)> {
        self.report_mistyped();
        let mut entries: Vec<_> = self
            .own
            .into_iter()
            .flatten()
            .map(|(key, found)| {
                let value = TomlValue {
                    parse_context: self.parse_context,
                    path: self.path_of(key.get_ref()),
                    span: found.span(),
                    inherited: self.inherited,
                    is_preset: self.is_preset,
                    key: None,
                    found: found.get_ref(),
                };
                (key.get_ref().as_ref(), value)
            })
            .collect();
        if let Some(below) = &self.fallback {
            for (key, value) in below.entries() {
                if !entries.iter().any(|(own, _)| own.eq_ignore_ascii_case(key)) {
                    entries.push((key, value));
                }
            }
        }
        sorted::by_key(&mut entries, |(_, value)| value.span.start);
        entries
    }

    /// Reports a value that is not a table, with the keys that the table has.
    fn report_mistyped(&self) {
        const SHOWN: usize = 6;
        let Some(value) = &self.mistyped else { return };
        let known = self.known();
        let mut keys: Vec<_> = known.iter().take(SHOWN).copied().collect();
        match known.len() {
            0 => keys.push("NAME"),
            count if count > SHOWN => keys.push("..."),
            _ => {}
        }
        let keys = keys.iter().map(|&key| match key {
            "..." => key.to_owned(),
            key => format!("{key} = VALUE"),
        });
        let table = format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "));
        let help = match value.path.rsplit('.').next() {
            Some(name) if !name.ends_with(']') => format!("write it as {name} = {table}"),
            _ => format!("write it as {table}"),
        };
        let _: Option<()> = value.mistyped("a table", &help);
    }

    /// Reports every key that was not asked for.
    pub fn finish(&self) {
        self.report_mistyped();
        let asked = self.asked.borrow();
        for (key, _) in self.own.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !asked.contains(&name) {
                self.parse_context.unknown_key(
                    key.span(),
                    &self.path_of(name),
                    name,
                    &self.known(),
                );
            }
        }
    }

    /// The names of the keys that it may have.
    fn known(&self) -> Vec<&'static str> {
        self.section.map(Section::names).unwrap_or_default()
    }

    /// Remembers that `key` is read. A key that nobody described is a mistake of ours, which any test finds that
    /// reads a table of this section.
    fn ask(&self, key: &'static str) {
        debug_assert!(
            self.described(key).is_some(),
            "{:?} of [{}] has no description: add it to src/config/keys",
            key,
            self.section.map_or("...", |section| section.path),
        );
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
    }

    fn path_of(&self, key: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let key = match !key.is_empty() && key.chars().all(plain) {
            true => key.to_owned(),
            false => format!("{key:?}"),
        };
        match self.path.as_str() {
            "" => key,
            path => format!("{path}.{key}"),
        }
    }
}
