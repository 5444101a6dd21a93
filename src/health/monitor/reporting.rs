//! Reporting: which reports are made, once each, and in which order.

use std::sync::Arc;
use std::time::Duration;

use super::super::check::CheckState;
use super::super::incident::{CheckResult, Incident, IncidentEvent};
use super::super::memory::{Episode, EpisodeReport, Verifying};
use super::super::note::Decision;
use super::super::policy::NotifyMode;
use super::super::report::{DownState, Report, ReportKind};
use super::super::threshold::Streak;
use super::super::verdict::Verdict;
use super::Effect;
use super::shared::Context;

/// However long the grace is, the first report after a restart comes within this much.
const REPORT_WITHIN: Duration = Duration::from_secs(60);

impl CheckState {
    /// Makes a report about the open incident, unless it is withheld.
    pub(super) fn report(&mut self, kind: ReportKind, cx: &mut Context<'_>) {
        if self.withholds(&kind, cx) {
            return;
        }
        let Some(incident) = self.memory.incident.as_mut() else {
            return;
        };
        if let ReportKind::Down { .. } | ReportKind::GaveUp { .. } = kind {
            // a report that it was given up says that it is down
            incident.notified = true;
            incident.restarting_reported = matches!(
                kind,
                ReportKind::Down {
                    state: DownState::Restarting | DownState::Escalating { .. },
                    ..
                }
            );
            incident.withheld = None;
        }
        incident.reports += 1;
        let report = Report {
            number: incident.reports,
            kind: kind.clone(),
            at: cx.now,
            url: self.check.url.clone(),
            incident: Incident::clone(incident),
            unfinished: cx.shared.unfinished_of(&self.check.name),
        };
        self.memory.notified_at = Some(cx.now);
        let number = report.number;
        let decision = Decision::Reporting {
            report: number,
            kind,
        };
        cx.note(&self.check.name, decision);
        cx.effects.push(Effect::Report(Box::new(report)));
    }

    /// Reports that the check is down, unless that was reported: at most twice, first that it is being restarted and then
    /// how that went. A notifier may hold the first back for a while, see `NotifierPolicy`.
    pub(super) fn report_down(&mut self, down: DownState, cx: &mut Context<'_>) {
        if self.check.policy.notify != NotifyMode::Changes {
            return;
        }
        let expected = match down {
            DownState::Restarting
            | DownState::Escalating { .. }
            | DownState::NothingRestarted
            | DownState::DryRun => true,
            DownState::NotifyOnly
            | DownState::Held(_)
            | DownState::NotBack { .. }
            | DownState::NotStarted(_) => false,
        };
        if expected && self.is_only_manual() {
            // its requester knows
            return;
        }
        let Some(incident) = self.memory.incident.as_ref() else {
            return;
        };
        let is_restarting = matches!(down, DownState::Restarting | DownState::Escalating { .. });
        let update = incident.restarting_reported && !is_restarting;
        if incident.notified && !update {
            return;
        }
        if let (DownState::Held(_), Some(ReportKind::GaveUp { .. })) = (&down, &incident.withheld) {
            // that it was given up says more, and is reported when the silence is over
            return;
        }
        let kind = ReportKind::Down {
            state: down,
            update,
        };
        self.report(kind, cx);
    }

    /// The check passes: closes the open incident, and reports that to the notifiers that got a report that it is down.
    pub(super) fn recovered(&mut self, cx: &mut Context<'_>) {
        let verifying = self.memory.verifying.take();
        self.memory.gave_up = None;
        self.memory.tried.clear();
        self.memory.rungs = 0;
        // one pass does not show that it is stable: the back-off starts small again only after a stable run
        let stable = self.check.policy.backoff.max;
        let acted = self.memory.acted;
        if acted.is_none_or(|acted| cx.now.since(acted) >= stable) {
            self.memory.attempts = 0;
        }
        let Some(incident) = self.memory.incident.as_mut() else {
            return;
        };
        self.memory.streak.forget_fails();
        incident.note(cx.now, IncidentEvent::Recovered);
        incident.ended = Some(cx.now);
        incident.withheld = None;
        let down = cx.now.since(incident.since);
        let (reported, restarting) = (incident.notified, incident.restarting_reported);
        cx.note(&self.check.name, Decision::Recovered { down });
        // an earlier run may have begun the restart, and this one finished it
        let begun = verifying.map(|verifying| verifying.begun).or(acted);
        let kind = match restarting {
            true => ReportKind::Cured {
                down,
                after: cx.now.since(begun.unwrap_or(incident.opened)),
            },
            false => ReportKind::Recovered { down },
        };
        if reported && self.check.policy.notify == NotifyMode::Changes {
            self.report(kind, cx);
        }
        self.closed = self.memory.incident.take();
        self.unwritten = true;
        self.memory.notified_at = None;
    }

    /// The check is taken out of the configuration: closes its open incident.
    pub(super) fn close_removed(&mut self, cx: &mut Context<'_>) {
        self.close_incident(IncidentEvent::CheckRemoved, Decision::CheckRemoved, cx);
    }

