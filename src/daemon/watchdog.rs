//! The loop: ticks, signals and the ends of deeds go into the heart, its effects into the executor, and
//! what must outlive us into the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::action::Intents;
use crate::clock::Clock;
use crate::health::{Decision, Effect, Event, Look, Memory, Monitor, Note, Verdict};
use crate::store::Store;
use crate::tick::{self, Signal, Signals};

use super::control::protocol::{Answer, Fault};
use super::control::{Asked, Control, Order};
use super::courier::{Courier, Route};
use super::executor::{Ended, Executor};
use super::guardian::{self, Guardian};
use super::journal::Journal;
use super::ledger::{Entry, Ledger};
use super::programs::{Definitions, Programs};
use super::recovery::{Half, Recovery};
use super::ticks::{Due, Ticks};
use super::voice::Voice;
use super::wiring::Parts;

/// How long the first looks wait for half-done restarts of an earlier run.
const RECOVER_FOR: Duration = Duration::from_secs(10);

/// How long the store may hold up the end.
const CLOSE_FOR: Duration = Duration::from_secs(5);

/// Reads the configuration again; the reason when it is not taken.
pub type Reload = Box<dyn FnMut() -> Result<Parts, String> + Send>;

/// Why a watchdog has ended.
#[derive(Debug)]
pub enum Ending {
    /// It was told to.
    Stopped,
    /// It was told to a second time, and left work behind.
    Hurried,
    /// Once was asked for and is done: the worst verdict.
    Once(Verdict),
    /// No more ticks will come.
    NoTicks(tick::Ended),
    /// It could not even begin: another one looks after its programs.
    NotAlone(String),
}

/// What a run came to, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Looks that were judged.
    pub looks: u64,
    /// Those that failed.
    pub fails: u64,
    /// Processes that were started again.
    pub restarts: u64,
    /// Times that a check passed again after it had been down.
    pub recoveries: u64,
    /// From the start to the end.
    pub lasted: Duration,
}

impl Tally {
    fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::Judged { verdict, .. } => {
                self.looks += 1;
                self.fails += u64::from(*verdict == Verdict::Fail);
            }
            Decision::Acted { outcome } => self.restarts += outcome.restarted().count() as u64,
            Decision::Recovered { .. } => self.recoveries += 1,
            _ => {}
        }
    }
}

/// A watchdog, ready to run.
pub struct Watchdog {
    monitor: Monitor,
    executor: Executor,
    courier: Courier,
    store: Store,
    ended: mpsc::UnboundedReceiver<Ended>,
    told: mpsc::UnboundedReceiver<Event>,
    told_sender: mpsc::UnboundedSender<Event>,
    ticks: Ticks,
    due: Vec<Due>,
    once: bool,
    reload: Option<Reload>,
    guardian: Guardian,
    control: Control,
    journal: Option<Journal>,
    programs: Programs,
    /// How these are to be, until they are.
    defined: Definitions,
    /// What of each check's memory was last written down.
    written: BTreeMap<String, Memory>,
    tally: Tally,
}

