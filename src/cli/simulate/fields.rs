//! The keys of one object of a trace: each is read once, what is wrong is said with what would be right, and
//! what nobody asked for is a typing mistake.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::duration::parse_duration;

/// One object, and what is wrong with it.
#[derive(Debug)]
pub struct TraceFields {
    left: Map<String, Value>,
    asked: Vec<&'static str>,
    pub faults: Vec<String>,
}

impl TraceFields {
    pub fn new(object: Map<String, Value>) -> Self {
        Self {
            left: object,
            asked: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.left.remove(key)
    }

    pub fn invalid(&mut self, why: impl Into<String>) {
        self.faults.push(why.into());
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => {
                self.invalid(format!("{key:?} is {other}: expected a text in quotes"));
                None
            }
        }
    }

    /// A duration in words, or a number of seconds.
    pub fn span(&mut self, key: &'static str) -> Option<Duration> {
        let text = match self.take(key)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            other => other.to_string(),
        };
        match parse_duration(&text) {
            Ok(span) => Some(span),
            Err(why) => {
                self.invalid(format!("{key:?}: {why}"));
                None
            }
        }
    }

    /// A status code.
    pub fn code(&mut self, key: &'static str) -> Option<u16> {
        let value = self.take(key)?;
        let code = value.as_u64().and_then(|code| u16::try_from(code).ok());
        let code = code.filter(|code| (100..1000).contains(code));
        if code.is_none() {
            self.invalid(format!(
                "{key:?} is {value}: expected a status code, such as 500"
            ));
        }
        code
    }

    /// One of a closed list of words.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let list: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.invalid(format!(
                "{key:?} is {text:?}: expected one of {}",
                list.join(", ")
            ));
        }
        found.map(|(_, value)| *value)
    }

    /// Nothing but `true`.
    pub fn word_true(&mut self, key: &'static str) -> bool {
        match self.take(key) {
            Some(Value::Bool(true)) => true,
            Some(other) => {
                self.invalid(format!("{key:?} is {other}: expected true"));
                false
            }
            None => false,
        }
    }

    /// The name of a check.
    pub fn check(&mut self, key: &'static str, known: &[&str]) -> Option<String> {
        let name = self.text(key)?;
        if !known.contains(&name.as_str()) {
            let known = known.iter().copied();
            self.invalid(crate::cli::control::find::no_such_check(&name, known));
        }
        Some(name)
    }

    /// What is left is nothing that we know.
    pub fn finish(&mut self) {
        let unknown: Vec<_> = self.left.keys().cloned().collect();
        for key in unknown {
            let near = self
                .asked
                .iter()
                .map(|asked| (strsim::jaro_winkler(asked, &key), asked))
                .filter(|(likeness, _)| *likeness > 0.8)
                .max_by(|(one, _), (other, _)| one.total_cmp(other));
            let help = match near {
                Some((_, asked)) => format!("did you mean {asked:?}?"),
                None => format!("expected {}", self.asked.join(", ")),
            };
            self.faults
                .push(format!("{key:?} is not a key here: {help}"));
        }
    }
}
