//! The monitor at one moment, as the plain data of a snapshot. Nothing is changed here.

use std::time::Duration;

use super::super::check::{Activity, CheckState};
use super::super::expectation::Expectation;
use super::super::gate::Gate;
use super::super::ladder::RungView;
use super::super::moment::Moment;
use super::super::snapshot::{
    ActivityView, CheckResultView, CheckView, HeartbeatView, IncidentView, PauseView, ProbeFacts,
    ProgramView, RollingView, Snapshot, Spending, StreakView, Totals,
};
use super::super::threshold::{Status, Streak};
use super::Monitor;
use super::shared::Shared;

impl Monitor {
    /// One check as it stands at `now`.
    pub fn view(&self, now: Moment, check: &str) -> Option<CheckView> {
        self.checks
            .get(check)
            .map(|state| state.view(now, &self.shared, true))
    }

    /// What `check` expects: to judge a heavy body beside the loop.
    pub fn expectation(&self, check: &str) -> Option<&Expectation> {
        self.checks.get(check).map(|state| &state.check.expectation)
    }

    /// All that can be shown at `now`.
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        self.shown(now, true)
    }

    /// The same without the last results of each check, which are most of what there is to copy.
    pub fn snapshot_without_samples(&self, now: Moment) -> Snapshot {
        self.shown(now, false)
    }

    fn shown(&self, now: Moment, with_samples: bool) -> Snapshot {
        // looked up once: with thousands of checks the searches cost more than the rest
        let states = self.checks().map(|check| self.checks.get(&check.name));
        let states = states.flatten();
        let states: Vec<_> = states.collect();
        let count = |fits: &dyn Fn(&CheckState) -> bool| states.iter().filter(|s| fits(s)).count();
        let stands = |status| count(&|state| state.memory.status == status);
        Snapshot {
            at: now,
            shutting_down: self.shared.shutting_down,
            totals: Totals {
                checks: states.len(),
                up: stands(Status::Up),
                down: stands(Status::Down),
                pending: stands(Status::Pending),
                paused: count(&|state| state.paused(now).is_some()),
                silenced: count(&|state| state.silenced(now).is_some()),
                gave_up: count(&|state| state.memory.gave_up.is_some()),
                probing: count(&|state| {
                    matches!(
                        state.activity,
                        Activity::Listing { .. } | Activity::Probing { .. }
                    )
                }),
                acting: count(&|state| state.attempt.is_some()),
                restarts: self.shared.limits.max_restarts.map(|budget| Spending {
                    spent: self.shared.spent.within(now, budget.window),
                    of: budget.count,
                    window: budget.window.as_secs_f64(),
                }),
            },
            checks: states
                .iter()
                .map(|state| state.view(now, &self.shared, with_samples))
                .collect(),
        }
    }
}

