//! What checks say of programs: a target among them names one that is there.

use std::collections::BTreeSet;

use crate::config::faults::Wrong;
use crate::config::requires::Draft;
use crate::config::settings::Program;
use crate::health::{Backend, ProcessName, Target};

/// Reports every target of `drafts` that means a program and names none of `programs`. `default` is where
/// targets without a word for it live.
pub fn check_targets(drafts: &[Draft<'_>], programs: &[Program], default: Backend) {
    let names: Vec<_> = programs
        .iter()
        .map(|program| ProcessName::embedded(&program.group, &program.name))
        .collect();
    for (target, value) in drafts.iter().flat_map(|draft| &draft.targets) {
        let ours = target.backend.unwrap_or(default) == Backend::Embedded;
        if !ours || names.iter().any(|name| target.matches(name, default)) {
            continue;
        }
        let text = target.to_string();
        if names.is_empty() {
            value.wrong(Wrong::new(
                format!("{text:?} is no program: there is none"),
                "add one: [[program]] with a name and a command",
            ));
            continue;
        }
        let words = words(&names, target);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        value.none_of("program", &text, &words);
    }
}

/// Every way to name a program or a group of them, written as `target` is.
fn words(names: &[ProcessName], target: &Target) -> BTreeSet<String> {
    let groups = names
        .iter()
        .filter(|name| name.group != name.name)
        .map(|name| format!("{}:*", name.group));
    let words = names.iter().map(ProcessName::namespec).chain(groups);
    words
        .map(|pattern| {
            Target {
                pattern,
                ..target.clone()
            }
            .to_string()
        })
        .collect()
}
