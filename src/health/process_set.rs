//! The processes that many checks are about. A process is looked up, and no check is asked, so that as many processes as
//! checks cost no more than both together.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Check;
use super::ladder::Rung;
use super::process::{Backend, ProcessName};
use super::remedy::{Remedy, Selection};
use super::target::{Target, service_of};

/// What the targets of checks choose.
#[derive(Debug, Default)]
pub struct ProcessSet {
    of_backends: BTreeMap<Backend, Chosen>,
}

/// What they choose of one supervisor.
#[derive(Debug, Default)]
struct Chosen {
    all: bool,
    /// Names, in whichever group.
    names: BTreeSet<String>,
    /// Groups as a whole.
    groups: BTreeSet<String>,
    /// Members of groups, by their groups.
    members: BTreeMap<String, BTreeSet<String>>,
}

impl ProcessSet {
    /// What `checks` are about: what they restart at some attempt, and what they watch alone.
    pub fn of<'a>(checks: impl Iterator<Item = &'a Check>) -> Self {
        let mut found = Self::default();
        for check in checks {
            found.add(&check.remedy);
            for rung in &check.ladder {
                if let Rung::Restart(wider) = rung {
                    found.add(wider);
                }
            }
            if let Some(program) = &check.program {
                let process = &program.process;
                found
                    .chosen(process.backend)
                    .member(&process.group, &process.name);
            }
        }
        found
    }

    fn chosen(&mut self, backend: Backend) -> &mut Chosen {
        self.of_backends.entry(backend).or_default()
    }

    fn add(&mut self, remedy: &Remedy) {
        match &remedy.selection {
            Selection::All => self.chosen(remedy.default).all = true,
            Selection::Targets(targets) => {
                for target in targets {
                    let backend = target.backend.unwrap_or(remedy.default);
                    self.chosen(backend).add(target);
                }
            }
        }
    }

    /// Whether one of the checks is about `process`.
    pub fn contains(&self, process: &ProcessName) -> bool {
        let chosen = self.of_backends.get(&process.backend);
        chosen.is_some_and(|chosen| chosen.contains(process))
    }
}

impl Chosen {
    /// The same cases as of [`Target::matches`].
    fn add(&mut self, target: &Target) {
        match target.pattern.split_once(':') {
            None => {
                self.names.insert(target.pattern.clone());
            }
            Some((group, "*" | "")) => {
                self.groups.insert(group.to_owned());
            }
            Some((group, one)) => self.member(group, one),
        }
    }

    fn member(&mut self, group: &str, name: &str) {
        let members = self.members.entry(group.to_owned()).or_default();
        members.insert(name.to_owned());
    }

    fn contains(&self, process: &ProcessName) -> bool {
        let members = self.members.get(&process.group);
        let is_member = |members: &BTreeSet<String>| {
            members.contains(&process.name)
                || service_of(process).is_some_and(|service| members.contains(service))
        };
        self.all
            || self.names.contains(&process.name)
            || self.groups.contains(&process.group)
            || members.is_some_and(is_member)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::check::CheckRules;
    use super::super::program::ProgramCheck;
    use super::*;

    /// Every process that one of the checks is about is in the set, and no other one.
    #[test]
    fn set_has_what_checks_are_about() {
        let chosen = |patterns: &[&str]| {
            let targets = patterns.iter().map(|text| text.parse().expect("a target"));
            Remedy {
                selection: Selection::Targets(targets.collect()),
                ..Remedy::NONE
            }
        };
        let all = |default| Remedy {
            selection: Selection::All,
            default,
            ..Remedy::NONE
        };
        let of_docker = |group: &str, name: &str| ProcessName {
            backend: Backend::Docker,
            group: group.to_owned(),
            name: name.to_owned(),
        };
        let check = |remedy: Remedy, wider: Option<Remedy>, program: Option<ProcessName>| Check {
            name: "shop".to_owned(),
            url: String::new(),
            probe: String::new(),
            rules: Arc::new(CheckRules {
                remedy,
                ladder: wider.into_iter().map(Rung::Restart).collect(),
                program: program.map(|process| ProgramCheck {
                    process,
                    startsecs: Duration::from_secs(1),
                    startretries: 1,
                }),
                ..CheckRules::default()
            }),
        };
        let checks = [
            check(chosen(&["web", "app:a", "docker/app:b"]), None, None),
            check(Remedy::NONE, Some(chosen(&["pool:*"])), None),
            check(Remedy::NONE, None, Some(of_docker("own", "own"))),
            check(all(Backend::Systemd), None, None),
        ];
        let names = [
            "web", "a", "b", "app-b-1", "app_b_12", "app-b", "app-b-x", "own",
        ];
        let groups = ["web", "app", "pool", "own", "other"];
        let mut there = 0;
        for few in [&checks[..], &checks[..3], &checks[1..2], &[]] {
            let set = ProcessSet::of(few.iter());
            for backend in Backend::ALL {
                for (group, name) in groups
                    .iter()
                    .flat_map(|group| names.map(|name| (group, name)))
                {
                    let process = ProcessName {
                        backend,
                        ..of_docker(group, name)
                    };
                    let asked = few.iter().any(|check| check.concerns(&process));
                    assert_eq!(set.contains(&process), asked, "{process:?}");
                    there += usize::from(asked);
                }
            }
        }
        assert!(there > 50, "{there}");
    }
}
