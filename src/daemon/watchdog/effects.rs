//! From an event to its effects, and what of it is written to disk, in an order that bears a kill at any time.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Watchdog;
use crate::daemon::executor::{ActionCause, FinishedEffect};
use crate::daemon::judging;
use crate::daemon::notification_queue::ReportBatch;
use crate::daemon::persist_queue::PersistEntry;
use crate::health::{Decision, Effect, Event, Note, Report, Verdict};

impl Watchdog {
    /// An effect has ended. Its intents are closed only after what follows from it is safe.
    pub(super) fn effect_ended(&mut self, ended: FinishedEffect) {
        if let Some(event) = self.judge_off_loop(ended.event) {
            self.feed(event);
        }
        if let Some(check) = &ended.acted_for {
            self.write_down(check, true);
        }
        if !ended.done.is_empty() {
            self.persist_queue.write(PersistEntry::Done(ended.done));
        }
    }

    /// Has judged elsewhere what would take so long that other checks had to wait; it comes back judged.
    fn judge_off_loop(&self, event: Event) -> Option<Event> {
        match event {
            Event::Observed {
                check,
                ticket,
                seen,
            } => {
                if judging::is_small(&seen) {
                    return Some(Event::Observed {
                        check,
                        ticket,
                        seen,
                    });
                }
                // a check that is gone needs no judge
                let expectation = self.monitor.expectation(&check)?;
                if judging::is_light(expectation, &seen) {
                    return Some(Event::Observed {
                        check,
                        ticket,
                        seen,
                    });
                }
                let expectation = expectation.clone();
                self.executor.judge(check, ticket, seen, expectation);
                None
            }
            event => Some(event),
        }
    }

    /// Has the decision core decide about `event`, and performs what follows.
    pub(super) fn feed(&mut self, event: Event) {
        self.watch_clock();
        self.decide(event);
    }

    pub(super) fn decide(&mut self, event: Event) {
        let now = self.executor.clock.now();
        let delivered = matches!(event, Event::Delivered { .. } | Event::Routed { .. });
        let mut notes: Vec<Note> = Vec::new();
        let mut reports: Vec<Report> = Vec::new();
        let recorded = self.journal.as_ref().map(|_| event.clone());
        let effects = self.monitor.handle(now, event);
        if let (Some(journal), Some(event)) = (&self.journal, recorded) {
            journal.write(now, event, &effects);
        }
        let mut actions = Vec::new();
        for effect in effects {
            match effect {
                Effect::Act { ref plan, .. } => {
                    let cause = self.cause(&plan.check);
                    actions.push((plan.check.clone(), effect, cause));
                }
                Effect::Resume { ref restart, .. } => {
                    actions.push((restart.check.clone(), effect, ActionCause::default()));
                }
                Effect::Note(note) => {
                    self.counts.count(&note.decision);
                    self.executor.logger.note(&note);
                    notes.push(note);
                }
                Effect::Reserve { .. } | Effect::Release { .. } => self.fleet.perform(effect),
                Effect::Report(report) => reports.push(*report),
                Effect::List { .. }
                | Effect::Probe { .. }
                | Effect::Wake { .. }
                | Effect::WarmUp { .. } => self.executor.perform(effect, ActionCause::default()),
            }
        }
        self.events.publish(&notes);
        for note in &notes {
            self.answer_restart(&note.check, &note.decision);
        }
        self.write_reports(reports);
        for (check, effect, cause) in actions {
            self.write_down(&check, true);
            let written = Some(self.persist_queue.written());
            self.executor
                .perform(effect, ActionCause { written, ..cause });
        }
        for notes in notes.chunk_by(|one, next| one.check == next.check) {
            self.write_down(&notes[0].check, false);
        }
        let has_changed = notes.iter().any(|note| {
            !matches!(
                note.decision,
                Decision::Judged { .. } | Decision::TickDropped(_) | Decision::Reporting { .. }
            )
        });
        let notes = self.passes.sum_up(notes);
        self.write_notes(notes);
        if has_changed {
            self.sd_notify.status_changed();
        }
        if delivered {
            self.write_ended();
        }
    }

