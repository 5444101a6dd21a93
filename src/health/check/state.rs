//! The state of a check: what it is doing just now, and what is remembered of it. The rules that change it are in
//! `monitor/`, one file per kind of decision.

use std::sync::Arc;
use std::time::Duration;

use super::{Activity, Check, CheckCounts, MissedTick};
use crate::health::attempt::Attempt;
use crate::health::call_error::CallError;
use crate::health::gate::Gate;
use crate::health::incident::{CheckResult, Incident};
use crate::health::ladder::{Rung, rung_after};
use crate::health::memory::{Memory, ResultSample, Verifying};
use crate::health::moment::Moment;
use crate::health::monitor::MaintenanceWindow;
use crate::health::observation::Observation;
use crate::health::packed_facts::PackedFacts;
use crate::health::process::{Backend, Process, ProcessState};
use crate::health::remedy::UnknownTarget;
use crate::health::threshold::Status;
use crate::health::verdict::Verdict;
use crate::health::warmup::Warming;

/// What is kept of a result's text, in characters.
const KEPT_DETAIL: usize = 300;

/// After a restart a service gets at least so long before it is called "not back".
const SHORTEST_VERIFICATION: Duration = Duration::from_secs(10);
/// A check with all its state: one state machine. What few checks have is on the heap. What several checks share is `monitor/shared.rs`.
#[derive(Clone, Debug)]
pub(in crate::health) struct CheckState {
    pub check: Arc<Check>,
    pub memory: Memory,
    pub activity: Activity,
    /// The answer that is being acted on, while one event is handled.
    pub answer: Option<Box<Observation>>,
    /// The attempt under way, also between two of its actions.
    pub attempt: Option<Box<Attempt>>,
    /// The warm-up under way, beside all that.
    pub warming: Option<Box<Warming>>,
    /// The watchdog, or what it restarts, was started since the last warm-up.
    pub warm_due: bool,
    /// Heartbeats of this run could come already.
    pub listening: bool,
    /// It has acted in this run.
    pub has_acted: bool,
    /// Somebody stopped all that it restarts, as the last list says.
    pub stopped: bool,
    /// The gate that was noted last, so that it is noted once.
    pub held: Option<Box<Gate>>,
    /// The incident that ended last, and whether it changed since it was last written to the store.
    pub closed: Option<Box<Incident>>,
    pub unwritten: bool,
    /// Why the supervisor could not be asked the last time, so that it is noted once.
    pub unlisted: Option<Box<CallError>>,
    /// The same for one of several supervisors.
    pub unasked: Vec<(Backend, CallError)>,
    /// The targets of which no supervisor knows a process, as far as it was asked.
    pub unknown_targets: Vec<UnknownTarget>,
    /// The maintenance window that is open.
    pub maintenance: Option<Box<MaintenanceWindow>>,
    /// A tick to be made up for when the probe under way is over.
    pub missed: Option<MissedTick>,
    /// When the newest probe began that is over.
    pub probed: Option<Moment>,
    /// The newest definitions do not have this check: it is kept until its action has ended, and not probed.
    pub removed: bool,
    pub counts: CheckCounts,
    /// What the newest probe saw, for metrics.
    pub seen: Option<PackedFacts>,
}

// there is one of each for every check
const _: () = assert!(size_of::<CheckState>() <= 768 && size_of::<Check>() <= 80);

impl CheckState {
    pub fn new(check: Arc<Check>, memory: Memory) -> Self {
        Self {
            check,
            memory,
            activity: Activity::Idle,
            answer: None,
            attempt: None,
            warming: None,
            warm_due: true,
            listening: false,
            has_acted: false,
            stopped: false,
            held: None,
            closed: None,
            unwritten: false,
            unlisted: None,
            unasked: Vec::new(),
            unknown_targets: Vec::new(),
            maintenance: None,
            missed: None,
            probed: None,
            removed: false,
            counts: CheckCounts::default(),
            seen: None,
        }
    }

    /// Whether the supervisor is asked before the service is.
    pub fn lists_first(&self) -> bool {
        let remedy = &self.check.remedy;
        !remedy.selection.is_empty() || !remedy.eager
    }

