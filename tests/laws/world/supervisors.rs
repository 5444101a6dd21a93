//! The supervisors of a world: which processes they list, and what comes of stops and starts.

use std::time::Duration;

use httpok::health::{
    ActionStep, Backend, CallError, Capture, IntentId, Outcome, PendingRestart, Plan, PlanAction,
    Process, ProcessState, ResumeResult, Scope, Skip, Step,
};

use super::{PROCESSES, World, process, refused};

impl World {
    pub(super) fn list(&self, how: u8) -> Result<Vec<Process>, CallError> {
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

    pub(super) fn start(&mut self, index: usize) {
        self.pids[index] += 1;
        self.states[index] = ProcessState::Running;
    }

    pub(super) fn unfinished(&self, index: usize, check: &str) -> PendingRestart {
        PendingRestart {
            intent: IntentId(i64::from(self.pids[index])),
            check: check.to_owned(),
            // each has one of its own
            incident: format!("earlier-{index}-{}", self.journal.len()),
            process: process(index),
            pid_before: Some(self.pids[index]),
            stop_unclear: false,
            start_answered: true,
            start_begun: true,
            incident_ended: false,
            stopped_in: None,
        }
    }

    /// Whether the supervisor may still perform a stop that an earlier run had asked for.
    pub(super) fn may_stop_late(&self, index: usize) -> bool {
        let stop = self.stops[index];
        stop.is_some_and(|until| until.is_none_or(|until| self.now < until))
    }

    /// Tries to finish a restart: the supervisor does not answer, or the start fails, or all goes well.
    pub(super) fn resume(
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

    pub(super) fn act(&mut self, plan: &Plan, how: u8) -> (Outcome, Vec<PendingRestart>) {
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
            let probed = plan.listed.iter().flatten();
            let mut before = probed.filter(|process| process.name == name);
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
