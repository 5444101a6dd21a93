//! Warming up: one request after each start of a program, which may take long. Which start is a new one, and
//! what its answer means. When it is asked is the monitor's.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::monitor::Ticket;
use super::observation::Observation;
use super::process::{Process, ProcessState};
use super::reason::Reason;

/// A program that nobody remembers and that runs for so long, and for the grace, has been warmed up by
/// whoever uses it.
const LONG: Duration = Duration::from_secs(60);

/// What two clocks that count whole seconds may differ by.
const SLACK: Duration = Duration::from_secs(2);

/// A check's warm-up as defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// What is asked, without secrets.
    pub url: String,
    /// So long it is waited for an answer.
    pub timeout: Duration,
}

/// The processes that were warmed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Warmed {
    /// Which of its lives that was, by name: its supervisor's word for it, or its pid.
    pub lives: BTreeMap<String, String>,
    /// What was started after this is another process, whatever that says.
    pub at: Moment,
}

/// A warm-up under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Warming {
    pub ticket: Ticket,
    /// Since when.
    pub since: Moment,
    /// For whom.
    pub processes: Warmed,
    /// A process was started meanwhile, so that the answer will say nothing.
    pub again: bool,
}

/// What an answer to a warm-up means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WarmUpAnswer {
    /// It is warm.
    Warm { code: u16 },
    /// Nobody listens yet.
    NotYet(String),
    /// It was asked, and this came of it.
    Failed(String),
}

impl Warmed {
    /// Takes note of `running`. Returns whether one of them was started since.
    pub fn meets(&mut self, now: Moment, running: &[&Process], grace: Duration) -> bool {
        let mut new = false;
        for process in running {
            let Some(life) = life(process) else {
                continue;
            };
            let name = process.name.to_string();
            let up = process.uptime.map(Duration::from_secs);
            new |= match self.lives.get(&name) {
                Some(known) if *known == life => {
                    up.is_some_and(|up| now.before(up) > self.at + SLACK)
                }
                Some(_) => true,
                None => up.is_none_or(|up| up <= grace.max(LONG)),
            };
            self.lives.insert(name, life);
        }
        new
    }
}

/// Which of its lives `process` is; `None` when that is unknown.
pub(super) fn life(process: &Process) -> Option<String> {
    let pid = || process.pid.map(|pid| pid.to_string());
    process.instance.clone().or_else(pid)
}

/// Those of `chosen` that run.
pub(super) fn running(chosen: &[Process]) -> Vec<&Process> {
    let runs = |process: &&Process| process.state == ProcessState::Running;
    chosen.iter().filter(runs).collect()
}

/// What `seen` means for a warm-up. Any answer but an error of the server will do: what it says is for the
/// check to judge.
pub(super) fn read(seen: &Observation) -> WarmUpAnswer {
    if let Some(trouble) = &seen.trouble {
        let detail = trouble.detail.clone();
        return match trouble.reason {
            Reason::Dns
            | Reason::Refused
            | Reason::Unreachable
            | Reason::ConnectTimeout
            | Reason::Closed
            | Reason::Reset => WarmUpAnswer::NotYet(detail),
            reason if reason.is_ours() => WarmUpAnswer::NotYet(detail),
            // so much of an answer came that it is one
            Reason::TooLarge | Reason::Truncated if warm(seen).is_some() => {
                warm(seen).unwrap_or(WarmUpAnswer::Failed(detail))
            }
            _ => WarmUpAnswer::Failed(detail),
        };
    }
    warm(seen).unwrap_or_else(|| {
        let line = seen.status.as_ref();
        let said = line.map_or_else(|| "no answer".to_owned(), ToString::to_string);
        WarmUpAnswer::Failed(said)
    })
}

fn warm(seen: &Observation) -> Option<WarmUpAnswer> {
    let line = seen.status.as_ref().filter(|line| line.code < 500)?;
    Some(WarmUpAnswer::Warm { code: line.code })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Phase, ProcessName, StatusLine, Trouble};

    fn process(pid: u32, uptime: u64) -> Process {
        Process {
            name: ProcessName::supervisord("app", "0"),
            state: ProcessState::Running,
            pid: Some(pid),
            uptime: Some(uptime),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }
    }

    #[test]
    fn another_pid_or_a_later_start_is_a_new_start() {
        let grace = Duration::from_secs(90);
        let now = Moment::from_secs(10_000);
        let known = |at| Warmed {
            lives: [("app:0".to_owned(), "7".to_owned())].into(),
            at: Moment::from_secs(at),
        };
        for (what, mut warmed, process, new) in [
            ("nobody knows it", Warmed::default(), process(7, 90), true),
            ("it runs for long", Warmed::default(), process(7, 91), false),
            ("it is the same", known(9_000), process(7, 5_000), false),
            ("about the same", known(9_000), process(7, 998), false),
            ("started later", known(9_000), process(7, 997), true),
            ("another pid", known(9_000), process(8, 5_000), true),
        ] {
            assert_eq!(warmed.meets(now, &[&process], grace), new, "{what}");
            assert_eq!(
                Some(&warmed.lives["app:0"]),
                life(&process).as_ref(),
                "{what}"
            );
        }
    }

    #[test]
    fn response_other_than_a_server_error_ends_the_warm_up() {
        let answer = |code, trouble: Option<Reason>| {
            read(&Observation {
                status: (code > 0).then(|| StatusLine {
                    version: "HTTP/1.1".to_owned(),
                    code,
                    reason: String::new(),
                }),
                trouble: trouble.map(|reason| Trouble::new(reason, Phase::Connect, "x")),
                ..Observation::default()
            })
        };
        for (code, trouble, expected) in [
            (200, None, "warm"),
            (302, None, "warm"),
            (404, None, "warm"),
            (500, None, "failed"),
            (503, None, "failed"),
            (0, None, "failed"),
            (0, Some(Reason::Refused), "not yet"),
            (0, Some(Reason::Reset), "not yet"),
            (0, Some(Reason::NoFds), "not yet"),
            (0, Some(Reason::FirstByteTimeout), "failed"),
            (200, Some(Reason::BodyTimeout), "failed"),
            (200, Some(Reason::TooLarge), "warm"),
            (500, Some(Reason::TooLarge), "failed"),
        ] {
            let found = match answer(code, trouble) {
                WarmUpAnswer::Warm { code: said } => {
                    assert_eq!(said, code);
                    "warm"
                }
                WarmUpAnswer::NotYet(_) => "not yet",
                WarmUpAnswer::Failed(_) => "failed",
            };
            assert_eq!(found, expected, "{code} {trouble:?}");
        }
    }
}
