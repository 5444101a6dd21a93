//! The monitor at one moment, as the plain data of a snapshot. Nothing is changed here.

use std::sync::Arc;
use std::time::Duration;

use super::super::check::{Activity, Check, CheckState};
use super::super::expectation::Expectation;
use super::super::gate::Gate;
use super::super::ladder::RungView;
use super::super::moment::Moment;
use super::super::snapshot::{
    ActivityView, CheckResultView, CheckView, HeartbeatView, IncidentView, PauseView, PendingView,
    ProbeFacts, ProgramView, RollingView, Snapshot, Spending, StreakView, Totals,
};
use super::super::threshold::{Status, Streak};
use super::Monitor;
use super::pending::Pending;
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
        self.whole_snapshot(now, true)
    }

    /// The same without the last results of each check, which are most of what there is to copy.
    pub fn snapshot_without_samples(&self, now: Moment) -> Snapshot {
        self.whole_snapshot(now, false)
    }

    fn whole_snapshot(&self, now: Moment, with_samples: bool) -> Snapshot {
        let mut partial = PartialSnapshot::new(with_samples);
        self.extend_snapshot(now, &mut partial, usize::MAX);
        partial.into_snapshot()
    }

    /// Adds the next `most` checks to `partial`. Says whether it has all of them then. After a reload it begins anew.
    pub fn extend_snapshot(&self, now: Moment, partial: &mut PartialSnapshot, most: usize) -> bool {
        if !Arc::ptr_eq(&partial.order, &self.order) {
            partial.order = self.definitions();
            partial.place = 0;
        }
        if partial.place == 0 {
            partial.snapshot = self.snapshot_of_none(now);
            partial.snapshot.checks.reserve_exact(self.order.len());
        }
        let end = partial.place.saturating_add(most).min(self.order.len());
        let snapshot = &mut partial.snapshot;
        for check in &self.order[partial.place..end] {
            let Some(state) = self.checks.get(&check.name) else {
                continue;
            };
            snapshot.totals.add(state, now);
            let view = state.view(now, &self.shared, partial.with_samples);
            snapshot.checks.push(view);
        }
        partial.place = end;
        end == self.order.len()
    }

    /// The numbers over all checks, and the names of those that are down.
    pub fn totals(&self, now: Moment) -> (Totals, Vec<&str>) {
        let mut totals = self.snapshot_of_none(now).totals;
        let mut down = Vec::new();
        for check in self.order.iter() {
            let Some(state) = self.checks.get(&check.name) else {
                continue;
            };
            totals.add(state, now);
            if state.memory.status == Status::Down {
                down.push(check.name.as_str());
            }
        }
        (totals, down)
    }

    fn unfinished_of_removed(&self) -> Vec<PendingView> {
        let pending = self.shared.pending.values();
        let is_of_removed = |pending: &&Pending| !self.checks.contains_key(&pending.restart.check);
        pending.filter(is_of_removed).map(Pending::view).collect()
    }

    fn snapshot_of_none(&self, now: Moment) -> Snapshot {
        Snapshot {
            at: now,
            shutting_down: self.shared.shutting_down,
            config: None,
            totals: Totals {
                restarts: self.shared.limits.max_restarts.map(|budget| Spending {
                    spent: self.shared.spent.within(now, budget.window),
                    of: budget.count,
                    window: budget.window.as_secs_f64(),
                }),
                ..Totals::default()
            },
            checks: Vec::new(),
            unfinished: self.unfinished_of_removed(),
        }
    }
}

/// A snapshot that is taken some checks at a time: to copy thousands at once would hold up everything else.
#[derive(Debug)]
pub struct PartialSnapshot {
    with_samples: bool,
    /// The definitions that it is taken of.
    order: Arc<[Arc<Check>]>,
    /// The place of the next one in them.
    place: usize,
    snapshot: Snapshot,
}

impl PartialSnapshot {
    /// Has no check yet.
    pub fn new(with_samples: bool) -> Self {
        Self {
            with_samples,
            order: Arc::default(),
            place: 0,
            snapshot: Snapshot {
                at: Moment::ZERO,
                shutting_down: false,
                config: None,
                totals: Totals::default(),
                checks: Vec::new(),
                unfinished: Vec::new(),
            },
        }
    }

    /// What it has.
    pub fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }
}

impl Totals {
    fn add(&mut self, state: &CheckState, now: Moment) {
        let stands = match state.memory.status {
            Status::Up => &mut self.up,
            Status::Down => &mut self.down,
            Status::Pending => &mut self.pending,
        };
        *stands += 1;
        self.checks += 1;
        self.paused += usize::from(state.paused(now).is_some());
        self.silenced += usize::from(state.silenced(now).is_some());
        self.gave_up += usize::from(state.memory.gave_up.is_some());
        self.probing += usize::from(matches!(
            state.activity,
            Activity::Listing { .. } | Activity::Probing { .. }
        ));
        self.acting += usize::from(state.attempt.is_some());
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
            gate @ Gate::Stopped { .. } => self.stopped.then_some(gate),
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

#[cfg(test)]
mod tests {
    use super::super::{Event, Limits};
    use super::*;

    fn checks(names: &[&str]) -> Vec<Check> {
        let named = |name: &&str| Check {
            name: (*name).to_owned(),
            url: format!("http://{name}/"),
            probe: String::new(),
            rules: Arc::default(),
        };
        names.iter().map(named).collect()
    }

    fn names(snapshot: &Snapshot) -> Vec<&str> {
        let checks = snapshot.checks.iter();
        checks.map(|check| check.name.as_str()).collect()
    }

    #[test]
    fn snapshot_in_parts_is_the_whole_one() {
        let now = Moment::from_secs(7);
        for count in [0, 1, 3, 4] {
            let all = ["shop", "db", "api", "mail"];
            let monitor = Monitor::new(Limits::default(), 1, checks(&all[..count]));
            let mut partial = PartialSnapshot::new(true);
            let mut turns = 1;
            while !monitor.extend_snapshot(now, &mut partial, 2) {
                turns += 1;
            }
            assert_eq!(partial.into_snapshot(), monitor.snapshot(now), "{count}");
            assert_eq!(turns, count.div_ceil(2).max(1), "{count}");
        }
    }

    #[test]
    fn reload_begins_a_snapshot_anew() {
        let now = Moment::from_secs(7);
        let mut monitor = Monitor::new(Limits::default(), 1, checks(&["shop", "db", "api"]));
        let mut partial = PartialSnapshot::new(false);
        assert!(!monitor.extend_snapshot(now, &mut partial, 2));
        let reload = Event::Reload {
            checks: checks(&["api", "new"]).into_iter().map(Arc::new).collect(),
            limits: Limits::default(),
            forgot: Vec::new(),
        };
        let _ = monitor.handle(now, reload);
        assert!(monitor.extend_snapshot(now, &mut partial, 2));
        let snapshot = partial.into_snapshot();
        assert_eq!(names(&snapshot), ["api", "new"]);
        assert_eq!((snapshot.totals.checks, snapshot.totals.pending), (2, 2));
    }
}
