//! Stops and starts one process. From the moment the stop is asked for, everything aims at one thing: that
//! the process runs again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::health::{CallError, Deed, Plan, Process, ProcessName, ProcessState, Skip};
use crate::store::IntentId;
use crate::supervisor::Supervisors;

use super::falling::{self, Falling};
use super::{Log, Performed, Tools, Unfinished, capture, replaced};

/// How long a process may take to stop when the supervisor did not say that it has.
const STOP_FOR: Duration = Duration::from_secs(600);
/// How long a start that the supervisor's link swallowed is tried again within the action. After that the
/// restart is unfinished, and goes on beside everything else.
const START_FOR: Duration = Duration::from_secs(10);
/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a process that was started may take to be RUNNING, after the supervisor said that it started.
const SETTLE_FOR: Duration = Duration::from_secs(10);
const SETTLE_EVERY: Duration = Duration::from_millis(200);

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
        log.say(Some(name), Deed::Skipped(Skip::InOtherHands { watchdog }));
        return;
    }
    let now = log.clock.now();
    let intent = tools.intents.open(process, plan, address, now).await;
    let mut falling = Vec::new();
    let way = match process.state {
        ProcessState::Running => stop(process, plan, tools, log, &mut falling).await,
        state => {
            log.say(Some(name), Deed::Starting { state });
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

/// Starts `process` and waits until it is RUNNING; says in `performed` what is to become of its intent.
pub(super) async fn bring_up(
    process: &Process,
    unstopped: Option<&Process>,
    intent: IntentId,
    tools: &Tools<'_>,
    log: &mut Log<'_>,
    performed: &mut Performed,
) {
    let name = &process.name;
    let begun = log.clock.now();
    let error = start(tools.supervisors, name, unstopped).await.err();
    let has_begun = error.as_ref().is_none_or(CallError::has_begun);
    let started = error.is_none();
    let gone = error
        .as_ref()
        .is_some_and(|error| error.is_fault(CallError::BAD_NAME));
    log.note(begun, Some(name), Deed::Started { error });
    let mut runs = false;
    if started {
        let begun = log.clock.now();
        let (state, pid) = settle(tools.supervisors, name).await;
        log.note(begun, Some(name), Deed::Settled { state, pid });
        runs = state == ProcessState::Running;
    }
    if runs || gone {
        performed.done.push(intent);
    } else {
        let unfinished = Unfinished {
            process: name.clone(),
            pid_before: process.pid,
            has_begun,
        };
        performed.unfinished.push((intent, unfinished));
    }
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
        capture::capture(spec, (name, pid), plan, tools.supervisors, log).await;
        // evidence takes time, in which someone else may have restarted it
        if let Some(why) = changed(tools.supervisors, process).await {
            log.say(Some(name), Deed::Skipped(why));
            return Way::NotOurs;
        }
    }
    *falling = falling::note(process, plan, tools).await;
    log.say(Some(name), Deed::Restarting { pid: process.pid });
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
    log.note(begun, Some(name), Deed::Stopped { error });
    if not_running && let Some(state) = stopped_by_someone(tools.supervisors, name).await {
        log.say(Some(name), Deed::Skipped(Skip::NotRunning { state }));
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

/// The stop said "not running": the state it is in, if someone stopped it on purpose between our look and
/// our stop. Then it is theirs, and stays stopped.
async fn stopped_by_someone(supervisors: &Supervisors, name: &ProcessName) -> Option<ProcessState> {
    let state = supervisors.info(name).await.ok()?.state;
    matches!(state, ProcessState::Stopped | ProcessState::Stopping).then_some(state)
}

/// Starts a process that we stopped. A broken link is no answer: it is tried until there is one. `unstopped`
/// is the process as it was, when nobody said that it has stopped.
pub(super) async fn start(
    supervisors: &Supervisors,
    name: &ProcessName,
    unstopped: Option<&Process>,
) -> Result<(), CallError> {
    let until = Instant::now() + START_FOR;
    let mut pause = FIRST_PAUSE;
    loop {
        if unstopped.is_some() {
            until_stopped(supervisors, name).await;
        }
        let error = match supervisors.start(name).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_fault(CallError::ALREADY_STARTED) => match unstopped {
                // the stop never got through: that is no restart
                Some(before) if is_same(supervisors, before).await => return Err(error),
                // someone was faster, or our last try did get through
                Some(_) | None => return Ok(()),
            },
            Err(error) => error,
        };
        if !error.is_passing() || Instant::now() + pause >= until {
            return Err(error);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The answer to a stop was lost, so the process may still be on its way down. A start that finds it there is
/// refused for good. When nobody can be asked, the start bears that.
async fn until_stopped(supervisors: &Supervisors, name: &ProcessName) {
    let until = Instant::now() + STOP_FOR;
    let mut pause = FIRST_PAUSE;
    while let Ok(process) = supervisors.info(name).await
        && process.state == ProcessState::Stopping
        && Instant::now() < until
    {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether it is still the process that it was.
async fn is_same(supervisors: &Supervisors, before: &Process) -> bool {
    let now = supervisors.info(&before.name).await;
    now.is_ok_and(|now| now.is_still(before) == Some(true))
}

/// Waits until a started process is RUNNING; says in which state it was last seen.
pub(super) async fn settle(
    supervisors: &Supervisors,
    name: &ProcessName,
) -> (ProcessState, Option<u32>) {
    let until = Instant::now() + SETTLE_FOR;
    loop {
        let Ok(process) = supervisors.info(name).await else {
            // the start itself said that it runs; nobody contradicts
            return (ProcessState::Running, None);
        };
        let settled = match process.state {
            ProcessState::Running | ProcessState::Fatal | ProcessState::Exited => true,
            ProcessState::Starting
            | ProcessState::Backoff
            | ProcessState::Stopping
            | ProcessState::Stopped
            | ProcessState::Unknown => Instant::now() >= until,
        };
        if settled {
            return (process.state, process.pid);
        }
        sleep(SETTLE_EVERY).await;
    }
}
