//! What a check restarts when it is down, as configured: processes by patterns, per supervisor; never httpok's own
//! process, and what an operator stopped only on a manual restart.

use std::fmt;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call_error::CallError;
use super::process::{Backend, Process, ProcessName, ProcessState};
use super::suggest::nearest;
use super::target::Target;
use crate::sorted;

/// Which processes a check restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Every process of the default supervisor but ourselves (`-a`).
    All,
    /// Those that a target matches. Empty: nothing is restarted, people are only notified.
    Targets(Vec<Target>),
}

impl Selection {
    /// Nothing at all.
    pub const NONE: Self = Self::Targets(Vec::new());

    /// Whether nothing can be selected.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Targets(targets) if targets.is_empty())
    }

    /// What either selects.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Targets(own), Self::Targets(others)) => {
                let mut all = own.clone();
                all.extend(others.iter().filter(|one| !own.contains(one)).cloned());
                Self::Targets(all)
            }
            (Self::All, _) | (_, Self::All) => Self::All,
        }
    }

    /// As a person wrote it.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::All => vec!["*".to_owned()],
            Self::Targets(targets) => targets.iter().map(Target::to_string).collect(),
        }
    }

    /// Whether `name` is selected.
    pub fn matches(&self, name: &ProcessName, default: Backend) -> bool {
        match self {
            Self::All => name.backend == default,
            Self::Targets(targets) => targets.iter().any(|target| target.matches(name, default)),
        }
    }

    /// Whether `process` is selected, under whichever of its names.
    pub fn means(&self, process: &Process, default: Backend) -> bool {
        match self {
            Self::All => process.name.backend == default,
            Self::Targets(targets) => targets.iter().any(|target| target.means(process, default)),
        }
    }
}

/// A target of which its supervisor knows no process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownTarget {
    /// As configured.
    pub target: String,
    /// The process that was most likely meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<String>,
}

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no supervisor knows {:?}", self.target)?;
        match &self.meant {
            Some(meant) => write!(f, ": did you mean {meant:?}?"),
            None => Ok(()),
        }
    }
}

/// What a check does when it is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// Which processes.
    pub selection: Selection,
    /// Where targets without a backend live.
    pub default: Backend,
    /// Also start what is FATAL or EXITED. What is STOPPED was stopped by someone and stays so.
    pub start_stopped: bool,
    /// Ask even when none of them is RUNNING (the original's eager mode).
    pub eager: bool,
    /// By name, as the original takes them, and not in the order of the targets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
    /// The group and name of the watchdog's own process, which is never touched, nor is its pool.
    pub ourselves: Option<ProcessName>,
}

impl Remedy {
    /// Notify, but restart nothing.
    pub const NONE: Self = Self {
        selection: Selection::NONE,
        default: Backend::Supervisord,
        start_stopped: false,
        eager: true,
        by_name: false,
        ourselves: None,
    };

    /// Whether the process `name` is selected.
    pub fn matches(&self, name: &ProcessName) -> bool {
        self.selection.matches(name, self.default)
    }

    /// The selected ones of `listed`, in the order of the targets; those of one target in name order. The members of a
    /// group follow each other, from its first one on: a rolling restart takes one after the other.
    pub fn select(&self, listed: &[Process]) -> Vec<Process> {
        let mut chosen: Vec<_> = listed
            .iter()
            .filter(|process| self.selection.means(process, self.default))
            .cloned()
            .collect();
        sorted::by(&mut chosen, |a, b| a.name.cmp(&b.name));
        chosen.dedup_by(|a, b| a.name == b.name);
        let targets = match &self.selection {
            Selection::Targets(targets)
                if targets.len() > 1 && chosen.len() > 1 && !self.by_name =>
            {
                targets
            }
            Selection::All | Selection::Targets(_) => return chosen,
        };
        let turn = |process: &Process| {
            let means = |target: &Target| target.means(process, self.default);
            targets.iter().position(means)
        };
        let group = |process: &Process| (process.name.backend, process.name.group.clone());
        let mut begins = BTreeMap::new();
        for process in &chosen {
            let first = begins.entry(group(process)).or_insert(usize::MAX);
            *first = (*first).min(turn(process).unwrap_or(usize::MAX));
        }
        chosen.sort_by_cached_key(|process| {
            let group = group(process);
            (begins.get(&group).copied(), group, turn(process))
        });
        chosen
    }

