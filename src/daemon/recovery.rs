//! Brings unfinished restarts to their end: those of an earlier run, before the first look, and those whose
//! start did not get through. Each is a task of its own that tries until the process runs or is no longer
//! ours; what it has done goes to the decision core, and only then its intent is closed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::action::{Finish, Unfinished, finish};
use crate::clock::Clock;
use crate::health::{Backoff, Event, Outcome, ProcessState, Step};
use crate::store::{Intent, IntentId};

use super::executor::{Clients, Ended};
use super::logger::Logger;

/// The pauses between tries.
const RETRY: Backoff = Backoff {
    min: Duration::from_secs(1),
    max: Duration::from_secs(120),
    factor: 2.0,
};

/// The pause after a start of ours was refused.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// How often it is looked whether a stop that we had asked for when we were killed is done.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What recovery works with.
#[derive(Clone)]
pub struct Recovery {
    pub clients: Arc<Clients>,
    pub clock: Clock,
    pub logger: Logger,
    pub ended: mpsc::UnboundedSender<Ended>,
}

/// A restart to be brought to its end.
pub struct Half {
    pub intent: IntentId,
    pub check: String,
    pub incident: String,
    pub unfinished: Unfinished,
}

impl From<Intent> for Half {
    fn from(intent: Intent) -> Self {
        Self {
            intent: intent.id,
            check: intent.check,
            incident: intent.incident,
            unfinished: Unfinished {
                process: intent.process,
                pid_before: intent.pid_before,
                has_begun: false,
            },
        }
    }
}

impl Recovery {
    /// Works on what an earlier run left, at once, until it is finished.
    pub fn take(&self, half: Half) -> tokio::task::JoinHandle<()> {
        let recovery = self.clone();
        tokio::spawn(async move {
            recovery.until_stops_are_done(&half).await;
            recovery.bring_to_end(half, 0).await;
        })
    }

    /// The same for what was just tried in vain, after a pause.
    pub fn take_again(&self, half: Half) {
        let recovery = self.clone();
        tokio::spawn(async move {
            sleep(AFTER_REFUSAL).await;
            recovery.bring_to_end(half, 1).await;
        });
    }

    async fn bring_to_end(self, mut half: Half, mut tries: u32) {
        loop {
            match self.try_once(&mut half).await {
                Finish::Runs(outcome) => return self.finished(half, outcome),
                Finish::NotOurs(why) => {
                    let process = &half.unfinished.process;
                    tracing::info!("{process} is not started again: {why}");
                    return self.finished(half, Outcome::default());
                }
                Finish::NotYet(why) => {
                    if tries == 0 {
                        let process = &half.unfinished.process;
                        self.logger
                            .trouble(&format!("{process} does not run again yet: {why}"));
                    }
                }
            }
            tries += 1;
            sleep(RETRY.pause(tries, u64::from(tries))).await;
        }
    }

    async fn try_once(&self, half: &mut Half) -> Finish {
        let mut action = self.logger.resumption();
        let check = half.check.clone();
        let mut tell = |step: &Step| action.step(&check, step);
        let supervisors = &self.clients.supervisors;
        finish(&mut half.unfinished, supervisors, &self.clock, &mut tell).await
    }

    /// The stop may have been asked for in the moment we were killed, and not be done yet. Not every
    /// supervisor says that a process is on its way down.
    async fn until_stops_are_done(&self, half: &Half) {
        let (supervisors, unfinished) = (&self.clients.supervisors, &half.unfinished);
        let until = Instant::now() + supervisors.stop_takes(&unfinished.process).await;
        while self.may_be_untouched(unfinished).await && Instant::now() < until {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether it still runs, and not as another process than the one that was to be stopped.
    async fn may_be_untouched(&self, unfinished: &Unfinished) -> bool {
        let found = self.clients.supervisors.info(&unfinished.process).await;
        match found {
            Ok(found) => {
                found.state == ProcessState::Running
                    && (found.pid.is_none() || found.pid == unfinished.pid_before)
            }
            Err(error) => error.is_passing(),
        }
    }

    fn finished(&self, half: Half, outcome: Outcome) {
        let event = (!outcome.steps.is_empty()).then_some(Event::Resumed {
            check: half.check,
            incident: half.incident,
            outcome,
        });
        // after the end of the watchdog the intent stays, which is right
        let _ = self.ended.send(Ended {
            event,
            done: vec![half.intent],
            unfinished: Vec::new(),
        });
    }
}
