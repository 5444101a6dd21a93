//! Escalation: what is done at which attempt of an incident. The first attempt takes the first rung, each that did
//! something takes the next one, and the last rung is repeated until the check passes or the budget is used up. Without
//! rungs every attempt restarts what the check names.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::process::{Process, ProcessState};
use super::remedy::Remedy;
use super::suggest::nearest;

/// What one rung does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The processes of the check get a signal, and go on running.
    Signal(Signal),
    /// These processes are restarted.
    Restart(Remedy),
    /// A command is run, shown here without its secrets.
    Run { command: String },
    /// The check is given up.
    GiveUp,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "send {signal}"),
            Self::Restart(remedy) => write!(f, "restart {}", remedy.selection.words().join(", ")),
            Self::Run { command } => write!(f, "run {command}"),
            Self::GiveUp => f.write_str("give up"),
        }
    }
}

/// The rung that comes after `taken` of them, and its number from 0; `None` without a ladder. One that signals is
/// passed over when none of `listed` is RUNNING: there is nothing to signal.
pub(super) fn rung_after<'a>(
    rungs: &'a [Rung],
    taken: u32,
    listed: Option<&[Process]>,
) -> Option<(u32, &'a Rung)> {
    let nothing_runs = nothing_runs(listed);
    let last = u32::try_from(rungs.len()).ok()?.checked_sub(1)?;
    let from = taken.min(last);
    let numbered = || (0..).zip(rungs);
    let mut coming = numbered().skip(from as usize);
    let fits = |(_, rung): &(u32, &Rung)| !(nothing_runs && matches!(rung, Rung::Signal(_)));
    coming.find(fits).or_else(|| numbered().last())
}

/// Whether none of `listed` is RUNNING, as far as that is known.
pub(super) fn nothing_runs(listed: Option<&[Process]>) -> bool {
    let runs = |process: &Process| process.state == ProcessState::Running;
    listed.is_some_and(|listed| !listed.iter().any(runs))
}

/// Where an attempt stands in its ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungView {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// What it does.
    pub does: String,
}

impl RungView {
    pub(super) fn new(rungs: &[Rung], (at, rung): (u32, &Rung)) -> Self {
        Self {
            number: at + 1,
            of: u32::try_from(rungs.len()).unwrap_or(u32::MAX),
            does: rung.to_string(),
        }
    }
}

impl fmt::Display for RungView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, of, does } = self;
        write!(f, "rung {number} of {of}: {does}")
    }
}

/// A signal that programs use to say something or to read their settings anew, by its name without `SIG`. Those that
/// nothing survives, and those that stop a process without an end, are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(&'static str);

impl Signal {
    /// All of them.
    pub const NAMES: [&'static str; 9] = [
        "QUIT", "HUP", "USR1", "USR2", "ABRT", "ALRM", "CONT", "TRAP", "WINCH",
    ];

    /// Its name without `SIG`.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl FromStr for Signal {
    type Err = String;

    /// Reads `QUIT` or `SIGQUIT`, in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(known) = Self::NAMES.into_iter().find(|known| *known == name) {
            return Ok(Self(known));
        }
        let all = Self::NAMES.join(", ");
        Err(match name {
            "TERM" | "INT" | "KILL" => {
                format!("{text:?} ends a process: use restart, which starts it again, too")
            }
            "STOP" | "TSTP" | "TTIN" | "TTOU" => {
                format!("{text:?} would leave the process stopped: expected one of {all}")
            }
            _ => match nearest(name, &Self::NAMES) {
                Some(near) => format!("{text:?} is not a signal: did you mean {near:?}?"),
                None => format!("{text:?} is not a signal for a rung: expected one of {all}"),
            },
        })
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::process::ProcessName;

    fn process(state: ProcessState) -> Process {
        Process {
            name: ProcessName::supervisord("a", "a"),
            state,
            pid: None,
            uptime: None,
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }
    }

    #[test]
    fn each_attempt_takes_the_next_rung_and_the_last_one_is_repeated() {
        let signal = || Rung::Signal(Signal("QUIT"));
        let restart = || Rung::Restart(Remedy::NONE);
        let (up, down) = (
            [process(ProcessState::Running)],
            [process(ProcessState::Exited)],
        );
        let rungs = [signal(), restart(), signal(), Rung::GiveUp];
        let at = |rungs: &[Rung], taken, listed| rung_after(rungs, taken, listed).map(|(at, _)| at);
        assert_eq!(at(&[], 0, None), None);
        for (taken, listed, expected) in [
            (0, Some(&up[..]), 0),
            (0, None, 0),
            (0, Some(&down[..]), 1),
            (0, Some(&[]), 1),
            (1, Some(&up), 1),
            (2, Some(&up), 2),
            (2, Some(&down), 3),
            (3, Some(&up), 3),
            (9, Some(&up), 3),
        ] {
            assert_eq!(at(&rungs, taken, listed), Some(expected), "{taken}");
        }
        assert_eq!(at(&[signal()], 4, Some(&down)), Some(0));
    }

    #[test]
    fn signals_are_read_by_name_and_dangerous_ones_are_refused_with_a_reason() {
        for text in ["QUIT", "SIGQUIT", "quit"] {
            assert_eq!(text.parse(), Ok(Signal("QUIT")));
        }
        for (text, needle) in [
            ("QIUT", "did you mean \"QUIT\"?"),
            ("USR3", "did you mean \"USR"),
            ("TERM", "use restart"),
            ("SIGKILL", "use restart"),
            ("STOP", "would leave the process stopped"),
            ("3", "expected one of QUIT, HUP"),
            ("", "expected one of"),
        ] {
            let why = text.parse::<Signal>().unwrap_err();
            assert!(why.contains(needle), "{text}: {why}");
        }
    }
}
