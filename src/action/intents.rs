//! "I am about to stop X": on disk before it happens, so that whatever becomes of this watchdog, someone
//! knows that X must run again.

use crate::health::{Moment, Plan, Process};
use crate::store::{Intent, IntentId, Owner, Store};

use super::capture::stat;

/// Opens intents in the name of one run of a watchdog.
#[derive(Clone)]
pub struct Intents {
    store: Store,
    owner: Owner,
}

impl std::fmt::Debug for Intents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intents")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl Intents {
    /// Intents of this process, which is a run of `watchdog`.
    pub fn new(store: Store, watchdog: impl Into<String>) -> Self {
        let pid = std::process::id();
        Self {
            store,
            owner: Owner {
                watchdog: watchdog.into(),
                pid,
                pid_started: started(pid).unwrap_or_default(),
            },
        }
    }

    /// Who we are.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Who else, and still alive, is about to restart `process` of the supervisor at `address`.
    pub(super) async fn in_other_hands(&self, process: &Process, address: &str) -> Option<String> {
        let intents = self.store.open_intents().await.ok()?;
        intents
            .into_iter()
            .filter(|intent| intent.process == process.name && intent.supervisor == address)
            .find(|intent| intent.owner != self.owner && lives(&intent.owner))
            .map(|intent| intent.owner.watchdog)
    }

    /// Notes that `process` is about to be stopped. When that cannot be noted the restart goes on: a
    /// service that hangs now outweighs a crash that may come. The store tells its own trouble.
    pub(super) async fn open(
        &self,
        process: &Process,
        plan: &Plan,
        address: &str,
        now: Moment,
    ) -> IntentId {
        let intent = Intent {
            id: IntentId::fresh(),
            process: process.name.clone(),
            check: plan.check.clone(),
            incident: plan.incident.clone(),
            supervisor: address.to_owned(),
            pid_before: process.pid,
            owner: self.owner.clone(),
            opened: now,
        };
        let id = intent.id;
        if let Err(error) = self.store.open_intent(intent).await {
            tracing::warn!(
                "cannot note that {:?} is about to be stopped: {error}",
                process.name
            );
        }
        id
    }

    /// Intents whose owner is gone and which we `can_finish`. They are ours now.
    pub async fn inherit(&self, can_finish: impl Fn(&Intent) -> bool) -> Vec<Intent> {
        let Ok(open) = self.store.open_intents().await else {
            // the store has told why
            return Vec::new();
        };
        let mut ours = Vec::new();
        for mut intent in open {
            if lives(&intent.owner) || !can_finish(&intent) {
                continue;
            }
            let gone = std::mem::replace(&mut intent.owner, self.owner.clone());
            let adopted = self.store.adopt_intent(intent.id, gone, self.owner.clone());
            if adopted.await.unwrap_or(false) {
                ours.push(intent);
            }
        }
        ours
    }
}

/// Whether the run of a watchdog that opened an intent still goes on.
fn lives(owner: &Owner) -> bool {
    started(owner.pid) == Some(owner.pid_started)
}

/// When a process was started, in clock ticks since boot. A zombie does not live any more.
fn started(pid: u32) -> Option<u64> {
    let stat = stat::read(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
    Some(stat.started)
}
