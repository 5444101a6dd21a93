//! A container as an engine describes it, and what that means in supervisord's words. Docker and podman agree
//! on what is read here; what only one of them has is optional.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::health::{Backend, Process, ProcessName, ProcessState, Target};

/// A container that runs for less than this is not up yet: one that crashes at its start over and over is never
/// taken for well.
pub const UP_AFTER: Duration = Duration::from_secs(1);

/// What compose tools write down about a container: the project that it is part of.
const PROJECT: [&str; 2] = ["com.docker.compose.project", "io.podman.compose.project"];

/// An entry of the list of containers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    pub id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
}

/// One container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    pub id: String,
    name: String,
    pub state: State,
    #[serde(default)]
    pub config: Config,
    #[serde(default)]
    pub host_config: HostConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
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
    pub log_config: LogConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// Who keeps its log.
    pub r#type: String,
}

impl Listed {
    /// What it is called, and which of `patterns` mean it by its id, if any of them means it; `None` means all.
    pub fn called(&self, patterns: Option<&[&str]>) -> Option<(ProcessName, Vec<String>)> {
        // Docker's links give a container further names, "/other/alias"
        let own = self
            .names
            .iter()
            .find(|name| name.matches('/').count() <= 1);
        let name = name(own?, self.labels.as_ref());
        let Some(patterns) = patterns else {
            return Some((name, Vec::new()));
        };
        let ids = patterns
            .iter()
            .filter(|pattern| is_id_of(pattern, &self.id));
        let ids: Vec<_> = ids.map(|id| (*id).to_owned()).collect();
        let named = patterns.iter().any(|pattern| means(pattern, &name));
        (named || !ids.is_empty()).then_some((name, ids))
    }
}

impl Container {
    /// Whether `asked` is this one: engines also find by the beginning of an id, whatever was meant.
    pub fn is(&self, asked: &ProcessName) -> bool {
        name(&self.name, self.config.labels.as_ref()) == *asked
    }

    /// Which life of it this is.
    pub fn life(&self) -> String {
        format!("{} {}", self.id, self.state.started_at)
    }

    /// It, as the process `name`, at `now`.
    pub fn process(&self, name: ProcessName, now: SystemTime) -> Process {
        let uptime = self.is_running().then(|| self.uptime(now));
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
            // Also while its own health check says "starting" or "unhealthy": that is another's opinion. Ours is
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

    /// How long it runs; nothing when its engine's clock is ahead of ours.
    fn uptime(&self, now: SystemTime) -> Duration {
        self.began()
            .and_then(|began| now.duration_since(began).ok())
            .unwrap_or_default()
    }

    /// In words, as supervisord's descriptions.
    fn detail(&self) -> String {
        let State {
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

/// The process name of the container called `name`, with a slash before it or not.
fn name(name: &str, labels: Option<&HashMap<String, String>>) -> ProcessName {
    let name = name.strip_prefix('/').unwrap_or(name);
    let project = PROJECT
        .iter()
        .find_map(|label| labels?.get(*label))
        .filter(|project| !project.is_empty());
    ProcessName {
        backend: Backend::Docker,
        group: project.map_or(name, String::as_str).to_owned(),
        name: name.to_owned(),
    }
}

fn means(pattern: &str, name: &ProcessName) -> bool {
    Target::new(pattern).matches(name, Backend::Docker)
}

/// Whether `text` is the id `id`, whole or as people see it.
fn is_id_of(text: &str, id: &str) -> bool {
    matches!(text.len(), 12 | 64) && id.starts_with(text)
}

/// A date as engines write it. Docker writes UTC, podman its own zone. "Never" is long before 1970, and none.
fn moment(text: &str) -> Option<SystemTime> {
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
    fn what_runs_has_a_pid_and_an_age() {
        let name = ProcessName::alone(Backend::Docker, "web");
        let running = r#""Status":"running","StartedAt":"2026-01-02T03:04:00.5Z","Pid":41"#;
        let process = container(running).process(name.clone(), now());
        assert_eq!((process.pid, process.uptime), (Some(41), Some(4)));
        let ended = r#""Status":"exited","StartedAt":"2026-01-02T03:04:00Z","Pid":0"#;
        let process = container(ended).process(name, now());
        assert_eq!((process.pid, process.uptime), (None, None));
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

    #[test]
    fn containers_are_called_by_name_project_service_and_id() {
        let listed = |names: &str, labels: &str| -> Listed {
            let text = format!(r#"{{"Id":"{ID}","Names":{names},"Labels":{labels}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let alone = listed(r#"["/other/alias","/web"]"#, "null");
        let grouped = listed(
            r#"["/app-web-1"]"#,
            r#"{"com.docker.compose.project":"app","com.docker.compose.service":"web"}"#,
        );
        let podman = listed(r#"["app_web_1"]"#, r#"{"io.podman.compose.project":"app"}"#);
        for (pattern, first, second, third) in [
            ("web", Some("web"), None, None),
            ("app-web-1", None, Some("app:app-web-1"), None),
            ("app:*", None, Some("app:app-web-1"), Some("app:app_web_1")),
            (
                "app:web",
                None,
                Some("app:app-web-1"),
                Some("app:app_web_1"),
            ),
            ("app:we", None, None, None),
            (
                "0a10e78ec226",
                Some("0a10e78ec226"),
                Some("0a10e78ec226"),
                Some("0a10e78ec226"),
            ),
            ("0a10e7", None, None, None),
        ] {
            let called = |listed: &Listed| {
                let (name, ids) = listed.called(Some(&[pattern]))?;
                match ids.as_slice() {
                    [] => Some(name.namespec()),
                    ids => Some(ids.concat()),
                }
            };
            assert_eq!(called(&alone).as_deref(), first, "{pattern}");
            assert_eq!(called(&grouped).as_deref(), second, "{pattern}");
            assert_eq!(called(&podman).as_deref(), third, "{pattern}");
        }
        assert!(alone.called(Some(&[])).is_none());
        assert_eq!(alone.called(None).unwrap().0.namespec(), "web");
        assert!(alone.called(Some(&[ID])).is_some());
    }

    #[test]
    fn an_engines_guess_is_not_believed() {
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
}
