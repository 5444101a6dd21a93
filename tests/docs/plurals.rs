//! Counts in texts for people have their noun through `counted`, so that nobody reads "1 checks".

use std::fs;
use std::path::{Path, PathBuf};

/// Nouns that are counted somewhere.
const NOUNS: [&str; 30] = [
    "attempts",
    "bytes",
    "characters",
    "checks",
    "clients",
    "columns",
    "connections",
    "entries",
    "events",
    "fails",
    "faults",
    "files",
    "groups",
    "hosts",
    "incidents",
    "lines",
    "messages",
    "notifications",
    "others",
    "probes",
    "programs",
    "reports",
    "restarts",
    "results",
    "rows",
    "rungs",
    "slots",
    "tries",
    "times",
    "warnings",
];

/// What stands there knows that there is more than one, or that the number is a bound of ours.
const MORE_THAN_ONE: [&str; 24] = [
    "more => format!",
    "many => format!",
    "times => format!",
    "checks => format!",
    "count => format!",
    "probes => format!",
    "(many, ",
    "(count, all)",
    "said {times} times",
    "one name for {count} processes",
    "{acting} rungs",
    "\"200, {",
    "{failing} of",
    "{count} of",
    // kinds of checks, bounds, and what is larger than a bound
    "{only} checks",
    "{kinds} checks",
    "For {} checks",
    "{check} fails:",
    "1 of {all} checks",
    "{most} bytes",
    "a message of {bytes} bytes is too large",
    "to have {length} bytes, got",
    "({} bytes)\", bytes.len())",
    "{} of {} bytes\", self.kind()",
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be read") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|ext| ext == "rs") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn counts_have_their_nouns_through_one_function() {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("text");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_tests = path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs");
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|_| !is_tests) {
            let above = at.checked_sub(1).map_or("", |above| lines[above]);
            let is_known = MORE_THAN_ONE
                .iter()
                .any(|known| line.contains(known) || above.contains(known));
            if line.trim_start().starts_with("//") || is_known || line.contains("counted(") {
                continue;
            }
            for (end, _) in line.match_indices("} ") {
                let name = line[..end].rsplit('{').next().unwrap_or_default();
                let word = line[end + 2..]
                    .split(|c: char| !c.is_ascii_alphabetic())
                    .next();
                // a constant is never one
                let is_constant = !name.is_empty() && !name.contains(char::is_lowercase);
                if NOUNS.contains(&word.unwrap_or_default()) && !is_constant {
                    found.push(format!("{}:{}: {}", path.display(), at + 1, line.trim()));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "use health::counted:\n{}",
        found.join("\n")
    );
}
