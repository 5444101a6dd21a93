//! Performs effects, each in a task of its own, and turns the end of each into exactly one event: also when it
//! panics.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::action::{self, ActionRecord, ActionTools, CaptureSpec, Intents, RungCommand, Shutdown};
use crate::clock::Clock;
use crate::health::{
    CallError, CheckResult, Effect, Event, Expectation, IntentId, Observation, Outcome,
    PendingRestart, Phase, Plan, Reason, Remedy, ResumeResult, Step, Ticket, Trouble,
};
use crate::probe::Probe;
use crate::supervisor::Supervisors;

use super::judging;
use super::logger::Logger;

/// How long an action waits until it is on disk why it begins.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// How long the list before a probe may take: a supervisor that hangs must not keep us from probing.
const LIST_FOR: Duration = Duration::from_secs(5);

/// What effects are performed with. Replaced as a whole on reload.
#[derive(Clone, Debug)]
pub struct Clients {
    pub probes: BTreeMap<Arc<str>, Arc<Probe>>,
    pub warmups: BTreeMap<Arc<str>, Arc<Probe>>,
    /// Mostly one and the same.
    pub captures: BTreeMap<Arc<str>, Arc<CaptureSpec>>,
    /// What the rungs of ladders run, by check and number.
    pub commands: BTreeMap<String, BTreeMap<u32, RungCommand>>,
    /// Where evidence is kept of a check that names no directory.
    pub evidence: PathBuf,
    pub supervisors: Supervisors,
}

/// The end of an effect: an event for the decision core, and the intents that are closed once the event's effects
/// are safe.
#[derive(Debug)]
pub struct FinishedEffect {
    pub event: Event,
    /// The check of an action, whose memory is written before its intents are closed.
    pub acted_for: Option<String>,
    pub done: Vec<IntentId>,
}

impl From<Event> for FinishedEffect {
    fn from(event: Event) -> Self {
        Self {
            event,
            acted_for: None,
            done: Vec::new(),
        }
    }
}

/// Performs what the decision core decides.
pub struct Executor {
    pub clients: Arc<Clients>,
    pub clock: Clock,
    pub logger: Logger,
    pub intents: Intents,
    pub shutdown: Shutdown,
    /// Bounded by what the decision core allows to be under way: one probe or action, and one warm-up, per check,
    /// and one try or timer per pending restart.
    pub ended: mpsc::UnboundedSender<FinishedEffect>,
}

/// Why an action begins, and what must be on disk before.
#[derive(Debug, Default)]
pub struct ActionCause {
    pub url: String,
    /// The result that led to it.
    pub result: Option<CheckResult>,
    /// Answers when the check's memory and the reports about it are on disk.
    pub written: Option<oneshot::Receiver<()>>,
}

impl ActionCause {
    /// Waits until it is on disk why a process is touched: whenever we are killed, the next run knows. A disk that hangs
    /// does not hold the action up for long.
    async fn is_written(written: Option<oneshot::Receiver<()>>) {
        if let Some(written) = written {
            let _ = timeout(WRITTEN_WITHIN, written).await;
        }
    }
}

impl Executor {
    /// Performs `effect`; `cause` is that of an action.
    pub fn perform(&self, effect: Effect, cause: ActionCause) {
        match effect {
            Effect::Note(note) => self.logger.note(&note),
            // written down by the watchdog, with the memory that it rests on
            Effect::Report(_) => {}
            // the fleet's, whose questions about one slot have an order
            Effect::Reserve { .. } | Effect::Release { .. } => {}
            Effect::List {
                check,
                ticket,
                remedy,
                after,
            } => {
                self.list(check, ticket, remedy, after);
            }
            Effect::Probe {
                check,
                ticket,
                after,
            } => self.probe(check, ticket, after),
            Effect::WarmUp {
                check,
                ticket,
                after,
                within,
            } => self.warm_up(check, ticket, after, within),
            Effect::Act { ticket, plan } => self.act(ticket, *plan, cause),
            Effect::Resume {
                ticket,
                restart,
                may_start,
            } => self.resume(ticket, *restart, may_start, cause),
            Effect::Wake {
                process,
                ticket,
                after,
            } => {
                self.spawn(wait(after), move |_| {
                    FinishedEffect::from(Event::Woken { process, ticket })
                });
            }
        }
    }

    fn list(&self, check: String, ticket: Ticket, remedy: Remedy, after: Duration) {
        let clients = Arc::clone(&self.clients);
        let work = async move {
            wait(after).await;
            let backends = remedy.backends();
            let listing = clients.supervisors.list(&remedy, &backends, LIST_FOR).await;
            match listing.unasked.first() {
                Some((_, error)) if listing.unasked.len() == backends.len() => {
                    (Err(error.clone()), Vec::new())
                }
                _ => (Ok(listing.processes), listing.unasked),
            }
        };
        self.spawn(work, move |result| {
            let (processes, unasked) =
                result.unwrap_or_else(|detail| (Err(CallError::Malformed { detail }), Vec::new()));
            FinishedEffect::from(Event::Listed {
                check,
                ticket,
                processes,
                unasked,
            })
        });
    }

    fn probe(&self, check: String, ticket: Ticket, after: Duration) {
        let probe = self.clients.probes.get(check.as_str()).cloned();
        let work = async move {
            wait(after).await;
            match probe {
                Some(probe) => probe.run().await,
                None => ours("the check is gone".to_owned()),
            }
        };
        self.spawn(work, move |result| {
            FinishedEffect::from(Event::Observed {
                check,
                ticket,
                seen: Box::new(result.unwrap_or_else(ours)),
            })
        });
    }

