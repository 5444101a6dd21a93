//! Intents: "this watchdog is about to stop X", on disk before it happens, so that another run
//! starts X if this one is killed.

use crate::health::{IntentId, PendingRestart, Plan, Process, Skip};
use crate::store::{Intent, OpenedIntent, Owner, Store, fresh_intent_id};

use super::ActionTools;
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

/// How often an intent is claimed while other watchdogs claim it at the same time.
const TAKE_OVERS: usize = 3;

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

    /// The owner that this run writes into its intents.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Notes that `process` is about to be stopped, on disk and in the record of the action. There is one such
    /// intent for each process: why it is left alone when another run holds it. When the store does not answer the
    /// restart continues: a service that hangs now is worse than a possible crash of the watchdog. The store
    /// reports its own errors.
    pub(super) async fn open(
        &self,
        process: &Process,
        plan: &Plan,
        tools: &ActionTools<'_>,
    ) -> Result<IntentId, Skip> {
        let address = tools.supervisors.address(process.name.backend);
        let intent = Intent {
            id: fresh_intent_id(),
            process: process.name.clone(),
            check: plan.check.clone(),
            incident: plan.incident.clone(),
            supervisor: address.to_owned(),
            pid_before: process.pid,
            owner: self.owner.clone(),
            opened: tools.clock.now(),
        };
        self.note(&intent).await?;
        let restart = PendingRestart {
            stop_unclear: true,
            ..intent.pending()
        };
        let id = restart.intent;
        tools.record.open(restart);
        Ok(id)
    }

    /// Writes the intent. It replaces one of this run, which is about to be closed. One with an owner that has ended is
    /// inherited first: the stop that it stands for may still be performed, after a stop and a start of ours.
    async fn note(&self, intent: &Intent) -> Result<(), Skip> {
        let name = &intent.process;
        for _ in 0..TAKE_OVERS {
            let held = match self.store.open_intent(intent.clone()).await {
                Ok(OpenedIntent::Ours) => return Ok(()),
                Ok(OpenedIntent::Held(held)) => held,
                Err(error) => {
                    tracing::warn!("cannot note that {name:?} is about to be stopped: {error}");
                    return Ok(());
                }
            };
            if held.owner != self.owner {
                let watchdog = held.owner.watchdog.clone();
                return Err(match lives(&held.owner) {
                    true => Skip::OtherWatchdog { watchdog },
                    false => Skip::Unfinished,
                });
            }
            let taken = self.store.take_over_intent(*held, intent.clone()).await;
            if taken.unwrap_or(false) {
                return Ok(());
            }
        }
        tracing::warn!("cannot note that {name:?} is about to be stopped: others are as well");
        let watchdog = "another one".to_owned();
        Err(Skip::OtherWatchdog { watchdog })
    }

    /// Claims the intents of owners that have ended, as far as this run `can_finish` them.
    pub async fn inherit(&self, can_finish: impl Fn(&Intent) -> bool) -> Vec<Intent> {
        let Ok(open) = self.store.open_intents().await else {
            // the store has logged the reason
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

/// Whether the run of a watchdog that opened an intent still lives.
fn lives(owner: &Owner) -> bool {
    started(owner.pid) == Some(owner.pid_started)
}

/// When a process was started, in clock ticks since boot. A zombie does not live any more.
fn started(pid: u32) -> Option<u64> {
    let stat = stat::read(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
    Some(stat.started)
}
