//! A configuration under examination: its text, what substitutions are made from, and the faults and warnings found so
//! far.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::diagnostics::{Diagnostic, FileDiagnostic, SHOWN};
use super::interpolate::Sources;
use super::keys;
use super::source::SourceMap;
use crate::health::suggest::{nearest, suggest};

/// A configuration under examination.
pub struct ParseContext<'a> {
    text: &'a str,
    map: &'a SourceMap,
    env: &'a dyn Fn(&str) -> Option<String>,
    faults: Noted,
    warnings: Noted,
    /// The files that hold a secret and can be read by everyone, as far as that was warned of.
    exposed: RefCell<BTreeSet<String>>,
    /// The files that are read when a watchdog starts, each with its place.
    files: RefCell<Vec<NamedFile>>,
    /// Whether what the file names is looked for on this machine, which is warned of where it is missing.
    pub here: bool,
}

/// A file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    pub path: PathBuf,
    /// `httpok.toml:3:10: check[0].cacert`.
    pub place: String,
}

/// What was noted so far, each once: a wrong default is met again by every check that inherits it.
#[derive(Default)]
struct Noted {
    list: RefCell<Vec<FileDiagnostic>>,
    known: RefCell<BTreeSet<(usize, usize, String)>>,
}

impl Noted {
    fn add(&self, found: FileDiagnostic) {
        if self.known.borrow_mut().insert(found.identity()) {
            self.list.borrow_mut().push(found);
        }
    }
}

impl<'a> ParseContext<'a> {
    pub fn new(
        text: &'a str,
        map: &'a SourceMap,
        env: &'a dyn Fn(&str) -> Option<String>,
        here: bool,
    ) -> Self {
        Self {
            text,
            map,
            env,
            faults: Noted::default(),
            warnings: Noted::default(),
            exposed: RefCell::default(),
            files: RefCell::default(),
            here,
        }
    }

    /// Notes a fault, once.
    pub fn fault(&self, span: Range<usize>, key: &str, invalid: Diagnostic) {
        let found = FileDiagnostic::at(self.text, self.map, span, key, invalid);
        self.faults.add(found);
    }

    /// Notes a fault of the file as a whole.
    pub fn whole_fault(&self, key: &str, invalid: Diagnostic) {
        self.faults.add(FileDiagnostic::whole(key, invalid));
    }

    /// Whether a fault was found in `section`: what is missing of it may be meant, and is not reported a second time.
    pub fn is_faulty(&self, section: &str) -> bool {
        self.faults.list.borrow().iter().any(|fault| {
            let rest = fault.key.strip_prefix(section);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Whether more was found than is shown: what was probably meant need not be looked for then.
    pub fn is_crowded(&self) -> bool {
        self.faults.list.borrow().len() > SHOWN
    }

    /// The same of warnings.
    pub fn is_crowded_with_warnings(&self) -> bool {
        self.warnings.list.borrow().len() > SHOWN
    }

    /// Whether a warning of the file that has the byte `at` is the first of its kind.
    pub fn is_first_exposed(&self, at: usize) -> bool {
        self.exposed.borrow_mut().insert(self.file(at).to_owned())
    }

    /// Notes, once, what is valid and most likely not meant.
    pub fn warning(&self, span: Range<usize>, key: &str, unlikely: Diagnostic) {
        let found = FileDiagnostic::at(self.text, self.map, span, key, unlikely);
        self.warnings.add(found);
    }

    /// What stands at `span`.
    pub fn written(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    /// Where relative paths start in the file that has the byte `at`.
    pub fn base(&self, at: usize) -> &'a Path {
        &self.map.at(at).base
    }

    /// The name of the file that has the byte `at`.
    pub fn file(&self, at: usize) -> &'a str {
        &self.map.at(at).name
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
        let line = self.map.line(at);
        match *file == *self.map.at(seen_from) {
            true => format!("line {line}"),
            false => format!("line {line} of {}", file.name),
        }
    }

    /// `FILE:LINE` for the byte `at`.
    pub fn origin(&self, at: usize) -> String {
        format!("{}:{}", self.map.at(at).name, self.map.line(at))
    }

    /// Remembers that a watchdog reads the file `path` when it starts, as the key at `span` says.
    pub fn reads(&self, span: Range<usize>, key: &str, path: &Path) {
        let nothing = Diagnostic::new("", "");
        let found = FileDiagnostic::at(self.text, self.map, span.clone(), key, nothing);
        let file = &self.map.at(span.start).name;
        self.files.borrow_mut().push(NamedFile {
            path: path.to_owned(),
            place: format!("{file}:{}:{}: {key}", found.line, found.column),
        });
    }

    /// The files that are read when a watchdog starts.
    pub fn take_files(&self) -> Vec<NamedFile> {
        self.files.take()
    }

    /// The faults, and the warnings.
    pub fn into_found(self) -> (Vec<FileDiagnostic>, Vec<FileDiagnostic>) {
        (
            self.faults.list.into_inner(),
            self.warnings.list.into_inner(),
        )
    }

    /// Notes that the key at `span` is unknown, and the likeliest of what was meant: a key of the whole file or of a
    /// check, a misspelled key of this place, a key of another table, any of this place's.
    pub fn unknown_key(&self, span: Range<usize>, path: &str, key: &str, known: &[&'static str]) {
        let help = if self.is_crowded() {
            String::new()
        } else if let Some(found) = keys::ROOT.find(key) {
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
