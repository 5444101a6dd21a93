//! The loop: ticks, signals and the ends of effects go into the decision core, its effects into the executor, and
//! what must outlive us to the disk. Here is what a watchdog is made of and the loop itself; its start, what it does
//! with an event, what it answers and its end have files of their own.

mod clock_steps;
mod effects;
mod fleet;
mod inheritance;
mod locking;
mod maintenance;
mod passes;
mod reload;
mod requests;
mod served;
mod shutdown;
mod snapshots;
mod startup;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::action::{Intents, Shutdown};
use crate::clock::Clock;
use crate::health::{ConfigView, Event, Limits, Monitor};
use crate::serve::events::EventBus;
use crate::store::Store;
use crate::tick::{Signal, Signals};

use super::control::{Control, PendingRequest};
use super::due::{CheckPeriod, DueList};
use super::executor::{Executor, FinishedEffect};
use super::fleet::Fleet;
use super::journal::Journal;
use super::logger::Logger;
use super::notification_queue::{Delivery, NotificationQueue, NotificationQueueConfig};
use super::persist_queue::PersistQueue;
use super::pings::Pings;
use super::programs::{Definitions, Programs};
use super::run_lock::RunLock;
use super::sd_notify::{self, SdNotify};
use super::serving::Serving;
use super::ticks::{DueTick, Ticks};
use super::wiring::Parts;
use inheritance::Inheritance;
use maintenance::Maintenance;
use passes::Passes;
use reload::{FixedKeys, Reloader};
use snapshots::Snapshots;

pub use effects::RunCounts;
pub use reload::Reload;
pub use shutdown::Ending;

/// Ends of effects that are taken in a turn of the loop at most.
const IN_A_TURN: usize = 16;

/// A watchdog, ready to run.
pub struct Watchdog {
    monitor: Monitor,
    executor: Executor,
    persist_queue: PersistQueue,
    notification_queue: NotificationQueue,
    store: Store,
    ended: mpsc::UnboundedReceiver<FinishedEffect>,
    delivered: mpsc::UnboundedReceiver<Event>,
    ticks: Ticks,
    due: DueList,
    once: bool,
    reloader: Reloader,
    fixed: FixedKeys,
    /// What became of the last reload.
    reloaded: ConfigView,
    sd_notify: SdNotify,
    control: Control,
    /// The configuration file, when there is one.
    config: Option<PathBuf>,
    /// Manual restarts of which it is not known yet whether they can be done, and their requesters.
    restarts: Vec<(String, PendingRequest)>,
    serving: Serving,
    snapshots: Snapshots,
    /// For clients that follow the decisions.
    events: EventBus,
    journal: Option<Journal>,
    programs: Programs,
    /// How these are to be, until they are.
    defined: Definitions,
    /// The fingerprint of each check's memory as it was last written down.
    written: HashMap<String, u64>,
    counts: RunCounts,
    passes: Passes,
    /// How far the wall clock is from ours unless it is set, in milliseconds.
    wall_offset: i64,
    /// How often supervisord's ticks come, once it was said which checks are due more often.
    tick_period: Option<Duration>,
    maintenance: Maintenance,
    inheritance: Inheritance,
    pings: Pings,
    fleet: Fleet,
    /// Checks of an earlier run with an open incident, which are not defined any more.
    removed: Vec<String>,
    /// When a signal asked for the end.
    asked_to_end: Option<Instant>,
    /// When the end must have come, once it was asked for and somebody counts the seconds.
    ends_by: Option<Instant>,
}

