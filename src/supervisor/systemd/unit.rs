//! A unit as `systemctl show` describes it, and the mapping of its properties to supervisord's states.

use std::time::Duration;

use crate::health::counted;
use crate::health::{CallError, Process, ProcessName, ProcessState};

/// Beyond a unit's own timeouts: for the commands around its process, and for a busy machine.
const SLACK: Duration = Duration::from_secs(15);
/// No job is waited for longer, whatever the unit says.
pub(super) const LONGEST: Duration = Duration::from_secs(600);

/// `ExecMainCode` of a process that called `exit`.
const EXITED: u32 = 1;
/// Exit statuses from which on systemd itself did not get as far as the program.
const BEFORE_EXEC: std::ops::RangeInclusive<u32> = 200..=245;

/// One unit. Moments are on systemd's monotonic clock, in microseconds; 0: never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SystemdUnit {
    /// Its name, whatever other name it was asked by.
    pub id: String,
    pub names: Vec<String>,
    pub load: String,
    pub active: String,
    pub sub: String,
    /// How its last life ended.
    pub result: String,
    pub main_pid: Option<u32>,
    /// Which life it is.
    pub invocation: Option<String>,
    /// How often systemd itself has started it again.
    pub restarts: u32,
    pub exit_code: u32,
    pub exit_status: u32,
    pub exited: u64,
    pub inactive_exit: u64,
    pub active_enter: u64,
    pub active_exit: u64,
    /// Its conditions did not let it start.
    pub unmet: bool,
    pub can_start: bool,
    pub can_stop: bool,
    pub transient: bool,
    pub start_timeout: Duration,
    pub stop_timeout: Duration,
    /// Units that are stopped with it.
    pub dependents: Vec<String>,
}

impl SystemdUnit {
    /// Whether there is no such unit. One whose file is gone may still run.
    pub(super) fn is_missing(&self) -> bool {
        self.load == "not-found" && self.active == "inactive"
    }

    /// Its state. An inactive unit was stopped, was never started, or exited with success. The timestamps decide:
    /// where they do not, the state is STOPPED, because a unit that an operator stopped must not be started.
    pub(super) fn state(&self) -> ProcessState {
        let again =
            self.sub.starts_with("auto-restart") || self.sub.ends_with("before-auto-restart");
        match self.active.as_str() {
            _ if again => ProcessState::Backoff,
            "active" | "reloading" | "refreshing" => ProcessState::Running,
            "activating" => ProcessState::Starting,
            "deactivating" => ProcessState::Stopping,
            "inactive" if self.ended_by_itself() => ProcessState::Exited,
            "inactive" => ProcessState::Stopped,
            "failed" if self.failed_while_stopping() => ProcessState::Stopped,
            "failed" => ProcessState::Fatal,
            _ => ProcessState::Unknown,
        }
    }

    /// Whether its process ended well without having been asked to: it had ended before the unit ceased to be
    /// active.
    fn ended_by_itself(&self) -> bool {
        let was_up = self.active_enter > 0 && self.active_enter >= self.inactive_exit;
        let ended_in_it = self.exited >= self.active_enter && self.exited <= self.active_exit;
        was_up && ended_in_it && self.exited > 0 && self.result == "success"
    }

    /// Whether it failed only because it was stopped: it ended with an exit code that is not zero, as many do
    /// on SIGTERM, or had to be killed. Its process was still there when it ceased to be active.
    fn failed_while_stopping(&self) -> bool {
        let was_up = self.active_enter > 0 && self.active_enter >= self.inactive_exit;
        let asked_first = self.active_exit > 0 && self.exited > self.active_exit;
        // systemd itself stops a unit that misses its watchdog or exceeds its memory; a unit that hit its start limit
        // was asked to start after that
        let otherwise = ["watchdog", "oom-kill", "start-limit-hit"].contains(&self.result.as_str());
        was_up && asked_first && !otherwise
    }

    /// The unit as a [`Process`]; `now` is systemd's clock.
    pub(super) fn process(&self, now: u64) -> Process {
        let state = self.state();
        let since = match state {
            ProcessState::Running => self.active_enter,
            ProcessState::Starting => self.inactive_exit,
            _ => 0,
        };
        let others = self.names.iter().filter(|name| **name != self.id);
        Process {
            name: ProcessName::systemd(self.id.clone()),
            state,
            pid: self.main_pid,
            uptime: (since > 0).then(|| now.saturating_sub(since) / 1_000_000),
            detail: self.description(),
            instance: self.invocation.clone(),
            aliases: others.cloned().collect(),
        }
    }

    /// systemd's description, such as `failed (exit-code, status 3)`.
    fn description(&self) -> String {
        let mut text = match (self.active.as_str(), self.load.as_str()) {
            ("failed", _) => format!("failed ({})", self.ending()),
            ("inactive", "loaded") => "inactive".to_owned(),
            ("inactive", load) => format!("inactive, {load}"),
            (active, _) => format!("{active} ({})", self.sub),
        };
        if let Some(pid) = self.main_pid {
            text += &format!(", pid {pid}");
        }
        if self.restarts > 0 {
            text += &format!(
                ", restarted {} by systemd",
                counted(self.restarts, "time", "times")
            );
        }
        text
    }

