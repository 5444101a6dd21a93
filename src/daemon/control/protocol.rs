//! What is said over the control socket: one JSON object a line in each direction, an answer for every
//! request, in order.
//!
//! ```text
//! {"version":1,"ask":"status"}
//! {"version":1,"ask":"pause","check":"shop","reason":"deploy","for":1800}    `for`: seconds or "30m", may be left out
//!     likewise silence; with "silent":true a pause is a silence, too
//! {"version":1,"ask":"resume","check":"shop"}        and likewise restart, reset
//! {"version":1,"ask":"beat","check":"backup","fail":"disk full"}    `fail` may be left out
//! {"version":1,"ask":"start","program":"worker"}     and likewise stop
//! {"version":1,"ask":"reload"}
//! {"version":1,"ask":"health","healthy":false,"reason":"deploy"}
//! {"version":1,"ask":"flush"}      write to the store what waits for its turn
//! {"version":1,"ask":"remembered","query":{"of":"incident","id":"..."}}    what the store has, see `remembered`
//! {"version":1,"ask":"events","checks":["shop*"],"passes":false}    goes on; both may be left out
//! {"version":1,"ask":"send","from":"old","to":"mail"}    has notifications delivered by another notifier
//! {"version":1,"ask":"drop","from":"old"}                drops those of a notifier
//! {"version":1,"ask":"test","notifier":"mail"}    sends a sample report through it; without a name through all
//! {"version":1,"ask":"fleet_status"}
//! {"version":1,"ask":"fleet_release","host":"web-7"}     frees the slots that it holds
//!
//! {"version":1,"answer":"status","watchdog":"...","pid":7,"snapshot":{...},"programs":[...],"notifiers":[...]}
//! {"version":1,"answer":"done","at":"...","check":{...}}    the check as it stands then, and it is on disk; if not,
//!     `unsaved` says why
//! {"version":1,"answer":"health","healthy":false,"reasons":["..."]}    likewise
//! {"version":1,"answer":"program","program":{...}}         the program as it is then
//! {"version":1,"answer":"reloaded","checks":3}    `not_served` has what of `[serve]` cannot be had, when there is any
//! {"version":1,"answer":"flushed"}    if the state directory does not have it, `unsaved` says why
//! {"version":1,"answer":"moved","messages":2}
//! {"version":1,"answer":"tested","notifiers":[{"name":"mail","failure":"..."}]}    `failure` is left out when there is none
//! {"version":1,"answer":"fleet","host":"web-1","groups":[...]}
//! {"version":1,"answer":"freed","slots":1}
//! {"version":1,"answer":"event","event":{...}}     one after the other, `silence` in between, and `end` with `why`
//! {"version":1,"answer":"error","fault":"unknown_check","text":"...","checks":["shop"]}
//! ```
//!
//! Moments are RFC 3339 in UTC, spans are seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::hold_request::HoldRequest;
use super::remembered::{StoreQuery, StoreReply};
use crate::daemon::fleet::FleetGroup;
use crate::daemon::notification_queue::{NotifierStatus, TestedNotifier};
use crate::health::{CheckView, Moment, Process, Snapshot, rfc3339};
use crate::serve::asks;
use crate::{escape, json, secret};

/// The version of these words. Keys may be added to it, which a watchdog that does not know them refuses; a change of
/// meaning is another version.
pub const VERSION: u32 = 1;

/// Checks of a large answer.
const LARGE: usize = 250;

/// A line to the watchdog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    pub version: u32,
    #[serde(flatten)]
    pub ask: ControlCommand,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum ControlCommand {
    Status,
    Pause {
        check: String,
        #[serde(flatten)]
        hold: HoldRequest,
        /// Hold its reports, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        silent: bool,
    },
    /// Hold a check's reports.
    Silence {
        check: String,
        #[serde(flatten)]
        hold: HoldRequest,
    },
    Resume {
        check: String,
    },
    Restart {
        check: String,
    },
    Reset {
        check: String,
    },
    /// A check that is not probed says how it is.
    Beat {
        check: String,
        /// What is wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fail: Option<String>,
    },
    /// Start one of the watchdog's own programs.
    Start {
        program: String,
    },
    /// Stop one of the watchdog's own programs; it stays stopped until it is started.
    Stop {
        program: String,
    },
    Reload,
    /// Say that the watchdog itself is healthy again, or that it is not and why.
    Health {
        healthy: bool,
        #[serde(default)]
        reason: String,
    },
    /// Write to the store what waits for its turn.
    Flush,
    /// Follow what is decided: answered by the socket's server, line after line.
    Events {
        #[serde(default)]
        checks: Vec<String>,
        #[serde(default)]
        passes: bool,
    },
    /// Read what is remembered.
    Remembered {
        query: StoreQuery,
    },
    /// Have the notifications for one notifier delivered by another.
    Send {
        from: String,
        to: String,
    },
    /// Drop the notifications for a notifier.
    Drop {
        from: String,
    },
    /// Send a sample report through a notifier, or through all.
    Test {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notifier: Option<String>,
    },
    /// Say who holds the slots of the fleet's groups, and who waits.
    FleetStatus,
    /// Free the slots that a host holds.
    FleetRelease {
        host: String,
    },
}

