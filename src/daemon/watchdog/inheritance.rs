//! Restarts that other runs have begun and not finished: at the start those of runs that have ended, later those of runs
//! that end meanwhile, such as the run before this one or another watchdog of the same process.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::action::Intents;
use crate::daemon::executor::{Clients, Executor};
use crate::health::{Backend, PendingRestart};
use crate::store::{Intent, Store};

/// How often it is asked whether another run has ended in a restart.
const EVERY: Duration = Duration::from_secs(5);

/// Asks for them again and again.
#[derive(Debug)]
pub(super) struct Inheritance {
    next: Instant,
    /// A question that is not answered yet: the disk may take its time.
    asking: Option<JoinHandle<Vec<PendingRestart>>>,
}

impl Inheritance {
    pub(super) fn new() -> Self {
        Self {
            next: Instant::now() + EVERY,
            asking: None,
        }
    }

    /// Comes back with what other runs have left since the last time. May be dropped and called again at any time.
    pub(super) async fn next(&mut self, executor: &Executor, store: &Store) -> Vec<PendingRestart> {
        loop {
            if let Some(asking) = &mut self.asking {
                let left = asking.await.unwrap_or_default();
                self.asking = None;
                self.next = Instant::now() + EVERY;
                if !left.is_empty() {
                    return left;
                }
            }
            sleep_until(self.next).await;
            self.asking = Some(tokio::spawn(inherit(
                Arc::clone(&executor.clients),
                executor.intents.clone(),
                store.clone(),
            )));
        }
    }
}

/// Takes over the restarts of runs that have ended: those of the supervisors of this watchdog, and its own, whose
/// supervisor may be written otherwise by now, have moved, or not be configured any more. As after a reload they are
/// finished with what is configured.
pub(super) async fn inherit(
    clients: Arc<Clients>,
    intents: Intents,
    store: Store,
) -> Vec<PendingRestart> {
    let supervisors = &clients.supervisors;
    let own = &intents.owner().watchdog;
    let is_known = |intent: &Intent| {
        // its address has the name of the file
        let is_own = intent.process.backend == Backend::Embedded && intent.owner.watchdog == *own;
        is_own || supervisors.is_at(intent.process.backend, &intent.supervisor)
    };
    let can_finish = |intent: &Intent| is_known(intent) || intent.owner.watchdog == *own;
    let mut left = Vec::new();
    for intent in intents.inherit(can_finish).await {
        let incident = store.incident(&intent.incident).await;
        let incident = incident.ok().flatten();
        left.push(PendingRestart {
            incident_ended: incident.is_some_and(|found| found.ended.is_some()),
            stopped_in: (!is_known(&intent)).then(|| intent.supervisor.clone()),
            ..intent.pending()
        });
    }
    left
}
