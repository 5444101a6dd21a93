//! A manual restart. A person knows: no threshold, grace, pause, back-off or budget holds it back, only what
//! would make it unsafe. It counts against the budget like any other.

use std::time::Duration;

use super::super::call_error::CallError;
use super::super::check::{Activity, CheckState};
use super::super::incident::{Incident, IncidentEvent};
use super::super::note::{Decision, Refusal};
use super::super::process::Process;
use super::super::remedy::Remedy;
use super::shared::Context;
use super::{Effect, Monitor};

impl Monitor {
    /// Why `check` cannot be restarted manually just now, as far as that is known before its processes are
    /// listed. `None` as well for a check that does not exist.
    pub fn refusal(&self, check: &str) -> Option<Refusal> {
        let state = self.checks.get(check)?;
        state.refusal(self.shared.shutting_down)
    }
}

impl CheckState {
    fn refusal(&self, shutting_down: bool) -> Option<Refusal> {
        if shutting_down {
            return Some(Refusal::ShuttingDown);
        }
        if self.check.remedy.selection.is_empty() {
            return Some(Refusal::NothingToRestart);
        }
        if self.attempt.is_some() {
            return Some(Refusal::UnderWay);
        }
        match self.activity {
            Activity::Acting { .. } | Activity::Listing { manual: true, .. } => {
                Some(Refusal::UnderWay)
            }
            Activity::Idle | Activity::Listing { manual: false, .. } | Activity::Probing { .. } => {
                None
            }
        }
    }

    /// A person wants it restarted: lists its processes first, as before every action. A probe under way is
    /// abandoned, its answer will be ignored.
    pub(super) fn restart_manually(&mut self, cx: &mut Context<'_>) {
        if let Some(why) = self.refusal(cx.shared.shutting_down) {
            return cx.note(&self.check.name, Decision::Refused(why));
        }
        let ticket = cx.shared.next_ticket();
        cx.shared.waiting.remove(&self.check.name);
        self.missed = None;
        self.activity = Activity::Listing {
            ticket,
            begun: cx.now,
            manual: true,
        };
        cx.note(&self.check.name, Decision::RestartRequested);
        cx.effects.push(Effect::List {
            check: self.check.name.clone(),
            ticket,
            remedy: self.check.remedy.clone(),
            after: Duration::ZERO,
        });
    }

    /// The processes of a manual restart are listed, or could not be.
    pub(super) fn listed_manually(
        &mut self,
        processes: Result<Vec<Process>, CallError>,
        cx: &mut Context<'_>,
    ) {
        let refused = match processes {
            Err(error) => Refusal::ListFailed { error },
            Ok(listed) => {
                let chosen = self.check.remedy.select(&listed);
                match cx.shared.conflicting_check(&self.check.name, Some(&chosen)) {
                    Some(check) => Refusal::SameProcess { check },
                    None => match nothing_to_do(&self.check.remedy, &chosen) {
                        Some(refusal) => refusal,
                        None => return self.act_manually(chosen, cx),
                    },
                }
            }
        };
        cx.note(&self.check.name, Decision::Refused(refused));
    }

    fn act_manually(&mut self, chosen: Vec<Process>, cx: &mut Context<'_>) {
        let id = self.incident_id(cx);
        if let Some(process) = self.processes_listed(cx.now, &chosen) {
            cx.note(&self.check.name, Decision::Replaced { process });
        }
        self.counts.incidents += u64::from(self.memory.incident.is_none());
        let name = &self.check.name;
        let incident = self.memory.incident.get_or_insert_with(|| {
            Box::new(Incident {
                manual: true,
                ..Incident::open(id, name, cx.now, cx.now)
            })
        });
        incident.note(cx.now, IncidentEvent::ManualRestart);
        let incident = incident.id.clone();
        cx.note(&self.check.name, Decision::ManualRestart { incident });
        // what is unfinished is tried again now; an attempt is for the others
        self.retry_manually(&chosen, cx);
        let unfinished = cx.shared.unfinished(Some(&chosen));
        let is_left = |process: &Process| !unfinished.contains(&process.name);
        if unfinished.is_empty() || chosen.iter().any(is_left) {
            self.act(Some(chosen), true, cx);
        }
    }
}

/// Why there is nothing to restart manually for `chosen`.
fn nothing_to_do(remedy: &Remedy, chosen: &[Process]) -> Option<Refusal> {
    let acts =
        |process: &Process| remedy.acts_on(process, true) && !remedy.is_ourselves(&process.name);
    if chosen.iter().any(acts) {
        return None;
    }
    Some(match chosen.first() {
        None => Refusal::NoProcess,
        Some(process) => Refusal::NotNow {
            process: process.name.clone(),
            state: process.state,
        },
    })
}
