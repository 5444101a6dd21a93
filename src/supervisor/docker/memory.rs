//! What stops and starts by httpok have shown about containers, and an engine does not report: that a container is
//! stopping, or ended by itself. Each fact is about one run of a container and is dropped with it. The memory is
//! small: it holds only containers that httpok acted on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::container::Container;
use crate::health::{ProcessName, ProcessState};
use crate::supervisor::lingering::LingeringStops;

/// What the client remembers.
#[derive(Clone, Debug, Default)]
pub struct ContainerMemory {
    /// Stops without an answer.
    pub stops: LingeringStops,
    facts: Arc<Mutex<KnownStates>>,
}

#[derive(Debug, Default)]
struct KnownStates {
    /// By id: a life that no operator has ended, or that was the last before a start failed, and its state in
    /// truth.
    ends: HashMap<String, (String, ProcessState)>,
    /// The ids of containers that httpok stopped and that do not run again yet.
    stopped: HashMap<ProcessName, String>,
}

impl ContainerMemory {
    /// httpok stopped the container `id` as `name`.
    pub fn stopped(&self, name: &ProcessName, id: &str) {
        self.facts().stopped.insert(name.clone(), id.to_owned());
    }

    /// `name` runs again.
    pub fn started(&self, name: &ProcessName) {
        self.facts().stopped.remove(name);
    }

    /// The id of the container that httpok stopped as `name`.
    pub fn id_of(&self, name: &ProcessName) -> Option<String> {
        self.facts().stopped.get(name).cloned()
    }

    /// httpok started `container`, which is not up: its state is `state`, whatever the engine reports.
    pub fn ended(&self, container: &Container, state: ProcessState) {
        let fact = (container.life(), state);
        self.facts().ends.insert(container.id.clone(), fact);
    }

    /// The state of `container`, when the memory is more exact than the engine.
    pub fn state_of(&self, container: &Container, now: Instant) -> Option<ProcessState> {
        if container.is_running() {
            self.facts().ends.remove(&container.id);
            let holds = self.stops.holds(&container.id, &container.life(), now);
            return holds.then_some(ProcessState::Stopping);
        }
        if !container.has_ended() {
            return None;
        }
        self.stops.settled(&container.id);
        let mut facts = self.facts();
        let (life, state) = facts.ends.get(&container.id)?;
        if *life == container.life() {
            return Some(*state);
        }
        facts.ends.remove(&container.id);
        None
    }

    fn facts(&self) -> MutexGuard<'_, KnownStates> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