    /// Closes the open incident without a pass, and says so to the notifiers that got a report that it is down. Nobody else
    /// would, and a pager stays red.
    pub(super) fn close_incident(
        &mut self,
        end: IncidentEvent,
        decision: Decision,
        cx: &mut Context<'_>,
    ) {
        let Some(incident) = self.memory.incident.as_mut() else {
            return;
        };
        incident.note(cx.now, end);
        incident.ended = Some(cx.now);
        incident.withheld = None;
        let down = cx.now.since(incident.since);
        let reported = incident.notified;
        cx.note(&self.check.name, decision);
        if reported && self.check.policy.notify == NotifyMode::Changes {
            self.report(ReportKind::Recovered { down }, cx);
        }
        self.memory.verifying = None;
        self.memory.notified_at = None;
        self.closed = self.memory.incident.take();
        self.unwritten = true;
    }

    /// It is not passing yet: goes on verifying, says "not back" when that took too long, reminds.
    pub(super) fn still_down(&mut self, cx: &mut Context<'_>) {
        if let Some(Verifying { begun, until }) = self.memory.verifying {
            let after = cx.now.since(begun);
            let over = cx.now >= until.max(self.memory.grace_until.unwrap_or_default());
            if over || after >= REPORT_WITHIN {
                self.report_down(DownState::NotBack { after }, cx);
            }
            if !over || self.is_between_parts() {
                self.verify_again(cx);
            } else {
                self.memory.verifying = None;
            }
        }
        self.report_withheld(cx);
        self.remind(cx);
    }

    fn remind(&mut self, cx: &mut Context<'_>) {
        let Some(every) = cx.shared.limits.reminder else {
            return;
        };
        let reported = self.memory.notified_at;
        let due = reported.is_some_and(|reported| cx.now.since(reported) >= every);
        let incident = self.memory.incident.as_ref();
        let Some(incident) = incident.filter(|incident| incident.notified && due) else {
            return;
        };
        let down = cx.now.since(incident.since);
        if self.check.policy.notify == NotifyMode::Changes {
            self.report(ReportKind::Reminder { down }, cx);
        }
    }

    /// Degraded and unknown results lead to no action; when they last, that is reported once.
    pub(super) fn report_episodes(&mut self, result: &CheckResult, cx: &mut Context<'_>) {
        if result.judgement.verdict == Verdict::Pass {
            self.end_degraded(result, cx);
        }
        let episode = self.count_episodes(result.judgement.verdict, cx);
        let kind = match (episode, self.check.policy.notify) {
            (Some(kind), NotifyMode::Changes) => kind,
            (Some(_), NotifyMode::EveryAction) | (None, _) => return,
        };
        let id = cx.shared.next_incident();
        if kind == ReportKind::Degraded {
            self.memory.degraded.report = Some(Box::new(EpisodeReport {
                incident: id.clone(),
                at: cx.now,
            }));
        }
        let incident = Incident::open(id, &self.check.name, cx.now, cx.now);
        self.report_episode(1, kind, incident, result, cx);
    }

    fn report_episode(
        &self,
        number: u64,
        kind: ReportKind,
        mut incident: Incident,
        result: &CheckResult,
        cx: &mut Context<'_>,
    ) {
        incident.reports = number;
        incident.note(cx.now, IncidentEvent::Probed(Arc::new(result.clone())));
        let decision = Decision::Reporting {
            report: number,
            kind: kind.clone(),
        };
        cx.note(&self.check.name, decision);
        cx.effects.push(Effect::Report(Box::new(Report {
            number,
            kind,
            at: cx.now,
            url: self.check.url.clone(),
            incident,
            unfinished: Vec::new(),
        })));
    }

    /// It passes: reports that to those who got a report that it is degraded.
    fn end_degraded(&mut self, result: &CheckResult, cx: &mut Context<'_>) {
        let episode = std::mem::take(&mut self.memory.degraded);
        if let Some(report) = episode.report {
            let EpisodeReport { incident, at } = *report;
            let mut incident = Incident::open(incident, &self.check.name, at, at);
            incident.ended = Some(cx.now);
            let lasted = cx.now.since(at);
            let kind = ReportKind::RecoveredDegraded { lasted };
            self.report_episode(2, kind, incident, result, cx);
        }
    }

    /// Counts results that are degraded or unknown; says what is to be reported when one of them has lasted
    /// for as many probes as a fail must.
    fn count_episodes(&mut self, verdict: Verdict, cx: &Context<'_>) -> Option<ReportKind> {
        // during a silence they are counted, and reported after it if they last until then
        let needed = match self.silenced(cx.now) {
            Some(_) => u32::MAX,
            None => Streak::needed(self.check.policy.fail),
        };
        if verdict == Verdict::Unknown {
            return self
                .memory
                .unknown
                .lasts(needed)
                .then_some(ReportKind::Unknown);
        }
        self.memory.unknown = Episode::default();
        if verdict == Verdict::Degraded {
            return self
                .memory
                .degraded
                .lasts(needed)
                .then_some(ReportKind::Degraded);
        }
        None
    }
}

impl Episode {
    /// Counts one more result; true once, when there were enough of them.
    fn lasts(&mut self, needed: u32) -> bool {
        self.results = self.results.saturating_add(1);
        self.results >= needed && !std::mem::replace(&mut self.notified, true)
    }
}
