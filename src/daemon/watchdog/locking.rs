//! One run at a time of a watchdog: the locks that its start takes, and what is done where one is held.

use std::io;
use std::time::Duration;

use super::Watchdog;
use crate::daemon::former_names;
use crate::daemon::programs::beside_the_loop;
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
        let of_run = of_run.map(|lock| {
            lock.map(|mut lock| {
                // costs the next run under another name what is kept
                let file = self.config.as_deref().filter(|_| !is_listener);
                let identified = file.map(|file| lock.identify(key, file));
                if let Some(Err(why)) = identified {
                    logger.trouble(&format!("httpok: cannot note which file this is: {why}"));
                }
                lock
            })
        });
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

    /// What is kept under another name of the configuration file is this watchdog's.
    pub(super) async fn take_over_former_names(&self) {
        let Some(file) = self.config.clone().filter(|_| !self.ticks.is_listener()) else {
            return;
        };
        let (dir, key) = (
            self.fixed.state_dir.clone(),
            self.executor.intents.owner().watchdog.clone(),
        );
        let trouble = |why: &dyn std::fmt::Display| {
            self.executor.logger.trouble(&format!(
                "httpok: what is kept under another name of this file is not known: {why}"
            ));
        };
        let (of_dir, of_key) = (dir.clone(), key.clone());
        let found = beside_the_loop(move || former_names::former_names(&of_dir, &of_key, &file));
        let found = found.await.unwrap_or_else(|why| {
            if why.kind() != io::ErrorKind::NotFound {
                trouble(&why);
            }
            Vec::new()
        });
        for former in found {
            // the store has reported its own trouble
            let _ = self.store.rename_watchdog(&former.key, &key).await;
            if self.once {
                continue;
            }
            let (of_dir, of_key) = (dir.clone(), key.clone());
            let moved =
                beside_the_loop(move || former_names::move_files(&of_dir, &former.key, &of_key));
            if let Err(why) = moved.await {
                trouble(&why);
            }
        }
    }
}
