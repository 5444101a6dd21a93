//! What is wrong with a configuration: collected, put in the file's order, shown the way rustc shows its
//! errors. What is shown of the file has its secrets hidden already (see `mask`).

use crate::health::counted;
use std::fmt;
use std::ops::Range;

use super::source::SourceMap;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// One thing that is wrong.
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

/// All that is wrong with a configuration. Never empty. Displayed, it shows each fault with its line of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    map: SourceMap,
    /// The files' text, as long as the text itself, with secrets hidden.
    shown: String,
    faults: Vec<FileDiagnostic>,
}

impl Faults {
    /// A fault of `file` as a whole: it cannot be read.
    pub(super) fn whole(file: &str, invalid: Diagnostic) -> Self {
        let map = SourceMap::of(file);
        Self::of(map, String::new(), vec![FileDiagnostic::whole("", invalid)])
    }

    /// What was found, at least one fault.
    pub(super) fn of(map: SourceMap, shown: String, mut found: Vec<FileDiagnostic>) -> Self {
        found.sort_by_key(|fault| (fault.span.start, fault.span.end));
        Self {
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
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut text = String::new();
        for fault in &self.faults {
            text.push_str(&self.render_one(fault, renderer));
            text.push_str("\n\n");
        }
        let count = counted(self.faults.len(), "fault", "faults");
        let file = self.map.main().name.escape_debug();
        let others = if self.map.is_one() {
            ""
        } else {
            " and the files that it includes"
        };
        text.push_str(&format!("{count} in {file}{others}"));
        text
    }

    fn render_one(&self, fault: &FileDiagnostic, renderer: &Renderer) -> String {
        let file = &self.map.at(fault.span.start).name;
        let title = Level::ERROR.primary_title(fault.message.as_str());
        let mut group = if fault.line == 0 {
            title.element(Origin::path(self.map.main().name.as_str()))
        } else {
            let (line, span) = self.line_of(fault);
            let mark = AnnotationKind::Primary.span(span);
            let mark = match fault.key.as_str() {
                "" => mark,
                key => mark.label(key),
            };
            title.element(
                Snippet::source(line)
                    .path(file.as_str())
                    .line_start(fault.line)
                    .annotation(mark),
            )
        };
        if !fault.help.is_empty() {
            group = group.element(Level::HELP.message(fault.help.as_str()));
        }
        renderer.render(&[group])
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
        f.write_str(&self.render(&Renderer::plain()))
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
            line: map.at(start).line(text, start),
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
            key: key.to_owned(),
            message: invalid.message,
            help: invalid.help,
            span: 0..0,
        }
    }

    /// Whether `other` says the same of the same place: a default that several checks inherit.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        self.span == other.span && self.message == other.message
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
