//! Processes that fall with another one: their supervisor stops them when it is stopped, and does not start them
//! with it. We stop them just as well, so they have intents of their own and are started again like it.

use crate::health::{ActionStep, Plan, Process, ProcessState};
use crate::store::IntentId;

use super::log::Log;
use super::performed::Performed;
use super::start::bring_up;
use super::tools::Tools;

/// Processes as they were before, and their intents.
pub(super) type Falling = Vec<(Process, IntentId)>;

/// Notes what will fall with `process`.
pub(super) async fn note(process: &Process, plan: &Plan, tools: &Tools<'_>) -> Falling {
    let dependents = tools.supervisors.dependents(&process.name).await;
    let address = tools.supervisors.address(process.name.backend);
    let mut falling = Vec::new();
    // a supervisor that does not answer this will not stop anything either
    for dependent in dependents.unwrap_or_default() {
        let intents = tools.intents;
        let intent = intents.open(&dependent, plan, address, tools.clock.now());
        let intent = intent.await;
        falling.push((dependent, intent));
    }
    falling
}

/// Starts again those that fell.
pub(super) async fn bring_back(
    falling: Falling,
    tools: &Tools<'_>,
    log: &mut Log<'_>,
    performed: &mut Performed,
) {
    for (process, intent) in falling {
        let name = &process.name;
        let found = tools.supervisors.info(name).await.ok();
        if found.as_ref().is_some_and(|found| stands(found, &process)) {
            performed.done.push(intent);
            continue;
        }
        let state = found.map_or(ProcessState::Unknown, |found| found.state);
        log.say(Some(name), ActionStep::Starting { state });
        bring_up(&process, None, intent, tools, log, performed).await;
    }
}

/// Whether it did not fall after all.
fn stands(found: &Process, before: &Process) -> bool {
    let up = matches!(
        found.state,
        ProcessState::Running | ProcessState::Starting | ProcessState::Backoff
    );
    up && found.is_still(before) == Some(true)
}
