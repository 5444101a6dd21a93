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

/// So many names are suggested where none is similar.
const SUGGESTED: usize = 20;

/// The target that `value` names. `default` is where targets without a backend's word live.
pub fn read_target(value: &TomlValue<'_>, default: Backend) -> Option<Target> {
    if let Some(text) = value.plain().filter(|text| text.trim().is_empty()) {
        value.reject(Diagnostic::new(
            format!("{text:?} is not the name of a process"),
            "expected such as \"web\" or \"app:*\"",
        ));
        return None;
    }
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
    let known = KnownPrograms::of(programs);
    for (target, value) in drafts.iter().flat_map(|draft| &draft.targets) {
        let is_faulty = |section| value.parse_context.is_faulty(section);
        // what other backends have shows when they are asked
        let invalid = match target.backend.unwrap_or(supervisor.default) {
            Backend::Embedded if known.has(target) || is_faulty("program") => None,
            Backend::Embedded => Some(known.no_program(target, value)),
            Backend::Command if is_faulty("supervisor") => None,
            Backend::Command => no_command(target, supervisor),
            Backend::Supervisord if supervisor.supervisord.is_some() || is_faulty("supervisor") => {
                None
            }
            Backend::Supervisord => Some(known.no_supervisord(target, value)),
            Backend::Systemd | Backend::Docker => None,
        };
        if let Some(invalid) = invalid {
            value.reject(invalid);
        }
    }
}

/// Reports every check of `drafts` that has the name of the check that a program has of its own.
pub fn check_names<'p>(drafts: &[CheckDraft<'_>], programs: &'p [Program]) {
    let own = |program: &'p Program| (program.full_name().as_program(), program);
    let own = sorted::map(programs.iter().map(own));
    for draft in drafts {
        if let (Some(program), Some(value)) = (own.get(&draft.check.name), &draft.name) {
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

/// The programs of our own supervisor, as targets name them.
struct KnownPrograms {
    /// Every pattern that means one or more of them.
    meant: BTreeSet<String>,
    /// Those that are suggested: one for each program, and one for each group.
    usual: BTreeSet<String>,
}

impl KnownPrograms {
    fn of(programs: &[Program]) -> Self {
        let names: Vec<_> = programs.iter().map(Program::full_name).collect();
        let spellings = |ProcessName { group, name, .. }: &ProcessName| {
            [
                name.clone(),
                format!("{group}:{name}"),
                format!("{group}:*"),
                format!("{group}:"),
            ]
        };
        let groups = names
            .iter()
            .filter(|name| name.group != name.name)
            .map(|name| format!("{}:*", name.group));
        Self {
            meant: sorted::set(names.iter().flat_map(spellings)),
            usual: sorted::set(names.iter().map(ProcessName::namespec).chain(groups)),
        }
    }

    fn has(&self, target: &Target) -> bool {
        self.meant.contains(&target.pattern)
    }

    /// The one that `target`, which stands at `value`, is most likely a misspelling of.
    fn nearest(&self, target: &Target, value: &TomlValue<'_>) -> Option<&str> {
        // of so many faults the later ones are not shown
        if value.parse_context.is_crowded() {
            return None;
        }
        let usual: Vec<_> = self.usual.iter().map(String::as_str).collect();
        nearest(&target.pattern, &usual)
    }

    fn no_supervisord(&self, target: &Target, value: &TomlValue<'_>) -> Diagnostic {
        let pattern = &target.pattern;
        let meant = match self.usual.get(pattern) {
            Some(meant) => Some(meant.as_str()),
            None => self.nearest(target, value),
        };
        let help = match meant {
            Some(meant) => format!("did you mean \"program/{meant}\"?"),
            None => format!(
                "add [supervisor.supervisord] with its url, such as \"unix:///run/supervisor.sock\", or say whose \
                 process it is, such as \"systemd/{pattern}\" or \"docker/{pattern}\"; the file of an event listener \
                 needs neither: httpok config check --listener"
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

    fn no_program(&self, target: &Target, value: &TomlValue<'_>) -> Diagnostic {
        let text = target.to_string();
        if self.usual.is_empty() {
            return Diagnostic::new(
                format!("{text:?} is not a program: there is no [[program]]"),
                "add one: [[program]] with a name and a command",
            );
        }
        let help = match self.nearest(target, value) {
            Some(near) => format!("did you mean {:?}?", written(near, target)),
            None => {
                let usual = self.usual.iter().take(SUGGESTED);
                let written: Vec<_> = usual.map(|name| written(name, target)).collect();
                format!("expected one of {}", written.join(", "))
            }
        };
        Diagnostic::new(format!("{text:?} is not a program"), help)
    }
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
