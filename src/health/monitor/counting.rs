//! The result of a probe: judged, excused, counted, and what follows from that.

use std::sync::Arc;

use super::super::check::{Activity, CheckState};
use super::super::incident::{CheckResult, Incident, IncidentEvent};
use super::super::memory::Episode;
use super::super::moment::Moment;
use super::super::note::{Counted, Decision};
use super::super::observation::Observation;
use super::super::process::Process;
use super::super::threshold::{Status, Streak};
use super::super::verdict::Verdict;
use super::Ticket;
use super::shared::Context;

impl CheckState {
    /// A probe ended.
    pub(super) fn observed(&mut self, ticket: Ticket, mut seen: Observation, cx: &mut Context<'_>) {
        let judgement = self.check.expectation.judge(&seen);
        seen.shorten();
        self.judged(ticket, CheckResult { seen, judgement }, cx);
    }

    /// A probe ended and is judged.
    pub(super) fn judged(&mut self, ticket: Ticket, mut result: CheckResult, cx: &mut Context<'_>) {
        let asked =
            matches!(&self.activity, Activity::Probing { ticket: asked, .. } if *asked == ticket);
        if !asked {
            return;
        }
        let activity = std::mem::replace(&mut self.activity, Activity::Idle);
        let Activity::Probing { begun, listed, .. } = activity else {
            return;
        };
        self.probed = Some(begun);
        self.excuse(&mut result);
        self.sample(cx.now, &result);
        // a check that restarts nothing is not meant by any restart
        let concerned = !self.check.remedy.selection.is_empty();
        if concerned && cx.shared.restarted_since(begun, listed.as_deref()) {
            self.note_result(&result, Counted::FromBeforeAction, cx);
        } else {
            self.count_result(result, listed, cx);
        }
        self.make_up_for_tick(cx);
    }

    fn note_result(&self, result: &CheckResult, counted: Counted, cx: &mut Context<'_>) {
        cx.note(&self.check.name, Decision::of_result(result, counted));
    }

    /// Counts a result and goes on from there.
    fn count_result(
        &mut self,
        result: CheckResult,
        listed: Option<Vec<Process>>,
        cx: &mut Context<'_>,
    ) {
        let verdict = result.judgement.verdict;
        let counted = self.count(cx.now, verdict);
        self.note_result(&result, counted, cx);
        if let Some(incident) = self.memory.incident.as_mut() {
            incident.note(cx.now, IncidentEvent::Probed(Arc::new(result.clone())));
        }
        self.report_episodes(&result, cx);
        match verdict {
            Verdict::Pass | Verdict::Degraded => self.passed(cx),
            Verdict::Fail => {
                let waits = self.not_passed(cx);
                let policy = &self.check.policy;
                let is_down = self.memory.streak.is_down(policy.fail);
                if !waits && counted != Counted::InGrace && is_down {
                    self.is_down(result, listed, cx);
                }
                self.still_down(cx);
            }
            Verdict::Starting | Verdict::Draining | Verdict::Unknown => {
                self.not_passed(cx);
                self.still_down(cx);
            }
        }
    }

    fn passed(&mut self, cx: &mut Context<'_>) {
        if self.memory.streak.passes() < self.check.policy.pass_after {
            if self.memory.verifying.is_some() || self.is_between_parts() {
                self.verify_again(cx);
            }
            return;
        }
        if self.healthy_between_parts(cx) {
            return;
        }
        if self.memory.status == Status::Pending {
            cx.note(&self.check.name, Decision::Up);
        }
        self.set_status(cx.now, Status::Up);
        self.held = None;
        cx.shared.waiting.remove(&self.check.name);
        self.recovered(cx);
    }

    /// The threshold is reached: opens an incident if there is none, and considers an action.
    fn is_down(&mut self, result: CheckResult, listed: Option<Vec<Process>>, cx: &mut Context<'_>) {
        self.set_status(cx.now, Status::Down);
        let reason = result.judgement.reason;
        if let Some(incident) = self.memory.incident.as_mut() {
            if std::mem::take(&mut incident.manual) {
                let incident = incident.id.clone();
                cx.note(&self.check.name, Decision::Opened { incident });
            }
        } else {
            // what is down is not reported as degraded any more, and its recovery ends both
            self.memory.degraded = Episode::default();
            let id = cx.shared.next_incident();
            let since = self.memory.failing_since.unwrap_or(cx.now);
            let mut incident = Incident::open(id.clone(), &self.check.name, since, cx.now);
            incident.note(cx.now, IncidentEvent::Probed(Arc::new(result.clone())));
            self.memory.incident = Some(Box::new(incident));
            self.note_failed_programs(cx);
            self.counts.incidents += 1;
            cx.note(&self.check.name, Decision::Opened { incident: id });
        }
        // an incident holds no more than an excerpt of it
        self.answer = Some(Box::new(result.seen));
        self.consider(reason, listed, cx);
        self.answer = None;
    }

    /// Counts one verdict: what it does to streak, grace and thresholds.
    fn count(&mut self, now: Moment, verdict: Verdict) -> Counted {
        let in_grace = self.in_grace(now);
        let policy = &self.check.policy;
        let memory = &mut self.memory;
        match verdict {
            Verdict::Pass | Verdict::Degraded => {
                memory.streak.pass(policy.fail);
                memory.settled = true;
                memory.grace_until = None;
                memory.failing_since = None;
                Counted::Towards {
                    fails: memory.streak.count(policy.fail),
                    needed: Streak::needed(policy.fail),
                }
            }
            Verdict::Starting => {
                memory.settled = false;
                memory.grace_until = memory.grace_until.max(Some(now + policy.grace));
                Counted::No
            }
            Verdict::Draining | Verdict::Unknown => Counted::No,
            Verdict::Fail if in_grace => Counted::InGrace,
            // that nothing new was heard of is no further fail
            Verdict::Fail
                if !self.check.is_probed()
                    && memory.streak.is_down(policy.fail)
                    && memory.streak.passes() == 0 =>
            {
                Counted::No
            }
            Verdict::Fail => {
                memory.failing_since.get_or_insert(now);
                memory.streak.fail(policy.fail);
                Counted::Towards {
                    fails: memory.streak.count(policy.fail),
                    needed: Streak::needed(policy.fail),
                }
            }
        }
    }
}
