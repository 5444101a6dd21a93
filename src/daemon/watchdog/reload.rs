//! A reload in two halves. Reading the configuration and building its parts may block on disks, name services
//! and pipes, so that runs on a thread of its own with a deadline; what can still fail about the programs is
//! prepared by a task. Only when all of that is there the loop swaps the old parts for the new ones, in one
//! synchronous step. An error before the swap leaves everything as it was.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::Watchdog;
use crate::blocking;
use crate::daemon::control::PendingRequest;
use crate::daemon::control::protocol::{ControlFault, ControlReply};
use crate::daemon::due::{CheckPeriod, DueList};
use crate::daemon::notification_queue::Delivery;
use crate::daemon::persist_queue::PersistEntry;
use crate::daemon::programs::{Prepared, Preparer};
use crate::daemon::wiring::Parts;
use crate::health::{Check, ConfigView, Event, RefusedConfig, bounded, share_equal};

/// Reads the configuration again and builds its parts, or says why that cannot be done. May block.
pub type Reload = Arc<dyn Fn() -> Result<Parts, String> + Send + Sync>;

/// How long the first half of a reload may take.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Threads of earlier reloads that may still hang when another one is begun.
const MOST_HUNG: usize = 4;

/// What a configuration file may say only at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FixedKeys {
    pub state_dir: PathBuf,
    pub journal: Option<PathBuf>,
}

impl FixedKeys {
    /// The keys that `new` has with another value, in words.
    fn changed(&self, new: &Self) -> Option<String> {
        let shown = |path: &Option<PathBuf>| match path {
            Some(path) => format!("\"{}\"", path.display()),
            None => "not set".to_owned(),
        };
        let keys = [
            (
                "state_dir",
                Some(self.state_dir.clone()),
                Some(new.state_dir.clone()),
            ),
            ("journal", self.journal.clone(), new.journal.clone()),
        ];
        let changed: Vec<_> = keys
            .iter()
            .filter(|(_, old, new)| old != new)
            .map(|(key, old, new)| format!("`{key}` was {} and is now {}", shown(old), shown(new)))
            .collect();
        match changed.is_empty() {
            true => None,
            false => Some(format!(
                "{}: it is fixed from the start of the watchdog to its end; restart httpok to change it",
                changed.join("; ")
            )),
        }
    }
}

/// The first half of reloads: at most one is under way; one that is asked for meanwhile begins after it, because
/// the file may have been read before it was changed.
pub(super) struct Reloader {
    reload: Option<Reload>,
    running: Option<JoinHandle<Result<NewParts, String>>>,
    /// Requests that wait for the reload under way, and for the one after it.
    asked: Vec<PendingRequest>,
    next: Option<Vec<PendingRequest>>,
    hung: Arc<AtomicUsize>,
}

/// What the new parts are compared with, beside the loop.
pub(super) struct OldParts {
    pub checks: Arc<[Arc<Check>]>,
    pub due: Arc<[CheckPeriod]>,
}

/// Everything new, ready to be swapped in.
pub(super) struct NewParts {
    pub parts: Parts,
    /// Made of the parts.
    pub due: DueList,
    pub programs: Prepared,
}

impl Reloader {
    pub(super) fn new(reload: Option<Reload>) -> Self {
        Self {
            reload,
            running: None,
            asked: Vec::new(),
            next: None,
            hung: Arc::default(),
        }
    }

    /// Begins a reload, or has one begun after that under way. Returns whether one was begun now.
    pub(super) fn begin(
        &mut self,
        asked: Option<PendingRequest>,
        old: impl FnOnce() -> (Preparer, OldParts),
    ) -> bool {
        if self.running.is_some() {
            self.next.get_or_insert_default().extend(asked);
            return false;
        }
        self.asked.extend(asked);
        let new = new_parts(self.reload.clone(), Arc::clone(&self.hung), old());
        self.running = Some(tokio::spawn(new));
        true
    }

    /// The end of the first half; pending while none is under way. May be dropped halfway and called again.
    pub(super) async fn ready(&mut self) -> Result<NewParts, String> {
        let Some(running) = self.running.as_mut() else {
            return std::future::pending().await;
        };
        let new = running.await;
        self.running = None;
        new.unwrap_or_else(|error| Err(format!("internal error: {error}")))
    }

