//! Floor 3: performs a plan. For each process, in the order of the targets: see again how it is, keep evidence, stop, start, wait
//! until it is RUNNING. Whether to act was decided in `health`; whether it helped is for the check to show.

mod capture;
mod dependents;
mod escalate;
mod intents;
mod record;
mod restart;
mod resume;
mod shutdown;
mod start;
mod watchdogs;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::clock::Clock;
use crate::health::{
    ActionStep, Gate, Halt, IntentId, Plan, PlanAction, Process, ProcessState, Scope, Selection,
    Skip, Step,
};
use crate::supervisor::{Listing, Supervisors};

use record::StepLog;
use restart::replaced;

pub use capture::spec;
pub use capture::spec::{CaptureSpec, Dumper, RungCommand};
pub use capture::{DUMP, run_dump};
pub use intents::Intents;
pub use record::{ActionRecord, PerformedAction};
pub use resume::resume;
pub use shutdown::Shutdown;

/// What an action works with.
pub struct ActionTools<'a> {
    /// The supervisors that stop and start processes.
    pub supervisors: &'a Supervisors,
    /// The clock that dates the steps.
    pub clock: &'a Clock,
    /// Which evidence is captured before a restart; `None`: no evidence.
    pub capture: Option<&'a CaptureSpec>,
    /// What the rungs of the check's ladder run, by number.
    pub commands: &'a BTreeMap<u32, RungCommand>,
    /// The directory for evidence when the check configures none.
    pub evidence: &'a Path,
    /// The store of intents: processes that are about to be stopped.
    pub intents: &'a Intents,
    /// What the action has done so far.
    pub record: &'a ActionRecord,
    /// Whether the watchdog is ending.
    pub shutdown: &'a Shutdown,
}

impl ActionTools<'_> {
    /// Writes down that `process` is about to be acted on, so that the next run starts it when this one is killed. `None`:
    /// it is left alone, which is recorded.
    async fn open_intent(
        &self,
        process: &Process,
        plan: &Plan,
        log: &mut StepLog<'_>,
    ) -> Option<IntentId> {
        let opened = self.intents.open(process, plan, self).await;
        opened
            .inspect_err(|why| {
                log.record(Some(&process.name), ActionStep::Skipped(why.clone()));
            })
            .ok()
    }

    /// Why nothing new is begun any more, if so.
    fn halt(&self) -> Option<Skip> {
        let halt = Halt::Held(Gate::ShuttingDown);
        self.shutdown.has_begun().then_some(Skip::Halted(halt))
    }
}

/// How long one supervisor may take to list its processes, however patient its own client is.
const LIST_FOR: Duration = Duration::from_secs(60);

/// Performs `plan`; says each step as soon as it is done. Never fails: what goes wrong is a step.
pub async fn perform(
    plan: &Plan,
    tools: &ActionTools<'_>,
    report: &mut (dyn FnMut(&Step) + Send),
) -> PerformedAction {
    let mut log = StepLog {
        clock: tools.clock,
        record: tools.record,
        report,
    };
    if let PlanAction::Run { rung, command } = &plan.action {
        escalate::run(*rung, command, plan, tools, &mut log).await;
        return tools.record.finish();
    }
    let Some(listing) = list(plan, tools, &mut log).await else {
        return tools.record.finish();
    };
    let mut enough = false;
    for process in plan.remedy.select(&listing.processes) {
        // a dependent of one before it was restarted with it, so this is another process by now
        if !plan.scope.covers(&process.name) || log.has_started(&process.name) {
            continue;
        }
        match skip(plan, &process) {
            Some(Skip::Ourselves) if plan.remedy.selection == Selection::All => {}
            Some(why) => log.record(Some(&process.name), ActionStep::Skipped(why)),
            None if enough => {
                let why = Skip::Halted(Halt::OneIsEnough);
                log.record(Some(&process.name), ActionStep::Skipped(why));
            }
            None if let Some(why) = tools.halt() => {
                log.record(Some(&process.name), ActionStep::Skipped(why));
            }
            None if let PlanAction::Signal(signal) = plan.action => {
                escalate::signal(&process, signal, plan, tools, &mut log).await;
            }
            None => {
                restart::restart(&process, plan, tools, &mut log).await;
                enough = plan.scope == Scope::First;
            }
        }
    }
    let targets = plan.remedy.missing(&listing.processes, &listing.unasked());
    if plan.scope.is_first() && !targets.is_empty() {
        log.record(None, ActionStep::Missing { targets });
    }
    tools.record.finish()
}

/// Asks those supervisors that this plan is about; `None` when none of them could be asked.
async fn list(plan: &Plan, tools: &ActionTools<'_>, log: &mut StepLog<'_>) -> Option<Listing> {
    let begun = log.clock.now();
    let backends = plan.scope.backends(&plan.remedy);
    let supervisors = tools.supervisors;
    let listing = supervisors.list(&plan.remedy, &backends, LIST_FOR).await;
    let none = plan.scope.is_first() && listing.unasked.len() == backends.len();
    if let (true, Some((_, error))) = (none, listing.unasked.first()) {
        let error = error.clone();
        log.note(begun, None, ActionStep::ListFailed { error });
        return None;
    }
    for (backend, error) in listing.unasked.iter().cloned() {
        log.note(begun, None, ActionStep::Unasked { backend, error });
    }
    Some(listing)
}

/// Why `process` is to be left alone, if it is.
fn skip(plan: &Plan, process: &Process) -> Option<Skip> {
    if plan.remedy.is_ourselves(&process.name) {
        return Some(Skip::Ourselves);
    }
    // a watchdog is acted on only when it is named, not with "all"
    let is_all = plan.remedy.selection == Selection::All;
    if is_all && process.pid.is_some_and(watchdogs::is_watchdog) {
        return Some(Skip::Watchdog);
    }
    let is_signalled = !plan.action.is_restart();
    let is_running = process.state == ProcessState::Running;
    if !plan.acts_on(process) || is_signalled && !is_running {
        return Some(Skip::NotRunning {
            state: process.state,
        });
    }
    if plan.unfinished.contains(&process.name) {
        return Some(Skip::Unfinished);
    }
    if let Some(replaced) = replaced(plan.listed.as_deref(), process) {
        return Some(replaced);
    }
    if let (true, PlanAction::Signal(signal)) = (plan.dry_run, &plan.action) {
        let what = format!("send {signal}");
        return Some(Skip::WouldBeDone { what });
    }
    plan.dry_run.then_some(Skip::DryRun)
}
