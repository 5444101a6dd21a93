//! One request on its way through the loop: what is to be done about it, and the way back for its answer.

use tokio::sync::oneshot;

use super::protocol::{Answer, Ask, Fault};
use crate::health::{Event, Monitor};

/// One request, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    pub(super) ask: Ask,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What the loop is to do about a request.
#[derive(Debug)]
pub enum Order {
    /// Show everything.
    Show,
    /// Read the configuration again.
    Reload,
    /// Write to the store what waits for its turn.
    Flush,
    /// Tell the decision core, and show the check as it stands then.
    NotifyMode { check: String, event: Event },
    /// Nothing: this is the answer.
    Refuse(Answer),
}

impl Asked {
    /// What to do about it.
    pub fn order(&self, monitor: &Monitor) -> Order {
        let check = match &self.ask {
            Ask::Status => return Order::Show,
            Ask::Reload => return Order::Reload,
            Ask::Flush => return Order::Flush,
            Ask::Pause { check, .. }
            | Ask::Resume { check }
            | Ask::Restart { check }
            | Ask::Reset { check } => check.clone(),
        };
        if !monitor.checks().any(|known| known.name == check) {
            let known = monitor.checks().map(|known| known.name.clone());
            return Order::Refuse(Answer::Error {
                fault: Fault::UnknownCheck,
                text: format!("there is no check {check:?}"),
                checks: known.collect(),
            });
        }
        if let (Ask::Restart { .. }, Some(why)) = (&self.ask, monitor.refusal(&check)) {
            return Order::Refuse(Answer::error(Fault::Refused, why.to_string()));
        }
        let event = match &self.ask {
            Ask::Pause {
                reason, lasting, ..
            } => Event::Pause {
                check: check.clone(),
                reason: reason.clone(),
                lasting: *lasting,
            },
            Ask::Resume { .. } => Event::Resume {
                check: check.clone(),
            },
            Ask::Reset { .. } => Event::Reset {
                check: check.clone(),
            },
            Ask::Restart { .. } | Ask::Status | Ask::Reload | Ask::Flush => Event::Restart {
                check: check.clone(),
            },
        };
        Order::NotifyMode { check, event }
    }

    /// Answers.
    pub fn answer(self, answer: Answer) {
        // who asked may be gone
        let _ = self.answer.send(answer);
    }
}
