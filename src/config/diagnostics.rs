//! What is wrong with a configuration, and what is most likely not meant: collected, put in the file's order, shown the
//! way rustc shows its errors and warnings. What is shown of the file has its secrets hidden already (see `mask`).

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::source::SourceMap;
use crate::health::{bounded_to, counted};
use crate::sorted;
use crate::terminal::{self, wrap};

/// So many are shown; a file with more has one mistake many times.
pub const SHOWN: usize = 100;
/// So many characters are shown of a line.
const WIDEST: usize = 200;
/// So many bytes are kept of each of its texts.
const MOST: usize = 600;

/// Whether a configuration can be used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Fault,
    Warning,
}

/// One thing that is wrong, or most likely not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiagnostic {
    /// Counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// In characters, counted from 1; 0 for the file as a whole.
    pub column: usize,
    /// The path of the key, such as `check[0].timeout`; empty where no key is to blame.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right; empty where the message says it.
    pub help: String,
    span: Range<usize>,
}

/// What is wrong and what would be right, before it has a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub message: String,
    pub help: String,
}

impl Diagnostic {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

impl From<String> for Diagnostic {
    /// Splits the sentence `X is no Y: expected Z`, which is how the grammars of values complain.
    fn from(sentence: String) -> Self {
        match sentence.split_once(": expected ") {
            Some((message, help)) => Self::new(message, format!("expected {help}")),
            None => Self::new(sentence, ""),
        }
    }
}

/// All that is wrong with a configuration, or all that is most likely not meant. Never empty. Displayed, it shows each of
/// them with its line of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    severity: Severity,
    map: SourceMap,
    /// The files' text, as long as the text itself, with secrets hidden.
    shown: String,
    faults: Vec<FileDiagnostic>,
}

impl Faults {
    /// A fault of `file` as a whole: it cannot be read.
    pub(super) fn whole(file: &str, invalid: Diagnostic) -> Self {
        let map = SourceMap::of(file);
        let found = vec![FileDiagnostic::whole("", invalid)];
        Self::of(Severity::Fault, map, String::new(), found)
    }

    /// What was found, at least one.
    pub(super) fn of(
        severity: Severity,
        map: SourceMap,
        shown: String,
        mut found: Vec<FileDiagnostic>,
    ) -> Self {
        sorted::by_key(&mut found, |fault| (fault.span.start, fault.span.end));
        Self {
            severity,
            map,
            shown,
            faults: found,
        }
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// One after the other, in the file's order.
    pub fn iter(&self) -> std::slice::Iter<'_, FileDiagnostic> {
        self.faults.iter()
    }

    /// The same text as `Display`'s in colour, for an `anstream` that takes the colour out where nobody
    /// would see it.
    pub fn styled(&self) -> String {
        let columns = terminal::size(&std::io::stderr()).map(|(columns, _)| columns);
        self.render(&Renderer::styled(), columns)
    }