    /// How its last life ended.
    fn ending(&self) -> String {
        match (self.exited, self.exit_code) {
            (0, _) => self.result.clone(),
            (_, EXITED) => format!("{}, status {}", self.result, self.exit_status),
            (_, _) => format!("{}, signal {}", self.result, self.exit_status),
        }
    }

    /// The reason not to stop the unit: it could not be started again.
    pub(super) fn stop_is_final(&self) -> Option<String> {
        let refuses = || "it refuses to be stopped manually (RefuseManualStop=)".to_owned();
        self.cannot_start()
            .or_else(|| (!self.can_stop).then(refuses))
    }

    /// Why it could not be started, if it could not.
    pub(super) fn cannot_start(&self) -> Option<String> {
        if self.transient {
            return Some("it is transient, so it could not be started again".to_owned());
        }
        if self.load != "loaded" {
            let load = &self.load;
            return Some(format!(
                "its unit file is {load}, so it could not be started again"
            ));
        }
        let refuses = "it refuses to be started manually (RefuseManualStart=)";
        (!self.can_start).then(|| refuses.to_owned())
    }

    /// Why it is not up although it was started.
    pub(super) fn refused(&self) -> CallError {
        let (code, text) = match self.state() {
            _ if self.unmet => (CallError::FAILED, "its conditions are not met".to_owned()),
            ProcessState::Backoff => (
                CallError::ABNORMAL_TERMINATION,
                format!(
                    "it ended at once ({}), systemd will try again",
                    self.ending()
                ),
            ),
            _ if self.exit_code == EXITED && BEFORE_EXEC.contains(&self.exit_status) => {
                let text = format!("systemd cannot run it ({})", self.ending());
                (CallError::SPAWN_ERROR, text)
            }
            ProcessState::Fatal => (
                CallError::ABNORMAL_TERMINATION,
                format!("it failed ({})", self.ending()),
            ),
            _ => (
                CallError::ABNORMAL_TERMINATION,
                format!("it did not stay up: {}", self.description()),
            ),
        };
        CallError::Fault { code, text }
    }

    /// How long a stop may take: after its timeout it is killed, and then it has as long again.
    pub(super) fn stops_within(&self) -> Duration {
        bounded(self.stop_timeout.saturating_mul(2))
    }

    /// How long a start may take, a stop that is still under way included.
    pub(super) fn starts_within(&self) -> Duration {
        bounded(self.start_timeout.saturating_add(self.stop_timeout))
    }
}