    /// The targets that mean none of `listed`, as written, each with the name that was most likely meant; but for those
    /// of the supervisors in `unasked`.
    pub fn unknown_targets(
        &self,
        listed: &[Process],
        unasked: &[(Backend, CallError)],
    ) -> Vec<UnknownTarget> {
        let Selection::Targets(targets) = &self.selection else {
            return Vec::new();
        };
        let unknown = targets.iter().filter(|target| {
            let backend = target.backend.unwrap_or(self.default);
            let was_asked = unasked.iter().all(|(known, _)| *known != backend);
            let is_meant = |process: &Process| target.means(process, self.default);
            was_asked && !listed.iter().any(is_meant)
        });
        let like = |target: &Target| {
            let backend = target.backend.unwrap_or(self.default);
            let names: Vec<_> = listed
                .iter()
                .filter(|process| process.name.backend == backend)
                .map(|process| process.name.namespec())
                .collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            nearest(&target.pattern, &names).map(str::to_owned)
        };
        unknown
            .map(|target| UnknownTarget {
                target: target.to_string(),
                meant: like(target),
            })
            .collect()
    }

    /// The supervisors that have to be asked to select.
    pub fn backends(&self) -> Vec<Backend> {
        let mut backends = match &self.selection {
            Selection::All => vec![self.default],
            Selection::Targets(targets) => targets
                .iter()
                .map(|target| target.backend.unwrap_or(self.default))
                .collect(),
        };
        sorted::plain(&mut backends);
        backends.dedup();
        backends
    }

    /// The patterns that `backend` has to be asked for, as written but for its own word, each once; `None`
    /// asks for all that it has.
    pub fn patterns(&self, backend: Backend) -> Option<Vec<&str>> {
        let Selection::Targets(targets) = &self.selection else {
            return None;
        };
        let mut patterns: Vec<_> = targets
            .iter()
            .filter(|target| target.backend.unwrap_or(self.default) == backend)
            .map(|target| target.pattern.as_str())
            .collect();
        sorted::plain(&mut patterns);
        patterns.dedup();
        Some(patterns)
    }

    /// Whether `name` is the watchdog itself or another process of its pool.
    pub fn is_ourselves(&self, name: &ProcessName) -> bool {
        self.ourselves
            .as_ref()
            .is_some_and(|own| own.backend == name.backend && own.group == name.group)
    }

    /// Whether `process` is acted on: restarted when it runs, else started. `manual`: a person asked for it, so
    /// that also what an operator stopped is started.
    pub const fn acts_on(&self, process: &Process, manual: bool) -> bool {
        match process.state {
            ProcessState::Running => true,
            ProcessState::Fatal | ProcessState::Exited => {
                manual || self.start_stopped || process.name.backend.is_started_by_us_alone()
            }
            ProcessState::Stopped => manual,
            ProcessState::Starting
            | ProcessState::Backoff
            | ProcessState::Stopping
            | ProcessState::Unknown => false,
        }
    }