    fn write_notes(&self, notes: Vec<Note>) {
        if !notes.is_empty() {
            self.persist_queue.write(PersistEntry::Notes(notes));
        }
    }

    /// Writes down the passes that were only counted so far.
    pub(super) fn write_passes(&mut self) {
        let passes = self.passes.end_all();
        self.write_notes(passes);
    }

    /// Writes down reports in one step with what they rest on, so that no number is used twice, whatever kills us.
    fn write_reports(&mut self, reports: Vec<Report>) {
        if reports.is_empty() {
            return;
        }
        let checks: BTreeSet<_> = reports
            .iter()
            .map(|report| report.incident.check.clone())
            .collect();
        let mut batch = ReportBatch {
            reports,
            ..ReportBatch::default()
        };
        for check in checks {
            batch.incidents.extend(self.monitor.take_closed(&check));
            let (Some(fingerprint), Some(memory)) = (
                self.monitor.fingerprint(&check),
                self.monitor.memory(&check),
            ) else {
                continue;
            };
            batch.incidents.extend(memory.incident.as_deref().cloned());
            batch
                .memories
                .push((check.clone(), memory.without_entries()));
            self.written.insert(check, fingerprint);
        }
        self.persist_queue.write(PersistEntry::Reports(batch));
    }

    /// Writes down the episodes that have ended, with the reports that were sent.
    fn write_ended(&mut self) {
        for name in self.monitor.take_noted_after_end() {
            if let Some(ended) = self.monitor.take_closed(&name) {
                self.persist_queue
                    .write(PersistEntry::Incident(Box::new(ended)));
            }
        }
    }

    /// Writes down what is to be remembered of a check, when more than its samples has changed.
    pub(super) fn write_down(&mut self, check: &str, now: bool) {
        let Some(unwritten) = self.monitor.take_unwritten(check) else {
            return;
        };
        if let Some(closed) = unwritten.closed {
            self.persist_queue
                .write(PersistEntry::Incident(Box::new(closed)));
        }
        let (fingerprint, memory) = (unwritten.fingerprint, unwritten.memory);
        if self.written.get(check) == Some(&fingerprint) {
            return;
        }
        if let Some(incident) = &memory.incident {
            self.persist_queue
                .write(PersistEntry::Incident(incident.clone()));
        }
        self.persist_queue.write(PersistEntry::Memory {
            check: check.to_owned(),
            memory: Box::new(memory.without_entries()),
            now,
        });
        self.written.insert(check.to_owned(), fingerprint);
    }

    /// The URL of a check and the probe that led to an action.
    fn cause(&self, check: &str) -> ActionCause {
        let url = self.monitor.check(check);
        let incident = self
            .monitor
            .memory(check)
            .and_then(|memory| memory.incident.as_ref());
        let result = incident.and_then(|incident| incident.last_fail()).cloned();
        ActionCause {
            url: url.map(|check| check.url.clone()).unwrap_or_default(),
            result,
            written: None,
        }
    }
}

/// Counters of one run, for the summary at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Probes that were judged.
    pub probes: u64,
    /// Those that failed.
    pub fails: u64,
    /// Processes that were started again.
    pub restarts: u64,
    /// Times that a check passed again after it had been down.
    pub recoveries: u64,
    /// From the start to the end.
    pub lasted: Duration,
}

impl RunCounts {
    /// Takes what was decided into account.
    pub(super) fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::Judged { verdict, .. } => {
                self.probes += 1;
                self.fails += u64::from(*verdict == Verdict::Fail);
            }
            Decision::Acted { outcome } => self.restarts += outcome.restarted().count() as u64,
            Decision::Recovered { .. } => self.recoveries += 1,
            _ => {}
        }
    }
}