impl Watchdog {
    /// Puts the parts together. `seed` makes jitter and incident ids. Needs a runtime.
    pub fn new(
        parts: Parts,
        ticks: Ticks,
        logger: Logger,
        seed: u64,
        reload: Option<Reload>,
    ) -> Self {
        let (ended_sender, ended) = mpsc::unbounded_channel();
        let (delivered_sender, delivered) = mpsc::unbounded_channel();
        let clock = Clock::start();
        let once = matches!(ticks, Ticks::Once(_));
        let events = EventBus::default();
        let fixed = FixedKeys {
            state_dir: parts.state_dir.clone(),
            journal: parts.journal.clone(),
        };
        let journal = parts
            .journal
            .and_then(|path| Journal::open(&path, seed, &logger));
        let programs = Programs::new(&parts.state_dir, &parts.key, logger.clone());
        let mut checks = parts.checks;
        if once {
            // a run of one tick cannot wait for a warm-up, which may take minutes
            for check in checks.iter_mut().filter(|check| check.warmup.is_some()) {
                Arc::make_mut(check).warmup = None;
            }
            // nor for heartbeats: nobody could send it one; and it starts no programs
            checks.retain(|check| check.is_probed());
        }
        let names: HashSet<_> = checks.iter().map(|check| check.name.as_str()).collect();
        let is_checked = |(name, _): &CheckPeriod| names.contains(&**name);
        let due = DueList::new(parts.due.into_iter().filter(is_checked).collect());
        let limits = Limits {
            once,
            ..parts.limits
        };
        let state_dir = parts.state_dir.clone();
        let serving = Serving::new(parts.serve, parts.render_context.host.clone(), clock.now());
        let store = Store::new(parts.state_dir);
        let config = NotificationQueueConfig {
            store: store.clone(),
            state_dir,
            watchdog: parts.key.clone(),
            logger: logger.clone(),
            clock: clock.clone(),
            events: delivered_sender,
        };
        let of_run = (parts.key.clone(), parts.render_context.host.clone(), seed);
        let fleet = Fleet::new(parts.fleet, of_run, ended_sender.clone(), logger.clone());
        let delivery = Delivery {
            format: parts.words,
            render_context: parts.render_context,
            notifiers: parts.notifiers,
        };
        let pings = Pings::new(parts.ping.filter(|_| !once), logger.clone());
        let (notification_queue, outbox) = NotificationQueue::start(config, delivery);
        let wall_offset = clock.wall_offset();
        let reloaded = ConfigView {
            taken: clock.now(),
            refused: None,
        };
        let persist_queue =
            PersistQueue::start(store.clone(), parts.key.clone(), outbox, logger.clone());
        Self {
            monitor: Monitor::of_shared(limits, seed, checks),
            executor: Executor {
                clients: Arc::new(parts.clients),
                clock,
                logger,
                intents: Intents::new(store.clone(), parts.key),
                shutdown: Shutdown::default(),
                ended: ended_sender,
            },
            persist_queue,
            notification_queue,
            store,
            restarts: Vec::new(),
            ended,
            delivered,
            once,
            ticks,
            due,
            reloader: Reloader::new(reload),
            fixed,
            reloaded,
            sd_notify: SdNotify::default(),
            // opened by the run that has the lock
            control: Control::closed(),
            config: parts.config,
            serving,
            snapshots: Snapshots::default(),
            events,
            journal,
            programs,
            defined: parts.programs,
            written: HashMap::new(),
            counts: RunCounts::default(),
            passes: Passes::default(),
            wall_offset,
            tick_period: None,
            maintenance: Maintenance::new(parts.maintenance),
            inheritance: Inheritance::new(),
            pings,
            fleet,
            removed: Vec::new(),
            asked_to_end: None,
            ends_by: None,
        }
    }

    /// The same watchdog, with a service manager that wants to know how it is.
    #[must_use]
    pub fn with_sd_notify(self, sd_notify: SdNotify) -> Self {
        Self { sd_notify, ..self }
    }

    /// Runs until it is asked to stop, by one of `signals` or by `over` coming true, or nothing is left to do.
    pub async fn run_until(
        mut self,
        signals: Signals,
        over: impl Future<Output = ()>,
    ) -> (Ending, RunCounts) {
        let begun = self.executor.clock.now();
        let ending = self.watch(signals, over).await;
        let lasted = self.executor.clock.now().since(begun);
        (
            ending,
            RunCounts {
                lasted,
                ..self.counts
            },
        )
    }

