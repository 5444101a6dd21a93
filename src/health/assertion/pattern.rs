//! Regular expressions between slashes, over bytes: a body need not be text.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use super::scan::{ParseError, Scanner};

/// A regular expression as it was written.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    flags: String,
    regex: Regex,
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
            }),
            Err(why) => {
                let why = why.to_string();
                let last = why.lines().next_back().unwrap_or_default();
                let help = last.trim_start_matches("error: ").to_owned();
                Err(scan.error(start..end, "this is not a regular expression", help))
            }
        }
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
