//! `include = ["conf.d/*.toml"]`: finds the files that a configuration consists of, and makes one document of them.
//! Lists of tables, such as `[[check]]`, are joined in the order of the files; every other key stands in one of them.

use std::io;
use std::mem;
use std::ops::Range;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostics::Diagnostic;
use super::source::SourceMap;
use crate::safe_path::read_text;
use crate::sorted;

/// The key.
pub const INCLUDE: &str = "include";

/// All files of a configuration together are no larger: room for 100,000 checks.
const LARGEST: u64 = 32 << 20;
/// A configuration has no more files.
const MOST: usize = 1000;

/// A name that begins with a dot, such as that of an editor's copy, is not meant by `*`.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files of a configuration, and what was wrong with finding them.
#[derive(Default)]
pub struct Gathered {
    /// Name and text of each, the first one first.
    pub texts: Vec<(String, String)>,
    /// Which file says so where, and what is wrong.
    pub invalid: Vec<(usize, Range<usize>, Diagnostic)>,
    /// Those that were read, to tell that one is there again.
    seen: Vec<PathBuf>,
}

impl Gathered {
    /// The file `name` with this text, and all that it includes.
    pub fn of(name: &str, text: &str) -> Self {
        let mut gathered = Self::default();
        gathered.add(name.to_owned(), text.to_owned(), &mut Vec::new());
        gathered
    }

    /// `way` are the files that lead here.
    fn add(&mut self, name: String, text: String, way: &mut Vec<PathBuf>) {
        let base = Path::new(&name)
            .parent()
            .unwrap_or(Path::new(""))
            .to_owned();
        let path = identity(Path::new(&name));
        let patterns = patterns(&text);
        let number = self.texts.len();
        self.texts.push((name, text));
        self.seen.push(path.clone());
        way.push(path);
        for (pattern, span) in patterns {
            match find(&base, &pattern) {
                Ok(found) => found
                    .into_iter()
                    .for_each(|file| self.include(&file, number, &span, way)),
                Err(invalid) => self.invalid.push((number, span, invalid)),
            }
        }
        way.pop();
    }

    /// The file at `path`, which the file of this `number` includes at `span`.
    fn include(&mut self, path: &Path, number: usize, span: &Range<usize>, way: &mut Vec<PathBuf>) {
        let name = path.to_string_lossy().into_owned();
        let mut refuse = |message: String, help: &str| {
            self.invalid
                .push((number, span.clone(), Diagnostic::new(message, help)));
        };
        let is = identity(path);
        if let Some(from) = way.iter().position(|file| *file == is) {
            let names = way[from..].iter().chain([&is]);
            let names: Vec<_> = names.map(|file| file.display().to_string()).collect();
            return refuse(
                format!("cyclic include: {}", names.join(" -> ")),
                "leave out the one that is not needed",
            );
        }
        if self.seen.contains(&is) {
            return refuse(
                format!("{name:?} is included already"),
                "leave out one of them",
            );
        }
        if self.texts.len() >= MOST {
            return refuse(
                format!("more than {MOST} files"),
                "name the files that are meant, such as \"conf.d/*.toml\"",
            );
        }
        let read_before: usize = self.texts.iter().map(|(_, text)| text.len()).sum();
        match read(path) {
            Ok(text) if (read_before + text.len()) as u64 > LARGEST => refuse(
                format!("with {name:?} the configuration is larger than 32 MiB"),
                "leave out what is not needed, or give it to another watchdog",
            ),
            Ok(text) => self.add(name, text, way),
            Err(why) => refuse(
                format!("cannot read {name:?}: {why}"),
                "expected a TOML file in UTF-8 that httpok may read",
            ),
        }
    }
}

/// What tells one file from another, whatever it is called.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The patterns that `text` includes, with their places. What else stands there the reader of the key reports.
fn patterns(text: &str) -> Vec<(String, Range<usize>)> {
    // most files include nothing, and are not read twice for it
    if !text.contains(INCLUDE) {
        return Vec::new();
    }
    let (document, _) = DeTable::parse_recoverable(text);
    let Some(value) = document.get_ref().get(INCLUDE) else {
        return Vec::new();
    };
    let pattern = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::String(text) => Some((text.clone().into_owned(), value.span())),
        _ => None,
    };
    match value.get_ref() {
        DeValue::Array(items) => items.iter().filter_map(pattern).collect(),
        _ => pattern(value).into_iter().collect(),
    }
}

