//! Stops and starts one process. From the moment the stop is asked for, everything aims at one thing: that
//! the process runs again.

use crate::health::{ActionStep, CallError, Plan, Process, ProcessName, ProcessState, Skip};
use crate::supervisor::Supervisors;

use super::capture;
use super::falling::{self, Falling};
use super::log::Log;
use super::performed::Performed;
use super::start::bring_up;
use super::tools::Tools;

/// Restarts `process`, or starts it when it does not run.
pub(super) async fn restart(
    process: &Process,
    plan: &Plan,
    tools: &Tools<'_>,
    log: &mut Log<'_>,
    performed: &mut Performed,
) {
    let name = &process.name;
    let address = tools.supervisors.address(name.backend);
    if let Some(watchdog) = tools.intents.in_other_hands(process, address).await {
        log.say(
            Some(name),
            ActionStep::Skipped(Skip::InOtherHands { watchdog }),
        );
        return;
    }
    let now = log.clock.now();
    let intent = tools.intents.open(process, plan, address, now).await;
    let mut falling = Vec::new();
    let way = match process.state {
        ProcessState::Running => stop(process, plan, tools, log, &mut falling).await,
        state => {
            log.say(Some(name), ActionStep::Starting { state });
            Way::Clear
        }
    };
    let unstopped = match way {
        Way::NotOurs => {
            performed.done.push(intent);
            performed.done.extend(falling.into_iter().map(|one| one.1));
            return;
        }
        Way::Clear => None,
        Way::Unclear => Some(process),
    };
    bring_up(process, unstopped, intent, tools, log, performed).await;
    falling::bring_back(falling, tools, log, performed).await;
}

/// Whether a process can be started now.
enum Way {
    /// It has stopped.
    Clear,
    /// Nobody said that it has.
    Unclear,
    /// It turned out to be someone else's to start.
    NotOurs,
}

/// Keeps evidence of a running process and stops it; what falls with it goes into `falling`.
async fn stop(
    process: &Process,
    plan: &Plan,
    tools: &Tools<'_>,
    log: &mut Log<'_>,
    falling: &mut Falling,
) -> Way {
    let name = &process.name;
    if plan.capture
        && let (Some(spec), Some(pid)) = (tools.capture, process.pid)
    {
        capture::capture(
            spec,
            tools.evidence,
            (name, pid),
            plan,
            tools.supervisors,
            log,
        )
        .await;
        // evidence takes time, in which someone else may have restarted it
        if let Some(why) = changed(tools.supervisors, process).await {
            log.say(Some(name), ActionStep::Skipped(why));
            return Way::NotOurs;
        }
    }
    *falling = falling::note(process, plan, tools).await;
    log.say(Some(name), ActionStep::Restarting { pid: process.pid });
    let begun = log.clock.now();
    let error = tools.supervisors.stop(name).await.err();
    let not_running = error
        .as_ref()
        .is_some_and(|error| error.is_fault(CallError::NOT_RUNNING));
    let way = if error.is_none() {
        Way::Clear
    } else {
        Way::Unclear
    };
    log.note(begun, Some(name), ActionStep::Stopped { error });
    if not_running && let Some(state) = stopped_by_someone(tools.supervisors, name).await {
        log.say(Some(name), ActionStep::Skipped(Skip::NotRunning { state }));
        return Way::NotOurs;
    }
    way
}

/// Why a process is not to be touched any more, if it is another one now, or not running.
async fn changed(supervisors: &Supervisors, process: &Process) -> Option<Skip> {
    let now = supervisors.info(&process.name).await.ok()?;
    if now.state == ProcessState::Running {
        return replaced(Some(std::slice::from_ref(process)), &now);
    }
    Some(Skip::NotRunning { state: now.state })
}

/// Whether this is another process than the check looked at: someone was faster. Where the supervisor
/// could not be asked before, or tells no life from another, there is nothing to compare.
pub(super) fn replaced(looked: Option<&[Process]>, process: &Process) -> Option<Skip> {
    let before = looked?.iter().find(|before| before.name == process.name)?;
    (process.is_still(before) == Some(false)).then_some(Skip::Replaced {
        looked: before.pid,
        found: process.pid,
    })
}

/// The stop said "not running": the state it is in, if someone stopped it on purpose between our look and
/// our stop. Then it is theirs, and stays stopped.
async fn stopped_by_someone(supervisors: &Supervisors, name: &ProcessName) -> Option<ProcessState> {
    let state = supervisors.info(name).await.ok()?.state;
    matches!(state, ProcessState::Stopped | ProcessState::Stopping).then_some(state)
}