impl CheckState {
    fn view(&self, now: Moment, shared: &Shared, with_samples: bool) -> CheckView {
        let Self { check, memory, .. } = self;
        let policy = &check.policy;
        let ahead = |moment: &Moment| *moment > now;
        let seconds = |span: Duration| span.as_secs_f64();
        CheckView {
            name: check.name.clone(),
            url: check.url.clone(),
            status: memory.status,
            since: match &memory.incident {
                Some(incident) if memory.status == Status::Down => Some(incident.since),
                _ => memory.status_since,
            },
            last: memory.samples.newest().map(CheckResultView::from),
            heartbeat: check.heartbeat.map(|every| {
                let known = memory.heartbeats.as_ref();
                let last = known.and_then(|known| known.last.as_ref());
                HeartbeatView {
                    every: seconds(every),
                    last: last.map(|last| last.at),
                    failure: last.and_then(|last| last.failure.clone()),
                    due: known.map(|known| known.due(every)),
                }
            }),
            program: check.program.as_ref().map(|own| ProgramView {
                name: own.process.namespec(),
                state: shared.programs.get(&own.process).map(|known| known.state),
            }),
            seen: self.seen.map(ProbeFacts::from),
            streak: StreakView {
                fails: memory.streak.count(policy.fail),
                fail_after: Streak::needed(policy.fail),
                passes: memory.streak.passes(),
                pass_after: policy.pass_after,
            },
            incident: memory.incident.as_deref().map(IncidentView::from),
            held: self.gate_now(now, shared).map(|gate| gate.to_string()),
            fleet: shared.slot_view(&check.name),
            grace_left: memory
                .grace_until
                .filter(|_| self.in_grace(now))
                .map(|until| seconds(until.since(now))),
            acted: memory.acted,
            next_attempt: memory.next_attempt.filter(ahead),
            restarts: policy.restarts.map(|budget| Spending {
                spent: memory.spent.within(now, budget.window),
                of: budget.count,
                window: seconds(budget.window),
            }),
            gave_up: memory.gave_up,
            rearm: self.rearmed_at(),
            pause: self.paused(now).map(PauseView::from),
            silence: self.silenced(now).map(PauseView::from),
            busy: self.busy(),
            warming: self.warming.as_ref().map(|warming| warming.since),
            rung: self.rung_view(),
            rolling: self.attempt.as_deref().and_then(RollingView::of),
            pending: shared
                .pending
                .values()
                .filter(|pending| pending.restart.check == check.name)
                .map(|pending| pending.view())
                .collect(),
            targets: check.remedy.selection.words(),
            unknown_targets: self.unknown_targets.clone(),
            requires: check.requires.clone(),
            dry_run: check.dry_run,
            counts: self.counts.clone(),
            samples: match with_samples {
                true => memory.samples.iter().map(CheckResultView::from).collect(),
                false => Vec::new(),
            },
        }
    }

    /// The gate that was noted last, if it may still be shut.
    fn gate_now(&self, now: Moment, shared: &Shared) -> Option<Gate> {
        match self.held.as_deref()?.clone() {
            Gate::Backoff { .. } => {
                let next = self.memory.next_attempt.filter(|next| *next > now)?;
                Some(Gate::Backoff {
                    left: next.since(now),
                })
            }
            Gate::Paused { reason } => self.paused(now).map(|_| Gate::Paused { reason }),
            Gate::GaveUp => self.memory.gave_up.map(|_| Gate::GaveUp),
            Gate::Unfinished { process, .. } => {
                let mut pending = shared.pending.keys();
                let pending = pending.find(|name| name.to_string() == process)?;
                Some(shared.gate_of_pending(pending, now))
            }
            gate @ (Gate::ShuttingDown
            | Gate::NotActedOn { .. }
            | Gate::Requires { .. }
            | Gate::Panic { .. }
            | Gate::OnceOnly
            | Gate::OverallBudget
            | Gate::Concurrency { .. }
            | Gate::SameProcess { .. }
            | Gate::Fleet { .. }) => Some(gate),
        }
    }

    /// The rung of the attempt under way, or of the next one while it is down.
    fn rung_view(&self) -> Option<RungView> {
        let ladder = &self.check.ladder;
        let under_way = self.attempt.as_ref().and_then(|attempt| attempt.rung);
        if let Some(at) = under_way {
            let rung = ladder.get(at as usize)?;
            return Some(RungView::new(ladder, (at, rung)));
        }
        self.memory.incident.as_ref()?;
        let step = self.next_rung(None)?;
        Some(RungView::new(ladder, step))
    }

    fn busy(&self) -> Option<ActivityView> {
        match &self.activity {
            Activity::Idle => None,
            Activity::Listing { .. } => Some(ActivityView::Listing),
            Activity::Probing { .. } => Some(ActivityView::Probing),
            Activity::Acting { begun, on, .. } => Some(ActivityView::Restarting {
                since: *begun,
                on: on.iter().flatten().map(ToString::to_string).collect(),
            }),
        }
    }
}
