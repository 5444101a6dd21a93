//! The architecture's rules: imports run down only, adapters do not import each other, the configuration builds
//! their specs and nothing live, and the decision core is pure. Read from the source text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each top-level module. One that is missing here fails the test: give it a floor.
const FLOORS: [(&str, u8); 25] = [
    ("health", 1),
    ("blocking", 1),
    ("clock", 1),
    ("escape", 1),
    ("exec", 1),
    ("json", 1),
    ("net", 1),
    ("safe_path", 1),
    ("secret", 1),
    ("sorted", 1),
    ("terminal", 1),
    ("tick", 1),
    ("fleet", 2),
    ("notify", 2),
    ("probe", 2),
    ("serve", 2),
    ("store", 2),
    ("supervisor", 2),
    ("action", 3),
    ("config", 3),
    ("daemon", 4),
    ("cli", 5),
    ("fuzz", 5),
    ("lib", 6),
    ("main", 6),
];

/// The decision core, and what it stands on: all of it pure.
const PURE: [&str; 2] = ["health", "sorted"];

/// What they must not know.
const IMPURE: [&str; 9] = [
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "Instant",
    "SystemTime",
    "fastrand",
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("src can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut paths,
    );
    paths.sort();
    assert!(paths.len() > 20, "there is source to look at");
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("it is text");
            (path, text)
        })
        .collect()
}

/// The top-level module a file belongs to.
fn room(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = path.strip_prefix(src).expect("it is below src");
    let first = inside.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The source without its comments.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a text names with `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    code(text)
        .split("crate::")
        .skip(1)
        .flat_map(|rest| {
            let group = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let names: Vec<String> = match group {
                Some((inside, _)) => inside.split(',').map(first_word).collect(),
                None => vec![first_word(rest)],
            };
            names
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn first_word(text: &str) -> String {
    let word = text.trim_start().chars();
    word.take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn floor(room: &str) -> u8 {
    let known = FLOORS.iter().find(|(name, _)| *name == room);
    known.unwrap_or_else(|| panic!("{room} has no floor")).1
}

/// Adapters, whose specs the configuration builds.
const ADAPTERS: [&str; 7] = [
    "action",
    "fleet",
    "notify",
    "probe",
    "serve",
    "store",
    "supervisor",
];

/// The paths below `crate::` that a text names, such as `probe::http::spec::HttpSpec`.
fn paths(text: &str) -> Vec<String> {
    let code = code(text);
    let rests = code.split("crate::").skip(1);
    let path = |rest: &str| {
        let part = |c: &char| c.is_alphanumeric() || matches!(c, '_' | ':');
        rest.chars().take_while(part).collect()
    };
    rests.map(path).collect()
}

/// Whether a path leads to plain data of an adapter: into its module `spec`.
fn leads_to_spec(path: &str) -> bool {
    path.split("::").any(|part| part == "spec")
}

#[test]
fn imports_run_down_only_and_siblings_do_not_import_each_other() {
    let mut invalid = Vec::new();
    for (path, text) in sources() {
        let here = room(&path);
        for there in imports(&text).into_iter().filter(|there| *there != here) {
            let known = FLOORS.iter().any(|(name, _)| *name == there);
            let (low, high) = (floor(if known { &there } else { &here }), floor(&here));
            let allowed = known
                && (low < high
                    || (low == high && low == 1)
                    // it builds the specs of evidence, too; the next test allows no more than that
                    || (here == "config" && there == "action"));
            if !allowed {
                invalid.push(format!(
                    "{}: {here} (floor {high}) imports {there}",
                    path.display()
                ));
            }
        }
    }
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
}

#[test]
fn config_imports_nothing_of_an_adapter_but_its_spec() {
    let mut invalid = Vec::new();
    let mut specs = 0;
    for (file, text) in sources() {
        if room(&file) != "config" {
            continue;
        }
        for path in paths(&text) {
            let first = first_word(&path);
            // one path at a time, so that this test can see where it leads
            let grouped = path.is_empty();
            let live = ADAPTERS.contains(&first.as_str()) && !leads_to_spec(&path);
            if grouped || live {
                invalid.push(format!("{}: imports crate::{path}", file.display()));
            }
            specs += usize::from(leads_to_spec(&path));
        }
    }
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
    assert!(specs > 5, "it builds specs: {specs}");
}

#[test]
fn no_imports_are_cyclic() {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        let here = room(&path);
        let others = imports(&text).into_iter().filter(|there| *there != here);
        arrows.entry(here.clone()).or_default().extend(others);
    }
    for start in arrows.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<_> = arrows[start].iter().collect();
        while let Some(room) = next.pop() {
            assert_ne!(room, start, "cyclic imports through {start}");
            if seen.insert(room) {
                next.extend(arrows.get(room).into_iter().flatten());
            }
        }
    }
}

#[test]
fn health_is_pure() {
    let mut invalid = Vec::new();
    for (path, text) in sources()
        .into_iter()
        .filter(|(path, _)| PURE.contains(&room(path).as_str()))
    {
        let others = imports(&text).into_iter();
        for there in others.filter(|there| !PURE.contains(&there.as_str())) {
            invalid.push(format!("{}: imports {there}", path.display()));
        }
        let code = code(&text);
        for impure in IMPURE.into_iter().filter(|word| code.contains(word)) {
            invalid.push(format!("{}: knows {impure}", path.display()));
        }
        if code.contains("async ") {
            invalid.push(format!("{}: is async", path.display()));
        }
    }
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
}

#[test]
fn imports_are_found_in_source_text() {
    let text = "use crate::health::Moment;\n// use crate::cli;\nuse crate::{probe, config::x};\nlet a = crate::tick::b();";
    let seen: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(seen, ["config", "health", "probe", "tick"]);
    assert_eq!(
        paths("use crate::probe::http::spec::{A, B};\ncrate::tick::b()"),
        ["probe::http::spec::", "tick::b"]
    );
    assert!(leads_to_spec("probe::http::spec::"));
    assert!(!leads_to_spec("probe::http::special"));
}
