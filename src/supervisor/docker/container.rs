//! A container as an engine describes it, and its state in supervisord's terms. Docker and podman agree
//! on what is read here; what only one of them has is optional.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::names::name;
use crate::health::{Process, ProcessName, ProcessState};

/// A container that runs for less than this is not up yet: one that crashes at its start over and over is never
/// taken for well.
pub const UP_AFTER: Duration = Duration::from_secs(1);

/// One container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    pub id: String,
    name: String,
    pub state: ContainerState,
    #[serde(default)]
    pub config: Config,
    #[serde(default)]
    pub host_config: HostConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerState {
    pub status: String,
    pub pid: i64,
    pub exit_code: i64,
    /// Why its last start failed.
    pub error: String,
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    pub started_at: String,
    pub finished_at: String,
    pub health: Option<Health>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    pub status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    labels: Option<HashMap<String, String>>,
    /// It has a terminal: then its log is one stream.
    pub tty: bool,
    /// Seconds between the stop signal and the kill; negative: no kill.
    pub stop_timeout: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// It is removed when it ends.
    pub auto_remove: bool,
    /// The network name space it uses: `container:ID` for another container's.
    network_mode: String,
    pid_mode: String,
    ipc_mode: String,
    pub log_config: LogConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// The driver that keeps its log.
    pub r#type: String,
}

impl Container {
    /// Whether `asked` is this one: engines also find by the beginning of an id, whatever was meant.
    pub fn is(&self, asked: &ProcessName) -> bool {
        self.called() == *asked
    }

    /// Whether it lives in a name space of the container `id`, whose end leaves it in a dead one.
    pub fn shares_with(&self, id: &str) -> bool {
        let HostConfig {
            network_mode,
            pid_mode,
            ipc_mode,
            ..
        } = &self.host_config;
        [network_mode, pid_mode, ipc_mode]
            .into_iter()
            .any(|mode| mode.strip_prefix("container:") == Some(id))
    }

    /// What it is called.
    pub fn called(&self) -> ProcessName {
        name(&self.name, self.config.labels.as_ref())
    }

    /// Which life of it this is.
    pub fn life(&self) -> String {
        format!("{} {}", self.id, self.state.started_at)
    }

    /// It, as the process `name`, at `now`.
    pub fn process(&self, name: ProcessName, now: SystemTime) -> Process {
        // a start in the future was noted before a clock was set back: how long it runs is not known
        let is_known = self.began().is_none_or(|began| began <= now);
        let uptime = (self.is_running() && is_known).then(|| self.uptime(now));
        Process {
            name,
            state: self.state_at(now),
            pid: u32::try_from(self.state.pid).ok().filter(|&pid| pid > 0),
            uptime: uptime.map(|uptime| uptime.as_secs()),
            detail: self.detail(),
            instance: self.is_running().then(|| self.life()),
            aliases: Vec::new(),
        }
    }

    /// Whether its process is there, and not frozen.
    pub fn is_running(&self) -> bool {
        self.state.status == "running"
    }

    /// Whether it has ended, and nothing is under way with it.
    pub fn has_ended(&self) -> bool {
        matches!(self.state.status.as_str(), "exited" | "stopped" | "created")
    }

    fn state_at(&self, now: SystemTime) -> ProcessState {
        match self.state.status.as_str() {
            "running" if self.uptime(now) < UP_AFTER && self.began().is_some_and(|b| b <= now) => {
                ProcessState::Starting
            }
            // Also while its own health check says "starting" or "unhealthy": the verdict of httpok is
            // the check's, and its grace is the time to come up.
            "running" => ProcessState::Running,
            "restarting" => ProcessState::Backoff,
            "stopping" | "removing" => ProcessState::Stopping,
            // the engine could not start it, and does not try again
            "created" | "exited" | "stopped" if !self.state.error.is_empty() => ProcessState::Fatal,
            // An end by `docker stop` and one of its own look alike: programs choose their exit codes in both
            // cases. What an operator stopped must never be started, so each counts as that. For the other kind
            // engines have restart policies. Paused means that a person froze it.
            "created" | "exited" | "stopped" | "paused" | "configured" | "initialized" => {
                ProcessState::Stopped
            }
            // "dead": could not be removed as a whole
            _ => ProcessState::Unknown,
        }
    }

    fn began(&self) -> Option<SystemTime> {
        moment(&self.state.started_at)
    }

    /// How long it runs; `None` when its engine's clock is ahead of the local one.
    fn uptime(&self, now: SystemTime) -> Duration {
        self.began()
            .and_then(|began| now.duration_since(began).ok())
            .unwrap_or_default()
    }

    /// A description like supervisord's.
    fn detail(&self) -> String {
        let ContainerState {
            status,
            pid,
            exit_code,
            error,
            ..
        } = &self.state;
        let id: String = self.id.chars().take(12).collect();
        let health = self.state.health.as_ref().map_or("", |h| h.status.as_str());
        match status.as_str() {
            "running" if matches!(health, "" | "none") => format!("pid {pid}, container {id}"),
            "running" => format!("pid {pid}, container {id}, its own health check: {health}"),
            _ if !error.is_empty() => error.clone(),
            "exited" | "stopped" | "restarting" if self.state.oom_killed => {
                format!("{status}, out of memory, exit code {exit_code}")
            }
            "exited" | "stopped" | "restarting" => format!("{status}, exit code {exit_code}"),
            _ => status.clone(),
        }
    }
}