/// A line from the watchdog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplyLine {
    pub version: u32,
    #[serde(flatten)]
    pub answer: ControlReply,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ControlReply {
    Status {
        /// Its key: the same in every run.
        watchdog: String,
        pid: u32,
        #[serde(deserialize_with = "json::part")]
        snapshot: Box<Snapshot>,
        /// The programs under its own supervisor.
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "json::part"
        )]
        programs: Vec<Process>,
        /// The notifiers, and what waits for them.
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "json::part"
        )]
        notifiers: Vec<NotifierStatus>,
        /// A person said that the watchdog is unhealthy, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unhealthy: Option<String>,
    },
    Done {
        #[serde(with = "rfc3339")]
        at: Moment,
        #[serde(deserialize_with = "json::part")]
        check: Box<CheckView>,
        /// Why the state directory does not have it yet: a watchdog that is killed now forgets it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsaved: Option<String>,
    },
    /// A program as it is now.
    Program {
        #[serde(deserialize_with = "json::part")]
        program: Box<Process>,
    },
    Reloaded {
        checks: usize,
        /// Addresses of `[serve]` that cannot be had, and why: what was served before goes on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_served: Vec<String>,
    },
    /// The watchdog's own health as it is then.
    Health {
        healthy: bool,
        /// Why it is not, in words.
        reasons: Vec<String>,
        /// Why the state directory does not have it yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsaved: Option<String>,
    },
    Flushed {
        /// Why the state directory does not have what waits for it: it is in the watchdog's memory alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsaved: Option<String>,
    },
    /// What the store has.
    Remembered {
        watchdog: String,
        #[serde(deserialize_with = "json::part")]
        found: StoreReply,
    },
    /// The fleet as its engine says.
    Fleet {
        /// What this host is called in it.
        host: String,
        #[serde(deserialize_with = "json::part")]
        groups: Vec<FleetGroup>,
    },
    /// So many slots were freed.
    Freed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slots: Option<usize>,
    },
    /// So many notifications were sent on their way, or dropped.
    Moved { messages: usize },
    /// What the other side said to a sample report, by notifier.
    Tested {
        #[serde(deserialize_with = "json::part")]
        notifiers: Vec<TestedNotifier>,
    },
    Error {
        fault: ControlFault,
        text: String,
        /// The checks that there are, when the one asked for is not among them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        checks: Vec<String>,
    },
}

impl ControlCommand {
    /// How long the watchdog may take to answer. A program is stopped within the time that its definition gives it, and
    /// started within that of its retries.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        match self {
            Self::Start { .. } | Self::Stop { .. } => Duration::from_secs(3600),
            // a reload waits for files and name services, a test of notifiers for receivers
            Self::Reload | Self::Test { .. } => Duration::from_secs(25),
            _ => Duration::from_secs(5),
        }
    }

    /// How long a client waits for the answer: longer than the watchdog does.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.patience() + Duration::from_secs(1)
    }
}

impl ControlReply {
    /// Why not.
    pub fn error(fault: ControlFault, text: impl Into<String>) -> Self {
        Self::Error {
            fault,
            text: text.into(),
            checks: Vec::new(),
        }
    }

    /// Whether it takes long to write.
    pub fn is_large(&self) -> bool {
        matches!(self, Self::Status { snapshot, .. } if snapshot.checks.len() > LARGE)
    }
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlFault {
    /// The line cannot be understood.
    BadRequest,
    /// It speaks another version.
    Version,
    /// There is no such check.
    UnknownCheck,
    /// There is no such program.
    UnknownProgram,
    /// It cannot be done just now.
    Refused,
    /// The configuration is wrong, or there is none to read again.
    NotReloaded,
    /// Too many ask at once, or the watchdog is ending.
    Busy,
}

/// Reads a line to the watchdog.
///
/// # Errors
/// The answer that says what is wrong with it.
pub fn read(line: &[u8]) -> Result<ControlCommand, ControlReply> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let bad = |why: serde_json::Error| {
        ControlReply::error(ControlFault::BadRequest, format!("not understood: {why}"))
    };
    let request: Value = json::from_bytes(line).map_err(bad)?;
    // of a value there is no column, which would be one of a line that a client over HTTP did not write
    let Versioned { version } = Versioned::deserialize(&request).map_err(bad)?;
    if version != VERSION {
        let text = format!("version {version} is not spoken here, only {VERSION}");
        return Err(ControlReply::error(ControlFault::Version, text));
    }
    if let (Some(word), Some(keys)) = (request["ask"].as_str(), request.as_object()) {
        let keys = keys.keys().map(String::as_str);
        let keys = keys.filter(|key| !matches!(*key, "version" | "ask"));
        asks::only_known(word, &[], keys)
            .map_err(|text| ControlReply::error(ControlFault::BadRequest, text))?;
    }
    serde_json::from_value::<RequestLine>(request)
        .map(|request| request.ask)
        .map_err(bad)
}