    /// The requests that wait for the reload that has just ended.
    fn asked(&mut self) -> Vec<PendingRequest> {
        std::mem::take(&mut self.asked)
    }

    /// The requests that wait for another reload, when one is due.
    fn take_next(&mut self) -> Option<Vec<PendingRequest>> {
        self.next.take()
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn new_parts(
    reload: Option<Reload>,
    hung: Arc<AtomicUsize>,
    (preparer, old): (Preparer, OldParts),
) -> Result<NewParts, String> {
    let Some(reload) = reload else {
        return Err("nothing to reload: there is no configuration file".to_owned());
    };
    let compared = Arc::new(move || {
        let mut parts = reload()?;
        share_equal(&old.checks, &mut parts.checks);
        let due = DueList::after(&old.due, std::mem::take(&mut parts.due));
        Ok((parts, due))
    });
    let (mut parts, due) = read(compared, &hung, Instant::now() + READ_WITHIN).await?;
    let programs = preparer
        .prepare(std::mem::take(&mut parts.programs))
        .await?;
    Ok(NewParts {
        parts,
        due,
        programs,
    })
}

/// Has `reload` done by a thread. One that hangs is left to itself: it cannot be ended, and is not waited for.
async fn read<T: Send + 'static>(
    reload: Arc<dyn Fn() -> Result<T, String> + Send + Sync>,
    hung: &Arc<AtomicUsize>,
    deadline: Instant,
) -> Result<T, String> {
    if hung.load(Ordering::Relaxed) >= MOST_HUNG {
        return Err(format!(
            "{MOST_HUNG} earlier reloads still hang: a file that the configuration names cannot be read"
        ));
    }
    let (sender, read) = oneshot::channel();
    let alive = ReloadThread::one_of(hung);
    blocking::thread("reload", move || {
        let read = reload();
        drop(alive);
        // after the deadline there is no receiver
        let _ = sender.send(read);
    })
    .map_err(|error| format!("cannot start a thread to read the configuration: {error}"))?;
    match timeout_at(deadline, read).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) => Err("internal error: reading the configuration panicked".to_owned()),
        Err(_) => Err(format!(
            "the configuration was not read within {} s: a file that it names, or a name service, does not answer",
            READ_WITHIN.as_secs()
        )),
    }
}

/// Counts a thread for as long as it is there, also when it panics.
struct ReloadThread(Arc<AtomicUsize>);

