//! The steps of an action while it goes on.

use crate::clock::Clock;
use crate::health::{ActionStep, Moment, ProcessName, Step};

use super::record::ActionRecord;

/// Records steps, and passes each at once to a callback.
pub(super) struct StepLog<'a> {
    pub clock: &'a Clock,
    pub record: &'a ActionRecord,
    pub report: &'a mut (dyn FnMut(&Step) + Send),
}

impl StepLog<'_> {
    /// Notes a step that began at `begun`.
    pub fn note(&mut self, begun: Moment, process: Option<&ProcessName>, action: ActionStep) {
        let at = self.clock.now();
        let step = Step {
            at,
            took: at.since(begun),
            process: process.cloned(),
            action,
        };
        (self.report)(&step);
        self.record.step(step);
    }

    /// Whether `name` was started already.
    pub fn has_started(&self, name: &ProcessName) -> bool {
        self.record.has_step(|step| {
            step.process.as_ref() == Some(name) && matches!(step.action, ActionStep::Started { .. })
        })
    }

    /// Notes a step that took no time.
    pub fn record(&mut self, process: Option<&ProcessName>, action: ActionStep) {
        self.note(self.clock.now(), process, action);
    }
}
