//! The files of one configuration as one text: a place in it is a place in one of them. So that a span says all
//! that a diagnostic needs, files that are included stand behind the one that includes them.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Which file each part of the text is from. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    /// Where each line of the whole text begins, the first one left out.
    lines: Vec<usize>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// As people know it.
    pub name: String,
    /// Where relative paths start.
    pub base: PathBuf,
    /// Where it begins in the whole text.
    pub start: usize,
}

impl SourceMap {
    /// One file alone.
    pub fn of(name: &str) -> Self {
        Self {
            files: vec![SourceFile::new(name, 0)],
            lines: Vec::new(),
        }
    }

    /// `texts` with the names of their files, and all of them as one text. Each part ends with a line end.
    pub fn join(texts: &[(String, String)]) -> (Self, String) {
        let mut whole = String::new();
        let mut files = Vec::with_capacity(texts.len());
        for (name, text) in texts {
            if !whole.is_empty() && !whole.ends_with('\n') {
                whole.push('\n');
            }
            files.push(SourceFile::new(name, whole.len()));
            whole.push_str(text);
        }
        let lines = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
        (Self { files, lines }, whole)
    }

    /// Each file with the end of its part in a text of `length` bytes.
    pub fn parts(&self, length: usize) -> impl Iterator<Item = (&SourceFile, usize)> {
        let ends = self.files.iter().skip(1).map(|file| file.start);
        self.files.iter().zip(ends.chain([length]))
    }

    /// The place `span` of the file of this number, in the whole text.
    pub fn shifted(&self, number: usize, span: &Range<usize>) -> Range<usize> {
        let start = self.files.get(number).map_or(0, |file| file.start);
        span.start + start..span.end + start
    }

    /// The file that `at` is in.
    pub fn at(&self, at: usize) -> &SourceFile {
        let number = self.files.partition_point(|file| file.start <= at);
        &self.files[number.saturating_sub(1)]
    }

    /// The line of the byte `at`, counted from 1 in its file.
    pub fn line(&self, at: usize) -> usize {
        let before = |at: usize| self.lines.partition_point(|&line| line <= at);
        1 + before(at) - before(self.at(at).start)
    }

    /// The file that everything begins with.
    pub fn main(&self) -> &SourceFile {
        &self.files[0]
    }

    pub fn is_one(&self) -> bool {
        self.files.len() == 1
    }
}

impl SourceFile {
    fn new(name: &str, start: usize) -> Self {
        let base = Path::new(name).parent().unwrap_or(Path::new(""));
        Self {
            name: name.to_owned(),
            base: base.to_owned(),
            start,
        }
    }
}
