//! One run at a time of a watchdog: the locks that its start takes, and what is done where one is held.

use std::time::Duration;

use super::Watchdog;
use crate::daemon::run_lock::{LockError, RunLock};

/// How long an earlier run may take to be gone.
const LOCK_WITHIN: Duration = Duration::from_secs(5);

impl Watchdog {
    /// Sees to it that no other run of this watchdog goes on: none of its configuration file, and none of its state
    /// directory. supervisord sees to that itself, and a listener has to listen in any case; where nothing can be
    /// locked, it watches all the same. One tick starts no program, and may run beside the watchdog of its file that has
    /// another state directory.
    pub(super) async fn lock_run(&self) -> Result<Vec<RunLock>, String> {
        let is_listener = self.ticks.is_listener();
        let key = &self.executor.intents.owner().watchdog;
        let patience = if is_listener {
            Duration::ZERO
        } else {
            LOCK_WITHIN
        };
        let logger = &self.executor.logger;
        let waiting = |pid: Option<u32>| {
            let pid = pid.map_or_else(
                || "another process".to_owned(),
                |pid| format!("process {pid}"),
            );
            logger.trouble(&format!(
                "httpok: {pid} watches this configuration; waiting {} s for its end",
                LOCK_WITHIN.as_secs()
            ));
        };
        let mut locks = Vec::new();
        let file = self
            .config
            .as_deref()
            .filter(|_| !is_listener && !self.once);
        let of_file = match file {
            Some(file) => Some(RunLock::of_file(file, patience, waiting).await),
            None => None,
        };
        let of_run = match &of_file {
            Some(Err(LockError::Held(_))) => None,
            _ => Some(RunLock::acquire(&self.fixed.state_dir, key, patience, waiting).await),
        };
        for lock in of_file.into_iter().chain(of_run) {
            match lock {
                Ok(lock) => locks.push(lock),
                Err(why @ LockError::Held(_)) if !is_listener => {
                    let reload = match file {
                        Some(_) => ", or make it read its file again with httpok reload",
                        None => "",
                    };
                    return Err(format!("{why}{reload}"));
                }
                Err(why) => logger.trouble(&format!("httpok: {why}")),
            }
        }
        Ok(locks)
    }
}
