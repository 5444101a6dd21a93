//! What an action has done so far, kept where it survives a panic of the action: its steps, and the restarts that it
//! has begun and not finished; and the log that its steps are written to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::health::{
    ActionStep, CallError, IntentId, Moment, Outcome, PendingRestart, ProcessName, Step,
};

/// What an action did.
#[derive(Clone, Debug, Default)]
pub struct PerformedAction {
    /// All that was done.
    pub outcome: Outcome,
    /// The intents of processes that run again, or were left alone after all: to be closed as soon as
    /// the outcome is safe.
    pub done: Vec<IntentId>,
    /// The restarts of processes that do not run yet.
    pub pending: Vec<PendingRestart>,
}

/// What an action has done so far. Clones are the same record.
#[derive(Clone, Debug, Default)]
pub struct ActionRecord(Arc<Mutex<PerformedAction>>);

impl ActionRecord {
    /// Notes a step.
    pub(super) fn step(&self, step: Step) {
        self.lock().outcome.steps.push(step);
    }

    /// Whether one of the steps so far satisfies `fits`.
    pub(super) fn has_step(&self, fits: impl Fn(&Step) -> bool) -> bool {
        self.lock().outcome.steps.iter().any(fits)
    }

    /// A process is about to be stopped. Its restart is pending until it is [closed](Self::close).
    pub(super) fn open(&self, restart: PendingRestart) {
        self.lock().pending.push(restart);
    }

    /// The process runs again, or was left alone after all.
    pub(super) fn close(&self, intent: IntentId) {
        let mut performed = self.lock();
        performed.pending.retain(|restart| restart.intent != intent);
        performed.done.push(intent);
    }

    /// The process was started, with this result. `unstopped`: its stop was not confirmed.
    pub(super) fn started(&self, intent: IntentId, unstopped: bool, error: Option<&CallError>) {
        let mut performed = self.lock();
        let mut pending = performed.pending.iter_mut();
        if let Some(restart) = pending.find(|restart| restart.intent == intent) {
            // it runs as before, and the stop may still come
            if unstopped && error.is_some_and(|error| error.is_fault(CallError::ALREADY_STARTED)) {
                return;
            }
            restart.stop_unclear = unstopped && error.is_some_and(CallError::is_passing);
            restart.start_answered = error.is_none_or(|error| !error.is_passing());
            restart.start_begun = error.is_none_or(CallError::has_begun);
        }
    }

    /// The action has ended.
    pub fn finish(&self) -> PerformedAction {
        self.lock().clone()
    }

    /// The action broke off because of an internal error. The processes that it had stopped are pending.
    pub fn broke_off(&self, clock: &Clock, detail: String) -> PerformedAction {
        self.step(Step {
            at: clock.now(),
            took: std::time::Duration::ZERO,
            process: None,
            action: ActionStep::BrokeOff { detail },
        });
        self.finish()
    }

    fn lock(&self) -> MutexGuard<'_, PerformedAction> {
        // the value is consistent after a panic, because each method makes one change
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
