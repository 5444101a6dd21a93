//! One file under examination: its text, what substitutions are made from, and the faults found so far.

use std::cell::RefCell;
use std::ops::Range;

use super::diagnostics::{Diagnostic, FileDiagnostic};
use super::interpolate::Sources;
use super::keys;
use crate::health::suggest::{nearest, suggest};

/// One file under examination.
pub struct ParseContext<'a> {
    text: &'a str,
    pub sources: Sources<'a>,
    faults: RefCell<Vec<FileDiagnostic>>,
}

impl<'a> ParseContext<'a> {
    pub fn new(text: &'a str, sources: Sources<'a>) -> Self {
        Self {
            text,
            sources,
            faults: RefCell::default(),
        }
    }

    /// Notes a fault, once: a wrong default is met again by every check that inherits it.
    pub fn fault(&self, span: Range<usize>, key: &str, wrong: Diagnostic) {
        self.note(FileDiagnostic::at(self.text, span, key, wrong));
    }

    /// Notes a fault of the file as a whole.
    pub fn whole_fault(&self, key: &str, wrong: Diagnostic) {
        self.note(FileDiagnostic::whole(key, wrong));
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

    /// The line of the byte `at`, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
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
        let wrong = Diagnostic::new(format!("unknown key {key:?}"), help);
        self.fault(span, path, wrong);
    }
}

/// The table that has `key`, if one alone has it.
fn elsewhere(key: &str) -> Option<&'static keys::Section> {
    let places = keys::sections().into_iter();
    let mut having = places.filter(|place| place.section.find(key).is_some());
    let first = having.next()?;
    having.next().is_none().then_some(first.section)
}
