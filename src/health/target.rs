//! The patterns that choose among processes: how they are written, and which processes they match.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::process::{Backend, Process, ProcessName};
use super::unit;

/// A pattern that chooses processes: `web` (that name in every group), `app:web`, `app:*`, or all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    /// Which supervisor it is for; `None` is the configured default.
    pub backend: Option<Backend>,
    /// The pattern as written, without the backend's word.
    pub pattern: String,
}

impl Target {
    /// The pattern `pattern` of the default supervisor.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            backend: None,
            pattern: pattern.into(),
        }
    }

    /// Whether `name` is meant; `default` is where targets without a backend live. `app:web` also means the
    /// containers of a compose project's service, which are called `app-web-1`, `app-web-2`...
    pub fn matches(&self, name: &ProcessName, default: Backend) -> bool {
        if self.backend.unwrap_or(default) != name.backend {
            return false;
        }
        match self.pattern.split_once(':') {
            None => self.pattern == name.name,
            Some((group, "*" | "")) => group == name.group,
            Some((group, one)) => {
                group == name.group && (one == name.name || service_of(name) == Some(one))
            }
        }
    }

    /// Whether `process` is meant, under whichever of its names.
    pub fn means(&self, process: &Process, default: Backend) -> bool {
        let alias = |alias: &String| ProcessName::alone(process.name.backend, alias);
        self.matches(&process.name, default)
            || process
                .aliases
                .iter()
                .any(|name| self.matches(&alias(name), default))
    }
}

/// The service whose container `name` is by its name, which a compose tool made: the project, the service and a
/// number, with dashes or (older ones) underscores.
pub(super) fn service_of(name: &ProcessName) -> Option<&str> {
    if name.backend != Backend::Docker {
        return None;
    }
    let rest = name.name.strip_prefix(&name.group)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '_'))?;
    let (service, number) = rest[1..].rsplit_once(separator)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(service)
}

impl FromStr for Target {
    type Err = String;

    /// Reads `web`, `app:*` or `supervisord/web`. A slash after anything but a backend's word is part of
    /// the name.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "a target is the name of a process, such as \"web\" or \"app:*\"".to_owned(),
            );
        }
        let prefixed = text.split_once('/').and_then(|(word, rest)| {
            let backend = Backend::ALL.into_iter().find(|b| b.as_str() == word)?;
            (!rest.is_empty()).then_some((backend, rest))
        });
        let Some((backend, rest)) = prefixed else {
            return Ok(Self::new(text));
        };
        let pattern = match backend {
            Backend::Systemd => unit::pattern(rest)?,
            _ => rest.to_owned(),
        };
        Ok(Self {
            backend: Some(backend),
            pattern,
        })
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.backend {
            None => f.pad(&self.pattern),
            Some(backend) => f.pad(&format!("{backend}/{}", self.pattern)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::ProcessState;
    use super::*;

    #[test]
    fn targets_select_as_in_the_original() {
        let web = ProcessName::supervisord("web", "web");
        let member = ProcessName::supervisord("app", "web");
        let table = [
            ("web", true, true),
            ("web:web", true, false),
            ("app:web", false, true),
            ("app:*", false, true),
            ("app:", false, true),
            ("app", false, false),
            ("supervisord/web", true, true),
            ("*", false, false),
        ];
        for (text, alone, grouped) in table {
            let target: Target = text.parse().expect("a target");
            assert_eq!(
                target.matches(&web, Backend::Supervisord),
                alone,
                "{text} on web"
            );
            assert_eq!(
                target.matches(&member, Backend::Supervisord),
                grouped,
                "{text} on app:web"
            );
            assert_eq!(target.to_string(), text);
        }
    }

    #[test]
    fn a_service_means_its_containers() {
        let name = |backend, name: &str| ProcessName {
            backend,
            group: "app".to_owned(),
            name: name.to_owned(),
        };
        for (text, container, matches) in [
            ("app:web", "app-web-1", true),
            ("app:web", "app_web_12", true),
            ("app:web", "web", true),
            ("app:web", "app-web", false),
            ("app:web", "app-web-", false),
            ("app:web", "app-web_1", false),
            ("app:web", "app-web-1a", false),
            ("app:web", "app-web-api-1", false),
            ("app:web-api", "app-web-api-1", true),
            ("app:web", "appweb-1", false),
            ("web", "app-web-1", false),
            ("app-web-1", "app-web-1", true),
        ] {
            let target = Target::new(text);
            let of = |backend| target.matches(&name(backend, container), backend);
            assert_eq!(of(Backend::Docker), matches, "{text} on {container}");
        }
        let target = Target::new("app:web");
        let program = name(Backend::Supervisord, "app-web-1");
        assert!(!target.matches(&program, Backend::Supervisord));
    }

    #[test]
    fn units_are_meant_by_each_of_their_names() {
        let process = Process {
            name: ProcessName::systemd("app@1.service"),
            state: ProcessState::Running,
            pid: Some(7),
            uptime: None,
            detail: String::new(),
            instance: None,
            aliases: vec!["www.service".to_owned()],
        };
        for (text, expected) in [
            ("systemd/app@1", true),
            ("systemd/app@1.service", true),
            ("systemd/app@:*", true),
            ("systemd/app@*", true),
            ("systemd/www", true),
            ("systemd/app@2", false),
            ("systemd/app", false),
            ("www.service", false),
        ] {
            let target: Target = text.parse().expect("a target");
            let means = target.means(&process, Backend::Supervisord);
            assert_eq!(means, expected, "{text}");
        }
        assert!("systemd/-x".parse::<Target>().is_err());
        assert!(Target::new("www.service").means(&process, Backend::Systemd));
    }
}
