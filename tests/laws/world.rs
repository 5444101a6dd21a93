//! A world around the monitor: it answers effects late, in any order, well or badly, and hands every
//! step to the auditor.

use std::time::Duration;

use httpok::health::{
    ActionStep, Backend, Backoff, Budget, CallError, Check, Effect, Event, Expectation, Fails,
    Limits, Moment, Monitor, NotifyMode, Observation, Outcome, Phase, Plan, Policy, Process,
    ProcessName, ProcessState, Reason, Remedy, Scope, Selection, Skip, StatusLine, Step, Target,
    Tick, Trouble, Verdict, WarmUp,
};
use proptest::prelude::*;

use super::auditor::Auditor;

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
    Resume(usize),
    Reset(usize),
    Replace(usize),
    ByHand(usize),
    /// A reload with one check changed.
    Change(usize),
    Shutdown,
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_u32..20_000).prop_map(Op::Advance),
        6 => (0_usize..4, prop::option::weighted(0.3, 0_u16..20_000)).prop_map(|(c, age)| Op::Tick(c, age)),
        14 => (0_usize..8, any::<u8>()).prop_map(|(i, how)| Op::Answer(i, how)),
        1 => (0_usize..4, prop::option::of(any::<u16>())).prop_map(|(c, ms)| Op::Pause(c, ms)),
        1 => (0_usize..4).prop_map(Op::Resume),
        1 => (0_usize..4).prop_map(Op::Reset),
        1 => (0..PROCESSES).prop_map(Op::Replace),
        1 => (0_usize..4).prop_map(Op::ByHand),
        1 => (0_usize..4).prop_map(Op::Change),
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
    /// Verdict of each look, and whether an action began with it (drop-in worlds).
    pub drop_in_looks: Vec<(Verdict, bool)>,
    pending: Vec<Effect>,
    pids: [u32; PROCESSES],
    auditor: Auditor,
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
                max_concurrent_restarts,
                max_restarts,
                reminder: reminder.map(Duration::from_secs),
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
    (any::<u64>(), limits, checks).prop_map(|(seed, limits, shapes)| {
        let checks = shapes
            .into_iter()
            .enumerate()
            .map(|(index, shape)| check(index, shape))
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
    }
}

fn budget() -> impl Strategy<Value = Budget> {
    (0_u32..4, 1_u64..60).prop_map(|(count, window)| Budget {
        count,
        window: Duration::from_secs(window),
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
                tell: NotifyMode::Changes,
            },
        )
}

impl World {
    pub fn new(seed: u64, limits: Limits, checks: Vec<Check>) -> Self {
        Self {
            monitor: Monitor::new(limits.clone(), seed, checks.clone()),
            auditor: Auditor::new(&checks, &limits),
            initial: checks.clone(),
            checks,
            limits,
            seed,
            now: Moment::from_secs(100_000),
            journal: Vec::new(),
            drop_in_looks: Vec::new(),
            pending: Vec::new(),
            pids: [10, 20, 30, 40, 50],
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
        }
        *self = Self::new(self.seed, Limits::default(), checks);
    }

    pub fn perform(&mut self, op: &Op) {
        let name = |index: &usize| format!("c{index}");
        match op {
            Op::Advance(millis) => self.now = self.now + Duration::from_millis((*millis).into()),
            Op::Tick(check, age) => self.feed(Event::Tick(Tick {
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
            }),
            Op::Resume(check) => self.feed(Event::Resume { check: name(check) }),
            Op::Reset(check) => self.feed(Event::Reset { check: name(check) }),
            Op::Replace(process) => self.pids[*process] += 1,
            Op::ByHand(check) => self.feed(Event::Restart { check: name(check) }),
            Op::Change(check) => {
                if let Some(check) = self.checks.get_mut(*check) {
                    check.policy.grace += Duration::from_secs(1);
                    self.feed(Event::Reload {
                        checks: self.checks.clone(),
                        limits: self.limits.clone(),
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
        if let (Event::Observed { .. }, [Effect::Note(note), rest @ ..]) =
            (&event, effects.as_slice())
            && let httpok::health::Decision::Judged { verdict, .. } = &note.decision
        {
            let acts = rest
                .iter()
                .any(|effect| matches!(effect, Effect::Act { .. }));
            self.drop_in_looks.push((*verdict, acts));
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
            Effect::Act { ticket, plan } => {
                let outcome = self.act(&plan, how);
                Event::Acted {
                    check: plan.check,
                    ticket,
                    outcome,
                }
            }
            Effect::Report(report) => Event::Delivered {
                incident: report.incident.id,
                report: report.number,
                kind: report.kind,
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
                    state: if how % 8 == 5 {
                        ProcessState::Stopped
                    } else {
                        ProcessState::Running
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

    fn act(&mut self, plan: &Plan, how: u8) -> Outcome {
        let mut steps = Vec::new();
        let mut push = |process, deed| {
            steps.push(Step {
                at: self.now,
                took: Duration::ZERO,
                process,
                deed,
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
            return Outcome { steps };
        }
        for index in 0..PROCESSES {
            let name = process(index);
            let remedy = &plan.remedy;
            if !remedy.selection.matches(&name, remedy.default) || !plan.scope.covers(&name) {
                continue;
            }
            let looked = plan.looked.iter().flatten();
            let mut before = looked.filter(|process| process.name == name);
            if let Some(before) = before.find(|before| before.state != ProcessState::Running) {
                let state = before.state;
                push(Some(name), ActionStep::Skipped(Skip::NotRunning { state }));
                continue;
            }
            self.pids[index] += 1;
            push(Some(name.clone()), ActionStep::Stopped { error: None });
            push(Some(name.clone()), ActionStep::Started { error: None });
            if how % 4 != 2 {
                let pid = Some(self.pids[index]);
                let state = ProcessState::Running;
                push(Some(name), ActionStep::Settled { state, pid });
            }
            if plan.scope == Scope::First {
                break;
            }
        }
        Outcome { steps }
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
