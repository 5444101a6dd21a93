//! An action that panics ends as one that failed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::*;
use crate::health::{
    ActionStep, Backend, Backoff, Check, CheckTick, Fails, Limits, Monitor, Policy, Process,
    ProcessName, ProcessState, Selection, Signal, Target,
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

    async fn signal(&self, _name: &ProcessName, _signal: Signal) -> Result<(), CallError> {
        Ok(())
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
        ..check.policy.clone()
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
            commands: BTreeMap::new(),
            evidence: dir.path().join("evidence"),
            supervisors,
        }),
        clock: Clock::start(),
        logger: Logger::log(),
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
