//! Floor 3: performs a plan. For each process, in name order: look again, keep evidence, stop, start, wait
//! until it is RUNNING. Whether to act was decided in `health`; whether it helped is for the check to prove.

mod capture;
mod falling;
mod finish;
mod intents;
mod restart;
mod start;

use std::time::Duration;

use crate::clock::Clock;
use crate::health::{
    Deed, Halt, Moment, Outcome, Plan, Process, ProcessName, Scope, Selection, Skip, Step,
};
use crate::store::IntentId;
use crate::supervisor::{Listing, Supervisors};

pub use capture::{CaptureSpec, DUMP, Dumper, run_dump};
pub use finish::{Finish, finish};
pub use intents::Intents;

/// How long one supervisor may take to list its processes, however patient its own client is.
const LIST_FOR: Duration = Duration::from_secs(60);

/// What an action works with.
pub struct Tools<'a> {
    /// Who stops and starts.
    pub supervisors: &'a Supervisors,
    /// When things happen.
    pub clock: &'a Clock,
    /// Evidence before a restart.
    pub capture: Option<&'a CaptureSpec>,
    /// Where it is noted that a process is about to be stopped.
    pub intents: &'a Intents,
}

/// What an action did, and what it must not forget.
#[derive(Debug, Default)]
pub struct Performed {
    /// All that was done.
    pub outcome: Outcome,
    /// The intents of processes that run again, or were left alone after all: to be closed as soon as
    /// the outcome is safe.
    pub done: Vec<IntentId>,
    /// The intents of processes that do not run yet.
    pub unfinished: Vec<(IntentId, Unfinished)>,
}

/// A restart that was begun and of which it is not known that it ended well.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The process.
    pub process: ProcessName,
    /// Its pid before the stop: the same one still running was never stopped.
    pub pid_before: Option<u32>,
    /// A start of ours has begun. If it is found STOPPED after that, an operator did it.
    pub has_begun: bool,
}

/// The steps done so far; each is told as soon as it is done.
struct Log<'a> {
    clock: &'a Clock,
    steps: Vec<Step>,
    tell: &'a mut (dyn FnMut(&Step) + Send),
}

impl Log<'_> {
    /// Notes a deed that began at `begun`.
    fn note(&mut self, begun: Moment, process: Option<&ProcessName>, deed: Deed) {
        let at = self.clock.now();
        let step = Step {
            at,
            took: at.since(begun),
            process: process.cloned(),
            deed,
        };
        (self.tell)(&step);
        self.steps.push(step);
    }

    /// Whether `name` was started already.
    fn has_started(&self, name: &ProcessName) -> bool {
        self.steps.iter().any(|step| {
            step.process.as_ref() == Some(name) && matches!(step.deed, Deed::Started { .. })
        })
    }

    /// Notes a deed that took no time.
    fn say(&mut self, process: Option<&ProcessName>, deed: Deed) {
        self.note(self.clock.now(), process, deed);
    }
}

/// Performs `plan`; tells each step as soon as it is done. Never fails: what goes wrong is a step.
pub async fn perform(
    plan: &Plan,
    tools: &Tools<'_>,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Performed {
    let mut performed = Performed::default();
    let mut log = Log {
        clock: tools.clock,
        steps: Vec::new(),
        tell,
    };
    let Some(listing) = list(plan, tools, &mut log).await else {
        performed.outcome.steps = log.steps;
        return performed;
    };
    let mut enough = false;
    for process in plan.remedy.select(&listing.processes) {
        // what fell with one before it is another life by now
        if !plan.scope.covers(&process.name) || log.has_started(&process.name) {
            continue;
        }
        match skip(plan, &process) {
            Some(Skip::Ourselves) if plan.remedy.selection == Selection::All => {}
            Some(why) => log.say(Some(&process.name), Deed::Skipped(why)),
            None if enough => {
                let why = Skip::Halted(Halt::OneIsEnough);
                log.say(Some(&process.name), Deed::Skipped(why));
            }
            None => {
                restart::restart(&process, plan, tools, &mut log, &mut performed).await;
                enough = plan.scope == Scope::First;
            }
        }
    }
    let targets = plan.remedy.missing(&listing.processes, &listing.unasked());
    if plan.scope.is_first() && !targets.is_empty() {
        log.say(None, Deed::Missing { targets });
    }
    performed.outcome.steps = log.steps;
    performed
}

/// Asks those supervisors that this plan is about; `None` when none of them could be asked.
async fn list(plan: &Plan, tools: &Tools<'_>, log: &mut Log<'_>) -> Option<Listing> {
    let begun = log.clock.now();
    let backends = plan.scope.backends(&plan.remedy);
    let supervisors = tools.supervisors;
    let listing = supervisors.list(&plan.remedy, &backends, LIST_FOR).await;
    let none = plan.scope.is_first() && listing.unasked.len() == backends.len();
    if let (true, Some((_, error))) = (none, listing.unasked.first()) {
        let error = error.clone();
        log.note(begun, None, Deed::ListFailed { error });
        return None;
    }
    for (backend, error) in listing.unasked.iter().cloned() {
        log.note(begun, None, Deed::Unasked { backend, error });
    }
    Some(listing)
}

/// Why `process` is to be left alone, if it is.
fn skip(plan: &Plan, process: &Process) -> Option<Skip> {
    if plan.remedy.is_ourselves(&process.name) {
        return Some(Skip::Ourselves);
    }
    if !plan.remedy.acts_on(process.state) {
        return Some(Skip::NotRunning {
            state: process.state,
        });
    }
    if let Some(replaced) = replaced(plan.looked.as_deref(), process) {
        return Some(replaced);
    }
    plan.dry_run.then_some(Skip::DryRun)
}

/// Whether this is another process than the check looked at: someone was faster. Where the supervisor
/// could not be asked before, or tells no life from another, there is nothing to compare.
fn replaced(looked: Option<&[Process]>, process: &Process) -> Option<Skip> {
    let before = looked?.iter().find(|before| before.name == process.name)?;
    (process.is_still(before) == Some(false)).then_some(Skip::Replaced {
        looked: before.pid,
        found: process.pid,
    })
}
