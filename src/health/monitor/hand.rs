//! A restart by hand. A person knows: no threshold, grace, pause, back-off or budget holds it back, only what
//! would make it unsafe. It counts against the budget like any other.

use std::time::Duration;

use super::super::check::Doing;
use super::super::incident::{Happening, Incident};
use super::super::moment::Moment;
use super::super::note::{Decision, Refusal};
use super::super::plan::Remedy;
use super::super::process::Process;
use super::super::step::CallError;
use super::{Effect, Monitor, note};

impl Monitor {
    /// Why `check` cannot be restarted by hand just now, as far as that is known before its processes are
    /// listed. `None` as well for a check that does not exist.
    pub fn refusal(&self, check: &str) -> Option<Refusal> {
        let state = self.checks.get(check)?;
        if self.shutting_down {
            return Some(Refusal::ShuttingDown);
        }
        if state.check.remedy.selection.is_empty() {
            return Some(Refusal::NothingToRestart);
        }
        if state.roll.is_some() {
            return Some(Refusal::UnderWay);
        }
        match state.doing {
            Doing::Acting { .. } | Doing::Listing { by_hand: true, .. } => Some(Refusal::UnderWay),
            Doing::Idle | Doing::Listing { by_hand: false, .. } | Doing::Probing { .. } => None,
        }
    }

    /// A person wants it restarted: lists its processes first, as before every action. A look under way is
    /// abandoned, its answer will be ignored.
    pub(super) fn restart_by_hand(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        if let Some(why) = self.refusal(name) {
            out.push(note(now, name, Decision::Refused(why)));
            return;
        }
        let ticket = self.next_ticket();
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        state.waiting = false;
        state.doing = Doing::Listing {
            ticket,
            by_hand: true,
        };
        out.push(note(now, name, Decision::Asked));
        out.push(Effect::List {
            check: name.to_owned(),
            ticket,
            remedy: state.check.remedy.clone(),
            after: Duration::ZERO,
        });
    }

    /// The processes to restart by hand are known, or not.
    pub(super) fn listed_by_hand(
        &mut self,
        now: Moment,
        name: &str,
        processes: Result<Vec<Process>, CallError>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get(name) else {
            return;
        };
        let refusal = match &processes {
            Err(error) => Some(Refusal::ListFailed {
                error: error.clone(),
            }),
            Ok(listed) => {
                let remedy = &state.check.remedy;
                let chosen = remedy.select(listed);
                self.clash(name, Some(&chosen))
                    .map(|check| Refusal::SameProcess { check })
                    .or_else(|| nothing_to_do(remedy, &chosen))
            }
        };
        if let Some(why) = refusal {
            out.push(note(now, name, Decision::Refused(why)));
            return;
        }
        let id = self.incident_of(name);
        let (Some(state), Ok(listed)) = (self.checks.get_mut(name), processes) else {
            return;
        };
        let chosen = state.check.remedy.select(&listed);
        if let Some(process) = state.meet(now, &chosen) {
            out.push(note(now, name, Decision::Replaced { process }));
        }
        state.tally.incidents += u64::from(state.memory.incident.is_none());
        let incident = state.memory.incident.get_or_insert_with(|| Incident {
            by_hand: true,
            ..Incident::open(id, name, now, now)
        });
        incident.note(now, Happening::ByHand);
        let incident = incident.id.clone();
        out.push(note(now, name, Decision::ByHand { incident }));
        self.act(now, name, Some(chosen), true, out);
    }
}

/// Why there is nothing to do by hand for `chosen`.
fn nothing_to_do(remedy: &Remedy, chosen: &[Process]) -> Option<Refusal> {
    let acts =
        |process: &&Process| remedy.acts_on(process, true) && !remedy.is_ourselves(&process.name);
    if chosen.iter().any(|process| acts(&process)) {
        return None;
    }
    Some(
        chosen
            .first()
            .map_or(Refusal::NoProcess, |process| Refusal::NotNow {
                process: process.name.clone(),
                state: process.state,
            }),
    )
}
