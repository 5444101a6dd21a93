//! Brings a half-done restart to its end: the process that we stopped runs again, or it is clear that it is
//! not ours any more. One try at a time; when to try again is the caller's business.

use crate::health::{ActionStep, CallError, Outcome, Process, ProcessState, Step};
use crate::supervisor::Supervisors;

use super::log::Log;
use super::performed::Unfinished;
use super::start::{settle, start};
use crate::clock::Clock;

/// What one try came to.
#[derive(Debug)]
pub enum Finish {
    /// It runs. The steps; none when it had never been stopped.
    Runs(Outcome),
    /// It is not ours to start any more, and why.
    NotOurs(String),
    /// It does not run yet, and why.
    NotYet(String),
}

/// Tries once.
pub async fn finish(
    unfinished: &mut Unfinished,
    supervisors: &Supervisors,
    clock: &Clock,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Finish {
    let name = unfinished.process.clone();
    let found = match supervisors.info(&name).await {
        Ok(found) => found,
        Err(error) if error.is_fault(CallError::BAD_NAME) => {
            return Finish::NotOurs("its supervisor knows no such process any more".to_owned());
        }
        Err(error) => return Finish::NotYet(error.to_string()),
    };
    let mut log = Log {
        clock,
        steps: Vec::new(),
        tell,
    };
    if found.state == ProcessState::Running {
        return Finish::Runs(running(&found, unfinished, log));
    }
    if unfinished.has_begun && found.state == ProcessState::Stopped {
        return Finish::NotOurs("someone stopped it after we had started it".to_owned());
    }
    let begun = log.clock.now();
    match found.state {
        ProcessState::Starting | ProcessState::Backoff => {}
        ProcessState::Stopping => return Finish::NotYet("it is still stopping".to_owned()),
        ProcessState::Stopped
        | ProcessState::Exited
        | ProcessState::Fatal
        | ProcessState::Unknown
        | ProcessState::Running => {
            log.say(Some(&name), ActionStep::Resumed { state: found.state });
            let started = start(supervisors, &name, None).await;
            if let Err(error) = started {
                unfinished.has_begun |= error.has_begun();
                return Finish::NotYet(error.to_string());
            }
            unfinished.has_begun = true;
            log.note(begun, Some(&name), ActionStep::Started { error: None });
        }
    }
    let begun = log.clock.now();
    match settle(supervisors, &name).await {
        (ProcessState::Running, pid) => {
            let state = ProcessState::Running;
            log.note(begun, Some(&name), ActionStep::Settled { state, pid });
            Finish::Runs(Outcome { steps: log.steps })
        }
        (state, _) => Finish::NotYet(format!("it is {state}")),
    }
}

/// It runs: as the process that was to be stopped (then nothing happened to it), or as a new one.
fn running(found: &Process, unfinished: &Unfinished, mut log: Log<'_>) -> Outcome {
    let state = ProcessState::Running;
    let untouched = found.pid.is_some() && found.pid == unfinished.pid_before;
    if !untouched {
        let name = Some(&unfinished.process);
        log.say(name, ActionStep::Resumed { state });
        let pid = found.pid;
        log.say(name, ActionStep::Settled { state, pid });
    }
    Outcome { steps: log.steps }
}
