//! One request on its way through the loop: what is to be done about it, and the way back for its answer.

use tokio::sync::oneshot;

use super::protocol::{ControlCommand, ControlFault, ControlReply};
use super::remembered::StoreQuery;
use crate::escape::visible;
use crate::health::suggest::nearest;
use crate::health::{Event, Monitor};

/// One request, and where its answer goes.
#[derive(Debug)]
pub struct PendingRequest {
    pub(super) ask: ControlCommand,
    pub(super) answer: oneshot::Sender<ControlReply>,
}

/// What the loop is to do about a request.
#[derive(Debug)]
pub enum RequestAction {
    /// Show everything.
    ShowStatus,
    /// Read the configuration again.
    Reload,
    /// Be unhealthy for this reason until set otherwise, or not any more.
    SetHealth { unhealthy: Option<String> },
    /// Write to the store what waits for its turn.
    Flush,
    /// The same, and read what is remembered.
    Remembered(StoreQuery),
    /// Have the notifications for one notifier delivered by another, or dropped.
    Redirect { from: String, to: Option<String> },
    /// Send a sample report through this notifier, or through all.
    Test { notifier: Option<String> },
    /// Start or stop a program.
    Program { name: String, start: bool },
    /// Have a check's processes restarted, and answer when it is known whether that can be done.
    Restart { check: String },
    /// Feed the decision core, and show the check as it stands then.
    StdinFeed { check: String, event: Event },
    /// Ask the fleet's engine who holds slots.
    FleetStatus,
    /// Free the slots of a host.
    FleetRelease { host: String },
    /// Nothing: this is the answer.
    Refuse(ControlReply),
}

impl PendingRequest {
    /// Its answer is waited for.
    pub fn new(ask: ControlCommand) -> (Self, oneshot::Receiver<ControlReply>) {
        let (answer, answered) = oneshot::channel();
        (Self { ask, answer }, answered)
    }

    /// What to do about it.
    pub fn order(&self, monitor: &Monitor) -> RequestAction {
        let check = match &self.ask {
            ControlCommand::Status => return RequestAction::ShowStatus,
            ControlCommand::Reload => return RequestAction::Reload,
            ControlCommand::Start { program } | ControlCommand::Stop { program } => {
                return RequestAction::Program {
                    name: program.clone(),
                    start: matches!(self.ask, ControlCommand::Start { .. }),
                };
            }
            ControlCommand::Health { healthy, reason } => {
                return RequestAction::SetHealth {
                    unhealthy: (!healthy).then(|| visible(reason)),
                };
            }
            ControlCommand::Flush => return RequestAction::Flush,
            ControlCommand::Events { .. } => {
                let text = "events are a stream: GET /api/v1/events, or ask at the control socket";
                let refused = ControlReply::error(ControlFault::BadRequest, text);
                return RequestAction::Refuse(refused);
            }
            ControlCommand::Remembered { query } => {
                return RequestAction::Remembered(query.clone());
            }
            ControlCommand::Send { from, to } => {
                return RequestAction::Redirect {
                    from: from.clone(),
                    to: Some(to.clone()),
                };
            }
            ControlCommand::Drop { from } => {
                return RequestAction::Redirect {
                    from: from.clone(),
                    to: None,
                };
            }
            ControlCommand::Test { notifier } => {
                return RequestAction::Test {
                    notifier: notifier.clone(),
                };
            }
            ControlCommand::FleetStatus => return RequestAction::FleetStatus,
            ControlCommand::FleetRelease { host } => {
                return RequestAction::FleetRelease { host: host.clone() };
            }
            ControlCommand::Pause { check, .. }
            | ControlCommand::Silence { check, .. }
            | ControlCommand::Resume { check }
            | ControlCommand::Restart { check }
            | ControlCommand::Beat { check, .. }
            | ControlCommand::Reset { check } => check.clone(),
        };
        if !monitor.checks().any(|known| known.name == check) {
            let known: Vec<_> = monitor.checks().map(|known| known.name.clone()).collect();
            let names: Vec<_> = known.iter().map(String::as_str).collect();
            let near = match nearest(&check, &names) {
                Some(near) => format!(": did you mean {near:?}?"),
                None => String::new(),
            };
            return RequestAction::Refuse(ControlReply::Error {
                fault: ControlFault::UnknownCheck,
                text: format!("there is no check {check:?}{near}"),
                checks: known,
            });
        }
        if let (ControlCommand::Restart { .. }, Some(why)) = (&self.ask, monitor.refusal(&check)) {
            return RequestAction::Refuse(ControlReply::error(
                ControlFault::Refused,
                why.to_string(),
            ));
        }
        let takes_heartbeats = || {
            let known = monitor.check(&check);
            known.is_some_and(|known| known.heartbeat.is_some())
        };
        if matches!(self.ask, ControlCommand::Beat { .. }) && !takes_heartbeats() {
            let text = format!("check {check:?} is probed, and takes no heartbeats");
            return RequestAction::Refuse(ControlReply::error(ControlFault::Refused, text));
        }
        let event = match &self.ask {
            ControlCommand::Beat { fail, .. } => Event::Heartbeat {
                check: check.clone(),
                failure: fail.as_deref().map(visible),
            },
            ControlCommand::Pause { hold, silent, .. } => Event::Pause {
                check: check.clone(),
                reason: visible(&hold.reason),
                lasting: hold.lasting,
                silent: *silent,
            },
            ControlCommand::Silence { hold, .. } => Event::Silence {
                check: check.clone(),
                reason: visible(&hold.reason),
                lasting: hold.lasting,
            },
            ControlCommand::Resume { .. } => Event::Resume {
                check: check.clone(),
            },
            ControlCommand::Reset { .. } => Event::Reset {
                check: check.clone(),
            },
            ControlCommand::Restart { .. } => return RequestAction::Restart { check },
            ControlCommand::Status
            | ControlCommand::Start { .. }
            | ControlCommand::Stop { .. }
            | ControlCommand::Reload
            | ControlCommand::Health { .. }
            | ControlCommand::Flush
            | ControlCommand::Events { .. }
            | ControlCommand::Remembered { .. }
            | ControlCommand::Send { .. }
            | ControlCommand::Test { .. }
            | ControlCommand::FleetStatus
            | ControlCommand::FleetRelease { .. }
            | ControlCommand::Drop { .. } => return RequestAction::ShowStatus,
        };
        RequestAction::StdinFeed { check, event }
    }