impl Watchdog {
    /// Puts the parts together. `seed` makes jitter and incident ids. Needs a runtime.
    pub fn new(
        parts: Parts,
        ticks: Ticks,
        voice: Voice,
        seed: u64,
        reload: Option<Reload>,
    ) -> Self {
        let (ended_sender, ended) = mpsc::unbounded_channel();
        let (told_sender, told) = mpsc::unbounded_channel();
        let clock = Clock::start();
        let once = matches!(ticks, Ticks::Once(_));
        let control = match once {
            true => Control::closed(),
            false => Control::open(&parts.state_dir, &parts.key, &voice),
        };
        let journal = parts
            .journal
            .and_then(|path| Journal::open(&path, seed, &voice));
        let programs = Programs::new(&parts.state_dir, &parts.key, voice.clone());
        let mut checks = parts.checks;
        if once {
            // who stays for one look cannot wait for what may take minutes
            checks.iter_mut().for_each(|check| check.warmup = None);
        }
        let store = Store::new(parts.state_dir);
        let (courier, outbox) = Courier::start(Route {
            store: store.clone(),
            watchdog: parts.key.clone(),
            words: parts.words,
            scene: parts.scene,
            notifiers: parts.notifiers,
            voice: voice.clone(),
            clock,
            events: told_sender.clone(),
        });
        let ledger = Ledger::start(store.clone(), parts.key.clone(), outbox, voice.clone());
        Self {
            monitor: Monitor::new(parts.limits, seed, checks),
            executor: Executor {
                hands: Arc::new(parts.hands),
                clock,
                voice,
                ledger,
                intents: Intents::new(store.clone(), parts.key),
                ended: ended_sender,
            },
            courier,
            store,
            ended,
            told,
            told_sender,
            once,
            ticks,
            due: parts.due,
            reload,
            guardian: Guardian::default(),
            control,
            journal,
            programs,
            defined: parts.programs,
            written: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// The same watchdog, with a service manager that wants to know how it is.
    #[must_use]
    pub fn guarded_by(self, guardian: Guardian) -> Self {
        Self { guardian, ..self }
    }

    /// Runs until it is told to stop, by one of `signals` or by `over` coming true, or nothing is left to do.
    pub async fn run_until(
        mut self,
        signals: Signals,
        over: impl Future<Output = ()>,
    ) -> (Ending, Tally) {
        let begun = self.executor.clock.now();
        let ending = self.watch(signals, over).await;
        let lasted = self.executor.clock.now().since(begun);
        (
            ending,
            Tally {
                lasted,
                ..self.tally
            },
        )
    }

    async fn watch(&mut self, mut signals: Signals, over: impl Future<Output = ()>) -> Ending {
        let mut over = pin!(over);
        if let Err(why) = self.begin_programs().await {
            return Ending::NotAlone(why);
        }
        self.remember().await;
        if let Some(journal) = &self.journal {
            journal.begin(self.executor.clock.now(), &self.monitor);
        }
        self.recover().await;
        self.ticks.set(&self.due);
        self.guardian.ready();
        self.tell_guardian();
        let mut ending = None;
        let mut asked = self.due.len();
        let ending = loop {
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Reload => {
                        // what is wrong is told there
                        let _ = self.take_new_settings().await;
                    }
                    Signal::Shutdown { count: 1 } => ending = Some(self.stop()),
                    Signal::Shutdown { .. } => return Ending::Hurried,
                },
                () = self.guardian.beat() => {}
                () = &mut over, if ending.is_none() => ending = Some(self.stop()),
                Some(ended) = self.ended.recv() => self.end_of_deed(ended),
                Some(event) = self.told.recv() => self.feed(event),
                Some(asked) = self.control.next() => self.answer(asked).await,
                ticks = self.ticks.next(&self.executor.clock, &self.due), if ending.is_none() => match ticks {
                    Ok(ticks) => {
                        asked = asked.saturating_sub(ticks.len());
                        for tick in ticks {
                            self.feed(Event::Tick(tick));
                        }
                    }
                    // what was asked for is done to its end; there will just be nothing new
                    Err(ended) => ending = Some(Ending::NoTicks(ended)),
                },
            }
            if self.once && asked == 0 && ending.is_none() && self.monitor.is_at_rest() {
                ending = Some(Ending::Once(self.worst()));
            }
            let done = |ending: &mut Ending| match ending {
                Ending::Stopped | Ending::Hurried => !self.monitor.is_acting(),
                Ending::Once(_) | Ending::NoTicks(_) | Ending::NotAlone(_) => {
                    self.monitor.is_at_rest()
                }
            };
            if let Some(ending) = ending.take_if(done) {
                break ending;
            }
        };
        self.guardian.stopping();
        if !self.end_programs(&mut signals).await {
            return Ending::Hurried;
        }
        self.finish(&ending, signals).await;
        ending
    }

    /// The end begins: nothing new is done from now on.
    fn stop(&mut self) -> Ending {
        self.guardian.stopping();
        self.feed(Event::Shutdown);
        Ending::Stopped
    }

