//! What the loop keeps for external requests: the listeners, the watchdog's own health, and when each check
//! is probed next. How it is shown is the matter of [`crate::serve`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::due::{CheckPeriod, DueList};
use super::ticks::DueTick;
use crate::blocking;
use crate::health::{Levels, Moment, OwnHealth};
use crate::serve::events::EventBus;
use crate::serve::hub::{self, ServeRequest, Source};
use crate::serve::view::{NextProbes, View};
use crate::serve::{ServeSetup, Server};
use crate::store::Store;

/// How often levels are measured, as KumoMTA does it.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// What has come for the loop.
#[derive(Debug)]
pub enum Incoming {
    Request(ServeRequest),
    Measured(Levels),
}

/// Everything behind what is served.
#[derive(Debug)]
pub struct Serving {
    /// Until it is bound.
    setup: Option<ServeSetup>,
    live: Option<RunningServer>,
    pub health: OwnHealth,
    pub levels: Levels,
    pub host: String,
    pub started: Moment,
    pub lag: Duration,
    due: Arc<[CheckPeriod]>,
    /// When each of them had its last tick.
    ticked: Vec<Option<Moment>>,
}

#[derive(Debug)]
struct RunningServer {
    server: Server,
    source: Source,
    requests: mpsc::Receiver<ServeRequest>,
    measured: mpsc::Receiver<Levels>,
    measuring: JoinHandle<()>,
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.measuring.abort();
    }
}

impl Serving {
    /// Nothing is served yet.
    pub fn new(setup: ServeSetup, host: String, started: Moment) -> Self {
        Self {
            health: OwnHealth::new(setup.spec.healthy.clone()),
            setup: Some(setup),
            live: None,
            levels: Levels::default(),
            host,
            started,
            lag: Duration::ZERO,
            due: Arc::default(),
            ticked: Vec::new(),
        }
    }

    /// The wall clock was set by so many milliseconds.
    pub fn clock_set(&mut self, by: i64) {
        self.started = self.started.moved(by);
        for at in self.ticked.iter_mut().flatten() {
            *at = at.moved(by);
        }
    }

    /// Begins to serve, with `first` until the loop runs. Needs a runtime.
    ///
    /// # Errors
    /// Names the address that cannot be had, and why.
    pub fn begin(
        &mut self,
        (first, events): (View, EventBus),
        store: Store,
        state_dir: PathBuf,
    ) -> Result<(), String> {
        let Some(setup) = self.setup.take() else {
            return Ok(());
        };
        let (source, requests) = hub::hub(first, events);
        let server = Server::start(setup, source.clone())?;
        let (sender, measured) = mpsc::channel(1);
        self.live = Some(RunningServer {
            server,
            source,
            requests,
            measured,
            measuring: tokio::spawn(measure(store, state_dir, sender)),
        });
        Ok(())
    }

    /// Whether anything is to be served from the start.
    pub fn will_serve(&self) -> bool {
        let spec = self.setup.as_ref().map(|setup| &setup.spec);
        spec.is_some_and(|spec| {
            spec.listen.is_some() || spec.line.is_some() || spec.agent.is_some()
        })
    }

    /// Takes a new setup; returns what of it cannot be had.
    pub fn change(&mut self, setup: ServeSetup) -> Vec<String> {
        self.health.set_limits(setup.spec.healthy.clone());
        match &mut self.live {
            Some(live) => live.server.change(setup),
            None => Vec::new(),
        }
    }

    /// What comes next; may be dropped halfway and called again. Never when nothing is served.
    pub async fn next(&mut self) -> Incoming {
        let Some(live) = &mut self.live else {
            return std::future::pending().await;
        };
        tokio::select! {
            Some(request) = live.requests.recv() => Incoming::Request(request),
            Some(levels) = live.measured.recv() => Incoming::Measured(levels),
            else => std::future::pending().await,
        }
    }

