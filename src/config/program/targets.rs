//! What checks say of programs: a target among them names one that is there.

use std::collections::BTreeSet;

use crate::config::diagnostics::Diagnostic;
use crate::config::parse_context::nearest;
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
            value.wrong(Diagnostic::new(
                format!("{text:?} is no program: there is none"),
                "add one: [[program]] with a name and a command",
            ));
            continue;
        }
        let ways = ways(&names);
        let ways: Vec<_> = ways.iter().map(String::as_str).collect();
        let help = match nearest(&target.pattern, &ways) {
            Some(near) => format!("did you mean {:?}?", written(near, target)),
            None => {
                let ways: Vec<_> = ways.iter().map(|way| written(way, target)).collect();
                format!("expected one of {}", ways.join(", "))
            }
        };
        value.wrong(Diagnostic::new(format!("{text:?} is no program"), help));
    }
}

/// Every way to name a program, or a group of them.
fn ways(names: &[ProcessName]) -> BTreeSet<String> {
    let groups = names
        .iter()
        .filter(|name| name.group != name.name)
        .map(|name| format!("{}:*", name.group));
    names
        .iter()
        .map(ProcessName::namespec)
        .chain(groups)
        .collect()
}

/// `pattern` as `target` is written: with the word before the slash, or without.
fn written(pattern: &str, target: &Target) -> String {
    let pattern = pattern.to_owned();
    Target {
        pattern,
        ..target.clone()
    }
    .to_string()
}