/// A date as engines write it. Docker writes UTC, podman its own zone. "Never" is long before 1970, and none.
pub fn moment(text: &str) -> Option<SystemTime> {
    if text.ends_with('Z') {
        return humantime::parse_rfc3339(text).ok();
    }
    let (date, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    let local = humantime::parse_rfc3339(&format!("{date}Z")).ok()?;
    match zone.as_bytes().first()? {
        b'+' => local.checked_sub(offset),
        b'-' => local.checked_add(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Backend;

    const ID: &str = "0a10e78ec226d456738e2c463ba4e40dbc9a20c96fafe807c72fcd888b383fd9";

    fn container(state: &str) -> Container {
        let text = format!(
            r#"{{"Id":"{ID}","Name":"/web","Created":"x","State":{{{state}}},"Config":{{"Labels":null}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn now() -> SystemTime {
        moment("2026-01-02T03:04:05Z").unwrap()
    }

    #[test]
    fn states_are_those_of_supervisord() {
        let since = r#""StartedAt":"2026-01-02T03:04:00.5Z","Pid":41"#;
        for (state, expected, detail) in [
            (
                format!(r#""Status":"running",{since}"#),
                ProcessState::Running,
                "pid 41, container 0a10e78ec226",
            ),
            (
                format!(r#""Status":"running",{since},"Health":{{"Status":"starting"}}"#),
                ProcessState::Running,
                "pid 41, container 0a10e78ec226, its own health check: starting",
            ),
            (
                r#""Status":"running","StartedAt":"2026-01-02T03:04:04.1Z","Pid":41"#.to_owned(),
                ProcessState::Starting,
                "pid 41, container 0a10e78ec226",
            ),
            (
                // the clock was set back: better acted on than never again
                r#""Status":"running","StartedAt":"2026-01-02T04:04:04Z","Pid":41"#.to_owned(),
                ProcessState::Running,
                "pid 41, container 0a10e78ec226",
            ),
            (
                r#""Status":"paused","Pid":41"#.to_owned(),
                ProcessState::Stopped,
                "paused",
            ),
            (
                r#""Status":"restarting","ExitCode":3"#.to_owned(),
                ProcessState::Backoff,
                "restarting, exit code 3",
            ),
            (
                r#""Status":"exited","ExitCode":137,"OOMKilled":true"#.to_owned(),
                ProcessState::Stopped,
                "exited, out of memory, exit code 137",
            ),
            (
                r#""Status":"exited","ExitCode":0"#.to_owned(),
                ProcessState::Stopped,
                "exited, exit code 0",
            ),
            (
                r#""Status":"created","ExitCode":127,"Error":"no such file"}"#
                    .trim_end_matches('}')
                    .to_owned(),
                ProcessState::Fatal,
                "no such file",
            ),
            (
                r#""Status":"created""#.to_owned(),
                ProcessState::Stopped,
                "created",
            ),
            (
                r#""Status":"stopping","Pid":41"#.to_owned(),
                ProcessState::Stopping,
                "stopping",
            ),
            (
                r#""Status":"removing""#.to_owned(),
                ProcessState::Stopping,
                "removing",
            ),
            (
                r#""Status":"dead""#.to_owned(),
                ProcessState::Unknown,
                "dead",
            ),
            (
                r#""Status":"what is this""#.to_owned(),
                ProcessState::Unknown,
                "what is this",
            ),
        ] {
            let name = ProcessName::alone(Backend::Docker, "web");
            let process = container(&state).process(name, now());
            assert_eq!(
                (process.state, process.detail.as_str()),
                (expected, detail),
                "{state}"
            );
        }
    }

    #[test]
    fn running_container_has_a_pid_and_an_uptime() {
        let name = ProcessName::alone(Backend::Docker, "web");
        let running = r#""Status":"running","StartedAt":"2026-01-02T03:04:00.5Z","Pid":41"#;
        let process = container(running).process(name.clone(), now());
        assert_eq!((process.pid, process.uptime), (Some(41), Some(4)));
        let ended = r#""Status":"exited","StartedAt":"2026-01-02T03:04:00Z","Pid":0"#;
        let process = container(ended).process(name, now());
        assert_eq!((process.pid, process.uptime), (None, None));
    }

    #[test]
    fn container_found_by_an_id_prefix_is_rejected() {
        let found = container(r#""Status":"running""#);
        let is = |name: &str| found.is(&ProcessName::alone(Backend::Docker, name));
        assert!(is("web"));
        assert!(!is(ID) && !is(&ID[..12]) && !is("we"));
        let grouped = ProcessName {
            backend: Backend::Docker,
            group: "app".to_owned(),
            name: "web".to_owned(),
        };
        assert!(!found.is(&grouped), "it has left its project");
    }

    #[test]
    fn dates_are_read_in_any_zone() {
        let of = |text| moment(text).map(|at| humantime::format_rfc3339_millis(at).to_string());
        for (text, expected) in [
            (
                "2026-01-02T03:04:05.678901234Z",
                Some("2026-01-02T03:04:05.678Z"),
            ),
            (
                "2026-01-02T03:04:05.5+05:30",
                Some("2026-01-01T21:34:05.500Z"),
            ),
            (
                "2026-01-02T03:04:05-08:00",
                Some("2026-01-02T11:04:05.000Z"),
            ),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
            ("+05:30", None),
            ("yesterday", None),
            ("2026-01-02T03:04:05\u{e9}5:30", None),
        ] {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }
}