impl ReloadThread {
    fn one_of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for ReloadThread {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watchdog {
    /// Begins to read the configuration again.
    pub(super) fn begin_reload(&mut self, asked: Option<PendingRequest>) {
        let old = || {
            let parts = OldParts {
                checks: self.monitor.definitions(),
                due: Arc::clone(self.due.periods()),
            };
            (self.programs.preparer(), parts)
        };
        if self.reloader.begin(asked, old) {
            self.sd_notify.reloading();
        }
    }

    /// The first half of a reload has ended: takes what is new, or says why not.
    pub(super) fn end_reload(&mut self, new: Result<NewParts, String>) {
        let has_file = self.reloader.reload.is_some();
        let taken = new
            .and_then(|new| self.swap(new))
            .map_err(|why| match has_file {
                true => {
                    self.reloaded.refused = Some(RefusedConfig {
                        at: self.executor.clock.now(),
                        why: bounded(why.as_str()),
                    });
                    format!("the new configuration is not taken, the old one stays:\n{why}")
                }
                false => why,
            });
        match &taken {
            Ok(_) => {
                self.reloaded = ConfigView {
                    taken: self.executor.clock.now(),
                    refused: None,
                };
                tracing::info!("the new configuration is taken");
            }
            Err(why) => self.executor.logger.trouble(why),
        }
        for asked in self.reloader.asked() {
            asked.answer(match &taken {
                Ok(not_served) => ControlReply::Reloaded {
                    checks: self.due.periods().len(),
                    not_served: not_served.clone(),
                },
                Err(why) => ControlReply::error(ControlFault::NotReloaded, why.clone()),
            });
        }
        if let Some(next) = self.reloader.take_next() {
            self.begin_reload(None);
            self.reloader.asked = next;
        } else {
            self.sd_notify.ready();
        }
        self.update_sd_notify();
    }

    /// The second half: nothing in it waits, and nothing in it fails after the first change but to serve at a new address,
    /// which leaves the old listener. Returns why, for each.
    fn swap(&mut self, new: NewParts) -> Result<Vec<String>, String> {
        let NewParts {
            mut parts,
            due,
            programs,
        } = new;
        let fixed = FixedKeys {
            state_dir: parts.state_dir,
            journal: parts.journal,
        };
        if let Some(changed) = self.fixed.changed(&fixed) {
            return Err(changed);
        }
        self.tick_period = None;
        self.ticks.set(self.due.periods(), &due);
        self.serving.set_due(&due);
        let old = (
            std::mem::replace(&mut self.due, due),
            self.monitor.definitions(),
        );
        let not_served = self.serving.change(parts.serve);
        for why in &not_served {
            let text = format!("{why}; what was served before goes on");
            self.executor.logger.trouble(&text);
        }
        self.programs.apply(programs);
        let supervisors = &mut parts.clients.supervisors;
        let forgot = supervisors.keep_equal(&self.executor.clients.supervisors);
        self.programs.register_with(supervisors);
        let clients = std::mem::replace(&mut self.executor.clients, Arc::new(parts.clients));
        let outbox = self.notification_queue.reconfigure(Delivery {
            format: parts.words,
            render_context: parts.render_context,
            notifiers: parts.notifiers,
        });
        self.persist_queue
            .write(PersistEntry::Outbox(Box::new(outbox)));
        // before what the new definitions ask of it
        self.fleet.change(parts.fleet, &parts.checks);
        self.feed(Event::Reload {
            checks: parts.checks,
            limits: parts.limits,
            forgot,
        });
        self.set_maintenance(parts.maintenance);
        self.pings.change(parts.ping);
        self.notification_queue.report_unclaimed();
        // to free thousands of probes takes longer than to take them; without a thread it is done here
        let _ = blocking::thread("reload", move || drop((old, clients)));
        Ok(not_served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hung_reload_ends_at_its_deadline_and_does_not_block_the_next() {
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let hold = Arc::new(std::sync::Mutex::new(hold));
        let held = Arc::clone(&hold);
        let hang: Arc<dyn Fn() -> Result<(), String> + Send + Sync> = Arc::new(move || {
            // ends when the test drops the other end
            let _ = held.lock().map(|held| held.recv());
            Ok(())
        });
        let hung = Arc::new(AtomicUsize::new(0));
        for round in 1..=MOST_HUNG {
            let why = read(Arc::clone(&hang), &hung, Instant::now() + READ_WITHIN).await;
            assert!(
                why.is_err_and(|why| why.contains("not read within 10 s")),
                "round {round}"
            );
        }
        let why = read(hang, &hung, Instant::now() + READ_WITHIN).await;
        assert!(why.is_err_and(|why| why.contains("still hang")));
        drop(release);
        // from here on threads are waited for, however slow the machine is, and the test's clock must not run
        // ahead of them
        tokio::time::resume();
        while hung.load(Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let an_hour = Duration::from_secs(3600);
        let read = read(Arc::new(|| Ok(7)), &hung, Instant::now() + an_hour).await;
        assert_eq!(read, Ok(7));
    }

    #[tokio::test]
    async fn panicking_reload_is_an_error() {
        let hung = Arc::new(AtomicUsize::new(0));
        let broken: Arc<dyn Fn() -> Result<(), String> + Send + Sync> =
            Arc::new(|| panic!("a part that cannot be built"));
        let why = read(broken, &hung, Instant::now() + READ_WITHIN).await;
        assert!(why.is_err_and(|why| why.contains("panicked")));
        assert_eq!(hung.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn changed_fixed_keys_are_named() {
        let keys = |state_dir: &str, journal: Option<&str>| FixedKeys {
            state_dir: state_dir.into(),
            journal: journal.map(Into::into),
        };
        let old = keys("/a", None);
        assert_eq!(old.changed(&keys("/a", None)), None);
        let changed = old.changed(&keys("/b", Some("/j"))).unwrap_or_default();
        for words in [
            "`state_dir` was \"/a\" and is now \"/b\"",
            "`journal` was not set and is now \"/j\"",
        ] {
            assert!(changed.contains(words), "{changed}");
        }
    }
}