    /// Answers.
    pub fn answer(self, answer: ControlReply) {
        // the client may be gone
        let _ = self.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::daemon::control::protocol::HoldRequest;
    use crate::daemon::control::remembered::StoreQuery;
    use crate::serve::asks::ASKS;

    /// What is served describes the protocol by its words, and lets those that read pass without a key.
    #[test]
    fn every_request_of_the_protocol_is_known_by_its_word() {
        let unknown = serde_json::json!({ "ask": "?" });
        let why = serde_json::from_value::<ControlCommand>(unknown)
            .expect_err("there is none")
            .to_string();
        let (_, expected) = why.split_once("expected one of ").expect("its words");
        let words: Vec<_> = expected
            .split(", ")
            .map(|word| word.trim_matches('`'))
            .collect();
        let known: Vec<_> = ASKS.iter().map(|ask| ask.word).collect();
        assert_eq!(words, known);
    }

    /// Each request with all that it may say.
    #[test]
    fn every_key_of_the_protocol_is_known() {
        let text = || "x".to_owned();
        let check = text;
        let hold = || HoldRequest {
            reason: text(),
            lasting: Some(Duration::from_secs(1)),
        };
        let full = [
            ControlCommand::Status,
            ControlCommand::Pause {
                check: check(),
                hold: hold(),
                silent: true,
            },
            ControlCommand::Silence {
                check: check(),
                hold: hold(),
            },
            ControlCommand::Resume { check: check() },
            ControlCommand::Restart { check: check() },
            ControlCommand::Reset { check: check() },
            ControlCommand::Beat {
                check: check(),
                fail: Some(text()),
            },
            ControlCommand::Start { program: text() },
            ControlCommand::Stop { program: text() },
            ControlCommand::Reload,
            ControlCommand::Health {
                healthy: false,
                reason: text(),
            },
            ControlCommand::Flush,
            ControlCommand::Events {
                checks: vec![check()],
                passes: true,
            },
            ControlCommand::Remembered {
                query: StoreQuery::Checks,
            },
            ControlCommand::Send {
                from: text(),
                to: text(),
            },
            ControlCommand::Drop { from: text() },
            ControlCommand::Test {
                notifier: Some(text()),
            },
            ControlCommand::FleetStatus,
            ControlCommand::FleetRelease { host: text() },
        ];
        for (ask, command) in ASKS.iter().zip(&full) {
            let written = serde_json::to_value(command).expect("it serializes");
            assert_eq!(written["ask"], ask.word);
            let keys = written.as_object().expect("an object").keys();
            let keys: BTreeSet<_> = keys
                .map(String::as_str)
                .filter(|key| *key != "ask")
                .collect();
            let known: BTreeSet<_> = ask.keys.iter().copied().collect();
            assert_eq!(keys, known, "{}", ask.word);
        }
    }
}
