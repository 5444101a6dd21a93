//! What a value of the file must be: one method per type that a key can have. A value that is not
//! right is reported where it stands, and `None`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostics::Diagnostic;
use super::duration::{parse_duration, parse_size};
use super::interpolate::{self, Sources};
use super::keys::{Default, Key};
use super::parse_context::ParseContext;
use crate::health::suggest::suggest;
use crate::health::{Budget, parse_budget};
use crate::secret::{self, Secret};

/// A value with its place.
#[derive(Clone)]
pub struct TomlValue<'a> {
    pub parse_context: &'a ParseContext<'a>,
    pub path: String,
    pub span: Range<usize>,
    /// It is a default, not the table's own.
    pub inherited: bool,
    /// It is what a preset says.
    pub is_preset: bool,
    /// What is described of its key; none of what a user named.
    pub key: Option<&'static Key>,
    pub found: &'a DeValue<'a>,
}

impl<'a> TomlValue<'a> {
    /// `line 7`: where it begins, as a message about `other` shows it.
    pub fn place(&self, other: &Self) -> String {
        self.parse_context.place(self.span.start, other.span.start)
    }

    /// Where relative paths start.
    pub fn base(&self) -> &'a Path {
        self.parse_context.base(self.span.start)
    }

    /// What substitutions are made from.
    pub fn sources(&self) -> Sources<'a> {
        self.parse_context.sources(self.span.start)
    }

    /// Reports `wrong` here.
    pub fn reject(&self, invalid: impl Into<Diagnostic>) {
        self.parse_context
            .fault(self.span.clone(), &self.path, invalid.into());
    }

    /// Warns of what is valid and most likely not meant. What a preset says is not the user's.
    pub fn warn(&self, message: impl Into<String>, help: impl Into<String>) {
        if !self.is_preset {
            self.parse_context.warning(
                self.span.clone(),
                &self.path,
                Diagnostic::new(message, help),
            );
        }
    }

    /// Reports `wrong` at the characters `part` of the string that this is. Where it was written with
    /// escapes, which are longer than what they mean, at the whole of it.
    pub fn reject_part(&self, part: Range<usize>, invalid: Diagnostic) {
        let DeValue::String(text) = self.found else {
            return self.reject(invalid);
        };
        let written = self.parse_context.written(self.span.clone());
        let three = written.starts_with("\"\"\"") || written.starts_with("'''");
        let quotes = if three { 3 } else { 1 };
        // a line end right behind three quotes is not part of the string
        let inner = written.get(quotes..).unwrap_or_default();
        let skipped = inner.len() - inner.trim_start_matches(['\r', '\n']).len();
        let begin = [quotes, quotes + skipped]
            .into_iter()
            .find(|&begin| written[begin..].starts_with(text.as_ref()));
        let Some(begin) = begin else {
            return self.reject(invalid);
        };
        let byte = |char: usize| {
            let at = text.char_indices().nth(char);
            self.span.start + begin + at.map_or(text.len(), |(at, _)| at)
        };
        let place = byte(part.start)..byte(part.end);
        self.parse_context.fault(place, &self.path, invalid);
    }

    /// `result`'s value; its error is reported.
    pub fn accept<T>(&self, result: Result<T, impl Into<Diagnostic>>) -> Option<T> {
        result.map_err(|invalid| self.reject(invalid)).ok()
    }

    /// What the value is, for people.
    pub fn kind(&self) -> &'static str {
        match self.found {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// Reports that `wanted` belongs here.
    pub fn mistyped<T>(&self, wanted: &str, example: &str) -> Option<T> {
        self.reject(Diagnostic::new(
            format!("{} where {wanted} belongs", self.kind()),
            example,
        ));
        None
    }

    /// A string.
    pub fn text(&self) -> Option<String> {
        match self.found {
            DeValue::String(text) => {
                self.warn_of_reference(text);
                Some(text.clone().into_owned())
            }
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                self.mistyped("a string", "put it in quotes")
            }
            _ => self.mistyped("a string", "expected one string in quotes"),
        }
    }

    /// Warns of a reference where none is replaced: the service would be sent its text.
    fn warn_of_reference(&self, text: &str) {
        let is_literal = self.key.is_some_and(|key| key.kind.is_literal());
        if is_literal && interpolate::refers(text) {
            self.warn(
                "a reference is not replaced here, but taken as it is written",
                "write what it stands for; in httpok.toml(5), the keys of secrets and paths take ${env:NAME}",
            );
        }
    }

    /// A string that is not empty, but may be of blanks.
    pub fn any_text(&self) -> Option<String> {
        let text = self.text()?;
        if text.is_empty() {
            self.reject_nothing("an empty string");
            return None;
        }
        Some(text)
    }

    /// A string that says something.
    pub fn some_text(&self) -> Option<String> {
        let text = self.any_text()?;
        if text.trim().is_empty() {
            self.reject_nothing("a string of blanks");
            return None;
        }
        Some(text)
    }

    /// Reports a string that says nothing.
    fn reject_nothing(&self, message: &str) {
        let required = self.key.filter(|key| key.default == Default::Required);
        let help = match required {
            Some(key) => format!("for example: {} = {}", key.name, key.example),
            None => "leave the key out instead".to_owned(),
        };
        self.reject(Diagnostic::new(message, help));
    }

    /// The string that it is, if it is one.
    pub fn plain(&self) -> Option<&'a str> {
        match self.found {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A string that `parse` reads.
    pub fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        self.accept(parse(&text))
    }

    /// A string with substitutions that is a secret as a whole: it is masked from now on.
    pub fn secret(&self) -> Option<Secret> {
        let secret = self.hidden()?;
        secret::conceal(secret.expose());
        self.warn_if_readable();
        Some(secret)
    }

    /// The same, of something that is not empty: a variable that is set to nothing is no key.
    pub fn some_secret(&self) -> Option<Secret> {
        let secret = self.secret()?;
        if secret.expose().trim().is_empty() {
            self.reject(Diagnostic::new(
                "an empty secret",
                "leave the key out, or set what it refers to",
            ));
            return None;
        }
        Some(secret)
    }

    /// A string with substitutions, which is never shown but may be a plain word, such as a user's name.
    pub fn hidden(&self) -> Option<Secret> {
        let text = self.text()?;
        match self.sources().fill(&text) {
            Ok(filled) => {
                self.warn_if_exposed(&text);
                Some(Secret::new(filled))
            }
            Err(faults) => {
                faults.into_iter().for_each(|invalid| self.reject(invalid));
                None
            }
        }
    }

    /// A path; a relative one starts at the file's directory.
    pub fn path(&self) -> Option<PathBuf> {
        let text = self.some_text()?;
        self.path_of(&text)
    }

    /// The path that `text`, which stands here, means: with `${env:NAME}` filled in.
    pub fn path_of(&self, text: &str) -> Option<PathBuf> {
        let filled = self.sources().fill_path(text);
        let filled =
            filled.map_err(|faults| faults.into_iter().for_each(|invalid| self.reject(invalid)));
        Some(self.base().join(filled.ok()?))
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        match self.found {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                self.mistyped("a boolean", &format!("write {text} without quotes"))
            }
            _ => self.mistyped("a boolean", "expected true or false"),
        }
    }

    /// A whole number of `least..=most`.
    pub fn count(&self, least: u32, most: u32) -> Option<u32> {
        let expected = || format!("expected a whole number from {least} to {most}");
        let DeValue::Integer(number) = self.found else {
            return self.mistyped("an integer", &expected());
        };
        let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let count = count.filter(|count| (least..=most).contains(count));
        if count.is_none() {
            self.reject(Diagnostic::new(
                format!("{number} is out of range"),
                expected(),
            ));
        }
        count
    }

    /// A float or an integer.
    pub fn number(&self) -> Option<f64> {
        let number = match self.found {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number as f64),
            _ => return self.mistyped("a number", "for example: 2 or 1.5"),
        };
        if number.is_none() {
            self.reject(Diagnostic::new(
                "a number that is too large",
                "for example: 2 or 1.5",
            ));
        }
        number
    }

    /// A duration: text with units, or a number of seconds.
    pub fn duration(&self) -> Option<Duration> {
        let text = match self.found {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => {
                let example = "for example: \"10s\", \"1m 30s\", or a number of seconds";
                return self.mistyped("a duration", example);
            }
        };
        self.accept(parse_duration(&text))
    }

    /// A duration that is not zero.
    pub fn some_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.reject(Diagnostic::new(
                "zero is no time at all",
                "expected more than \"0s\"",
            ));
            return None;
        }
        Some(duration)
    }

    /// A size: text with units, or a number of bytes.
    pub fn size(&self) -> Option<u64> {
        let text = match self.found {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            _ => {
                let example = "for example: \"16MiB\", or a number of bytes";
                return self.mistyped("a size", example);
            }
        };
        self.accept(parse_size(&text))
    }

    /// A size that is not zero.
    pub fn some_size(&self) -> Option<u64> {
        let size = self.size()?;
        if size == 0 {
            self.reject(Diagnostic::new(
                "no room for any answer",
                "for example: \"16MiB\"",
            ));
            return None;
        }
        Some(size)
    }

    /// So many within so long.
    pub fn budget(&self) -> Option<Budget> {
        let example = "for example: \"5/10m\", or false for no limit";
        let DeValue::String(text) = self.found else {
            return self.mistyped("a budget", example);
        };
        let budget = self.accept(parse_budget(text, parse_duration))?;
        if budget.count == 0 {
            self.reject(Diagnostic::new("a budget of none", example));
            return None;
        }
        Some(budget)
    }

    /// What `read` makes of it; false, or `word`, is `None`: switched off.
    pub fn unless_off<T>(
        &self,
        word: &str,
        read: impl FnOnce(&Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.found {
            DeValue::Boolean(false) => Some(None),
            DeValue::String(text) if *text == word => Some(None),
            _ => read(self).map(Some),
        }
    }

    /// Whether it is a list of nothing.
    pub fn is_empty_list(&self) -> bool {
        matches!(self.found, DeValue::Array(items) if items.is_empty())
    }

    /// What `read` makes of every item of a list, or of a single value instead of a list.
    pub fn each<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Vec<T> {
        match self.found {
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .filter_map(|(at, item)| read(&self.item(at, item)))
                .collect(),
            _ => read(self).into_iter().collect(),
        }
    }

    /// The `at`th item of the list that this value is.
    pub fn item(&self, at: usize, item: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            path: format!("{}[{at}]", self.path),
            span: item.span(),
            found: item.get_ref(),
            ..self.clone()
        }
    }

    /// Reports that `text` is not one of `words`, and which of them is nearest.
    pub fn none_of(&self, what: &str, text: &str, words: &[&str]) {
        let article = if what.starts_with(['a', 'e', 'i', 'o']) {
            "an"
        } else {
            "a"
        };
        let message = format!("{text:?} is not {article} {what}");
        let help = match self.parse_context.is_crowded() {
            true => String::new(),
            false => suggest(text, words),
        };
        self.reject(Diagnostic::new(message, help));
    }
}
