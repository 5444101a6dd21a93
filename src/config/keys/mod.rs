//! What every key of a configuration file is: its type, default, example and meaning, once. The reader accepts
//! the keys that are described here and no others; the manual, the JSON Schema, the example file and the help of
//! errors are made from it. What a value must look like in detail stays with the reader of its section.

mod check;
mod example;
mod fleet;
mod heartbeat;
mod kind;
mod ladder;
mod maintenance;
mod notify;
mod program;
mod schema;
mod serve;
mod supervisor;
mod top;

pub use check::CHECK;
pub use example::example;
pub use kind::Kind;
pub use schema::schema;
pub use top::ROOT;

/// A table of the file, and the keys that it may have.
#[derive(Debug)]
pub struct Section {
    /// `check.capture`; empty for the file as a whole.
    pub path: &'static str,
    /// What it is for.
    pub says: &'static str,
    /// Its keys, in groups.
    pub keys: &'static [&'static [Key]],
    /// It has at least one of these.
    pub any_of: &'static [&'static str],
    /// More tables of the example file, for keys that go with some others only.
    pub variants: &'static [Variant],
}

/// A table of the example file for the keys whose `only` is the same.
#[derive(Debug)]
pub struct Variant {
    pub only: &'static str,
    pub says: &'static str,
    /// The lines that it begins with.
    pub lead: &'static [&'static str],
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
    /// A value in TOML.
    pub example: &'static str,
    /// What it does, in one sentence.
    pub says: &'static str,
    /// The version that knew it first.
    pub since: &'static str,
    /// The kind of checks that it is for, where it is not for all: `HTTP`, `tcp or unix`, `exec`.
    pub only: &'static str,
    /// Lines of the same table without which it makes no sense.
    pub beside: &'static str,
    /// A key of the same table that it excludes, and that the example file has.
    pub instead_of: &'static str,
    /// Whether it cannot stand in `[defaults]`.
    pub is_own: bool,
}

/// What holds where a key is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It must not be missing.
    Required,
    /// Nothing is done.
    Nothing,
    /// This value, in TOML.
    Is(&'static str),
    /// What stands here in words.
    Words(&'static str),
}

/// The first version.
const FIRST: &str = "0.1.0";

/// A key that must be there.
const fn required(
    name: &'static str,
    kind: Kind,
    example: &'static str,
    says: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default: Default::Required,
        example,
        says,
        since: FIRST,
        only: "",
        beside: "",
        instead_of: "",
        is_own: false,
    }
}

/// A key without which nothing is done.
const fn optional(
    name: &'static str,
    kind: Kind,
    example: &'static str,
    says: &'static str,
) -> Key {
    Key {
        default: Default::Nothing,
        ..required(name, kind, example, says)
    }
}

/// A key with a default, which is its example, too.
const fn defaulted(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    says: &'static str,
) -> Key {
    Key {
        default: Default::Is(default),
        ..required(name, kind, default, says)
    }
}

/// A table, or a list of them.
const fn table(name: &'static str, kind: Kind, says: &'static str) -> Key {
    optional(name, kind, "", says)
}

impl Key {
    /// With an example that is not the default.
    const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// With a default that is described in words.
    const fn default_words(self, words: &'static str) -> Self {
        Self {
            default: Default::Words(words),
            ..self
        }
    }

    /// For some checks only.
    const fn only(self, only: &'static str) -> Self {
        Self { only, ..self }
    }

    /// Together with these lines.
    const fn beside(self, beside: &'static str) -> Self {
        Self { beside, ..self }
    }

    /// Instead of another key.
    const fn instead_of(self, instead_of: &'static str) -> Self {
        Self { instead_of, ..self }
    }

    /// The default as a value, where it is one.
    pub fn default_value(&self) -> Option<serde_json::Value> {
        match self.default {
            Default::Is(text) => toml_value(text),
            Default::Required | Default::Nothing | Default::Words(_) => None,
        }
    }

    /// Whether its value is never shown. What a request sends may be a form with a password.
    pub fn is_secret(&self) -> bool {
        self.kind.is_secret() || self.name == "data"
    }

    /// Of one check alone, never a default.
    const fn own(self) -> Self {
        Self {
            is_own: true,
            ..self
        }
    }
}

impl Section {
    /// A section with these keys and nothing else to say.
    const fn new(path: &'static str, says: &'static str, keys: &'static [&'static [Key]]) -> Self {
        Self {
            path,
            says,
            keys,
            any_of: &[],
            variants: &[],
        }
    }

    /// Every key.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().copied().flatten()
    }

    /// The key of this name.
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub fn names(&self) -> Vec<&'static str> {
        self.all().map(|key| key.name).collect()
    }
}

/// A table of the file with the way to it.
pub struct Place {
    /// The names of the tables that lead to it, and whether each is a list of them.
    pub way: Vec<(&'static str, bool)>,
    pub section: &'static Section,
}

/// Every section of the file; `[defaults]` has the keys of a check and is left out.
pub fn sections() -> Vec<Place> {
    let mut found = Vec::new();
    collect(&ROOT, Vec::new(), &mut found);
    found
}

fn collect(section: &'static Section, way: Vec<(&'static str, bool)>, found: &mut Vec<Place>) {
    let way_here = way.clone();
    found.push(Place { way, section });
    for key in section.all().filter(|key| key.name != top::DEFAULTS) {
        if let Some((inner, is_list)) = key.kind.section() {
            let way = way_here.iter().copied().chain([(key.name, is_list)]);
            collect(inner, way.collect(), found);
        }
    }
}

/// The value that `text` is in TOML; nothing where it is none.
fn toml_value(text: &str) -> Option<serde_json::Value> {
    let file: serde_json::Value = toml::from_str(&format!("value = {text}")).ok()?;
    file.get("value").cloned()
}
