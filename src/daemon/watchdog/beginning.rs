//! How a watchdog begins: it takes over what earlier runs left.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Watchdog;
use crate::daemon::recovery::{Half, Recovery};
use crate::health::Memory;

/// How long the first looks wait for half-done restarts of an earlier run.
const RECOVER_FOR: Duration = Duration::from_secs(10);

impl Watchdog {
    /// Takes over the programs that an earlier run left, and starts the others. One look alone starts none.
    pub(super) async fn begin_programs(&mut self) -> Result<(), String> {
        self.programs.reap_as_init();
        let defined = std::mem::take(&mut self.defined);
        if self.once {
            return Ok(());
        }
        let prepared = self.programs.preparer().prepare(defined).await?;
        self.programs.apply(prepared);
        self.programs.begun().await;
        let clients = Arc::make_mut(&mut self.executor.clients);
        self.programs.lend(&mut clients.supervisors);
        Ok(())
    }

    /// Takes over what earlier runs remembered.
    pub(super) async fn remember(&mut self) {
        let watchdog = &self.executor.intents.owner().watchdog;
        self.notification_queue.begin().await;
        let memories = self.store.memories(watchdog).await.unwrap_or_default();
        let mut remembered = Vec::new();
        for (check, json) in memories {
            match serde_json::from_str::<Memory>(&json) {
                Ok(memory) => {
                    remembered.extend(memory.incident.as_ref().map(|open| open.id.clone()));
                    self.monitor.recall(&check, memory);
                }
                Err(error) => {
                    let text = format!("what was remembered of {check:?} cannot be read: {error}");
                    self.executor.logger.trouble(&text);
                }
            }
        }
        // the store has told its own trouble
        let _ = self
            .store
            .end_forgotten_incidents(watchdog, remembered)
            .await;
    }

    /// Brings restarts to their end that an earlier run left half done. What takes too long goes on beside
    /// the looks.
    pub(super) async fn recover(&mut self) {
        let recovery = self.recovery();
        let supervisors = &self.executor.clients.supervisors;
        let mine = self
            .executor
            .intents
            .inherit(|intent| supervisors.address(intent.process.backend) == intent.supervisor);
        let tasks: Vec<_> = mine
            .await
            .into_iter()
            .map(|intent| recovery.take(Half::from(intent)))
            .collect();
        let all = async {
            for task in tasks {
                // a task that broke leaves its intent to the next run
                let _ = task.await;
            }
        };
        let _ = timeout(RECOVER_FOR, all).await;
        while let Ok(ended) = self.ended.try_recv() {
            self.action_ended(ended);
        }
    }

    pub(super) fn recovery(&self) -> Recovery {
        Recovery {
            clients: Arc::clone(&self.executor.clients),
            clock: self.executor.clock,
            logger: self.executor.logger.clone(),
            ended: self.executor.ended.clone(),
        }
    }
}