    /// Takes note of the processes as listed before a probe. Returns one that is another process than before, if
    /// any.
    ///
    /// A process that is not RUNNING yet was started a moment ago, so it begins a grace, too. BACKOFF does not
    /// prolong it: a program that crashes again and again must become "down".
    pub fn processes_listed(&mut self, now: Moment, chosen: &[Process]) -> Option<String> {
        let grace = self.check.policy.grace;
        let memory = &mut self.memory;
        let mut replaced = None;
        let mut starts = false;
        let mut until = None;
        for process in chosen {
            let is_up = match process.state {
                ProcessState::Running => true,
                ProcessState::Starting | ProcessState::Backoff => false,
                ProcessState::Stopped
                | ProcessState::Stopping
                | ProcessState::Exited
                | ProcessState::Fatal
                | ProcessState::Unknown => continue,
            };
            let name = process.name.to_string();
            let known = memory.pids.get(&name).copied();
            if process
                .pid
                .is_some_and(|pid| known.is_some_and(|known| known != pid))
            {
                replaced.get_or_insert(name.clone());
                memory.pids.remove(&name);
            }
            starts |= !is_up && (known.is_none() || known != process.pid);
            if let (true, Some(pid)) = (is_up, process.pid) {
                memory.pids.insert(name, pid);
            }
            let started = process
                .uptime
                .map(|uptime| now.before(Duration::from_secs(uptime)));
            let (started, prolongs) = match process.state {
                ProcessState::Running => (started, true),
                ProcessState::Starting => (started, started.is_some()),
                _ => (started, false),
            };
            let started = if is_up {
                started
            } else {
                started.or(Some(now))
            };
            until = until.max(started.map(|started| (started + grace, prolongs)));
        }
        if replaced.is_some() {
            memory.streak.reset();
            memory.failing_since = None;
            memory.grace_until = None;
        }
        if replaced.is_some() || starts {
            memory.settled = false;
        }
        if let (false, Some((until, prolongs))) = (memory.settled, until) {
            memory.grace_until = match memory.grace_until {
                Some(known) if prolongs => Some(known.max(until)),
                known => known.or(Some(until)),
            };
        }
        replaced
    }

    /// Starts counting anew.
    pub fn forget_streak(&mut self) {
        self.memory.streak.reset();
        self.memory.failing_since = None;
    }

    /// Whether a fail at `now` is within the grace after the program's start. A heartbeat has a period of its own, and
    /// one that reports a failure means it.
    pub fn in_grace(&self, now: Moment) -> bool {
        self.check.heartbeat.is_none()
            && !self.memory.settled
            && self.memory.grace_until.is_some_and(|until| now < until)
    }

    /// Remembers a result in short.
    pub fn sample(&mut self, now: Moment, result: &CheckResult) {
        self.counts.probes.add(result.judgement.verdict);
        // what is not asked takes no time
        if self.check.is_probed() {
            self.counts.durations.add(result.seen.duration);
        }
        self.seen = Some(PackedFacts::from(&result.seen));
        self.memory.samples.push(ResultSample {
            at: now,
            verdict: result.judgement.verdict,
            reason: result.judgement.reason,
            took: result.seen.duration,
            code: result.seen.status.as_ref().map(|line| line.code),
            detail: result.judgement.detail.chars().take(KEPT_DETAIL).collect(),
        });
    }

    /// Stands at `status` from now on, unless it does already.
    pub fn set_status(&mut self, now: Moment, status: Status) {
        if self.memory.status != status {
            self.memory.status = status;
            self.memory.status_since = Some(now);
        }
    }

    /// Whether its open incident is a person's restart and nothing else so far.
    pub fn is_only_manual(&self) -> bool {
        let incident = self.memory.incident.as_ref();
        incident.is_some_and(|incident| incident.manual)
    }

    /// Whether it is down, or its last probe failed.
    pub fn is_failing(&self) -> bool {
        self.memory.status == Status::Down
            || self
                .memory
                .samples
                .newest_verdict()
                .is_some_and(|(_, verdict)| verdict == Verdict::Fail)
    }

    /// The rung of the ladder that the next attempt takes; `None` without a ladder.
    pub fn next_rung(&self, listed: Option<&[Process]>) -> Option<(u32, &Rung)> {
        let own = self.own_of(listed);
        rung_after(&self.check.ladder, self.memory.rungs, own.as_deref())
    }

    /// Those of `listed` that the check itself names.
    pub fn own_of(&self, listed: Option<&[Process]>) -> Option<Vec<Process>> {
        let remedy = &self.check.remedy;
        match remedy.selection.is_empty() {
            true => Some(Vec::new()),
            false => listed.map(|listed| remedy.select(listed)),
        }
    }

    /// What was done restarts nothing, so it shows soon whether it helped.
    pub fn verify_without_grace(&mut self, now: Moment, begun: Moment) {
        self.memory.verifying = Some(Verifying {
            begun,
            until: now + SHORTEST_VERIFICATION,
        });
    }

    /// Takes note of an action that has ended.
    pub fn action_ended_at(&mut self, now: Moment, begun: Moment, restarted: bool) {
        self.forget_streak();
        self.memory.acted = Some(now);
        if restarted {
            self.warm_due = true;
            self.memory.settled = false;
            self.memory.pids.clear();
            let grace = self.check.policy.grace;
            self.memory.grace_until = Some(now + grace);
            if let Some(heartbeats) = &mut self.memory.heartbeats {
                heartbeats.restarted(now);
            }
            let patience = self.check.heartbeat.unwrap_or_default();
            self.memory.verifying = Some(Verifying {
                begun,
                until: now + grace.max(SHORTEST_VERIFICATION).max(patience),
            });
        }
    }
}
