//! Telling: which reports are made, once each, and in which order.

use std::time::Duration;

use super::super::check::{CheckState, Episode, Verifying};
use super::super::incident::{CheckResult, DownState, Happening, Incident, Report, ReportKind};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::policy::NotifyMode;
use super::super::threshold::Streak;
use super::super::verdict::Verdict;
use super::{Effect, Monitor, note};

/// However long the grace is, nobody waits longer than this for the first report after a restart.
pub(super) const LONGEST_SILENCE: Duration = Duration::from_secs(60);

impl Monitor {
    /// Makes a report about the open incident.
    pub(super) fn report(
        &mut self,
        now: Moment,
        name: &str,
        kind: ReportKind,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let Some(incident) = state.memory.incident.as_mut() else {
            return;
        };
        incident.reports += 1;
        let report = Report {
            number: incident.reports,
            kind: kind.clone(),
            at: now,
            url: state.check.url.clone(),
            incident: incident.clone(),
        };
        state.memory.told_at = Some(now);
        out.push(note(
            now,
            name,
            Decision::Telling {
                report: report.number,
                kind,
            },
        ));
        out.push(Effect::Report(Box::new(report)));
    }

    /// Tells that a check is down, unless that was told.
    pub(super) fn tell_down(
        &mut self,
        now: Moment,
        name: &str,
        down: DownState,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        if state.check.policy.tell != NotifyMode::Changes {
            return;
        }
        let expected = match down {
            DownState::Back { .. } | DownState::NothingRestarted | DownState::DryRun => true,
            DownState::ToldOnly | DownState::Held(_) | DownState::NotBack { .. } => false,
        };
        if expected && state.is_only_by_hand() {
            // whoever asked for it knows
            return;
        }
        let Some(incident) = state.memory.incident.as_mut() else {
            return;
        };
        if std::mem::replace(&mut incident.told, true) {
            return;
        }
        self.report(now, name, ReportKind::Down { state: down }, out);
    }

    /// It passes: closes the open incident, and tells those who were told that it was down.
    pub(super) fn recovered(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let verifying = state.memory.verifying.take();
        state.memory.gave_up = None;
        state.memory.tried.clear();
        // one pass is no cure: the back-off starts small again only after a stable run
        let stable = state.check.policy.backoff.max;
        if state
            .memory
            .acted
            .is_none_or(|acted| now.since(acted) >= stable)
        {
            state.memory.attempts = 0;
        }
        let Some(incident) = state.memory.incident.as_mut() else {
            return;
        };
        incident.note(now, Happening::Recovered);
        incident.ended = Some(now);
        let down = now.since(incident.since);
        out.push(note(now, name, Decision::Recovered { down }));
        if let Some(Verifying { begun, .. }) = verifying {
            let after = now.since(begun);
            self.tell_down(now, name, DownState::Back { after }, out);
        }
        let tell = self.checks.get(name).is_some_and(|state| {
            let told = state
                .memory
                .incident
                .as_ref()
                .is_some_and(|incident| incident.told);
            told && state.check.policy.tell == NotifyMode::Changes
        });
        if tell {
            self.report(now, name, ReportKind::Recovered { down }, out);
        }
        if let Some(state) = self.checks.get_mut(name) {
            state.closed = state.memory.incident.take();
            state.unwritten = true;
            state.memory.told_at = None;
        }
    }

    /// It is not passing yet: goes on verifying, says "not back" when that took too long, reminds.
    pub(super) fn still_down(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get(name) else {
            return;
        };
        if let Some(Verifying { begun, until }) = state.memory.verifying {
            let after = now.since(begun);
            let over = now >= until.max(state.memory.grace_until.unwrap_or_default());
            if over || after >= LONGEST_SILENCE {
                self.tell_down(now, name, DownState::NotBack { after }, out);
            }
            if !over || self.checks.get(name).is_some_and(CheckState::is_proving) {
                self.verify_again(now, name, out);
            } else if let Some(state) = self.checks.get_mut(name) {
                state.memory.verifying = None;
            }
        }
        self.remind(now, name, out);
    }

    fn remind(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        let (Some(state), Some(every)) = (self.checks.get(name), self.limits.reminder) else {
            return;
        };
        let memory = &state.memory;
        let due = memory.told_at.is_some_and(|told| now.since(told) >= every);
        let Some(incident) = memory
            .incident
            .as_ref()
            .filter(|incident| incident.told && due)
        else {
            return;
        };
        let down = now.since(incident.since);
        if state.check.policy.tell == NotifyMode::Changes {
            self.report(now, name, ReportKind::Reminder { down }, out);
        }
    }

    /// A report was handed over, or could not be: noted in its incident, also after its end.
    pub(super) fn delivered(&mut self, now: Moment, id: &str, told: Happening) {
        let open = self
            .checks
            .values_mut()
            .filter_map(|state| state.memory.incident.as_mut())
            .find(|incident| incident.id == id);
        if let Some(incident) = open {
            incident.note(now, told);
            return;
        }
        let ended =
            |state: &&mut CheckState| state.closed.as_ref().is_some_and(|closed| closed.id == id);
        if let Some(state) = self.checks.values_mut().find(ended)
            && let Some(closed) = state.closed.as_mut()
        {
            closed.note(now, told);
            state.unwritten = true;
        }
    }

    /// Degraded and unknown looks lead to no action; when they last, people are told once.
    pub(super) fn tell_episodes(
        &mut self,
        now: Moment,
        name: &str,
        look: &CheckResult,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let kind = match (
            state.note_episodes(look.judgement.verdict),
            state.check.policy.tell,
        ) {
            (Some(kind), NotifyMode::Changes) => kind,
            (Some(_), NotifyMode::EveryAction) | (None, _) => return,
        };
        let check = state.check.name.clone();
        let url = state.check.url.clone();
        let mut incident = Incident::open(self.next_incident(), &check, now, now);
        incident.reports = 1;
        incident.note(now, Happening::Looked(Box::new(look.clone())));
        out.push(note(
            now,
            &check,
            Decision::Telling {
                report: 1,
                kind: kind.clone(),
            },
        ));
        out.push(Effect::Report(Box::new(Report {
            number: 1,
            kind,
            at: now,
            url,
            incident,
        })));
    }
}

impl CheckState {
    /// Counts looks that are degraded or unknown; says what is to be told when one of them has lasted
    /// for as many looks as a fail must.
    fn note_episodes(&mut self, verdict: Verdict) -> Option<ReportKind> {
        let needed = Streak::needed(self.check.policy.fail);
        if verdict == Verdict::Unknown {
            return self.memory.blind.lasts(needed).then_some(ReportKind::Blind);
        }
        self.memory.blind = Episode::default();
        if verdict == Verdict::Degraded {
            return self
                .memory
                .degraded
                .lasts(needed)
                .then_some(ReportKind::Degraded);
        }
        if verdict == Verdict::Pass {
            self.memory.degraded = Episode::default();
        }
        None
    }
}

impl Episode {
    /// Counts one more look; true once, when there were enough of them.
    fn lasts(&mut self, needed: u32) -> bool {
        self.looks = self.looks.saturating_add(1);
        self.looks >= needed && !std::mem::replace(&mut self.told, true)
    }
}
