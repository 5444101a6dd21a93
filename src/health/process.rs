//! Processes as a supervisor lists them, and the patterns that choose among them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::unit;

/// The supervisors that can hold a process.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// supervisord, over XML-RPC.
    #[default]
    Supervisord,
    /// Our own, for the programs of the configuration file.
    Embedded,
    /// systemd, through `systemctl`.
    Systemd,
    /// A container engine with Docker's API: docker or podman.
    Docker,
    /// Anything else, through command lines that the configuration gives.
    Command,
}

impl Backend {
    /// Every backend.
    pub const ALL: [Self; 5] = [
        Self::Supervisord,
        Self::Embedded,
        Self::Systemd,
        Self::Docker,
        Self::Command,
    ];

    /// The word before the slash in a target.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supervisord => "supervisord",
            Self::Embedded => "program",
            Self::Systemd => "systemd",
            Self::Docker => "docker",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// States as supervisord has them; every backend's own are mapped to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProcessState {
    /// Stopped by request, or never started.
    Stopped,
    /// Started, not yet up for long enough.
    Starting,
    /// Up.
    Running,
    /// Fell over while starting; it will be tried again.
    Backoff,
    /// Asked to stop, not yet gone.
    Stopping,
    /// Ended by itself.
    Exited,
    /// Could not be started; nobody will try again.
    Fatal,
    /// The supervisor itself does not know.
    Unknown,
}

impl ProcessState {
    /// The state with supervisord's number, per its process states table.
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Stopped,
            10 => Self::Starting,
            20 => Self::Running,
            30 => Self::Backoff,
            40 => Self::Stopping,
            100 => Self::Exited,
            200 => Self::Fatal,
            _ => Self::Unknown,
        }
    }

    /// supervisord's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A process's full name. Ordered as supervisord lists them: by group, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessName {
    /// Who supervises it.
    pub backend: Backend,
    /// Its group; the same as `name` for a program on its own.
    pub group: String,
    /// Its name within the group.
    pub name: String,
}

impl ProcessName {
    /// A process of `backend` on its own, in no group.
    pub fn alone(backend: Backend, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            backend,
            group: name.clone(),
            name,
        }
    }

    /// A process under supervisord.
    pub fn supervisord(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            backend: Backend::Supervisord,
            group: group.into(),
            name: name.into(),
        }
    }

    /// A program of our own.
    pub fn embedded(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            backend: Backend::Embedded,
            group: group.into(),
            name: name.into(),
        }
    }

    /// The unit `id` under systemd.
    pub fn systemd(id: impl Into<String>) -> Self {
        let name = id.into();
        Self {
            backend: Backend::Systemd,
            group: unit::group(&name).to_owned(),
            name,
        }
    }

    /// The name to call it by at its own supervisor: `name`, or `group:name` where they differ. A unit's name
    /// says its group itself.
    pub fn namespec(&self) -> String {
        if self.group == self.name || self.backend == Backend::Systemd {
            self.name.clone()
        } else {
            format!("{}:{}", self.group, self.name)
        }
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.namespec())
    }
}

/// One process as its supervisor described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its full name.
    pub name: ProcessName,
    /// What it is doing.
    pub state: ProcessState,
    /// Its process id, when it has one.
    pub pid: Option<u32>,
    /// Seconds since it was started, by the supervisor's own clock; `None` when never started.
    pub uptime: Option<u64>,
    /// The supervisor's own words about it, such as `pid 5, uptime 0:00:10` or a spawn error.
    pub detail: String,
    /// Which of its lives this is, in a word of its supervisor's that no other life has. For what has no pid,
    /// and where a pid may change within a life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Other names that it answers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl Process {
    /// Whether this is the life that `before` was; `None` when nothing tells.
    pub fn is_still(&self, before: &Self) -> Option<bool> {
        let lives = self.instance.as_ref().zip(before.instance.as_ref());
        let same_life = lives.map(|(now, then)| now == then);
        match self.pid {
            _ if same_life == Some(false) => Some(false),
            Some(pid) => Some(before.pid == Some(pid)),
            None => same_life,
        }
    }
}

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
                group == name.group && (one == name.name || is_of_service(one, name))
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

/// Whether `name` is one of the containers that a compose tool made for `service`: the project, the service
/// and a number, with dashes or (older ones) underscores.
fn is_of_service(service: &str, name: &ProcessName) -> bool {
    let number = || {
        let rest = name.name.strip_prefix(&name.group)?;
        let separator = rest.chars().next().filter(|c| matches!(c, '-' | '_'))?;
        let rest = rest[1..].strip_prefix(service)?;
        rest.strip_prefix(separator)
    };
    name.backend == Backend::Docker
        && number().is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
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
    use super::*;

    #[test]
    fn targets_choose_as_the_original_and_a_little_more() {
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
    fn namespecs_are_short_where_they_can_be() {
        assert_eq!(ProcessName::supervisord("web", "web").namespec(), "web");
        assert_eq!(ProcessName::supervisord("app", "web").namespec(), "app:web");
        assert_eq!(
            ProcessName::systemd("app@1.service").namespec(),
            "app@1.service"
        );
    }

    fn unit(id: &str, pid: Option<u32>, instance: Option<&str>) -> Process {
        Process {
            name: ProcessName::systemd(id),
            state: ProcessState::Running,
            pid,
            uptime: None,
            detail: String::new(),
            instance: instance.map(str::to_owned),
            aliases: vec!["www.service".to_owned()],
        }
    }

    #[test]
    fn units_are_meant_by_each_of_their_names() {
        let process = unit("app@1.service", Some(7), None);
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

    #[test]
    fn a_life_is_told_by_its_pid_and_by_what_its_supervisor_calls_it() {
        let is_still = |now: (Option<u32>, Option<&str>), then: (Option<u32>, Option<&str>)| {
            unit("x.service", now.0, now.1).is_still(&unit("x.service", then.0, then.1))
        };
        for (now, then, expected) in [
            ((Some(7), None), (Some(7), None), Some(true)),
            ((Some(7), None), (Some(8), None), Some(false)),
            ((Some(7), None), (None, None), Some(false)),
            ((None, None), (Some(7), None), None),
            ((Some(7), Some("a")), (Some(7), Some("a")), Some(true)),
            ((Some(7), Some("a")), (Some(7), Some("b")), Some(false)),
            ((Some(7), Some("a")), (Some(8), Some("a")), Some(false)),
            ((None, Some("a")), (None, Some("a")), Some(true)),
            ((None, Some("a")), (None, Some("b")), Some(false)),
            ((None, Some("a")), (None, None), None),
        ] {
            assert_eq!(is_still(now, then), expected, "{now:?} {then:?}");
        }
    }

    #[test]
    fn a_process_of_an_older_record_is_read() {
        let text = r#"{"name":{"backend":"supervisord","group":"web","name":"web"},"state":"RUNNING",
            "pid":7,"uptime":1,"detail":""}"#;
        let process: Process = serde_json::from_str(text).expect("a process");
        assert_eq!((process.instance, process.aliases.len()), (None, 0));
    }
}