    /// The targets that none of `listed` matches, as written, but for those of `unasked` supervisors.
    pub fn missing(&self, listed: &[Process], unasked: &[Backend]) -> Vec<String> {
        let Selection::Targets(targets) = &self.selection else {
            return Vec::new();
        };
        let matched = |target: &Target| {
            listed
                .iter()
                .any(|process| target.means(process, self.default))
        };
        targets
            .iter()
            .filter(|target| !unasked.contains(&target.backend.unwrap_or(self.default)))
            .filter(|target| !matched(target))
            .map(Target::to_string)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(group: &str, name: &str, state: ProcessState) -> Process {
        Process {
            name: ProcessName::supervisord(group, name),
            state,
            pid: Some(7),
            uptime: Some(1),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }
    }

    fn remedy(targets: &[&str]) -> Remedy {
        Remedy {
            selection: Selection::Targets(targets.iter().map(|text| Target::new(*text)).collect()),
            ..Remedy::NONE
        }
    }

    #[test]
    fn selects_each_process_once_in_the_order_of_the_targets() {
        let listed = [
            process("web", "web", ProcessState::Running),
            process("app", "b", ProcessState::Running),
            process("app", "a", ProcessState::Fatal),
        ];
        let names = |remedy: &Remedy| -> Vec<String> {
            remedy
                .select(&listed)
                .iter()
                .map(|p| p.name.namespec())
                .collect()
        };
        assert_eq!(
            names(&remedy(&["web", "app:b", "app:*", "web"])),
            ["web", "app:b", "app:a"]
        );
        let by_name = Remedy {
            by_name: true,
            ..remedy(&["web", "app:b", "app:a"])
        };
        assert_eq!(names(&by_name), ["app:a", "app:b", "web"]);
        // the members of a group follow each other
        let between = remedy(&["app:b", "web", "app:a"]);
        assert_eq!(names(&between), ["app:b", "app:a", "web"]);
        let all = Remedy {
            selection: Selection::All,
            ..Remedy::NONE
        };
        assert_eq!(names(&all), ["app:a", "app:b", "web"]);
        assert_eq!(
            remedy(&["nosuch", "web", "nosuch"]).missing(&listed, &[]),
            ["nosuch", "nosuch"]
        );
    }

    #[test]
    fn each_supervisor_lists_only_its_own_processes() {
        let targets = [
            "web",
            "systemd/nginx.service",
            "program/web",
            "web",
            "app:*",
        ]
        .map(|text| text.parse().expect("a target"));
        let mixed = Remedy {
            selection: Selection::Targets(targets.to_vec()),
            ..Remedy::NONE
        };
        assert_eq!(
            mixed.backends(),
            [Backend::Supervisord, Backend::Embedded, Backend::Systemd]
        );
        for (backend, patterns) in [
            (Backend::Supervisord, vec!["app:*", "web"]),
            (Backend::Embedded, vec!["web"]),
            (Backend::Systemd, vec!["nginx.service"]),
            (Backend::Docker, vec![]),
        ] {
            assert_eq!(mixed.patterns(backend), Some(patterns), "{backend}");
        }
        let all = Remedy {
            selection: Selection::All,
            ..Remedy::NONE
        };
        assert_eq!(all.patterns(Backend::Supervisord), None);
    }

    /// What an operator stopped is started only manually. The columns: usually, with `start_stopped`, a program
    /// of ours, manually.
    #[test]
    fn action_depends_on_state_and_supervisor() {
        let bold = Remedy {
            start_stopped: true,
            ..Remedy::NONE
        };
        for (state, expected) in [
            (ProcessState::Running, [true, true, true, true]),
            (ProcessState::Stopped, [false, false, false, true]),
            (ProcessState::Starting, [false, false, false, false]),
            (ProcessState::Stopping, [false, false, false, false]),
            (ProcessState::Backoff, [false, false, false, false]),
            (ProcessState::Exited, [false, true, true, true]),
            (ProcessState::Fatal, [false, true, true, true]),
            (ProcessState::Unknown, [false, false, false, false]),
        ] {
            let of = |name| Process {
                name,
                state,
                pid: None,
                uptime: None,
                detail: String::new(),
                instance: None,
                aliases: Vec::new(),
            };
            let theirs = of(ProcessName::supervisord("a", "a"));
            let ours = of(ProcessName::embedded("a", "a"));
            let found = [
                Remedy::NONE.acts_on(&theirs, false),
                bold.acts_on(&theirs, false),
                Remedy::NONE.acts_on(&ours, false),
                Remedy::NONE.acts_on(&theirs, true),
            ];
            assert_eq!(found, expected, "{state}");
        }
    }

    #[test]
    fn the_whole_pool_of_the_listener_is_ourselves() {
        let own = Remedy {
            ourselves: Some(ProcessName::supervisord("httpok", "httpok_0")),
            ..Remedy::NONE
        };
        assert!(own.is_ourselves(&ProcessName::supervisord("httpok", "httpok_1")));
        assert!(!own.is_ourselves(&ProcessName::supervisord("web", "httpok_0")));
    }
}
