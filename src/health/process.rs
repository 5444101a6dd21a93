//! Processes as a supervisor lists them. Which of them are meant is said by a [`super::Target`].
//! States are supervisord's, whatever the supervisor: each backend maps its own to them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::bound;
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

    /// Whether nobody but us starts its processes: then what has ended by itself is started by its check.
    pub const fn is_started_by_us_alone(self) -> bool {
        match self {
            Self::Embedded | Self::Command => true,
            Self::Supervisord | Self::Systemd | Self::Docker => false,
        }
    }

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
    /// Every state, in the order of supervisord's numbers.
    pub const ALL: [Self; 8] = [
        Self::Stopped,
        Self::Starting,
        Self::Running,
        Self::Backoff,
        Self::Stopping,
        Self::Exited,
        Self::Fatal,
        Self::Unknown,
    ];

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
    /// Its supervisor.
    pub backend: Backend,
    /// Its group; the same as `name` for a program on its own.
    pub group: String,
    /// Its name within the group.
    pub name: String,
}

impl ProcessName {
    /// What stands before the name of a program of ours, as a target and in the history.
    pub const PROGRAM: &str = "program/";

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

    /// What a program of ours is called as a target, as a check, and in the history.
    pub fn as_program(&self) -> String {
        format!("{}{self}", Self::PROGRAM)
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
    /// With its texts cut to [`TEXT_MAX`](crate::health::TEXT_MAX): a supervisor may say anything.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let ProcessName { group, name, .. } = &mut self.name;
        for text in [group, name, &mut self.detail] {
            bound(text);
        }
        self.instance.iter_mut().for_each(bound);
        self.aliases.iter_mut().for_each(bound);
        self
    }

    /// Whether this is the life that `before` was; `None` when that is unknown.
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

#[cfg(test)]
mod tests {
    use super::*;

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
            aliases: Vec::new(),
        }
    }

    #[test]
    fn instance_is_identified_by_pid_and_supervisor_id() {
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
