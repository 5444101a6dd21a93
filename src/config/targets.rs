//! What checks restart: each target is well written, and names a program or has a command where it must.

use std::collections::BTreeSet;

use super::diagnostics::Diagnostic;
use super::requires::CheckDraft;
use super::supervisor::SupervisorSettings;
use super::value::TomlValue;
use crate::health::suggest::nearest;
use crate::health::{Backend, ProcessName, Target, unit};
use crate::sorted;
use crate::supervisor::embedded::spec::Program;

/// The target that `value` names. `default` is where targets without a backend's word live.
pub fn read_target(value: &TomlValue<'_>, default: Backend) -> Option<Target> {
    let target: Target = value.parsed(str::parse)?;
    let has_empty_part = target.pattern.split('/').any(str::is_empty);
    if target.backend.is_some() && has_empty_part && target.pattern.contains('/') {
        value.reject(Diagnostic::new(
            format!("{:?} names no process", target.to_string()),
            "a slash stands once, behind the word for the supervisor, such as \"docker/web\"",
        ));
        return None;
    }
    // a word for a supervisor must not be taken for a part of a name
    let help = match target.pattern.split_once('/') {
        Some(("embedded", name)) if target.backend.is_none() => {
            format!("a program of [[program]] is written \"program/{name}\"")
        }
        Some((word, "")) if Backend::ALL.iter().any(|known| known.as_str() == word) => {
            format!("a name is missing after \"{word}/\"")
        }
        _ if target.backend.is_none() && default == Backend::Systemd => {
            return value.parsed(unit::pattern).map(Target::new);
        }
        Some((word, rest)) if target.backend.is_none() => {
            value.reject(unknown_supervisor(word, rest, default));
            return None;
        }
        _ => return Some(target),
    };
    value.reject(Diagnostic::new(
        format!("{:?} names no process", target.to_string()),
        help,
    ));
    None
}

/// What stands before the slash is no supervisor: it would be found out when the process is to be restarted.
fn unknown_supervisor(word: &str, rest: &str, default: Backend) -> Diagnostic {
    let words = Backend::ALL.map(Backend::as_str);
    let help = match nearest(word, &words) {
        Some(near) => format!("did you mean \"{near}/{rest}\"?"),
        None => format!("expected one of {}.", words.join(", ")),
    };
    Diagnostic::new(
        format!("{word:?} is not a supervisor"),
        format!("{help} A name with a slash in it is written \"{default}/{word}/{rest}\""),
    )
}

/// Reports every target of `drafts` that cannot exist: that names none of `programs`, or that the commands
/// of `supervisor` cannot list.
pub fn check_targets(
    drafts: &[CheckDraft<'_>],
    programs: &[Program],
    supervisor: &SupervisorSettings,
) {
    let names: Vec<_> = programs.iter().map(Program::full_name).collect();
    for (target, value) in drafts.iter().flat_map(|draft| &draft.targets) {
        // what other backends have shows when they are asked
        let invalid = match target.backend.unwrap_or(supervisor.default) {
            Backend::Embedded => no_program(target, &names, supervisor.default),
            Backend::Command => no_command(target, supervisor),
            Backend::Supervisord if supervisor.supervisord.is_none() => {
                Some(no_supervisord(target, &names))
            }
            Backend::Supervisord | Backend::Systemd | Backend::Docker => None,
        };
        if let Some(invalid) = invalid {
            value.reject(invalid);
        }
    }
}

/// Reports every check of `drafts` that has the name of the check that a program has of its own.
pub fn check_names(drafts: &[CheckDraft<'_>], programs: &[Program]) {
    let own = |program: &Program| program.full_name().as_program();
    for draft in drafts {
        let mut taken = programs
            .iter()
            .filter(|program| own(program) == draft.check.name);
        if let (Some(program), Some(value)) = (taken.next(), &draft.name) {
            let name = program.full_name().namespec();
            value.reject(Diagnostic::new(
                format!(
                    "{:?} is the name of the check that program {name:?} has of its own",
                    draft.check.name
                ),
                "give this check another name",
            ));
        }
    }
}

/// `names` are the programs of our own supervisor, one of which may be meant.
fn no_supervisord(target: &Target, names: &[ProcessName]) -> Diagnostic {
    let pattern = &target.pattern;
    let patterns = patterns(names);
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    let meant = match patterns.contains(&pattern.as_str()) {
        true => Some(pattern.as_str()),
        false => nearest(pattern, &patterns),
    };
    let help = match meant {
        Some(meant) => format!("did you mean \"program/{meant}\"?"),
        None => format!(
            "add [supervisor.supervisord] with its url, such as \"unix:///run/supervisor.sock\", or say whose process \
             it is, such as \"systemd/{pattern}\" or \"docker/{pattern}\"; the file of an event listener needs neither: \
             httpok config check --listener"
        ),
    };
    Diagnostic::new(
        format!(
            "{:?} is a process of supervisord, and no supervisord is configured",
            target.to_string()
        ),
        help,
    )
}

fn no_program(target: &Target, names: &[ProcessName], default: Backend) -> Option<Diagnostic> {
    if names.iter().any(|name| target.matches(name, default)) {
        return None;
    }
    let text = target.to_string();
    if names.is_empty() {
        return Some(Diagnostic::new(
            format!("{text:?} is not a program: there is no [[program]]"),
            "add one: [[program]] with a name and a command",
        ));
    }
    let patterns = patterns(names);
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    let help = match nearest(&target.pattern, &patterns) {
        Some(near) => format!("did you mean {:?}?", written(near, target)),
        None => {
            let written: Vec<_> = patterns.iter().map(|name| written(name, target)).collect();
            format!("expected one of {}", written.join(", "))
        }
    };
    Some(Diagnostic::new(format!("{text:?} is not a program"), help))
}

/// Every pattern that means one of `names`, or a group of them.
fn patterns(names: &[ProcessName]) -> BTreeSet<String> {
    let groups = names
        .iter()
        .filter(|name| name.group != name.name)
        .map(|name| format!("{}:*", name.group));
    sorted::set(names.iter().map(ProcessName::namespec).chain(groups))
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

fn no_command(target: &Target, supervisor: &SupervisorSettings) -> Option<Diagnostic> {
    if let Some((group, "*" | "")) = target.pattern.split_once(':') {
        return Some(Diagnostic::new(
            format!("{target} means all of {group:?}, which no command can list"),
            format!("name each of them, such as \"command/{group}:one\""),
        ));
    }
    supervisor.command.is_none().then(|| {
        Diagnostic::new(
            format!("no commands are configured that stop and start {target}"),
            "add [supervisor.command] with status, stop and start, each a command such as \
             [\"rc-service\", \"{name}\", \"status\"]",
        )
    })
}
