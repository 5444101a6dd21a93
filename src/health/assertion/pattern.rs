//! Regular expressions between slashes, over bytes: a body need not be text.

use std::fmt;
use std::sync::{Arc, OnceLock};

use regex::bytes::{Regex, RegexBuilder};
use regex_automata::util::syntax;

use super::scan::{ParseError, Scanner, quote};
use super::search::BodyPattern;

/// A regular expression as it was written.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    flags: String,
    regex: Regex,
    /// Made when it is first asked for.
    streamed: Arc<OnceLock<Option<BodyPattern>>>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, &self.flags) == (&other.source, &other.flags)
    }
}

impl Pattern {
    pub fn parse(scan: &mut Scanner<'_>) -> Result<Self, ParseError> {
        let start = scan.at();
        if !scan.eat("/") {
            return Err(scan.here(
                "\"matches\" wants a regular expression between slashes",
                "for example: matches /^ok/i",
            ));
        }
        let source = source(scan, start)?;
        let end = scan.at();
        let flags = scan.take(|c| c.is_alphanumeric());
        if let Some(flag) = flags.chars().find(|flag| !"imsx".contains(*flag)) {
            let help =
                "expected i (any case), m (^ and $ at lines), s (. is any) or x (blanks are none)";
            return Err(scan.error(end..scan.at(), format!("{flag:?} is not a flag"), help));
        }
        let flags: String = "imsx"
            .chars()
            .filter(|flag| flags.contains(*flag))
            .collect();
        let regex = RegexBuilder::new(&source)
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(flags.contains('s'))
            .ignore_whitespace(flags.contains('x'))
            .build();
        match regex {
            Ok(regex) => Ok(Self {
                source,
                flags,
                regex,
                streamed: Arc::default(),
            }),
            Err(why) => {
                let why = why.to_string();
                let last = why.lines().next_back().unwrap_or_default();
                let help = last.trim_start_matches("error: ").to_owned();
                Err(scan.error(start..end, "this is not a regular expression", help))
            }
        }
    }

    /// The same for a body that comes in pieces, where that can be.
    pub fn streamed(&self) -> Option<&BodyPattern> {
        self.streamed.get_or_init(|| self.automaton()).as_ref()
    }

    fn automaton(&self) -> Option<BodyPattern> {
        let is = |flag| self.flags.contains(flag);
        let flags = syntax::Config::new()
            .case_insensitive(is('i'))
            .multi_line(is('m'))
            .dot_matches_new_line(is('s'))
            .ignore_whitespace(is('x'));
        BodyPattern::new(self.to_string(), &self.source, flags)
    }

    /// What ends with `text`, as a body that comes in pieces is searched for it.
    pub fn ending(text: &str) -> Option<BodyPattern> {
        let source = format!("(?-u:{}\\z)", regex::escape(text));
        BodyPattern::new(Self::ending_key(text), &source, syntax::Config::new())
    }

    /// Stands for [`Self::ending`] in what was found.
    pub fn ending_key(text: &str) -> String {
        format!("endsWith {}", quote(text))
    }

    /// Whether it occurs in `text`, which need not be UTF-8.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

/// What stands before the closing slash, a slash in it without its backslash.
fn source(scan: &mut Scanner<'_>, start: usize) -> Result<String, ParseError> {
    let mut source = String::new();
    loop {
        source.push_str(scan.take(|c| c != '/' && c != '\\'));
        if scan.eat("/") {
            return Ok(source);
        }
        if scan.eat("\\/") {
            source.push('/');
            continue;
        }
        // a backslash and what it is before: a pair, whatever the pattern makes of it
        let pair = scan.next_chars(2);
        if pair.is_empty() {
            let help = "expected a closing slash; a slash in it is written \\/";
            return Err(scan.error(start..scan.at(), "a pattern without an end", help));
        }
        source.push_str(pair);
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.source.replace('/', "\\/"), self.flags)
    }
}