fn bounded(span: Duration) -> Duration {
    span.saturating_add(SLACK).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::show::units;
    use super::*;

    /// A service that is up, with these lines instead of its own.
    fn unit(lines: &str) -> SystemdUnit {
        let usual = "Id=web.service\nNames=web.service www.service\nLoadState=loaded\nActiveState=active\n\
                     SubState=running\nResult=success\nMainPID=7\nInvocationID=abc\nNRestarts=0\n\
                     ExecMainExitTimestampMonotonic=0\nInactiveExitTimestampMonotonic=1000000\n\
                     ActiveEnterTimestampMonotonic=2000000\nActiveExitTimestampMonotonic=0\n\
                     TimeoutStartUSec=1min 30s\nTimeoutStopUSec=1s\nRequiredBy=a.service b.service\n";
        let found = units(&format!("{usual}{lines}\n")).expect("a unit");
        assert_eq!(found.len(), 1);
        found.into_iter().next().expect("one")
    }

    #[test]
    fn running_unit_is_described_as_a_process() {
        let process = unit("").process(62_500_000);
        assert_eq!(
            process,
            Process {
                name: ProcessName::systemd("web.service"),
                state: ProcessState::Running,
                pid: Some(7),
                uptime: Some(60),
                detail: "active (running), pid 7".to_owned(),
                instance: Some("abc".to_owned()),
                aliases: vec!["www.service".to_owned()],
            }
        );
        let unit = unit("NRestarts=2");
        assert!(unit.description().ends_with("restarted 2 times by systemd"));
        assert_eq!(unit.dependents, ["a.service", "b.service"]);
        assert_eq!(unit.stops_within(), Duration::from_secs(17));
        assert_eq!(unit.starts_within(), Duration::from_secs(106));
    }

    #[test]
    fn unit_states_map_to_supervisords() {
        for (active, sub, expected) in [
            ("active", "running", ProcessState::Running),
            ("active", "exited", ProcessState::Running),
            ("active", "listening", ProcessState::Running),
            ("reloading", "reload", ProcessState::Running),
            ("activating", "start", ProcessState::Starting),
            ("activating", "auto-restart", ProcessState::Backoff),
            ("activating", "auto-restart-queued", ProcessState::Backoff),
            (
                "failed",
                "failed-before-auto-restart",
                ProcessState::Backoff,
            ),
            ("deactivating", "stop-sigterm", ProcessState::Stopping),
            ("inactive", "dead", ProcessState::Stopped),
            ("failed", "failed", ProcessState::Fatal),
            ("maintenance", "", ProcessState::Unknown),
        ] {
            let unit = unit(&format!("ActiveState={active}\nSubState={sub}"));
            assert_eq!(unit.state(), expected, "{active} {sub}");
        }
    }

    /// The moments: began, up, no longer up, process ended.
    #[test]
    fn unit_that_failed_during_a_stop_is_stopped() {
        for (what, [began, up, down, exited], result, expected) in [
            (
                "it fell over",
                [10, 20, 31, 30],
                "exit-code",
                ProcessState::Fatal,
            ),
            (
                "stopped, exit code 143",
                [10, 20, 30, 31],
                "exit-code",
                ProcessState::Stopped,
            ),
            (
                "stopped, and had to be killed",
                [10, 20, 30, 99],
                "timeout",
                ProcessState::Stopped,
            ),
            (
                "it did not answer systemd",
                [10, 20, 30, 31],
                "watchdog",
                ProcessState::Fatal,
            ),
            (
                "it took all memory",
                [10, 20, 30, 31],
                "oom-kill",
                ProcessState::Fatal,
            ),
            (
                "started too often",
                [10, 20, 30, 31],
                "start-limit-hit",
                ProcessState::Fatal,
            ),
            (
                "it never came up",
                [10, 0, 0, 12],
                "exit-code",
                ProcessState::Fatal,
            ),
            (
                "it did not come up this time",
                [40, 20, 30, 41],
                "exit-code",
                ProcessState::Fatal,
            ),
        ] {
            let unit = unit(&format!(
                "ActiveState=failed\nSubState=failed\nResult={result}\nExecMainCode=1\n\
                 InactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={up}\n\
                 ActiveExitTimestampMonotonic={down}\nExecMainExitTimestampMonotonic={exited}"
            ));
            assert_eq!(unit.state(), expected, "{what}");
        }
    }

    /// The moments: began, up, no longer up, process ended.
    #[test]
    fn unit_that_exited_with_success_is_exited_and_not_stopped() {
        for (what, [began, up, down, exited], expected) in [
            ("by itself", [10, 20, 31, 30], ProcessState::Exited),
            (
                "in the same instant",
                [10, 20, 30, 30],
                ProcessState::Exited,
            ),
            ("stopped", [10, 20, 30, 31], ProcessState::Stopped),
            ("without a process", [10, 20, 30, 0], ProcessState::Stopped),
            ("never up", [10, 0, 0, 12], ProcessState::Stopped),
            (
                "in an earlier life",
                [40, 50, 60, 31],
                ProcessState::Stopped,
            ),
            ("never started", [0, 0, 0, 0], ProcessState::Stopped),
        ] {
            let unit = unit(&format!(
                "ActiveState=inactive\nSubState=dead\nResult=success\nExecMainCode=1\n\
                 InactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={up}\n\
                 ActiveExitTimestampMonotonic={down}\nExecMainExitTimestampMonotonic={exited}"
            ));
            assert_eq!(unit.state(), expected, "{what}");
        }
    }

    #[test]
    fn unit_that_could_not_start_again_is_not_stopped() {
        for (line, expected) in [
            ("", None),
            ("Transient=yes", Some("transient")),
            ("LoadState=masked", Some("its unit file is masked")),
            ("LoadState=not-found", Some("its unit file is not-found")),
            ("CanStart=no", Some("RefuseManualStart=")),
            ("CanStop=no", Some("RefuseManualStop=")),
        ] {
            let why = unit(line).stop_is_final();
            assert_eq!(why.is_some(), expected.is_some(), "{line}");
            assert!(why.is_none_or(|why| why.contains(expected.unwrap_or_default())));
        }
    }

    #[test]
    fn start_errors_say_how_the_unit_ended() {
        let failed =
            "ActiveState=failed\nSubState=failed\nExecMainExitTimestampMonotonic=5\nResult=";
        for (lines, code, expected) in [
            (
                "exit-code\nExecMainCode=1\nExecMainStatus=203",
                50,
                "cannot run it (exit-code, status 203)",
            ),
            (
                "exit-code\nExecMainCode=1\nExecMainStatus=3",
                40,
                "it failed (exit-code, status 3)",
            ),
            (
                "signal\nExecMainCode=2\nExecMainStatus=9",
                40,
                "it failed (signal, signal 9)",
            ),
            (
                "success\nActiveState=inactive\nConditionResult=no",
                30,
                "conditions are not met",
            ),
            (
                "success\nActiveState=inactive",
                40,
                "it did not stay up: inactive",
            ),
            (
                "exit-code\nExecMainCode=1\nExecMainStatus=1\nActiveState=activating\nSubState=auto-restart",
                40,
                "systemd will try again",
            ),
        ] {
            let error = unit(&format!("{failed}{lines}")).refused();
            assert!(error.is_fault(code), "{lines}: {error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