/// The files that `pattern` means, in the order of their names; a name without `*`, `?` and `[` has to be there.
fn find(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, Diagnostic> {
    let invalid = |why: String| {
        Diagnostic::new(
            format!("{pattern:?}: {why}"),
            "for example: \"conf.d/*.toml\"",
        )
    };
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![base.join(pattern)]);
    }
    let base = Pattern::escape(&base.to_string_lossy());
    let whole = Path::new(&base).join(pattern);
    let paths = glob::glob_with(&whole.to_string_lossy(), OPTIONS);
    let paths = paths.map_err(|error| invalid(error.msg.to_owned()))?;
    let mut found = Vec::new();
    for path in paths.take(MOST + 1) {
        found.push(path.map_err(|error| invalid(error.to_string()))?);
    }
    sorted::plain(&mut found);
    Ok(found)
}

/// The text of the file `path`.
///
/// # Errors
/// That it is no regular file, cannot be read, is too large or no UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    read_text(path, LARGEST)
}

/// A key that stands in two files: its path, where it is the second time, and the first.
pub struct Twice {
    pub key: String,
    pub second: Range<usize>,
    pub first: Range<usize>,
}

/// What the TOML parser says, and of which place.
type Misread = (Range<usize>, String);

/// The parts of `text`, one for each file, as one document; or what the TOML parser says of them, with places.
pub fn parse<'a>(
    text: &'a str,
    map: &SourceMap,
) -> Result<(DeTable<'a>, Vec<Twice>), Vec<Misread>> {
    let mut document = DeTable::new();
    let mut twice = Vec::new();
    let mut broken = Vec::new();
    for (file, end) in map.parts(text.len()) {
        let part = &text[file.start..end];
        let (table, errors) = DeTable::parse_recoverable(part);
        broken.extend(errors.iter().map(|error| {
            let span = error.span().unwrap_or(part.len()..part.len());
            (moved(&span, file.start), error.message().to_owned())
        }));
        if file.start == 0 {
            document = table.into_inner();
        } else {
            let table = move_table(table.into_inner(), file.start);
            merge(&mut document, table, "", &mut twice);
        }
    }
    match broken.is_empty() {
        true => Ok((document, twice)),
        false => Err(broken),
    }
}

/// Puts what `more` has into `table`; `path` is theirs.
fn merge<'a>(table: &mut DeTable<'a>, more: DeTable<'a>, path: &str, twice: &mut Vec<Twice>) {
    for (key, value) in more {
        let name = match path {
            "" => key.get_ref().to_string(),
            path => format!("{path}.{}", key.get_ref()),
        };
        let Some(there) = table.get_mut(key.get_ref().as_ref()) else {
            table.insert(key, value);
            continue;
        };
        let (first, second) = (there.span(), key.span());
        // each file may include others
        if name == INCLUDE {
            let mut all = DeArray::new();
            for value in [mem::replace(there, nothing()), value] {
                match value.get_ref() {
                    DeValue::Array(items) => items.iter().for_each(|item| all.push(item.clone())),
                    _ => all.push(value),
                }
            }
            *there = Spanned::new(first, DeValue::Array(all));
            continue;
        }
        match (there.get_mut(), value.into_inner()) {
            (DeValue::Table(there), DeValue::Table(more)) => merge(there, more, &name, twice),
            (DeValue::Array(there), DeValue::Array(more))
                if path.is_empty() && is_tables(there) && is_tables(&more) =>
            {
                more.into_iter().for_each(|item| there.push(item));
            }
            _ => twice.push(Twice {
                key: name,
                second,
                first,
            }),
        }
    }
}

fn is_tables(items: &[Spanned<DeValue<'_>>]) -> bool {
    items
        .iter()
        .all(|item| matches!(item.get_ref(), DeValue::Table(_)))
}

fn moved(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// What stands where a value is taken from, for a moment.
fn nothing<'a>() -> Spanned<DeValue<'a>> {
    Spanned::new(0..0, DeValue::Boolean(false))
}

/// `table` with all its places so many bytes later.
fn move_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let mut out = DeTable::new();
    for (key, value) in table {
        let span = moved(&key.span(), by);
        out.insert(Spanned::new(span, key.into_inner()), move_value(value, by));
    }
    out
}

fn move_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = moved(&value.span(), by);
    let mut inner = value.into_inner();
    match &mut inner {
        DeValue::Table(table) => *table = move_table(mem::take(table), by),
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                *item = move_value(mem::replace(item, nothing()), by);
            }
        }
        _ => {}
    }
    Spanned::new(span, inner)
}
