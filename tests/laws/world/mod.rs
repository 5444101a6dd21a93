//! A world around the monitor: it answers effects late, in any order, well or badly, and hands every
//! step to the auditor.

mod answers;
mod ops;
mod shapes;
mod supervisors;

use std::sync::Arc;
use std::time::Duration;

use super::auditor::Auditor;
use super::fleet::{FleetAuditor, slot_answer};
use answers::observation;
use httpok::health::{
    Backend, CallError, Check, CheckTick, Counted, Decision, Effect, Event, FleetPolicy, Limits,
    MaintenanceWindow, Moment, Monitor, Pause, PendingRestart, Policy, ProcessName, ProcessState,
    Unreachable, Verdict, share_equal,
};
pub use ops::{Op, op};
pub use shapes::{check, worlds};

/// A program of supervisord, a container, and a group of three.
pub const PROCESSES: usize = 5;

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
            Op::Probe(check, how) => {
                self.perform(&Op::Tick(*check, None));
                self.answer_up_to_probe(&name(check), *how);
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
                // the daemon shares what is equal, and a replayed run does not
                let mut checks = definitions(&self.checks);
                share_equal(&self.monitor.definitions(), &mut checks);
                self.feed(Event::Reload {
                    checks,
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
                        checks: definitions(&self.checks),
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
                        checks: definitions(&self.checks),
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

    /// Answers the list, well, and the probe of `check` that are asked for.
    fn answer_up_to_probe(&mut self, name: &str, how: u8) {
        let is_it = |effect: &Effect| matches!(effect, Effect::List { check, .. } | Effect::Probe { check, .. } if check == name);
        while let Some(at) = self.pending.iter().position(is_it) {
            let effect = self.pending.remove(at);
            if matches!(effect, Effect::Probe { .. }) {
                return self.answer(effect, how);
            }
            self.answer(effect, 0);
        }
    }

    fn answer(&mut self, effect: Effect, how: u8) {
        let event = match effect {
            Effect::List {
                check,
                ticket,
                after,
                ..
            } => {
                self.now = self.now + after;
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
                refused: None,
            },
            Effect::Note(_) => return,
        };
        self.feed(event);
    }
}

fn refused() -> CallError {
    CallError::Unreachable {
        detail: "connection refused".into(),
    }
}

/// The definitions of a reload.
pub fn definitions(checks: &[Check]) -> Vec<Arc<Check>> {
    checks.iter().cloned().map(Arc::new).collect()
}

pub fn process(index: usize) -> ProcessName {
    match index {
        0 => ProcessName::supervisord("p0", "p0"),
        1 => ProcessName::alone(Backend::Docker, "p1"),
        member => ProcessName::supervisord("g", format!("{}", member - 2)),
    }
}