    /// Each in one line, for a log: `httpok.toml:3:8: check[0].every: what is wrong: what would be right`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.faults.iter().take(SHOWN).map(|fault| {
            let file = self.map.at(fault.span.start).name.escape_debug();
            let place = match fault.line {
                0 => format!("{file}: "),
                line => format!("{file}:{line}:{}: ", fault.column),
            };
            let parts = [&fault.key, &fault.message, &fault.help];
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            let parts: Vec<_> = parts.map(String::as_str).collect();
            format!("{place}{}", parts.join(": "))
        })
    }

    /// What is said is wrapped to so many `columns`.
    fn render(&self, renderer: &Renderer, columns: Option<usize>) -> String {
        let mut text = String::new();
        for fault in self.faults.iter().take(SHOWN) {
            text.push_str(&self.render_one(fault, renderer, columns));
            text.push_str("\n\n");
        }
        if let Some(more) = self
            .faults
            .len()
            .checked_sub(SHOWN)
            .filter(|more| *more > 0)
        {
            text.push_str(&format!("... and {more} more\n\n"));
        }
        let count = match self.severity {
            Severity::Fault => counted(self.faults.len(), "fault", "faults"),
            Severity::Warning => counted(self.faults.len(), "warning", "warnings"),
        };
        let file = self.map.main().name.escape_debug();
        let others = if self.map.is_one() {
            ""
        } else {
            " and the files that it includes"
        };
        text.push_str(&format!("{count} in {file}{others}"));
        text
    }

    fn render_one(
        &self,
        fault: &FileDiagnostic,
        renderer: &Renderer,
        columns: Option<usize>,
    ) -> String {
        let wrapped = |text: &str| match columns {
            // "warning: " and "  = help: " stand before it
            Some(columns) => wrap(text, columns.saturating_sub(11)).join("\n"),
            None => text.to_owned(),
        };
        let (message, help) = (wrapped(&fault.message), wrapped(&fault.help));
        let file = &self.map.at(fault.span.start).name;
        let level = match self.severity {
            Severity::Fault => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(message.as_str());
        let group = if fault.line == 0 {
            title.element(Origin::path(self.map.main().name.as_str()))
        } else {
            let (line, span) = self.line_of(fault);
            if span.start >= WIDEST {
                let place = Origin::path(file.as_str()).line(fault.line);
                let group = title.element(place.char_column(fault.column));
                return renderer.render(&[with_help(group, &help)]);
            }
            let (line, more) = cut(line, span.end);
            let span = span.start..span.end.min(line.len());
            let mark = AnnotationKind::Primary.span(span);
            let mark = match fault.key.as_str() {
                "" => mark,
                key => mark.label(key),
            };
            let line = format!("{line}{more}");
            title.element(
                Snippet::source(line)
                    .path(file.as_str())
                    .line_start(fault.line)
                    .annotation(mark),
            )
        };
        renderer.render(&[with_help(group, &help)])
    }

    /// The line where `fault` begins, and the part of it to underline: no further than what is shown, so
    /// that the length of a secret stays one.
    fn line_of(&self, fault: &FileDiagnostic) -> (&str, Range<usize>) {
        let text = self.shown.as_str();
        let start = floor(text, fault.span.start);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[begin..end].trim_end();
        let from = (start - begin).min(line.len());
        let to = floor(text, fault.span.end).clamp(start, end) - begin;
        let to = to.clamp(from, line.len());
        (line, from..from + line[from..to].trim_end().len())
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a FileDiagnostic;
    type IntoIter = std::slice::Iter<'a, FileDiagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain(), None))
    }
}

impl std::error::Error for Faults {}

impl FileDiagnostic {
    /// A fault at `span` of `text`, whose files `map` knows.
    pub(super) fn at(
        text: &str,
        map: &SourceMap,
        span: Range<usize>,
        key: &str,
        invalid: Diagnostic,
    ) -> Self {
        let start = floor(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: map.line(start),
            column: 1 + before[line_start..].chars().count(),
            span,
            ..Self::whole(key, invalid)
        }
    }

    /// A fault of the file as a whole.
    pub(super) fn whole(key: &str, invalid: Diagnostic) -> Self {
        Self {
            line: 0,
            column: 0,
            // a key, a value or a list of names of the file may have any length
            key: bounded_to(key.to_owned(), MOST),
            message: bounded_to(invalid.message, MOST),
            help: bounded_to(invalid.help, MOST),
            span: 0..0,
        }
    }

    /// What another one has that says the same of the same place: a default that several checks inherit.
    pub(super) fn identity(&self) -> (usize, usize, String) {
        (self.span.start, self.span.end, self.message.clone())
    }
}

fn with_help<'a>(group: Group<'a>, help: &'a str) -> Group<'a> {
    match help {
        "" => group,
        help => group.element(Level::HELP.message(help)),
    }
}

/// As much of a long `line` as is shown, with what stands for the rest; `end` is where what is marked ends.
fn cut(line: &str, end: usize) -> (&str, &'static str) {
    let most = end.clamp(WIDEST / 2, WIDEST) + WIDEST / 4;
    match line.len() > most {
        true => (&line[..floor(line, most)], " ..."),
        false => (line, ""),
    }
}

/// The last boundary between characters that is not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}
