//! The steps of an action while it goes on.

use crate::clock::Clock;
use crate::health::{ActionStep, Moment, ProcessName, Step};

/// The steps done so far; each is told as soon as it is done.
pub(super) struct Log<'a> {
    pub clock: &'a Clock,
    pub steps: Vec<Step>,
    pub tell: &'a mut (dyn FnMut(&Step) + Send),
}

impl Log<'_> {
    /// Notes a deed that began at `begun`.
    pub fn note(&mut self, begun: Moment, process: Option<&ProcessName>, deed: ActionStep) {
        let at = self.clock.now();
        let step = Step {
            at,
            took: at.since(begun),
            process: process.cloned(),
            deed,
        };
        (self.tell)(&step);
        self.steps.push(step);
    }

    /// Whether `name` was started already.
    pub fn has_started(&self, name: &ProcessName) -> bool {
        self.steps.iter().any(|step| {
            step.process.as_ref() == Some(name) && matches!(step.deed, ActionStep::Started { .. })
        })
    }

    /// Notes a deed that took no time.
    pub fn say(&mut self, process: Option<&ProcessName>, deed: ActionStep) {
        self.note(self.clock.now(), process, deed);
    }
}
