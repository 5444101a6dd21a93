//! The files that a supervisord reads, with those that they include: sections whose placeholders are filled in.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::cli::import::draft::Draft;
use crate::cli::import::ini::{self, IniSection};
use crate::cli::import::placeholders::{expanded, variables};

/// More files than any supervisord includes.
const MOST: usize = 1000;

/// A file with its sections.
pub(super) struct SupervisordFile {
    pub name: String,
    pub sections: Vec<IniSection>,
}

/// What people call the file at `path`.
pub fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.unwrap_or_default().into_owned()
}

/// The files `found` and those that they include, each once.
pub(super) fn gather(
    found: Vec<(PathBuf, String)>,
    env: &dyn Fn(&str) -> Option<String>,
    draft: &mut Draft,
) -> Vec<SupervisordFile> {
    let mut files = Vec::new();
    let mut seen: Vec<PathBuf> = found.iter().map(|(path, _)| identity(path)).collect();
    let named = found.into_iter().map(|(path, text)| (path, text, true));
    let mut waiting: VecDeque<_> = named.collect();
    while let Some((path, text, includes)) = waiting.pop_front() {
        let sections = read(&text, &path, env);
        draft.begin(&name(&path));
        draft.source(&text);
        for (key, value, line) in ini::parse(&text).iter().flat_map(|section| &section.keys) {
            draft.statement(*line, &format!("{key}={value}"));
        }
        for section in sections
            .iter()
            .filter(|section| section.header == "include")
        {
            let Some((patterns, line)) = section.get("files") else {
                draft.leave(section.line, "[include] without files");
                continue;
            };
            if !includes {
                let text = "[include] in a file that is included: supervisord ignores it, too";
                draft.leave(line, text);
                continue;
            }
            for file in included(patterns, &path) {
                let is = identity(&file);
                if seen.contains(&is) || seen.len() >= MOST {
                    continue;
                }
                seen.push(is);
                match crate::cli::import::read(&file) {
                    Ok(text) => waiting.push_back((file, text, false)),
                    Err(why) => {
                        draft.leave(line, &format!("[include]: cannot read {file:?}: {why}"));
                    }
                }
            }
        }
        files.push(SupervisordFile {
            name: name(&path),
            sections,
        });
    }
    files
}

fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The files that `patterns` of the file at `path` mean.
fn included(patterns: &str, path: &Path) -> Vec<PathBuf> {
    let base = path.parent().unwrap_or(Path::new(""));
    let base = glob::Pattern::escape(&base.to_string_lossy());
    let mut found = Vec::new();
    for pattern in patterns.split_whitespace() {
        let whole = Path::new(&base).join(pattern);
        if let Ok(paths) = glob::glob(&whole.to_string_lossy()) {
            found.extend(paths.flatten().take(MOST));
        }
    }
    found
}

/// The sections of `text`, the file at `path`, with placeholders filled in.
fn read(text: &str, path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Vec<IniSection> {
    let mut sections = ini::parse(text);
    let here = path.parent().unwrap_or(Path::new("")).display().to_string();
    for section in &mut sections {
        let name = section.header.split_once(':').map_or("", |(_, name)| name);
        let name = name.to_owned();
        let own = section.get("environment").map_or("", |(text, _)| text);
        let own = variables(own);
        let env = |word: &str| own.get(word).cloned().or_else(|| env(word));
        for (_, value, _) in &mut section.keys {
            *value = expanded(value, &here, &name, &env);
        }
    }
    sections
}