    /// Tells the service manager above us how things stand.
    fn tell_guardian(&mut self) {
        if self.guardian.is_there() {
            let snapshot = self.monitor.snapshot(self.executor.clock.now());
            self.guardian.tell(guardian::status(&snapshot));
        }
    }

    /// Takes over the programs that an earlier run left, and starts the others. One look alone starts none.
    async fn begin_programs(&mut self) -> Result<(), String> {
        self.programs.reap_as_init();
        let defined = std::mem::take(&mut self.defined);
        if self.once {
            return Ok(());
        }
        self.programs.define(defined).await?;
        let hands = Arc::make_mut(&mut self.executor.hands);
        self.programs.lend(&mut hands.supervisors);
        Ok(())
    }

    /// Stops the programs, or leaves them. That may take its time, in which one can still ask how things
    /// are. False when it was cut short by a further signal.
    async fn end_programs(&mut self, signals: &mut Signals) -> bool {
        let mut ended = pin!(self.programs.end());
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(signals) => return false,
                () = self.guardian.beat() => {}
                Some(asked) = self.control.next() => self.answer(asked).await,
                () = &mut ended => return true,
            }
        }
    }

    /// Takes over what earlier runs remembered.
    async fn remember(&mut self) {
        let watchdog = &self.executor.intents.owner().watchdog;
        // the store has told its own trouble
        let _ = self.store.reclaim(watchdog).await;
        self.courier.wake();
        let memories = self.store.memories(watchdog).await.unwrap_or_default();
        for (check, json) in memories {
            match serde_json::from_str::<Memory>(&json) {
                Ok(memory) => self.monitor.recall(&check, memory),
                Err(error) => {
                    let text = format!("what was remembered of {check:?} cannot be read: {error}");
                    self.executor.voice.trouble(&text);
                }
            }
        }
    }

    /// Brings restarts to their end that an earlier run left half done. What takes too long goes on beside
    /// the looks.
    async fn recover(&mut self) {
        let recovery = self.recovery();
        let supervisors = &self.executor.hands.supervisors;
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
            self.end_of_deed(ended);
        }
    }

    fn recovery(&self) -> Recovery {
        Recovery {
            hands: Arc::clone(&self.executor.hands),
            clock: self.executor.clock,
            voice: self.executor.voice.clone(),
            ended: self.executor.ended.clone(),
        }
    }

    /// A deed has ended. Its intents are closed only after what follows from it is safe.
    fn end_of_deed(&mut self, ended: Ended) {
        let about = match &ended.event {
            Some(Event::Acted { check, .. } | Event::Resumed { check, .. }) => Some(check.clone()),
            _ => None,
        };
        let incident = about
            .as_ref()
            .and_then(|check| self.monitor.memory(check)?.incident.clone());
        if let Some(event) = ended.event.and_then(|event| self.unburden(event)) {
            self.feed(event);
        }
        if let Some(check) = &about {
            self.write_down(check, true);
        }
        let incident = incident.map(|incident| incident.id).unwrap_or_default();
        for (intent, unfinished) in ended.unfinished {
            self.recovery().take_again(Half {
                intent,
                check: about.clone().unwrap_or_default(),
                incident: incident.clone(),
                unfinished,
            });
        }
        if !ended.done.is_empty() {
            self.executor.ledger.write(Entry::Done(ended.done));
        }
    }

    /// Has judged elsewhere what would take so long that other checks had to wait; it comes back judged.
    fn unburden(&self, event: Event) -> Option<Event> {
        match event {
            Event::Observed {
                check,
                ticket,
                seen,
            } if Executor::is_heavy(&seen) => {
                // a check that is gone needs no judge
                let expectation = self.monitor.expectation(&check)?.clone();
                self.executor.judge(check, ticket, seen, expectation);
                None
            }
            event => Some(event),
        }
    }

    fn feed(&mut self, event: Event) {
        let now = self.executor.clock.now();
        let delivered = matches!(event, Event::Delivered { .. });
        let mut notes: Vec<Note> = Vec::new();
        let recorded = self.journal.as_ref().map(|_| event.clone());
        let effects = self.monitor.handle(now, event);
        if let (Some(journal), Some(event)) = (&self.journal, recorded) {
            journal.write(now, &event, &effects);
        }
        for effect in effects {
            let (url, look) = match &effect {
                Effect::Act { plan, .. } => {
                    // before a process is touched it is on disk why
                    self.write_down(&plan.check, true);
                    self.cause(&plan.check)
                }
                Effect::Note(note) => {
                    self.tally.count(&note.decision);
                    notes.push(note.clone());
                    (String::new(), None)
                }
                Effect::Report(_)
                | Effect::List { .. }
                | Effect::Probe { .. }
                | Effect::WarmUp { .. } => (String::new(), None),
            };
            self.executor.perform(effect, &url, look);
        }
        let checks: BTreeSet<_> = notes.iter().map(|note| note.check.clone()).collect();
        for check in checks {
            self.write_down(&check, false);
        }
        let has_changed = notes.iter().any(|note| {
            !matches!(
                note.decision,
                Decision::Judged { .. } | Decision::TickDropped(_) | Decision::Telling { .. }
            )
        });
        if !notes.is_empty() {
            self.executor.ledger.write(Entry::Notes(notes));
        }
        if has_changed {
            self.tell_guardian();
        }
        if delivered {
            self.write_ended();
        }
    }

    /// Writes down the episodes that have ended, with whom was told of it.
    fn write_ended(&mut self) {
        let names: Vec<_> = self
            .monitor
            .checks()
            .map(|check| check.name.clone())
            .collect();
        for name in names {
            if let Some(ended) = self.monitor.take_closed(&name) {
                self.executor.ledger.write(Entry::Incident(Box::new(ended)));
            }
        }
    }

    /// Writes down what is to be remembered of a check, when more than its samples has changed.
    fn write_down(&mut self, check: &str, now: bool) {
        if let Some(closed) = self.monitor.take_closed(check) {
            self.executor
                .ledger
                .write(Entry::Incident(Box::new(closed)));
        }
        let (Some(gist), Some(memory)) = (self.monitor.gist(check), self.monitor.memory(check))
        else {
            return;
        };
        if self.written.get(check) == Some(&gist) {
            return;
        }
        if let Some(incident) = &memory.incident {
            self.executor
                .ledger
                .write(Entry::Incident(Box::new(incident.clone())));
        }
        self.executor.ledger.write(Entry::Memory {
            check: check.to_owned(),
            memory: Box::new(memory.clone()),
            now,
        });
        self.written.insert(check.to_owned(), gist);
    }

    /// The URL of a check and the look that led to an action.
    fn cause(&self, check: &str) -> (String, Option<Look>) {
        let url = self.monitor.checks().find(|known| known.name == check);
        let incident = self
            .monitor
            .memory(check)
            .and_then(|memory| memory.incident.as_ref());
        let look = incident.and_then(|incident| incident.last_fail()).cloned();
        (url.map(|check| check.url.clone()).unwrap_or_default(), look)
    }

    fn worst(&self) -> Verdict {
        let verdicts = self.monitor.checks().filter_map(|check| {
            let samples = &self.monitor.memory(&check.name)?.samples;
            samples.back().map(|sample| sample.verdict)
        });
        verdicts
            .max_by_key(|verdict| gravity(*verdict))
            .unwrap_or(Verdict::Unknown)
    }

    /// Does what a person asks for.
    async fn answer(&mut self, asked: Asked) {
        let answer = match asked.order(&self.monitor) {
            Order::Refuse(answer) => answer,
            Order::Show => Answer::Status {
                watchdog: self.executor.intents.owner().watchdog.clone(),
                pid: std::process::id(),
                snapshot: Box::new(self.monitor.snapshot(self.executor.clock.now())),
                programs: self.programs.list(),
            },
            Order::Flush => {
                let (ledger, store) = (self.executor.ledger.clone(), self.store.clone());
                tokio::spawn(async move {
                    ledger.sync().await;
                    // what cannot be written is the store's to tell
                    let _ = store.flush().await;
                    asked.answer(Answer::Flushed);
                });
                return;
            }
            Order::Reload => match self.take_new_settings().await {
                Ok(()) => Answer::Reloaded {
                    checks: self.due.len(),
                },
                Err(why) => Answer::error(Fault::NotReloaded, why),
            },
            Order::Tell { check, event } => {
                self.feed(event);
                let now = self.executor.clock.now();
                match self.monitor.view(now, &check) {
                    Some(view) => Answer::Done {
                        at: now,
                        check: Box::new(view),
                    },
                    None => Answer::error(Fault::UnknownCheck, "it is gone"),
                }
            }
        };
        asked.answer(answer);
    }

    async fn take_new_settings(&mut self) -> Result<(), String> {
        self.guardian.reloading();
        let taken = self.read_again().await;
        self.guardian.ready();
        self.tell_guardian();
        taken
    }

    async fn read_again(&mut self) -> Result<(), String> {
        let Some(reload) = self.reload.as_mut() else {
            let why = "nothing to reload: there is no configuration file";
            self.executor.voice.trouble(why);
            return Err(why.to_owned());
        };
        match reload() {
            Err(why) => {
                let text = format!("the new configuration is not taken, the old one stays:\n{why}");
                self.executor.voice.trouble(&text);
                return Err(text);
            }
            Ok(mut parts) => {
                self.due = parts.due;
                self.ticks.set(&self.due);
                if let Err(why) = self.programs.define(parts.programs).await {
                    self.executor.voice.trouble(&why);
                }
                self.programs.lend(&mut parts.hands.supervisors);
                self.executor.hands = Arc::new(parts.hands);
                let (courier, outbox) = Courier::start(Route {
                    store: self.store.clone(),
                    watchdog: parts.key,
                    words: parts.words,
                    scene: parts.scene,
                    notifiers: parts.notifiers,
                    voice: self.executor.voice.clone(),
                    clock: self.executor.clock,
                    events: self.told_sender.clone(),
                });
                // the old workers end here; what they had not delivered is in the outbox
                self.courier = courier;
                self.executor.ledger.write(Entry::Outbox(Box::new(outbox)));
                self.feed(Event::Reload {
                    checks: parts.checks,
                    limits: parts.limits,
                });
                tracing::info!("the new configuration is taken");
            }
        }
        Ok(())
    }

    /// What is safe, and what could be told, before the end. A further signal cuts it short.
    async fn finish(&mut self, ending: &Ending, mut signals: Signals) {
        let orderly = async {
            self.executor.ledger.sync().await;
            self.courier.finish(last_mails(ending)).await;
            while let Ok(event) = self.told.try_recv() {
                // the end of an incident's transcript: who was told
                let _ = self.monitor.handle(self.executor.clock.now(), event);
            }
            let names: Vec<_> = self
                .monitor
                .checks()
                .map(|check| check.name.clone())
                .collect();
            names.iter().for_each(|name| self.write_down(name, false));
            self.executor.ledger.sync().await;
            // the store has told its own trouble
            let _ = self.store.close(CLOSE_FOR).await;
        };
        tokio::select! {
            () = orderly => {}
            () = told_to_stop(&mut signals) => {}
        }
    }
}

/// Waits until somebody tells us to stop, once more if need be.
async fn told_to_stop(signals: &mut Signals) {
    while signals.next().await == Signal::Reload {}
}

/// How long open mails may hold up the end: little when we are told to stop, for who told us counts the
/// seconds.
const fn last_mails(ending: &Ending) -> Duration {
    match ending {
        Ending::Stopped | Ending::Hurried | Ending::NotAlone(_) => Duration::from_secs(5),
        Ending::Once(_) | Ending::NoTicks(_) => Duration::from_secs(60),
    }
}

/// How bad a verdict is for an exit code: the worst of several is told.
fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Starting | Verdict::Draining | Verdict::Degraded => 1,
        Verdict::Unknown => 2,
        Verdict::Fail => 3,
    }
}
