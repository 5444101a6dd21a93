//! Starts a process that httpok stopped, or that was stopped with one, and waits until it is RUNNING. A start that the
//! supervisor did not answer is tried again here. Why a process is started is decided elsewhere.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::health::{ActionStep, CallError, IntentId, Process, ProcessName, ProcessState};
use crate::supervisor::Supervisors;

use super::ActionTools;
use super::record::StepLog;

/// How long a process may take to stop when the supervisor did not say that it has.
const STOP_FOR: Duration = Duration::from_secs(600);
/// How long a start that the supervisor did not answer is tried again within the action. After that the restart is
/// pending, and tried again when the decision core says so.
const START_FOR: Duration = Duration::from_secs(10);
/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a process that was started may take to be RUNNING, after the supervisor said that it started.
const SETTLE_FOR: Duration = Duration::from_secs(10);
const SETTLE_EVERY: Duration = Duration::from_millis(200);

/// Starts `process` and waits until it is RUNNING. Its restart stays pending in the record when it is not.
pub(super) async fn start_and_wait(
    process: &Process,
    unstopped: Option<&Process>,
    intent: IntentId,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
) {
    let name = &process.name;
    let begun = log.clock.now();
    let error = start(tools.supervisors, name, unstopped).await.err();
    let unclear = unstopped.is_some();
    tools.record.started(intent, unclear, error.as_ref());
    let started = error.is_none();
    let gone = error
        .as_ref()
        .is_some_and(|error| error.is_fault(CallError::BAD_NAME));
    log.note(begun, Some(name), ActionStep::Started { error });
    let mut runs = false;
    if started {
        let begun = log.clock.now();
        let (state, pid) = settle(tools.supervisors, name).await;
        log.note(begun, Some(name), ActionStep::Settled { state, pid });
        runs = state == ProcessState::Running;
    }
    if runs || gone {
        tools.record.close(intent);
    }
}

/// Starts a process that httpok stopped. A broken connection is not an answer: the start is retried until there is
/// one. `unstopped` is the process before the stop, when the stop was not confirmed.
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
                // the stop never reached the supervisor: this is not a restart
                Some(before) if is_same(supervisors, before).await => return Err(error),
                // an operator started it, or the last try succeeded
                Some(_) if stops(supervisors, name).await => continue,
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

/// The answer to a stop was lost, so the process may still be stopping. A start of a process that still runs is
/// refused. When the supervisor cannot be asked, the start goes ahead.
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

/// Whether a process that somebody else started stops after all: the stop that was not answered may come after that.
async fn stops(supervisors: &Supervisors, name: &ProcessName) -> bool {
    let until = Instant::now() + supervisors.stop_takes(name).await;
    while Instant::now() < until {
        sleep(FIRST_PAUSE).await;
        let found = supervisors.info(name).await;
        let down = |process: Process| {
            matches!(
                process.state,
                ProcessState::Stopping | ProcessState::Stopped
            )
        };
        if found.is_ok_and(down) {
            return true;
        }
    }
    false
}

/// Whether it is still the process that it was.
async fn is_same(supervisors: &Supervisors, before: &Process) -> bool {
    let now = supervisors.info(&before.name).await;
    now.is_ok_and(|now| now.is_still(before) == Some(true))
}

/// Waits until a started process is RUNNING; returns the last state that was seen.
pub(super) async fn settle(
    supervisors: &Supervisors,
    name: &ProcessName,
) -> (ProcessState, Option<u32>) {
    let until = Instant::now() + SETTLE_FOR;
    loop {
        let Ok(process) = supervisors.info(name).await else {
            // the start was answered with success, and nothing contradicts it
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
