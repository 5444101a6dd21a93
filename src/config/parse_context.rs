//! A configuration under examination: its text, what substitutions are made from, and the faults found so far.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use super::diagnostics::{Diagnostic, FileDiagnostic};
use super::interpolate::Sources;
use super::keys;
use super::source::SourceMap;
use crate::health::suggest::{nearest, suggest};

/// A configuration under examination.
pub struct ParseContext<'a> {
    text: &'a str,
    map: &'a SourceMap,
    env: &'a dyn Fn(&str) -> Option<String>,
    faults: RefCell<Vec<FileDiagnostic>>,
}

impl<'a> ParseContext<'a> {
    pub fn new(text: &'a str, map: &'a SourceMap, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            text,
            map,
            env,
            faults: RefCell::default(),
        }
    }

    /// Notes a fault, once: a wrong default is met again by every check that inherits it.
    pub fn fault(&self, span: Range<usize>, key: &str, invalid: Diagnostic) {
        self.note(FileDiagnostic::at(self.text, self.map, span, key, invalid));
    }

    /// Notes a fault of the file as a whole.
    pub fn whole_fault(&self, key: &str, invalid: Diagnostic) {
        self.note(FileDiagnostic::whole(key, invalid));
    }

    fn note(&self, fault: FileDiagnostic) {
        let mut faults = self.faults.borrow_mut();
        if !faults.iter().any(|known| known.repeats(&fault)) {
            faults.push(fault);
        }
    }

    /// What stands at `span`.
    pub fn written(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    /// Where relative paths start in the file that has the byte `at`.
    pub fn base(&self, at: usize) -> &'a Path {
        &self.map.at(at).base
    }

    /// What substitutions are made from in the file that has the byte `at`.
    pub fn sources(&self, at: usize) -> Sources<'a> {
        Sources {
            env: self.env,
            base: self.base(at),
        }
    }

    /// `line 7` for the byte `at`, with its file when that is another than the one with the byte `seen_from`.
    pub fn place(&self, at: usize, seen_from: usize) -> String {
        let file = self.map.at(at);
        let line = file.line(self.text, at);
        match *file == *self.map.at(seen_from) {
            true => format!("line {line}"),
            false => format!("line {line} of {}", file.name),
        }
    }

    /// `FILE:LINE` for the byte `at`.
    pub fn origin(&self, at: usize) -> String {
        let file = self.map.at(at);
        format!("{}:{}", file.name, file.line(self.text, at))
    }

    pub fn into_faults(self) -> Vec<FileDiagnostic> {
        self.faults.into_inner()
    }

    /// Notes that the key at `span` is unknown, and the likeliest of what was meant: a key of the whole file or of a
    /// check, a misspelled key of this place, a key of another table, any of this place's.
    pub fn unknown_key(&self, span: Range<usize>, path: &str, key: &str, known: &[&'static str]) {
        let help = if let Some(found) = keys::ROOT.find(key) {
            match found.kind.section() {
                Some((_, true)) => {
                    format!("{key:?} is a list of tables: begin each with [[{key}]]")
                }
                Some((_, false)) => {
                    format!("{key:?} is a table of the whole file: begin it with [{key}]")
                }
                None => {
                    format!("{key:?} belongs to the whole file: move it above the first [section]")
                }
            }
        } else if keys::CHECK.find(key).is_some_and(|found| !found.is_own) {
            format!("{key:?} belongs to a check: move it below its [[check]], or below [defaults]")
        } else {
            match (nearest(key, known), elsewhere(key)) {
                (None, Some(section)) => format!("{key:?} belongs to [{}]", section.path),
                _ => suggest(key, known),
            }
        };
        let invalid = Diagnostic::new(format!("unknown key {key:?}"), help);
        self.fault(span, path, invalid);
    }
}

/// The table that has `key`, if one alone has it.
fn elsewhere(key: &str) -> Option<&'static keys::Section> {
    let places = keys::sections().into_iter();
    let mut having = places.filter(|place| place.section.find(key).is_some());
    let first = having.next()?;
    having.next().is_none().then_some(first.section)
}
