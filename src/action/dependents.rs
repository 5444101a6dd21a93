//! Dependents of a process: their supervisor stops them when it is stopped, and does not start them
//! with it. httpok gives each an intent of its own and starts them again like the process itself.

use crate::health::{ActionStep, IntentId, Plan, Process, ProcessState};

use super::ActionTools;
use super::record::StepLog;
use super::start::start_and_wait;

/// Processes as they were before, and their intents.
pub(super) type Dependents = Vec<(Process, IntentId)>;

/// Notes what will be stopped with `process`.
pub(super) async fn note(process: &Process, plan: &Plan, tools: &ActionTools<'_>) -> Dependents {
    let listed = tools.supervisors.dependents(&process.name).await;
    let mut dependents = Vec::new();
    // a supervisor that does not answer this query will not answer the stop either
    for dependent in listed.unwrap_or_default() {
        // the watchdog that already restarts it will start it, too
        if let Ok(intent) = tools.intents.open(&dependent, plan, tools).await {
            dependents.push((dependent, intent));
        }
    }
    dependents
}

/// Starts again those that were stopped.
pub(super) async fn start_dependents(
    dependents: Dependents,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
) {
    for (process, intent) in dependents {
        let name = &process.name;
        let found = tools.supervisors.info(name).await.ok();
        if found
            .as_ref()
            .is_some_and(|found| is_as_before(found, &process))
        {
            tools.record.close(intent);
            continue;
        }
        let state = found.map_or(ProcessState::Unknown, |found| found.state);
        log.record(Some(name), ActionStep::Starting { state });
        start_and_wait(&process, None, intent, tools, log).await;
    }
}

/// Whether it was not stopped after all.
fn is_as_before(found: &Process, before: &Process) -> bool {
    let up = matches!(
        found.state,
        ProcessState::Running | ProcessState::Starting | ProcessState::Backoff
    );
    up && found.is_still(before) == Some(true)
}
