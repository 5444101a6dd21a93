//! A world around the monitor: it answers effects late, in any order, well or badly, and hands every
//! step to the auditor.

use std::time::Duration;

use httpok::health::{
    ActionStep, Backend, Backoff, Budget, CallError, Capture, Check, CheckTick, Counted, Decision,
    Effect, Event, Expectation, Fails, FleetPolicy, IntentId, Limits, MaintenanceWindow, Moment,
    Monitor, NotifyMode, Observation, Outcome, Pause, PendingRestart, Phase, Plan, PlanAction,
    Policy, Process, ProcessName, ProcessState, Reason, Remedy, ResumeResult, Rung, Scope,
    Selection, Skip, StatusLine, Step, Target, Trouble, Unreachable, Verdict, WarmUp,
};
use proptest::prelude::*;

use super::auditor::Auditor;
use super::fleet::{FleetAuditor, slot_answer};

/// A program of supervisord, a container, and a group of three.
pub const PROCESSES: usize = 5;
const TARGETS: [&str; 3] = ["p0", "docker/p1", "g:*"];

/// One step of a world.
#[derive(Clone, Debug)]
pub enum Op {
    Advance(u32),
    Tick(usize, Option<u16>),
    Answer(usize, u8),
    Pause(usize, Option<u16>),
    Silence(usize, Option<u16>),
    /// A maintenance window that holds restarts, reports, both or nothing: then it is over.
    Maintenance(usize, bool, bool, Option<u16>),
    Resume(usize),
    /// A heartbeat, which reports a failure or not.
    Beat(usize, bool),
    Reset(usize),
    Replace(usize),
    RestartManually(usize),
    /// A reload with one check changed.
    Change(usize),
    /// A reload with the slots of one check changed, or taken away.
    ChangeFleet(usize, u8),
    /// A reload with one check taken away, or put back.
    Toggle(usize),
    /// An earlier run left the restart of a process unfinished, for this check.
    Inherit(usize, usize),
    /// The supervisor performs a stop that an earlier run had asked for.
    StopsLate(usize),
    /// Someone else starts a process, or stops it.
    Elsewhere(usize, bool),
    /// A process crashes and is being started anew, or waits for that.
    Crashes(usize, bool),
    /// The lease of a check's slot could not be renewed.
    LoseLease(usize),
    Shutdown,
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_u32..20_000).prop_map(Op::Advance),
        6 => (0_usize..4, prop::option::weighted(0.3, 0_u16..20_000)).prop_map(|(c, age)| Op::Tick(c, age)),
        14 => (0_usize..8, any::<u8>()).prop_map(|(i, how)| Op::Answer(i, how)),
        1 => (0_usize..4, prop::option::of(any::<u16>())).prop_map(|(c, ms)| Op::Pause(c, ms)),
        1 => (0_usize..4, prop::option::of(any::<u16>())).prop_map(|(c, ms)| Op::Silence(c, ms)),
        1 => (0_usize..4, any::<bool>(), any::<bool>(), prop::option::of(any::<u16>()))
            .prop_map(|(c, restarts, reports, ms)| Op::Maintenance(c, restarts, reports, ms)),
        1 => (0_usize..4).prop_map(Op::Resume),
        3 => (0_usize..4, prop::bool::weighted(0.2)).prop_map(|(c, failed)| Op::Beat(c, failed)),
        1 => (0_usize..4).prop_map(Op::Reset),
        1 => (0..PROCESSES).prop_map(Op::Replace),
        1 => (0_usize..4).prop_map(Op::RestartManually),
        1 => (0_usize..4).prop_map(Op::Change),
        1 => (0_usize..4, any::<u8>()).prop_map(|(c, how)| Op::ChangeFleet(c, how)),
        1 => (0_usize..4).prop_map(Op::Toggle),
        1 => (0..PROCESSES, 0_usize..5).prop_map(|(process, check)| Op::Inherit(process, check)),
        1 => (0..PROCESSES).prop_map(Op::StopsLate),
        1 => (0..PROCESSES, any::<bool>()).prop_map(|(process, up)| Op::Elsewhere(process, up)),
        1 => (0..PROCESSES, any::<bool>()).prop_map(|(process, waits)| Op::Crashes(process, waits)),
        1 => (0_usize..4).prop_map(Op::LoseLease),
        1 => Just(Op::Shutdown),
    ]
}

