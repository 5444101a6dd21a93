//! What stops and starts of ours have shown about containers, and what an engine does not say: that one is on
//! its way down, that one ended by itself. Each fact is about one life of a container and falls with it. It is
//! little: only containers that we acted on are in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::container::Container;
use crate::health::{ProcessName, ProcessState};
use crate::supervisor::lingering::Lingering;

/// What we know better.
#[derive(Clone, Debug, Default)]
pub struct ContainerMemory {
    /// Stops whose answer never came.
    pub stops: Lingering,
    facts: Arc<Mutex<KnownStates>>,
}

#[derive(Debug, Default)]
struct KnownStates {
    /// By id: a life that no operator has ended, or that was the last before a start failed, and its state in
    /// truth.
    ends: HashMap<String, (String, ProcessState)>,
    /// The ids of containers that we stopped and that do not run again yet.
    stopped: HashMap<ProcessName, String>,
}

impl ContainerMemory {
    /// We stopped the container `id` as `name`.
    pub fn stopped(&self, name: &ProcessName, id: &str) {
        self.facts().stopped.insert(name.clone(), id.to_owned());
    }

    /// `name` runs again.
    pub fn started(&self, name: &ProcessName) {
        self.facts().stopped.remove(name);
    }

    /// The id of what we stopped as `name`.
    pub fn id_of(&self, name: &ProcessName) -> Option<String> {
        self.facts().stopped.get(name).cloned()
    }

    /// `container` was started by us and is not up: it is in `state`, whatever its engine calls that.
    pub fn ended(&self, container: &Container, state: ProcessState) {
        let fact = (container.life(), state);
        self.facts().ends.insert(container.id.clone(), fact);
    }

    /// The state that `container` is in, if we know it better than its engine.
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
