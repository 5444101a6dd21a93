//! The loop: ticks, signals and the ends of deeds go into the heart, its effects into the executor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::health::{Effect, Event, Monitor, Verdict};
use crate::tick::{Ended, Signal, Signals};

use super::courier::Courier;
use super::executor::Executor;
use super::ticks::{Due, Ticks};
use super::voice::Voice;
use super::wiring::Parts;

/// How long open mails may hold up the end: little when we are told to stop, for who told us counts the
/// seconds.
const fn last_mails(ending: &Ending) -> Duration {
    match ending {
        Ending::Stopped | Ending::Hurried => Duration::from_secs(5),
        Ending::Once(_) | Ending::NoTicks(_) => Duration::from_secs(60),
    }
}

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
    NoTicks(Ended),
}

/// A watchdog, ready to run.
pub struct Watchdog {
    monitor: Monitor,
    executor: Executor,
    events: mpsc::UnboundedReceiver<Event>,
    ticks: Ticks,
    due: Vec<Due>,
    once: bool,
    reload: Option<Reload>,
}

impl Watchdog {
    /// Puts the parts together. `seed` makes jitter and incident ids.
    pub fn new(
        parts: Parts,
        ticks: Ticks,
        voice: Voice,
        seed: u64,
        reload: Option<Reload>,
    ) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let courier = Courier::new(
            parts.words,
            parts.scene,
            parts.notifiers,
            &voice,
            sender.clone(),
        );
        let mut watchdog = Self {
            monitor: Monitor::new(parts.limits, seed, parts.checks),
            executor: Executor {
                hands: Arc::new(parts.hands),
                clock: Clock::start(),
                voice,
                courier,
                events: sender,
            },
            events,
            once: matches!(ticks, Ticks::Once(_)),
            ticks,
            due: parts.due,
            reload,
        };
        watchdog.ticks.set(&watchdog.due);
        watchdog
    }

    /// Runs until it is told to stop, or nothing is left to do.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn run(mut self) -> std::io::Result<Ending> {
        let mut signals = Signals::new()?;
        let mut ending = None;
        let mut asked = self.due.len();
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Reload => self.take_new_settings(),
                    Signal::Shutdown { count: 1 } => {
                        self.feed(Event::Shutdown);
                        ending = Some(Ending::Stopped);
                    }
                    Signal::Shutdown { .. } => return Ok(Ending::Hurried),
                },
                Some(event) = self.events.recv() => self.feed(event),
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
                Ending::Once(_) | Ending::NoTicks(_) => self.monitor.is_at_rest(),
            };
            if let Some(ending) = ending.take_if(done) {
                self.executor.courier.finish(last_mails(&ending)).await;
                return Ok(ending);
            }
        }
    }

    fn feed(&mut self, event: Event) {
        let now = self.executor.clock.now();
        for effect in self.monitor.handle(now, event) {
            let (url, look) = match &effect {
                Effect::Act { plan, .. } => self.cause(&plan.check),
                Effect::Note(_)
                | Effect::Report(_)
                | Effect::List { .. }
                | Effect::Probe { .. } => (String::new(), None),
            };
            self.executor.perform(effect, &url, look);
        }
    }

    /// The URL of a check and the look that led to an action.
    fn cause(&self, check: &str) -> (String, Option<crate::health::Look>) {
        let url = self.monitor.checks().find(|known| known.name == check);
        let incident = self
            .monitor
            .memory(check)
            .and_then(|memory| memory.incident.as_ref());
        let look = incident.and_then(|incident| incident.last_fail()).cloned();
        (url.map(|check| check.url.clone()).unwrap_or_default(), look)
    }

    fn worst(&self) -> Verdict {
        let names: Vec<_> = self
            .monitor
            .checks()
            .map(|check| check.name.clone())
            .collect();
        let verdicts = names.iter().filter_map(|name| {
            let samples = &self.monitor.memory(name)?.samples;
            samples.back().map(|sample| sample.verdict)
        });
        verdicts
            .max_by_key(|verdict| gravity(*verdict))
            .unwrap_or(Verdict::Unknown)
    }

    fn take_new_settings(&mut self) {
        let Some(reload) = self.reload.as_mut() else {
            self.executor
                .voice
                .trouble("nothing to reload: there is no configuration file");
            return;
        };
        match reload() {
            Err(why) => {
                let text = format!("the new configuration is not taken, the old one stays:\n{why}");
                self.executor.voice.trouble(&text);
            }
            Ok(parts) => {
                self.due = parts.due;
                self.ticks.set(&self.due);
                self.executor.hands = Arc::new(parts.hands);
                self.feed(Event::Reload {
                    checks: parts.checks,
                });
                tracing::info!("the new configuration is taken");
            }
        }
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