    async fn watch(&mut self, mut signals: Signals, over: impl Future<Output = ()>) -> Ending {
        let mut over = pin!(over);
        let mut is_asked_to_stop = false;
        let mut is_asked_to_reload = false;
        let started = {
            let mut start = pin!(self.start());
            loop {
                tokio::select! {
                    biased;
                    signal = signals.next() => match signal {
                        // the file was read before the start and may have changed since
                        Signal::Reload => is_asked_to_reload = true,
                        // the journal is not begun yet, and finds its file by its name
                        Signal::ReopenLogs => {}
                        Signal::Shutdown { count: 1 } => is_asked_to_stop = true,
                        Signal::Shutdown { .. } => return Ending::Hurried,
                    },
                    started = &mut start => break started,
                }
            }
        };
        let _locks = match started {
            Ok(locks) => locks,
            Err(why) => return Ending::CannotBegin(why),
        };
        self.ticks.set(&[], &self.due);
        self.serving.set_due(&self.due);
        self.sd_notify.ready();
        self.update_sd_notify();
        let mut ending = is_asked_to_stop.then(|| self.stop());
        if is_asked_to_reload && ending.is_none() {
            self.begin_reload(None);
        }
        let mut asked = self.due.periods().len();
        let ending = loop {
            let actions_end_by = self.actions_end_by();
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Reload if ending.is_none() => self.begin_reload(None),
                    Signal::Reload => {}
                    Signal::ReopenLogs => self.reopen_logs(),
                    Signal::Shutdown { count: 1 } => ending = Some(self.stop()),
                    Signal::Shutdown { .. } => return Ending::Hurried,
                },
                () = self.sd_notify.run() => self.update_sd_notify(),
                () = &mut over, if ending.is_none() => ending = Some(self.stop()),
                () = shutdown::passed(actions_end_by) => {
                    self.leave_actions();
                    break Ending::Stopped;
                }
                Some(ended) = self.ended.recv() => {
                    self.effect_ended(ended);
                    // those that have come meanwhile, without asking all else between them
                    for _ in 1..IN_A_TURN {
                        let Ok(ended) = self.ended.try_recv() else {
                            break;
                        };
                        self.effect_ended(ended);
                    }
                }
                Some(event) = self.delivered.recv() => self.feed(event),
                update = self.programs.next_update() => self.feed(Event::ProgramChanged {
                    process: update.name,
                    change: Box::new(update.change),
                }),
                Some(asked) = self.control.next() => self.answer(asked),
                request = self.serving.next() => self.serve(request),
                () = self.pings.due(), if ending.is_none() => self.ping(),
                () = self.maintenance.due(), if ending.is_none() => self.keep_maintenance(),
                left = self.inheritance.next(&self.executor, &self.store),
                    if ending.is_none() && !self.once => self.take_over(left),
                new = self.reloader.ready(), if ending.is_none() => self.end_reload(new),
                ticks = self.ticks.next(self.due.periods()), if ending.is_none() => match ticks {
                    Ok(ticks) => {
                        asked = asked.saturating_sub(ticks.len());
                        self.warn_of_rare_ticks(&ticks);
                        for due in ticks {
                            self.serving.ticked(self.executor.clock.now(), &due);
                            self.feed(Event::Tick(due.tick));
                        }
                    }
                    // what was asked for is done to its end; there will just be nothing new
                    Err(ended) => ending = Some(Ending::NoTicks(ended)),
                },
                () = std::future::ready(()), if self.snapshots.are_under_way() => {}
            }
            // one step in each turn: neither waits for the other to have nothing to do
            self.continue_snapshots();
            if self.once && asked == 0 && ending.is_none() && self.monitor.is_at_rest() {
                ending = Some(Ending::Once(self.worst()));
            }
            let done = |ending: &mut Ending| match ending {
                Ending::Stopped | Ending::Hurried => !self.monitor.is_acting(),
                Ending::Once(_) | Ending::NoTicks(_) | Ending::CannotBegin(_) => {
                    self.monitor.is_at_rest()
                }
            };
            if let Some(ending) = ending.take_if(done) {
                break ending;
            }
        };
        self.sd_notify.stopping();
        if !self.end_programs(&mut signals).await {
            return Ending::Hurried;
        }
        self.keep_view(true);
        self.events.end();
        self.finish(&ending, signals).await;
        ending
    }

    /// Opens the journal again, after a rotation. Programs' logs need no word: a file that was moved is
    /// noticed at the next write.
    fn reopen_logs(&self) {
        tracing::info!("asked by a signal to open the logs again");
        if let Some(journal) = &self.journal {
            journal.reopen();
            journal.begin(self.executor.clock.now(), &self.monitor);
        }
    }

    /// Takes over what an earlier run left, and begins the programs.
    async fn start(&mut self) -> Result<Vec<RunLock>, String> {
        let locks = self.lock_run().await?;
        self.take_over_former_names().await;
        if !self.once {
            let key = &self.executor.intents.owner().watchdog;
            let (logger, events) = (&self.executor.logger, self.events.clone());
            self.control = Control::open(&self.fixed.state_dir, key, logger, events);
        }
        self.begin_serving()?;
        self.begin_programs().await?;
        self.remember().await;
        if let Some(journal) = &self.journal {
            journal.begin(self.executor.clock.now(), &self.monitor);
        }
        self.keep_maintenance();
        self.recover().await;
        // after what was stopped for them runs again
        self.close_removed();
        self.fleet.begin(&self.defined_checks());
        Ok(locks)
    }

    /// Says which checks are to be probed more often than supervisord's ticks come: nobody else would.
    fn warn_of_rare_ticks(&mut self, ticks: &[DueTick]) {
        let period = ticks.iter().find_map(|due| due.tick.period);
        if !self.ticks.is_listener() || period.is_none() || self.tick_period == period {
            return;
        }
        self.tick_period = period;
        let period = period.unwrap_or_default();
        let rare = self
            .due
            .periods()
            .iter()
            .filter(|(_, every)| !every.is_zero() && *every < period);
        let rare: Vec<_> = rare
            .map(|(check, every)| format!("{check:?} (every = {every:?})"))
            .collect();
        if !rare.is_empty() {
            let (named, more) = rare.split_at(rare.len().min(5));
            let more = match more.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.executor.logger.trouble(&format!(
                "httpok: supervisord's ticks come every {period:?}, so no check is probed more often: {}{more}; \
                 subscribe this listener to events=TICK_5 for that",
                named.join(", ")
            ));
        }
    }

    /// Asks the dead man's switch. Checks that are down are the matter of notifiers; this is about the watchdog.
    fn ping(&mut self) {
        let view = self.view(false);
        let own = view.reasons.iter().filter(|reason| reason.is_own());
        let own: Vec<_> = own.map(ToString::to_string).collect();
        let trouble = (!own.is_empty()).then(|| own.join("\n"));
        let (totals, down) = self.monitor.totals(view.snapshot.at);
        let status = sd_notify::status(&totals, &down, &self.reloaded);
        self.pings.send(trouble, status);
    }

    /// Sends our status to the service manager above us.
    fn update_sd_notify(&mut self) {
        if self.sd_notify.is_there() {
            let now = self.executor.clock.now();
            let (totals, down) = self.monitor.totals(now);
            let status = sd_notify::status(&totals, &down, &self.reloaded);
            self.sd_notify.set_status(status);
        }
    }
}