pub struct World {
    pub monitor: Monitor,
    /// As they are now, and as they were in the beginning.
    pub checks: Vec<Check>,
    pub initial: Vec<Check>,
    pub limits: Limits,
    pub seed: u64,
    pub now: Moment,
    pub journal: Vec<(Moment, Event, Vec<Effect>)>,
    /// Verdict of each probe, and whether an action began with it (drop-in worlds).
    pub drop_in_probes: Vec<(Verdict, bool)>,
    pending: Vec<Effect>,
    pids: [u32; PROCESSES],
    /// What the supervisors would say of each process.
    states: [ProcessState; PROCESSES],
    /// The stops that earlier runs had asked for and that are not performed: until when, once it was found running.
    stops: [Option<Option<Moment>>; PROCESSES],
    auditor: Auditor,
    pub fleet: FleetAuditor,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("limits", &self.limits)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}

impl Clone for World {
    fn clone(&self) -> Self {
        Self::new(self.seed, self.limits.clone(), self.initial.clone())
    }
}

pub fn worlds() -> impl Strategy<Value = World> {
    let limits = (
        // as people write it: 15 digits survive being written down, 17 need not
        prop::option::of((30_u32..100).prop_map(|percent| f64::from(percent) / 100.0)),
        1_u32..3,
        prop::option::of(budget()),
        prop::option::of(1_u64..100),
    )
        .prop_map(
            |(panic_threshold, max_concurrent_restarts, max_restarts, reminder)| Limits {
                panic_threshold,
                panic_window: Duration::from_secs(120),
                max_concurrent_restarts,
                max_restarts,
                reminder: reminder.map(Duration::from_secs),
                once: false,
            },
        );
    let checks = prop::collection::vec(
        (
            policy(),
            0_usize..4,
            any::<[bool; 3]>(),
            any::<bool>(),
            prop::option::weighted(0.3, 0_u64..60),
        ),
        1..5,
    );
    let checks = checks.prop_flat_map(|shapes| {
        let count = shapes.len();
        let heartbeats = prop::collection::vec(prop::option::weighted(0.25, 1_u64..60), count);
        let ladder = prop::option::weighted(0.4, prop::collection::vec(rung(), 1..5));
        let ladders = prop::collection::vec(ladder, count);
        let fleets = prop::collection::vec(prop::option::weighted(0.4, fleet()), count);
        (Just(shapes), heartbeats, ladders, fleets)
    });
    (any::<u64>(), limits, checks).prop_map(|(seed, limits, shapes)| {
        let (shapes, heartbeats, ladders, fleets) = shapes;
        let checks = shapes
            .into_iter()
            .zip(heartbeats.into_iter().zip(ladders).zip(fleets))
            .enumerate()
            .map(|(index, (shape, ((heartbeat, ladder), fleet)))| {
                let mut check = check(index, shape);
                check.ladder = ladder.unwrap_or_default();
                check.fleet = fleet;
                if let Some(every) = heartbeat {
                    check.heartbeat = Some(Duration::from_secs(every));
                    check.warmup = None;
                }
                check
            })
            .collect();
        World::new(seed, limits, checks)
    })
}

pub fn check(
    index: usize,
    (policy, requires, targets, eager, warmup): (Policy, usize, [bool; 3], bool, Option<u64>),
) -> Check {
    let targets = targets
        .iter()
        .enumerate()
        .filter(|(_, chosen)| **chosen)
        .map(|(index, _)| TARGETS[index].parse::<Target>().expect("a target"))
        .collect();
    Check {
        name: format!("c{index}"),
        url: "http://127.0.0.1/".into(),
        probe: String::new(),
        expectation: Expectation::default(),
        policy,
        remedy: Remedy {
            selection: Selection::Targets(targets),
            eager,
            ..Remedy::NONE
        },
        ladder: Vec::new(),
        requires: if requires < index {
            vec![format!("c{requires}")]
        } else {
            Vec::new()
        },
        dry_run: false,
        capture: false,
        warmup: warmup.map(|timeout| WarmUp {
            url: "http://127.0.0.1/warmup".into(),
            timeout: Duration::from_secs(timeout),
        }),
        heartbeat: None,
        fleet: None,
    }
}

