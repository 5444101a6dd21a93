//! What holds a check's restarts or its reports: a pause and a silence by a person, and maintenance windows. A hold never
//! stops probing. What ends an incident is reported during a silence, too: a person who was notified that a check is down, and a
//! pager above all, has to hear that it is not. Everything else is withheld, and reported once when the silence is over
//! and it is still so.

use super::super::check::CheckState;
use super::super::gate::Gate;
use super::super::memory::Pause;
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::report::{DownState, ReportKind};
use super::MaintenanceWindow;
use super::shared::Context;

impl CheckState {
    /// What holds its restarts.
    pub fn paused(&self, now: Moment) -> Option<&Pause> {
        let window = self.maintenance.as_deref();
        let window = window.filter(|window| window.holds_restarts);
        in_force(now, self.memory.pause.as_deref(), window)
    }

    /// What holds its reports.
    pub fn silenced(&self, now: Moment) -> Option<&Pause> {
        let window = self.maintenance.as_deref();
        let window = window.filter(|window| window.holds_reports);
        in_force(now, self.memory.silence.as_deref(), window)
    }

    pub(super) fn pause(&mut self, hold: Pause, cx: &mut Context<'_>) {
        let Pause { reason, until } = hold.clone();
        self.memory.pause = Some(Box::new(hold));
        cx.note(&self.check.name, Decision::Paused { reason, until });
    }

    pub(super) fn silence(&mut self, hold: Pause, cx: &mut Context<'_>) {
        let Pause { reason, until } = hold.clone();
        self.memory.silence = Some(Box::new(hold));
        cx.note(&self.check.name, Decision::Silenced { reason, until });
    }

    /// Takes back what a person holds; a maintenance window goes on.
    pub(super) fn resume(&mut self, cx: &mut Context<'_>) {
        let pause = self.memory.pause.take();
        let silence = self.memory.silence.take();
        if pause.or(silence).is_some() {
            cx.note(&self.check.name, Decision::Resumed);
        }
    }

    pub(super) fn maintenance(&mut self, window: Option<MaintenanceWindow>, cx: &mut Context<'_>) {
        let is_known = match (&self.maintenance, &window) {
            (Some(old), Some(new)) => {
                old.hold.reason == new.hold.reason
                    && old.holds_restarts == new.holds_restarts
                    && old.holds_reports == new.holds_reports
            }
            (old, new) => old.is_none() && new.is_none(),
        };
        let decision = match &window {
            Some(window) => Decision::MaintenanceBegan(window.clone()),
            None => Decision::MaintenanceOver,
        };
        self.maintenance = window.map(Box::new);
        if !is_known {
            cx.note(&self.check.name, decision);
        }
    }

    pub(super) fn gate_of_pause(&self, cx: &Context<'_>) -> Option<Gate> {
        let pause = self.paused(cx.now)?;
        Some(Gate::Paused {
            reason: pause.reason.clone(),
        })
    }

    /// Whether a report of this kind is withheld just now; it is remembered then, if it says how the check is.
    pub(super) fn withholds(&mut self, kind: &ReportKind, cx: &mut Context<'_>) -> bool {
        if kind.ends_incident() || self.silenced(cx.now).is_none() {
            return false;
        }
        let Some(incident) = self.memory.incident.as_mut() else {
            return true;
        };
        let is_news = match (kind, &incident.withheld) {
            (ReportKind::Reminder { .. }, _) => false,
            (_, known) => known.as_ref().map(ReportKind::as_str) != Some(kind.as_str()),
        };
        // the mail after an action and a reminder say what happens at that moment
        if matches!(kind, ReportKind::Down { .. } | ReportKind::GaveUp { .. }) {
            incident.withheld = Some(kind.clone());
        }
        if is_news {
            let kind = kind.clone();
            cx.note(&self.check.name, Decision::Withheld { kind });
        }
        true
    }

    /// Makes the report that a silence withheld, when the silence is over.
    pub(super) fn report_withheld(&mut self, cx: &mut Context<'_>) {
        if self.silenced(cx.now).is_some() {
            return;
        }
        let Some(incident) = self.memory.incident.as_mut() else {
            return;
        };
        match incident.withheld.take() {
            Some(ReportKind::Down {
                state: DownState::Held(gate),
                update,
            }) => {
                // something else may hold it by now
                let state = DownState::Held(self.held.as_deref().cloned().unwrap_or(gate));
                self.report(ReportKind::Down { state, update }, cx);
            }
            Some(kind) => {
                self.report(kind, cx);
            }
            None => {}
        }
    }
}

/// The hold of a person, else the one of a maintenance window, as far as they are in force.
fn in_force<'a>(
    now: Moment,
    own: Option<&'a Pause>,
    window: Option<&'a MaintenanceWindow>,
) -> Option<&'a Pause> {
    let holds = |hold: &&Pause| hold.holds(now);
    own.filter(holds)
        .or_else(|| window.map(|window| &window.hold).filter(holds))
}