/// The line for `answer`, with its line end.
pub fn write(answer: ControlReply) -> Vec<u8> {
    let reply = ReplyLine {
        version: VERSION,
        answer,
    };
    let line = serde_json::to_string(&reply).unwrap_or_else(|why| {
        // the keys of our maps are words, so that this does not happen
        format!(r#"{{"version":{VERSION},"answer":"error","fault":"busy","text":"{why}"}}"#)
    });
    let mut line = escape::unhidden(secret::mask_json(line)).into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn requests_are_read_as_they_are_documented() {
        let shop = || "shop".to_owned();
        for (line, ask) in [
            (r#"{"version":1,"ask":"status"}"#, ControlCommand::Status),
            (r#"{"ask":"reload","version":1}"#, ControlCommand::Reload),
            (
                r#"{"version":1,"ask":"pause","check":"shop","for":1.5}"#,
                ControlCommand::Pause {
                    check: shop(),
                    hold: HoldRequest {
                        reason: String::new(),
                        lasting: Some(Duration::from_millis(1500)),
                    },
                    silent: false,
                },
            ),
            (
                r#"{"version":1,"ask":"pause","check":"shop","reason":"deploy"}"#,
                ControlCommand::Pause {
                    check: shop(),
                    hold: HoldRequest {
                        reason: "deploy".to_owned(),
                        lasting: None,
                    },
                    silent: false,
                },
            ),
            (
                r#"{"version":1,"ask":"pause","check":"shop","silent":true}"#,
                ControlCommand::Pause {
                    check: shop(),
                    hold: HoldRequest {
                        reason: String::new(),
                        lasting: None,
                    },
                    silent: true,
                },
            ),
            (
                r#"{"version":1,"ask":"silence","check":"shop","for":"1m"}"#,
                ControlCommand::Silence {
                    check: shop(),
                    hold: HoldRequest {
                        reason: String::new(),
                        lasting: Some(Duration::from_secs(60)),
                    },
                },
            ),
            (
                r#"{"version":1,"ask":"restart","check":"shop"}"#,
                ControlCommand::Restart { check: shop() },
            ),
        ] {
            assert_eq!(read(line.as_bytes()), Ok(ask.clone()), "{line}");
            let request = RequestLine {
                version: VERSION,
                ask: ask.clone(),
            };
            let again = serde_json::to_vec(&request).expect("it serializes");
            assert_eq!(read(&again), Ok(ask));
        }
    }

    #[test]
    fn malformed_requests_are_reported() {
        for (line, fault) in [
            ("", ControlFault::BadRequest),
            ("status", ControlFault::BadRequest),
            ("{}", ControlFault::BadRequest),
            (r#"{"version":2,"ask":"status"}"#, ControlFault::Version),
            (r#"{"version":1,"ask":"dance"}"#, ControlFault::BadRequest),
            (r#"{"version":1,"ask":"pause"}"#, ControlFault::BadRequest),
            (
                r#"{"version":1,"ask":"pause","check":"s","for":-1}"#,
                ControlFault::BadRequest,
            ),
            (
                r#"{"version":1,"ask":"pause","check":"s","for":1e300}"#,
                ControlFault::BadRequest,
            ),
            (
                r#"{"version":1,"ask":"pause","check":"s","for":"20 minuts"}"#,
                ControlFault::BadRequest,
            ),
            (
                r#"{"version":1,"ask":"pause","check":"s","for":[20]}"#,
                ControlFault::BadRequest,
            ),
            (
                r#"{"version":1,"ask":"remembered","query":{"of":"notes","check":"s","most":1}}"#,
                ControlFault::BadRequest,
            ),
        ] {
            match read(line.as_bytes()) {
                Err(ControlReply::Error { fault: found, .. }) => assert_eq!(found, fault, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for (line, expected) in [
            (
                r#"{"version":1,"ask":"pause","check":"s","fro":60}"#,
                "unknown key \"fro\"; did you mean \"for\"?",
            ),
            (
                r#"{"version":1,"ask":"silence","check":"s","silent":true}"#,
                "unknown key \"silent\": expected one of check, reason, for",
            ),
            (
                r#"{"version":1,"ask":"status","check":"s"}"#,
                "unknown key \"check\": there are none here",
            ),
            (
                r#"{"version":1,"ask":"restart","check":"s","reason":"deploy"}"#,
                "unknown key \"reason\": expected one of check",
            ),
        ] {
            let refused = ControlReply::error(ControlFault::BadRequest, expected);
            assert_eq!(read(line.as_bytes()), Err(refused), "{line}");
        }
    }
}