/// A rung; one that restarts anything restarts one or more of the targets.
fn rung() -> impl Strategy<Value = Rung> {
    let restart = (1_usize..8).prop_map(|chosen| {
        let targets = TARGETS.iter().enumerate();
        let targets = targets.filter(|(index, _)| chosen & (1 << index) != 0);
        let targets = targets.map(|(_, text)| text.parse::<Target>().expect("a target"));
        Rung::Restart(Remedy {
            selection: Selection::Targets(targets.collect()),
            ..Remedy::NONE
        })
    });
    prop_oneof![
        3 => Just(Rung::Signal("QUIT".parse().expect("a signal"))),
        4 => restart,
        2 => Just(Rung::Run { command: "failover".to_owned() }),
        1 => Just(Rung::GiveUp),
    ]
}

fn budget() -> impl Strategy<Value = Budget> {
    (0_u32..4, 1_u64..60).prop_map(|(count, window)| Budget {
        count,
        window: Duration::from_secs(window),
    })
}

fn fleet() -> impl Strategy<Value = FleetPolicy> {
    (1_u64..60, any::<bool>()).prop_map(|(wait, acts)| FleetPolicy {
        group: "shop".into(),
        slots: 1,
        wait: Duration::from_secs(wait),
        unreachable: match acts {
            true => Unreachable::Act,
            false => Unreachable::Hold,
        },
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let fails = prop_oneof![
        (1_u32..4).prop_map(Fails::InARow),
        (1_u32..4, 0_u32..3).prop_map(|(fails, more)| Fails::Within {
            fails,
            of: fails + more
        }),
    ];
    let act_on = prop::option::weighted(0.2, Just([Reason::Status].into_iter().collect()));
    (
        fails,
        1_u32..3,
        0_u64..20,
        prop::option::of(budget()),
        prop::option::of(1_u64..120),
        act_on,
        any::<bool>(),
    )
        .prop_map(
            |(fail, pass_after, grace, restarts, rearm, act_on, pause)| Policy {
                fail,
                pass_after,
                grace: Duration::from_secs(grace),
                backoff: if pause {
                    Backoff::default()
                } else {
                    Backoff::NONE
                },
                restarts,
                rearm: rearm.map(Duration::from_secs),
                act_on,
                notify: NotifyMode::Changes,
            },
        )
}

impl World {
    pub fn new(seed: u64, limits: Limits, checks: Vec<Check>) -> Self {
        Self {
            monitor: Monitor::new(limits.clone(), seed, checks.clone()),
            auditor: Auditor::new(&checks, &limits),
            fleet: FleetAuditor::default(),
            initial: checks.clone(),
            checks,
            limits,
            seed,
            now: Moment::from_secs(100_000),
            journal: Vec::new(),
            drop_in_probes: Vec::new(),
            pending: Vec::new(),
            pids: [10, 20, 30, 40, 50],
            states: [ProcessState::Running; PROCESSES],
            stops: [None; PROCESSES],
        }
    }

    /// Turns every check into a drop-in on a process of its own, without anything in its way.
    pub fn make_drop_in(&mut self) {
        let mut checks = self.checks.clone();
        checks.truncate(1);
        for check in &mut checks {
            check.policy = Policy::drop_in();
            check.requires.clear();
            check.remedy.eager = true;
            check.warmup = None;
            check.heartbeat = None;
            check.ladder.clear();
            check.fleet = None;
        }
        *self = Self::new(self.seed, Limits::default(), checks);
    }

    pub fn perform(&mut self, op: &Op) {
        let name = |index: &usize| format!("c{index}");
        match op {
            Op::Advance(millis) => self.now = self.now + Duration::from_millis((*millis).into()),
            Op::Tick(check, age) => self.feed(Event::Tick(CheckTick {
                check: name(check),
                age: age.map(|ms| Duration::from_millis(ms.into())),
                period: Some(Duration::from_secs(5)),
            })),
            Op::Answer(index, how) => {
                if !self.pending.is_empty() {
                    let effect = self.pending.remove(index % self.pending.len());
                    self.answer(effect, *how);
                }
            }
            Op::Pause(check, lasting) => self.feed(Event::Pause {
                check: name(check),
                reason: "deploy".into(),
                lasting: lasting.map(|ms| Duration::from_millis(ms.into())),
                silent: lasting.is_some_and(|ms| ms % 3 == 0),
            }),
            Op::Silence(check, lasting) => self.feed(Event::Silence {
                check: name(check),
                reason: "deploy".into(),
                lasting: lasting.map(|ms| Duration::from_millis(ms.into())),
            }),
            Op::Maintenance(check, restarts, reports, lasting) => {
                let lasting = lasting.map(|ms| Duration::from_millis(ms.into()));
                let window = MaintenanceWindow {
                    hold: Pause::new(self.now, "maintenance".into(), lasting),
                    holds_restarts: *restarts,
                    holds_reports: *reports,
                };
                self.feed(Event::Maintenance {
                    check: name(check),
                    window: (*restarts || *reports).then_some(window),
                });
            }
            Op::Resume(check) => self.feed(Event::Resume { check: name(check) }),
            Op::Beat(check, failed) => self.feed(Event::Heartbeat {
                check: name(check),
                failure: failed.then(|| "disk full".to_owned()),
            }),
            Op::Reset(check) => self.feed(Event::Reset { check: name(check) }),
            Op::Replace(process) => self.start(*process),
            Op::Toggle(check) => {
                let name = name(check);
                if let Some(at) = self.checks.iter().position(|check| check.name == name) {
                    self.checks.remove(at);
                } else if let Some(check) = self.initial.get(*check) {
                    self.checks.push(check.clone());
                }
                self.feed(Event::Reload {
                    checks: self.checks.clone(),
                    limits: self.limits.clone(),
                    forgot: Vec::new(),
                });
            }
            // there is one intent of each process, so one that is being restarted is not inherited as well
            Op::Inherit(..)
                if self
                    .pending
                    .iter()
                    .any(|effect| matches!(effect, Effect::Act { .. })) => {}
            Op::Inherit(index, check) => {
                let is_new = !self.auditor.is_unfinished(&process(*index));
                if is_new && self.states[*index] == ProcessState::Running {
                    self.stops[*index] = Some(None);
                }
                self.feed(Event::Inherited(Box::new(PendingRestart {
                    check: name(check),
                    stop_unclear: true,
                    start_answered: false,
                    start_begun: false,
                    incident_ended: false,
                    ..self.unfinished(*index, "")
                })));
            }
            Op::StopsLate(index) => {
                let comes = self.may_stop_late(*index);
                if comes && self.states[*index] == ProcessState::Running {
                    self.states[*index] = ProcessState::Stopped;
                    self.stops[*index] = None;
                    assert!(
                        self.auditor.is_unfinished(&process(*index)),
                        "law 14: nobody starts what we stopped"
                    );
                }
            }
            Op::Elsewhere(index, true) => self.start(*index),
            Op::Crashes(index, waits) => {
                self.pids[*index] += 1;
                self.states[*index] = match waits {
                    true => ProcessState::Backoff,
                    false => ProcessState::Starting,
                };
            }
            Op::Elsewhere(index, false) => self.states[*index] = ProcessState::Stopped,
            Op::RestartManually(check) => self.feed(Event::Restart { check: name(check) }),
            Op::Change(check) => {
                if let Some(check) = self.checks.get_mut(*check) {
                    check.policy.grace += Duration::from_secs(1);
                    self.feed(Event::Reload {
                        checks: self.checks.clone(),
                        limits: self.limits.clone(),
                        forgot: Vec::new(),
                    });
                }
            }
            Op::ChangeFleet(check, how) => {
                if let Some(check) = self.checks.get_mut(*check) {
                    check.fleet = (how % 4 > 0).then(|| FleetPolicy {
                        group: ["shop", "cart"][usize::from(how / 4 % 2)].into(),
                        slots: 1 + u32::from(how / 8 % 2),
                        wait: Duration::from_secs(30),
                        unreachable: [Unreachable::Act, Unreachable::Hold]
                            [usize::from(how / 16 % 2)],
                    });
                    self.feed(Event::Reload {
                        checks: self.checks.clone(),
                        limits: self.limits.clone(),
                        forgot: Vec::new(),
                    });
                }
            }
            Op::LoseLease(check) => {
                let check = name(check);
                if let Some(reservation) = self.fleet.reservation(&check) {
                    self.feed(Event::LeaseLost {
                        check,
                        reservation,
                        why: "it has expired".to_owned(),
                    });
                }
            }
            Op::Shutdown => self.feed(Event::Shutdown),
        }
    }

    pub fn ops(&mut self, ops: impl IntoIterator<Item = Op>) {
        ops.into_iter().for_each(|op| self.perform(&op));
    }

    /// Lets every effect end well.
    pub fn finish(&mut self) {
        self.feed(Event::Shutdown);
        while let Some(effect) = self.pending.pop() {
            self.answer(effect, 0);
        }
    }

    fn feed(&mut self, event: Event) {
        let before = self.monitor.clone();
        let effects = self.monitor.handle(self.now, event.clone());
        self.auditor
            .witness(self.now, &event, &effects, &before, &self.monitor);
        self.fleet.witness(&event, &effects, &self.monitor);
        if let (Event::Observed { .. }, [Effect::Note(note), rest @ ..]) =
            (&event, effects.as_slice())
            && let Decision::Judged {
                verdict, counted, ..
            } = &note.decision
            && *counted != Counted::FromBeforeAction
        {
            let acts = rest
                .iter()
                .any(|effect| matches!(effect, Effect::Act { .. }));
            self.drop_in_probes.push((*verdict, acts));
        }
        self.pending.extend(
            effects
                .iter()
                .filter(|effect| !matches!(effect, Effect::Note(_)))
                .cloned(),
        );
        self.journal.push((self.now, event, effects));
    }

    fn answer(&mut self, effect: Effect, how: u8) {
        let event = match effect {
            Effect::List { check, ticket, .. } => {
                let unasked = if how % 8 == 4 {
                    vec![(Backend::Docker, refused())]
                } else {
                    Vec::new()
                };
                Event::Listed {
                    check,
                    ticket,
                    processes: self.list(how),
                    unasked,
                }
            }
            Effect::Probe {
                check,
                ticket,
                after,
            } => {
                self.now = self.now + after;
                Event::Observed {
                    check,
                    ticket,
                    seen: Box::new(observation(how)),
                }
            }
            Effect::WarmUp {
                check,
                ticket,
                after,
                ..
            } => {
                self.now = self.now + after;
                Event::WarmedUp {
                    check,
                    ticket,
                    seen: Box::new(observation(how)),
                }
            }
            Effect::Reserve {
                check,
                ticket,
                after,
                ..
            } => {
                self.now = self.now + after;
                Event::Reserved {
                    check,
                    ticket,
                    answer: slot_answer(how),
                }
            }
            Effect::Release {
                check,
                reservation,
                group,
                ..
            } => Event::Released {
                check,
                reservation,
                group,
                failure: (how % 3 == 1).then(|| "no".to_owned()),
            },
            Effect::Act { ticket, plan } => {
                let (outcome, pending) = self.act(&plan, how);
                Event::Acted {
                    check: plan.check,
                    ticket,
                    outcome,
                    pending,
                }
            }
            Effect::Resume {
                ticket,
                restart,
                may_start,
            } => {
                let (outcome, result) = self.resume(&restart, may_start, how);
                Event::Resumed {
                    process: restart.process,
                    ticket,
                    outcome,
                    result,
                }
            }
            Effect::Wake {
                process,
                ticket,
                after,
            } => {
                self.now = self.now + after;
                Event::Woken { process, ticket }
            }
            Effect::Report(report) => Event::Delivered {
                check: report.incident.check,
                incident: report.incident.id,
                report: report.number,
                kind: report.kind,
                notifier: "mail".to_owned(),
                failure: (how % 3 == 1).then(|| "no".to_owned()),
            },
            Effect::Note(_) => return,
        };
        self.feed(event);
    }

    fn list(&self, how: u8) -> Result<Vec<Process>, CallError> {
        match how % 8 {
            6 => Err(refused()),
            7 => Err(CallError::Fault {
                code: 6,
                text: "SHUTDOWN_STATE".into(),
            }),
            _ => Ok((0..PROCESSES)
                .filter(|index| how % 8 != 4 || process(*index).backend != Backend::Docker)
                .map(|index| Process {
                    name: process(index),
                    state: match how % 8 {
                        5 => ProcessState::Stopped,
                        _ => self.states[index],
                    },
                    pid: Some(self.pids[index]),
                    uptime: Some(u64::from(how)),
                    detail: String::new(),
                    instance: None,
                    aliases: Vec::new(),
                })
                .collect()),
        }
    }

    fn start(&mut self, index: usize) {
        self.pids[index] += 1;
        self.states[index] = ProcessState::Running;
    }

    fn unfinished(&self, index: usize, check: &str) -> PendingRestart {
        PendingRestart {
            intent: IntentId(i64::from(self.pids[index])),
            check: check.to_owned(),
            incident: "earlier".to_owned(),
            process: process(index),
            pid_before: Some(self.pids[index]),
            stop_unclear: false,
            start_answered: true,
            start_begun: true,
            incident_ended: false,
        }
    }

    /// Whether the supervisor may still perform a stop that an earlier run had asked for.
    fn may_stop_late(&self, index: usize) -> bool {
        let stop = self.stops[index];
        stop.is_some_and(|until| until.is_none_or(|until| self.now < until))
    }

    /// Tries to finish a restart: the supervisor does not answer, or the start fails, or all goes well.
    fn resume(
        &mut self,
        restart: &PendingRestart,
        may_start: bool,
        how: u8,
    ) -> (Outcome, ResumeResult) {
        let indices = 0..PROCESSES;
        let mut indices = indices.filter(|index| process(*index) == restart.process);
        let index = indices.next().expect("a process of this world");
        let not_yet = |answered: bool| ResumeResult::NotYet {
            why: "no".to_owned(),
            start_answered: answered,
            start_begun: answered,
        };
        let steps = |actions: Vec<ActionStep>| Outcome {
            steps: actions
                .into_iter()
                .map(|action| Step {
                    at: self.now,
                    took: Duration::ZERO,
                    process: Some(restart.process.clone()),
                    action,
                })
                .collect(),
        };
        let state = self.states[index];
        let found = ActionStep::Resumed { state };
        let start = |error| ActionStep::Started { error };
        match how % 4 {
            3 => (steps(Vec::new()), not_yet(false)),
            _ if state == ProcessState::Running && restart.stop_unclear => {
                (steps(Vec::new()), self.watched(index, how))
            }
            _ if state == ProcessState::Running => {
                assert!(
                    !self.may_stop_late(index),
                    "law 14: its stop may still come"
                );
                (steps(Vec::new()), ResumeResult::Finished)
            }
            _ if state == ProcessState::Stopped && restart.start_begun => {
                let why = "someone stopped it".to_owned();
                (steps(Vec::new()), ResumeResult::NotOurs { why })
            }
            _ if !may_start => (steps(Vec::new()), not_yet(false)),
            2 => {
                let error = Some(CallError::fault(CallError::SPAWN_ERROR, "no"));
                let outcome = steps(vec![found, start(error)]);
                self.states[index] = ProcessState::Fatal;
                // a stop of what does not run does nothing
                self.stops[index] = None;
                (outcome, not_yet(true))
            }
            _ => {
                let found_ended = state != ProcessState::Stopped;
                let (state, pid) = (ProcessState::Running, Some(self.pids[index] + 1));
                let settled = ActionStep::Settled { state, pid };
                let outcome = steps(vec![found, start(None), settled]);
                self.start(index);
                let result = match restart.stop_unclear && found_ended {
                    true => self.watched(index, how),
                    false => ResumeResult::Finished,
                };
                if result == ResumeResult::Finished {
                    // the stop was performed
                    self.stops[index] = None;
                }
                (outcome, result)
            }
        }
    }

    /// It runs, and its stop may still be performed for a while.
    fn watched(&mut self, index: usize, how: u8) -> ResumeResult {
        let stop_within = Duration::from_millis(u64::from(how / 4) * 100);
        if let Some(until) = &mut self.stops[index] {
            until.get_or_insert(self.now + stop_within);
        }
        ResumeResult::Runs { stop_within }
    }

    fn act(&mut self, plan: &Plan, how: u8) -> (Outcome, Vec<PendingRestart>) {
        let mut pending = Vec::new();
        let mut steps = Vec::new();
        let at = self.now;
        let mut push = |process, action| {
            steps.push(Step {
                at,
                took: Duration::ZERO,
                process,
                action,
            })
        };
        if how % 4 == 3 {
            let error = refused();
            push(
                None,
                match &plan.scope {
                    Scope::Part {
                        now, first: false, ..
                    } => ActionStep::Unasked {
                        backend: now[0].backend,
                        error,
                    },
                    _ => ActionStep::ListFailed { error },
                },
            );
            return (Outcome { steps }, pending);
        }
        if let PlanAction::Run { command, .. } = &plan.action {
            let what = command.clone();
            let failure = (how % 2 == 1).then(|| "exit status: 1".to_owned());
            let ran = Capture {
                what,
                failure,
                ..Capture::default()
            };
            push(None, ActionStep::Ran(ran));
            return (Outcome { steps }, pending);
        }
        for index in 0..PROCESSES {
            let name = process(index);
            let remedy = &plan.remedy;
            if !remedy.selection.matches(&name, remedy.default) || !plan.scope.covers(&name) {
                continue;
            }
            let looked = plan.listed.iter().flatten();
            let mut before = looked.filter(|process| process.name == name);
            if let Some(before) = before.find(|before| before.state != ProcessState::Running) {
                let state = before.state;
                push(Some(name), ActionStep::Skipped(Skip::NotRunning { state }));
                continue;
            }
            if self.states[index] != ProcessState::Running {
                let state = self.states[index];
                push(Some(name), ActionStep::Skipped(Skip::NotRunning { state }));
                continue;
            }
            if plan.unfinished.contains(&name) {
                push(Some(name), ActionStep::Skipped(Skip::Unfinished));
                continue;
            }
            if how % 16 == 12 {
                // another watchdog was first
                let watchdog = "another".to_owned();
                push(
                    Some(name),
                    ActionStep::Skipped(Skip::OtherWatchdog { watchdog }),
                );
                continue;
            }
            if let PlanAction::Signal(signal) = plan.action {
                let error = (how % 8 == 1).then(refused);
                let ends = how % 8 == 2;
                push(Some(name.clone()), ActionStep::Signalled { signal, error });
                if !ends {
                    continue;
                }
                let state = ProcessState::Exited;
                push(Some(name.clone()), ActionStep::EndedBySignal { state });
            } else {
                push(Some(name.clone()), ActionStep::Stopped { error: None });
            }
            if how % 16 == 6 {
                // the link to the supervisor broke
                let restart = self.unfinished(index, &plan.check);
                pending.push(PendingRestart {
                    start_answered: false,
                    start_begun: false,
                    incident_ended: false,
                    ..restart
                });
                self.states[index] = ProcessState::Stopped;
                let error = Some(refused());
                push(Some(name), ActionStep::Started { error });
            } else if how % 4 == 2 {
                pending.push(self.unfinished(index, &plan.check));
                self.states[index] = ProcessState::Fatal;
                let error = Some(CallError::fault(CallError::SPAWN_ERROR, "no"));
                push(Some(name), ActionStep::Started { error });
            } else {
                self.start(index);
                push(Some(name.clone()), ActionStep::Started { error: None });
                let pid = Some(self.pids[index]);
                let state = ProcessState::Running;
                push(Some(name), ActionStep::Settled { state, pid });
            }
            if plan.scope == Scope::First {
                break;
            }
        }
        (Outcome { steps }, pending)
    }
}

fn refused() -> CallError {
    CallError::Unreachable {
        detail: "connection refused".into(),
    }
}

pub fn process(index: usize) -> ProcessName {
    match index {
        0 => ProcessName::supervisord("p0", "p0"),
        1 => ProcessName::alone(Backend::Docker, "p1"),
        member => ProcessName::supervisord("g", format!("{}", member - 2)),
    }
}

fn observation(how: u8) -> Observation {
    let code = match how % 8 {
        0 | 1 => 200,
        2..=4 => 500,
        5 => {
            return Observation::of_trouble(Trouble::new(
                Reason::Refused,
                Phase::Connect,
                "refused",
            ));
        }
        6 => return Observation::of_trouble(Trouble::new(Reason::NoFds, Phase::Connect, "no fds")),
        _ => {
            return Observation::of_trouble(Trouble::new(
                Reason::FirstByteTimeout,
                Phase::FirstByte,
                "slow",
            ));
        }
    };
    let status = StatusLine {
        version: "HTTP/1.1".into(),
        code,
        reason: String::new(),
    };
    Observation {
        status: Some(status),
        ..Observation::default()
    }
}
