//! Performs effects, each in a task of its own, and turns the end of each into exactly one event: also when it
//! panics.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::action::{self, ActionRecord, ActionTools, CaptureSpec, Intents, Shutdown};
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
    pub probes: BTreeMap<String, Arc<Probe>>,
    pub warmups: BTreeMap<String, Arc<Probe>>,
    pub captures: BTreeMap<String, CaptureSpec>,
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
        let probe = self.clients.probes.get(&check).cloned();
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
        let probe = self.clients.probes.get(&check);
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
        let probe = self.clients.warmups.get(&check).cloned();
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
            let tools = ActionTools {
                supervisors: &clients.supervisors,
                clock: &by,
                capture: clients.captures.get(&plan.check),
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
            let over = !matches!(result, ResumeResult::NotYet { .. });
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
        let task = tokio::spawn(work);
        tokio::spawn(async move {
            let result = task
                .await
                .map_err(|error| format!("internal error: {error}"));
            // nobody listens any more: the watchdog has ended
            let _ = ended.send(end(result));
        });
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::health::{
        ActionStep, Backend, Backoff, Check, CheckTick, Fails, Limits, Monitor, Policy, Process,
        ProcessName, ProcessState, Selection, Target,
    };
    use crate::serve::testing;
    use crate::store::Store;
    use crate::supervisor::Supervisor;

    /// A supervisor of one process, with a bug: its first start panics.
    #[derive(Debug)]
    struct Panicking {
        process: Arc<Mutex<Process>>,
        has_panicked: AtomicBool,
    }

    impl Panicking {
        fn set(&self, state: ProcessState, pid: Option<u32>) {
            let mut process = self.process.lock().expect("not poisoned");
            (process.state, process.pid) = (state, pid);
        }
    }

    #[async_trait]
    impl Supervisor for Panicking {
        fn address(&self) -> &'static str {
            "unix:/test"
        }

        async fn list(&self, _patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
            Ok(vec![self.process.lock().expect("not poisoned").clone()])
        }

        async fn info(&self, _name: &ProcessName) -> Result<Process, CallError> {
            Ok(self.process.lock().expect("not poisoned").clone())
        }

        async fn stop(&self, _name: &ProcessName) -> Result<(), CallError> {
            self.set(ProcessState::Stopped, None);
            Ok(())
        }

        async fn start(&self, _name: &ProcessName) -> Result<(), CallError> {
            assert!(self.has_panicked.swap(true, Ordering::Relaxed), "a bug");
            self.set(ProcessState::Running, Some(8));
            Ok(())
        }
    }

    fn check() -> Check {
        let mut check = testing::check("web");
        check.policy = Policy {
            fail: Fails::InARow(1),
            grace: Duration::ZERO,
            backoff: Backoff::NONE,
            ..check.policy
        };
        check.remedy.selection = Selection::Targets(vec![Target::new("web")]);
        check
    }

    #[tokio::test]
    async fn action_that_panics_fails_and_its_process_is_started_by_the_same_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let process = Arc::new(Mutex::new(Process {
            name: ProcessName::supervisord("web", "web"),
            state: ProcessState::Running,
            pid: Some(7),
            uptime: Some(9_000),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }));
        let mut supervisors = Supervisors::default();
        let panicking = Panicking {
            process: Arc::clone(&process),
            has_panicked: AtomicBool::new(false),
        };
        supervisors.insert(Backend::Supervisord, panicking);
        let (ended, mut endings) = mpsc::unbounded_channel();
        let executor = Executor {
            clients: Arc::new(Clients {
                probes: BTreeMap::new(),
                warmups: BTreeMap::new(),
                captures: BTreeMap::new(),
                evidence: dir.path().join("evidence"),
                supervisors,
            }),
            clock: Clock::start(),
            logger: Logger::Log,
            intents: Intents::new(store.clone(), "test"),
            shutdown: Shutdown::default(),
            ended,
        };
        let mut monitor = Monitor::new(Limits::default(), 1, vec![check()]);
        let tick = Event::Tick(CheckTick {
            check: "web".to_owned(),
            age: None,
            period: None,
        });
        let mut effects = monitor.handle(executor.clock.now(), tick);
        let mut broke_off = false;
        let all = async {
            loop {
                for effect in std::mem::take(&mut effects) {
                    executor.perform(effect, ActionCause::default());
                }
                let mut finished: FinishedEffect = endings.recv().await.expect("an end");
                match &mut finished.event {
                    // the service does not answer
                    Event::Observed { seen, .. } => {
                        let trouble = Trouble::new(Reason::Refused, Phase::Connect, "refused");
                        **seen = Observation::of_trouble(trouble);
                    }
                    Event::Acted {
                        outcome, pending, ..
                    } => {
                        let last = outcome.steps.last().map(|step| &step.action);
                        broke_off = matches!(
                            last,
                            Some(ActionStep::BrokeOff { detail }) if detail.contains("panic")
                        );
                        assert!(broke_off, "{outcome:?}");
                        assert_eq!(pending.len(), 1, "what it stopped is pending");
                        assert!(finished.done.is_empty(), "its intent stays open");
                        let open = store.open_intents().await.expect("a store");
                        assert_eq!(open.len(), 1);
                        assert_eq!(open[0].id, pending[0].intent);
                    }
                    Event::Resumed { result, .. } => {
                        assert_eq!(*result, ResumeResult::Finished);
                        break finished.done;
                    }
                    _ => {}
                }
                effects = monitor.handle(executor.clock.now(), finished.event);
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(60), all).await;
        let done = done.expect("it is started again");
        assert!(broke_off, "the action has panicked");
        assert_eq!(done.len(), 1, "now its intent is closed");
        let process = process.lock().expect("not poisoned");
        assert_eq!(
            (process.state, process.pid),
            (ProcessState::Running, Some(8))
        );
    }
}
