//! What kinds of values there are: what each is called, and what the JSON Schema says of it.

use serde_json::{Value, json};

use super::Section;

/// The kind of a key's value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A string.
    Text,
    /// A string in which `${env:NAME}` and `${file:PATH}` are replaced, and which is never shown.
    Secret,
    /// A string that means what its name says, such as a URL.
    Named(&'static str),
    /// A path, where a relative one starts at the file's directory.
    Path,
    /// True or false.
    Flag,
    /// The word `false` alone, for what can be switched off.
    Off,
    /// A duration; whether it may be zero.
    Duration { zero: bool },
    /// A size; whether it may be zero.
    Size { zero: bool },
    /// A whole number in a range, and of what.
    Count {
        least: u32,
        most: u32,
        of: &'static str,
    },
    /// A number in a range.
    Number { least: f64, most: f64 },
    /// A status code, or a class or range of them.
    Status,
    /// A signal, by name or number.
    Signal,
    /// A part of all.
    Share,
    /// So many within so long.
    Budget,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these numbers, as a string or a number.
    Digits(&'static [&'static str]),
    /// One of these words, which something else knows.
    KnownWords(fn() -> Vec<&'static str>),
    /// A command: a string for the shell, or a list of a program and its arguments.
    Command,
    /// A command without a shell: a string that is split into words, or a list of them.
    Program,
    /// A value, or a list of such.
    Each(&'static Kind),
    /// Any of these.
    Any(&'static [Kind]),
    /// A table.
    Table(&'static Section),
    /// A list of tables.
    Tables(&'static Section),
    /// A table whose keys are the user's own.
    Map(&'static Kind),
}

/// A duration that is not zero.
pub const SPAN: Kind = Kind::Duration { zero: false };
/// A duration.
pub const SPAN_OR_ZERO: Kind = Kind::Duration { zero: true };

impl Kind {
    /// The section that a table of this kind is, and whether there is a list of them.
    pub fn section(&self) -> Option<(&'static Section, bool)> {
        match self {
            Self::Table(section) => Some((section, false)),
            Self::Tables(section) => Some((section, true)),
            Self::Any(kinds) => kinds.iter().find_map(Self::section),
            Self::Each(kind) => kind.section(),
            _ => None,
        }
    }

    /// Whether it is a table and nothing else, which the file has under a header.
    pub fn is_table(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Tables(_))
    }

    /// Whether its strings mean what they say, and nothing in them is replaced.
    pub fn is_literal(&self) -> bool {
        match self {
            Self::Text | Self::Named(_) => true,
            Self::Each(kind) | Self::Map(kind) => kind.is_literal(),
            Self::Any(kinds) => !self.is_secret() && kinds.iter().any(Self::is_literal),
            _ => false,
        }
    }

    /// Whether its value, or a part of it, is never shown.
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Secret => true,
            Self::Each(kind) | Self::Map(kind) => kind.is_secret(),
            Self::Any(kinds) => kinds.iter().any(Self::is_secret),
            _ => false,
        }
    }

    /// The type with its unit, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Text => "string".to_owned(),
            Self::Secret => "string with ${env:NAME} or ${file:PATH}".to_owned(),
            Self::Named(what) => format!("string: {what}"),
            Self::Path => "path".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Off => "false".to_owned(),
            Self::Duration { zero: false } => "duration above 0 (s)".to_owned(),
            Self::Duration { zero: true } => "duration (s)".to_owned(),
            Self::Size { .. } => "size (bytes)".to_owned(),
            Self::Count { least, most, of } => {
                format!("number of {of}, {least} to {most}")
            }
            Self::Number { least, most } => format!("number, {least} to {most}"),
            Self::Status => "status: 200, \"2xx\" or \"200-299\"".to_owned(),
            Self::Signal => "signal: \"TERM\" or 15".to_owned(),
            Self::Share => "share: \"60%\" or 0.6".to_owned(),
            Self::Budget => "budget: \"COUNT/DURATION\"".to_owned(),
            Self::Words(words) | Self::Digits(words) => quoted(words),
            Self::KnownWords(words) => quoted(&words()),
            Self::Command => "command: string for the shell, or list of words".to_owned(),
            Self::Program => {
                "command: string that is split into words, or list of words".to_owned()
            }
            Self::Each(kind) => format!("{}; one or a list", kind.name()),
            Self::Any(kinds) => {
                let names: Vec<_> = kinds.iter().map(Self::name).collect();
                names.join(", or ")
            }
            Self::Table(_) => "table".to_owned(),
            Self::Tables(_) => "list of tables".to_owned(),
            Self::Map(kind) => format!("table of NAME = {}", kind.name()),
        }
    }

    /// What the JSON Schema says of such a value.
    pub fn schema(&self) -> Value {
        match self {
            Self::Text | Self::Secret | Self::Named(_) => json!({"type": "string"}),
            Self::Path => json!({"type": "string", "minLength": 1}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Off => json!({"const": false}),
            Self::Duration { zero } => {
                let bound = if *zero { "minimum" } else { "exclusiveMinimum" };
                json!({"anyOf": [
                    {"type": "string", "pattern": "^\\s*[0-9][0-9.]*\\s*([a-zA-Z].*)?$"},
                    {"type": "number", bound: 0},
                ]})
            }
            Self::Size { zero } => json!({"anyOf": [
                {"type": "string", "pattern": "^\\s*[0-9]+ *(B|KiB|MiB|GiB)?\\s*$"},
                {"type": "integer", "minimum": i32::from(!zero)},
            ]}),
            Self::Count { least, most, .. } => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Self::Number { least, most } => {
                json!({"type": "number", "minimum": least, "maximum": most})
            }
            Self::Status => json!({"anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 999},
                {"type": "string", "pattern": "^[0-9]([0-9][0-9]|xx)(-[0-9]{3})?$"},
            ]}),
            Self::Signal => json!({"anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 31},
                {"type": "string", "minLength": 1},
            ]}),
            Self::Share => json!({"anyOf": [
                {"type": "string", "pattern": "^[0-9.]+\\s*%$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ]}),
            Self::Budget => json!({"type": "string", "pattern": "^\\s*[0-9]+\\s*/.+$"}),
            Self::Words(words) => json!({"enum": words}),
            Self::Digits(digits) => {
                let numbers = digits.iter().filter_map(|digit| digit.parse::<u8>().ok());
                let words = digits.iter().map(|&digit| json!(digit));
                json!({"enum": words.chain(numbers.map(|number| json!(number))).collect::<Vec<_>>()})
            }
            Self::KnownWords(words) => json!({"enum": words()}),
            Self::Command | Self::Program => json!({"anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]}),
            Self::Each(kind) => {
                let one = kind.schema();
                json!({"anyOf": [one, {"type": "array", "items": one}]})
            }
            Self::Any(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(Self::schema).collect();
                json!({"anyOf": kinds})
            }
            Self::Table(section) => super::schema::section(section, false),
            Self::Tables(section) => {
                json!({"type": "array", "items": super::schema::section(section, false)})
            }
            Self::Map(kind) => json!({"type": "object", "additionalProperties": kind.schema()}),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "string".to_owned(),
    }
}
