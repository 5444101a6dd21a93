//! One try to finish a pending restart: the process that httpok stopped runs again, or it is no longer httpok's task
//! to start it. When to try, and when to try again, is decided in the decision core.

use crate::clock::Clock;
use crate::health::{
    ActionStep, CallError, Outcome, PendingRestart, Process, ProcessState, ResumeResult, Step,
};
use crate::supervisor::Supervisors;

use super::record::ActionRecord;
use super::record::StepLog;
use super::start::{settle, start};

/// Tries once. Without `may_start` it only checks whether the process runs.
pub async fn resume(
    restart: &PendingRestart,
    may_start: bool,
    supervisors: &Supervisors,
    clock: &Clock,
    report: &mut (dyn FnMut(&Step) + Send),
) -> (Outcome, ResumeResult) {
    let record = ActionRecord::default();
    let mut log = StepLog {
        clock,
        record: &record,
        report,
    };
    let result = finish(restart, may_start, supervisors, &mut log).await;
    (record.finish().outcome, result)
}

async fn finish(
    restart: &PendingRestart,
    may_start: bool,
    supervisors: &Supervisors,
    log: &mut StepLog<'_>,
) -> ResumeResult {
    let name = &restart.process;
    let found = match supervisors.info(name).await {
        Ok(found) => found,
        Err(error) if error.is_fault(CallError::BAD_NAME) => {
            let why = "its supervisor knows no such process any more".to_owned();
            return ResumeResult::NotOurs { why };
        }
        Err(error) => return not_yet(error.to_string()),
    };
    let begun = log.clock.now();
    let mut start_made = false;
    match found.state {
        ProcessState::Running if restart.stop_unclear => return runs(restart, supervisors).await,
        ProcessState::Running => {
            note_running(&found, restart, log);
            return ResumeResult::Finished;
        }
        ProcessState::Stopped if restart.start_begun => {
            let why = "someone stopped it after we had started it".to_owned();
            return ResumeResult::NotOurs { why };
        }
        ProcessState::Starting | ProcessState::Backoff if restart.stop_unclear => {}
        // the run that was killed had started it, or its supervisor does: all that is known of it is named
        state @ (ProcessState::Starting | ProcessState::Backoff) => {
            log.record(Some(name), ActionStep::Resumed { state });
        }
        ProcessState::Stopping => return not_yet("it is still stopping".to_owned()),
        state if !may_start => return not_yet(format!("it is {state}")),
        state => {
            log.record(Some(name), ActionStep::Resumed { state });
            let error = start(supervisors, name, None).await.err();
            let failed = error.clone();
            log.note(begun, Some(name), ActionStep::Started { error });
            if let Some(error) = failed {
                return ResumeResult::NotYet {
                    why: error.to_string(),
                    start_answered: !error.is_passing(),
                    start_begun: error.has_begun(),
                };
            }
            start_made = true;
        }
    }
    let begun = log.clock.now();
    let (state, pid) = settle(supervisors, name).await;
    if state == ProcessState::Running {
        if start_made || !restart.stop_unclear {
            log.note(begun, Some(name), ActionStep::Settled { state, pid });
        }
        // a process that had ended by itself is none that was stopped
        return match restart.stop_unclear && found.state != ProcessState::Stopped {
            true => runs(restart, supervisors).await,
            false => ResumeResult::Finished,
        };
    }
    ResumeResult::NotYet {
        why: format!("it is {state}"),
        start_answered: start_made,
        start_begun: start_made,
    }
}

/// It runs, and the stop that a killed run asked for may still be performed: a supervisor may have hung, or not every
/// one reports that a process is stopping.
async fn runs(restart: &PendingRestart, supervisors: &Supervisors) -> ResumeResult {
    let stop_within = supervisors.stop_takes(&restart.process).await;
    ResumeResult::Runs { stop_within }
}

fn not_yet(why: String) -> ResumeResult {
    ResumeResult::NotYet {
        why,
        start_answered: false,
        start_begun: false,
    }
}

/// Notes that the process runs: either the one that was to be stopped, untouched, or a new one.
fn note_running(found: &Process, restart: &PendingRestart, log: &mut StepLog<'_>) {
    let untouched = found.pid.is_some() && found.pid == restart.pid_before;
    if !untouched {
        let name = Some(&restart.process);
        let (state, pid) = (ProcessState::Running, found.pid);
        log.record(name, ActionStep::Resumed { state });
        log.record(name, ActionStep::Settled { state, pid });
    }
}
