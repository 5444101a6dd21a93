//! One file under examination: its text, what substitutions are made from, and the faults found so far.

use std::cell::RefCell;
use std::ops::Range;

use super::diagnostics::{Diagnostic, FileDiagnostic};
use super::interpolate::Sources;
use crate::health::suggest::suggest;

/// One file under examination.
pub struct ParseContext<'a> {
    text: &'a str,
    pub sources: Sources<'a>,
    faults: RefCell<Vec<FileDiagnostic>>,
    misplaced: RefCell<Vec<MisplacedKeys>>,
}

/// Keys that belong to one place, for the help where they stand in another.
struct MisplacedKeys {
    keys: Vec<&'static str>,
    place: &'static str,
}

impl<'a> ParseContext<'a> {
    pub fn new(text: &'a str, sources: Sources<'a>) -> Self {
        Self {
            text,
            sources,
            faults: RefCell::default(),
            misplaced: RefCell::default(),
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

    /// Remembers that `keys` belong to `place`, such as `belongs to a check: ...`.
    pub fn belong(&self, keys: Vec<&'static str>, place: &'static str) {
        self.misplaced
            .borrow_mut()
            .push(MisplacedKeys { keys, place });
    }

    /// Notes that the key at `span` is unknown, and the likeliest of what was meant: the key of another place,
    /// a misspelled key of this place, any of this place's.
    pub fn unknown_key(&self, span: Range<usize>, path: &str, key: &str, known: &[&'static str]) {
        let misplaced = self.misplaced.borrow();
        let moved = misplaced.iter().find(|place| place.keys.contains(&key));
        let help = match moved {
            Some(misplaced) => format!("{key:?} {}", misplaced.place),
            None => suggest(key, known),
        };
        let wrong = Diagnostic::new(format!("unknown key {key:?}"), help);
        self.fault(span, path, wrong);
    }
}