    /// Shows `view` from now on; as the last one, when the loop answers no more.
    pub fn keep(&self, view: View, last: bool) {
        if let Some(live) = &self.live {
            live.source.keep(view, last);
        }
    }

    /// Whether anybody can ask.
    pub const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Takes how often each check is due.
    pub fn set_due(&mut self, due: &DueList) {
        self.due = Arc::clone(due.periods());
        self.ticked = due.carry(std::mem::take(&mut self.ticked));
    }

    /// Takes note of a tick.
    pub fn ticked(&mut self, now: Moment, due: &DueTick) {
        let every = self.due.get(due.place).map(|(_, every)| *every);
        let every = every.unwrap_or_default();
        let known = self.ticked.get_mut(due.place);
        let last = known.and_then(|known| known.replace(now));
        self.lag = match (due.tick.age, last) {
            (Some(age), _) => age,
            // at every tick of a source that does not say how often it ticks
            (None, Some(_)) if every.is_zero() => Duration::ZERO,
            (None, Some(last)) => now.since(last + every),
            (None, None) => Duration::ZERO,
        };
    }

    /// When each check is due next.
    pub fn next_probes(&self) -> NextProbes {
        NextProbes {
            periods: Arc::clone(&self.due),
            ticked: self.ticked.clone(),
        }
    }
}

/// Measures for as long as somebody takes it.
async fn measure(store: Store, state_dir: PathBuf, sender: mpsc::Sender<Levels>) {
    loop {
        let outbox = store.counts().await.ok().map(|counts| counts.pending);
        let dir = state_dir.clone();
        // a file system that hangs holds up nobody but this task
        let free = blocking::run("statvfs", move || free(dir))
            .await
            .ok()
            .flatten();
        let levels = Levels {
            outbox,
            free_bytes: free.map(|(bytes, _)| bytes),
            free_inodes: free.and_then(|(_, inodes)| inodes),
        };
        if sender.send(levels).await.is_err() {
            return;
        }
        sleep(MEASURE_EVERY).await;
    }
}

/// Bytes and inodes that are free below `dir`, or below the nearest directory above it that is there. Some file
/// systems have no fixed number of inodes.
fn free(mut dir: PathBuf) -> Option<(u64, Option<u64>)> {
    loop {
        if let Ok(found) = nix::sys::statvfs::statvfs(&dir) {
            let bytes = found.blocks_available() * found.fragment_size();
            let inodes = (found.files() > 0).then(|| found.files_available());
            return Some((bytes, inodes));
        }
        if !dir.pop() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health;
    use crate::serve::spec::ServeSpec;

    #[test]
    fn ticks_say_when_a_check_is_due_and_how_late_they_were() {
        let setup = ServeSetup::new(ServeSpec::default()).expect("no files");
        let mut serving = Serving::new(setup, "h".to_owned(), Moment::ZERO);
        let tick = |place: usize, age: Option<u64>| DueTick {
            place,
            tick: health::CheckTick {
                check: ["a", "b"][place].to_owned(),
                age: age.map(Duration::from_secs),
                period: None,
            },
        };
        let due = DueList::new(vec![
            ("a".into(), Duration::from_secs(10)),
            ("b".into(), Duration::ZERO),
        ]);
        serving.set_due(&due);
        serving.ticked(Moment::from_secs(100), &tick(0, None));
        serving.ticked(Moment::from_secs(113), &tick(0, None));
        assert_eq!(serving.lag, Duration::from_secs(3));
        serving.ticked(Moment::from_secs(114), &tick(1, Some(2)));
        assert_eq!(serving.lag, Duration::from_secs(2));
        let next = serving.next_probes();
        assert_eq!(next.of("a"), Some(Moment::from_secs(123)));
        assert_eq!(next.of("b"), None);
        serving.set_due(&DueList::after(due.periods(), Vec::new()));
        let next = serving.next_probes();
        assert!(next.by_check().is_empty(), "a check that is gone");
    }
}
