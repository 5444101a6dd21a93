//! Stops and starts one process. Once the stop has been requested, every step serves one goal: that
//! the process runs again.

use crate::health::{ActionStep, CallError, Plan, Process, ProcessName, ProcessState, Skip};
use crate::supervisor::Supervisors;

use super::ActionTools;
use super::capture;
use super::dependents::{self, Dependents};
use super::record::StepLog;
use super::start::start_and_wait;

/// Restarts `process`, or starts it when it does not run.
pub(super) async fn restart(
    process: &Process,
    plan: &Plan,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
) {
    let name = &process.name;
    let Some(intent) = tools.open_intent(process, plan, log).await else {
        return;
    };
    let mut dependents = Vec::new();
    let stopped = match process.state {
        ProcessState::Running => stop(process, plan, tools, log, &mut dependents).await,
        state => {
            log.record(Some(name), ActionStep::Starting { state });
            Stopped::Yes
        }
    };
    let unstopped = match stopped {
        Stopped::NotOurs => {
            tools.record.close(intent);
            for (_, intent) in dependents {
                tools.record.close(intent);
            }
            return;
        }
        Stopped::Yes => None,
        Stopped::Unclear => Some(process),
    };
    start_and_wait(process, unstopped, intent, tools, log).await;
    dependents::start_dependents(dependents, tools, log).await;
}

/// Whether a process has stopped, so that it can be started.
enum Stopped {
    Yes,
    /// Its supervisor did not confirm it.
    Unclear,
    /// Another program or an operator is responsible for the start.
    NotOurs,
}

/// Keeps evidence of a running process and stops it. The processes that its supervisor stops with it go into
/// `dependents`.
async fn stop(
    process: &Process,
    plan: &Plan,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
    dependents: &mut Dependents,
) -> Stopped {
    let name = &process.name;
    if plan.capture
        && let (Some(spec), Some(pid)) = (tools.capture, process.pid)
    {
        capture::capture(spec, (name, pid), plan, tools, log).await;
        if let Some(why) = tools.halt() {
            log.record(Some(name), ActionStep::Skipped(why));
            return Stopped::NotOurs;
        }
        // evidence takes time, in which an operator may have restarted the process
        if let Some(why) = changed(tools.supervisors, process).await {
            log.record(Some(name), ActionStep::Skipped(why));
            return Stopped::NotOurs;
        }
    }
    *dependents = dependents::note(process, plan, tools).await;
    log.record(Some(name), ActionStep::Restarting { pid: process.pid });
    let begun = log.clock.now();
    let error = tools.supervisors.stop(name).await.err();
    let not_running = error
        .as_ref()
        .is_some_and(|error| error.is_fault(CallError::NOT_RUNNING));
    let stopped = if error.is_none() {
        Stopped::Yes
    } else {
        Stopped::Unclear
    };
    log.note(begun, Some(name), ActionStep::Stopped { error });
    if not_running && let Some(state) = stopped_by_someone(tools.supervisors, name).await {
        log.record(Some(name), ActionStep::Skipped(Skip::NotRunning { state }));
        return Stopped::NotOurs;
    }
    stopped
}

/// The reason to skip a process that was replaced or does not run any more.
async fn changed(supervisors: &Supervisors, process: &Process) -> Option<Skip> {
    let now = supervisors.info(&process.name).await.ok()?;
    if now.state == ProcessState::Running {
        return replaced(Some(std::slice::from_ref(process)), &now);
    }
    Some(Skip::NotRunning { state: now.state })
}

/// Whether this is another process than the one that the check probed: it was restarted meanwhile. Where the
/// supervisor could not be asked before, or reports no start time or instance, there is nothing to compare.
pub(super) fn replaced(listed: Option<&[Process]>, process: &Process) -> Option<Skip> {
    let before = listed?.iter().find(|before| before.name == process.name)?;
    (process.is_still(before) == Some(false)).then_some(Skip::Replaced {
        probed: before.pid,
        found: process.pid,
    })
}

/// The stop was answered with "not running": the state of the process, if an operator stopped it between the listing
/// and the stop. Then it stays stopped.
async fn stopped_by_someone(supervisors: &Supervisors, name: &ProcessName) -> Option<ProcessState> {
    let state = supervisors.info(name).await.ok()?.state;
    matches!(state, ProcessState::Stopped | ProcessState::Stopping).then_some(state)
}