    /// Judges `seen` beside the loop, as the decision core would have done it. What comes back is light.
    pub fn judge(
        &self,
        check: String,
        ticket: Ticket,
        seen: Box<Observation>,
        expectation: Expectation,
    ) {
        let probe = self.clients.probes.get(check.as_str());
        let timeout = probe.map_or(seen.duration, |probe| probe.timeout());
        let name = check.clone();
        let work = async move { judging::judge(&name, expectation, *seen, timeout).await };
        self.spawn(work, move |result| {
            FinishedEffect::from(match result {
                Ok(result) => Event::Judged {
                    check,
                    ticket,
                    result: Box::new(result),
                },
                Err(detail) => Event::Observed {
                    check,
                    ticket,
                    seen: Box::new(ours(detail)),
                },
            })
        });
    }

    fn warm_up(&self, check: String, ticket: Ticket, after: Duration, within: Duration) {
        let probe = self.clients.warmups.get(check.as_str()).cloned();
        let work = async move {
            wait(after).await;
            match probe {
                Some(probe) => Observation {
                    headers: Vec::new(),
                    body: None,
                    ..probe.run_within(within).await
                },
                None => ours("the check is gone".to_owned()),
            }
        };
        self.spawn(work, move |result| {
            FinishedEffect::from(Event::WarmedUp {
                check,
                ticket,
                seen: Box::new(result.unwrap_or_else(ours)),
            })
        });
    }

    fn act(&self, ticket: Ticket, plan: Plan, cause: ActionCause) {
        let clients = Arc::clone(&self.clients);
        // a step of the wall clock in between leaves the spans of the steps right
        let (clock, of_now) = (self.clock.pinned(), self.clock.clone());
        let intents = self.intents.clone();
        let shutdown = self.shutdown.clone();
        let mut action = self.logger.action(&cause.url, cause.result.as_ref());
        let check = plan.check.clone();
        let record = ActionRecord::default();
        let kept = record.clone();
        let by = clock.clone();
        let work = async move {
            ActionCause::is_written(cause.written).await;
            let none = BTreeMap::new();
            let tools = ActionTools {
                supervisors: &clients.supervisors,
                clock: &by,
                capture: clients.captures.get(plan.check.as_str()).map(Arc::as_ref),
                commands: clients.commands.get(&plan.check).unwrap_or(&none),
                evidence: &clients.evidence,
                intents: &intents,
                record: &record,
                shutdown: &shutdown,
            };
            let mut report_step = |step: &Step| action.step(&plan.check, step);
            let performed = action::perform(&plan, &tools, &mut report_step).await;
            action.end(performed.outcome.list_failed());
            performed
        };
        self.spawn(work, move |result| {
            let performed = result.unwrap_or_else(|detail| kept.broke_off(&clock, detail));
            FinishedEffect {
                acted_for: Some(check.clone()),
                event: Event::Acted {
                    check,
                    ticket,
                    outcome: performed.outcome.moved(of_now.ahead_of(&clock)),
                    pending: performed.pending,
                },
                done: performed.done,
            }
        });
    }

    /// Tries to finish a pending restart, with the supervisors of now: they may be others than when it began.
    fn resume(&self, ticket: Ticket, restart: PendingRestart, may_start: bool, cause: ActionCause) {
        let clients = Arc::clone(&self.clients);
        let (clock, of_now) = (self.clock.pinned(), self.clock.clone());
        let by = clock.clone();
        let mut action = self.logger.resumption();
        let PendingRestart {
            intent,
            check,
            process,
            ..
        } = restart.clone();
        let work = async move {
            ActionCause::is_written(cause.written).await;
            let supervisors = &clients.supervisors;
            let mut report_step = |step: &Step| action.step(&restart.check, step);
            action::resume(&restart, may_start, supervisors, &by, &mut report_step).await
        };
        self.spawn(work, move |ended| {
            let (outcome, result) = ended.unwrap_or_else(|why| {
                let result = ResumeResult::NotYet {
                    why,
                    start_answered: false,
                    start_begun: false,
                };
                (Outcome::default(), result)
            });
            let over = match result {
                ResumeResult::Finished | ResumeResult::NotOurs { .. } => true,
                ResumeResult::Runs { .. } | ResumeResult::NotYet { .. } => false,
            };
            FinishedEffect {
                event: Event::Resumed {
                    process,
                    ticket,
                    outcome: outcome.moved(of_now.ahead_of(&clock)),
                    result,
                },
                acted_for: Some(check),
                done: over.then_some(intent).into_iter().collect(),
            }
        });
    }

    /// Runs `work` beside everything else; its end, also by a panic, becomes one event.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        end: impl FnOnce(Result<T, String>) -> FinishedEffect + Send + 'static,
    ) {
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let mut work = pin!(work);
            // a task beside it, to wait for it, would cost more than a probe of a quick service
            let result = poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
                polled.map_or_else(|why| Poll::Ready(Err(panicked(&*why))), |done| done.map(Ok))
            })
            .await;
            // nobody listens any more: the watchdog has ended
            let _ = ended.send(end(result));
        });
    }
}

fn panicked(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<&str>().copied();
    let text = text.or_else(|| why.downcast_ref::<String>().map(String::as_str));
    format!("internal error: panicked: {}", text.unwrap_or("no text"))
}

fn ours(detail: String) -> Observation {
    Observation::of_trouble(Trouble::new(Reason::Cancelled, Phase::Connect, detail))
}

/// Not at all when there is nothing to wait for: even the shortest sleep takes a millisecond.
async fn wait(span: Duration) {
    if !span.is_zero() {
        sleep(span).await;
    }
}
