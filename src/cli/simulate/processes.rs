//! The processes of a written trace: what a supervisor would list of them, and what becomes of them when they
//! are restarted as `action` does it. No IO.

use std::collections::BTreeMap;
use std::time::Duration;

use super::trace_event::{Processes, Restarts};
use crate::health::{
    ActionStep, CallError, Capture, Check, Halt, IntentId, Moment, Outcome, PendingRestart, Plan,
    PlanAction, Process, ProcessName, ProcessState, Remedy, ResumeResult, Scope, Selection, Skip,
    Step, Target,
};
use crate::sorted;

/// So many processes a group has of which the configuration does not name the members.
const MEMBERS: usize = 3;

/// Every process that some check restarts.
#[derive(Debug)]
pub struct SimulatedProcesses {
    processes: BTreeMap<ProcessName, Running>,
    /// How restarts go, the newest rule last.
    rules: Vec<RestartRule>,
}

#[derive(Debug)]
struct Running {
    state: ProcessState,
    pid: u32,
    since: Moment,
}

/// How restarts go, of which processes.
#[derive(Debug)]
struct RestartRule {
    check: Option<String>,
    process: Option<String>,
    go: Restarts,
}

impl SimulatedProcesses {
    /// All of them run, and for long.
    pub fn of(checks: &[Check]) -> Self {
        let names = sorted::set(checks.iter().flat_map(processes));
        let running = |(pid, name)| {
            let process = Running {
                state: ProcessState::Running,
                pid,
                since: Moment::ZERO,
            };
            (name, process)
        };
        Self {
            processes: sorted::map((100..).zip(names).map(running)),
            rules: Vec::new(),
        }
    }

    /// From now on restarts for `check`, or for all, of `process`, or of all, go like this.
    pub fn rule(&mut self, check: Option<String>, process: Option<String>, go: Restarts) {
        self.rules.push(RestartRule { check, process, go });
    }

    fn fails(&self, check: &str, name: &ProcessName) -> bool {
        let name = name.to_string();
        let fits = |rule: &&RestartRule| {
            rule.check.as_ref().is_none_or(|meant| meant == check)
                && rule.process.as_ref().is_none_or(|meant| *meant == name)
        };
        let newest = self.rules.iter().rev().find(fits);
        newest.is_some_and(|rule| rule.go == Restarts::Fail)
    }

    /// Someone else does this to the processes of `check`.
    pub fn change(&mut self, now: Moment, check: &Check, are: Processes) {
        for name in processes(check) {
            match are {
                Processes::Replaced => self.start(now, &name),
                Processes::Stopped => self.set_state(&name, ProcessState::Stopped),
                Processes::Running => self.set_state(&name, ProcessState::Running),
            }
        }
    }

    fn set_state(&mut self, name: &ProcessName, state: ProcessState) {
        if let Some(process) = self.processes.get_mut(name) {
            process.state = state;
        }
    }

    fn start(&mut self, now: Moment, name: &ProcessName) {
        if let Some(process) = self.processes.get_mut(name) {
            process.pid += 1000;
            process.since = now;
            process.state = ProcessState::Running;
        }
    }

    /// What a supervisor would say.
    pub fn list(&self, now: Moment) -> Vec<Process> {
        let describe = |(name, process): (&ProcessName, &Running)| Process {
            name: name.clone(),
            state: process.state,
            pid: (process.state == ProcessState::Running).then_some(process.pid),
            uptime: Some(now.since(process.since).as_secs()),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        };
        self.processes.iter().map(describe).collect()
    }

    /// Performs `plan`: what was done, and the restarts that it could not finish.
    pub fn act(&mut self, now: Moment, plan: &Plan) -> (Outcome, Vec<PendingRestart>) {
        let mut steps = Vec::new();
        let mut pending = Vec::new();
        let mut enough = false;
        if let PlanAction::Run { command, .. } = &plan.action {
            return (ran(now, plan, command), pending);
        }
        for process in plan.remedy.select(&self.list(now)) {
            let name = &process.name;
            if !plan.scope.covers(name) {
                continue;
            }
            let actions = match skip(plan, &process) {
                Some(skip) => vec![ActionStep::Skipped(skip)],
                None if let PlanAction::Signal(signal) = plan.action => {
                    vec![ActionStep::Signalled {
                        signal,
                        error: None,
                    }]
                }
                None if enough => vec![ActionStep::Skipped(Skip::Halted(Halt::OneIsEnough))],
                None => {
                    enough = plan.scope == Scope::First;
                    if self.fails(&plan.check, name) {
                        pending.push(unfinished(plan, &process));
                    }
                    let stopped = ActionStep::Stopped { error: None };
                    let mut actions = vec![stopped];
                    actions.extend(self.restart(now, &plan.check, name));
                    actions
                }
            };
            steps.extend(actions.into_iter().map(|action| Step {
                at: now,
                took: Duration::ZERO,
                process: Some(name.clone()),
                action,
            }));
        }
        (Outcome { steps }, pending)
    }

    /// Tries to finish a restart.
    pub fn resume(
        &mut self,
        now: Moment,
        restart: &PendingRestart,
        may_start: bool,
    ) -> (Outcome, ResumeResult) {
        let name = &restart.process;
        let state = self
            .processes
            .get(name)
            .map_or(ProcessState::Unknown, |process| process.state);
        if state == ProcessState::Running {
            return (Outcome::default(), ResumeResult::Finished);
        }
        if !may_start {
            let why = format!("it is {state}");
            let result = ResumeResult::NotYet {
                why,
                start_answered: false,
                start_begun: false,
            };
            return (Outcome::default(), result);
        }
        if state == ProcessState::Stopped && restart.start_begun {
            let why = "someone stopped it after we had started it".to_owned();
            return (Outcome::default(), ResumeResult::NotOurs { why });
        }
        let fails = self.fails(&restart.check, name);
        let mut actions = vec![ActionStep::Resumed { state }];
        actions.extend(self.restart(now, &restart.check, name));
        let steps = actions.into_iter().map(|action| Step {
            at: now,
            took: Duration::ZERO,
            process: Some(name.clone()),
            action,
        });
        let outcome = Outcome {
            steps: steps.collect(),
        };
        let result = match fails {
            true => ResumeResult::NotYet {
                why: CallError::fault(CallError::SPAWN_ERROR, "SPAWN_ERROR").to_string(),
                start_answered: true,
                start_begun: true,
            },
            false => ResumeResult::Finished,
        };
        (outcome, result)
    }

    fn restart(&mut self, now: Moment, check: &str, name: &ProcessName) -> Vec<ActionStep> {
        if self.fails(check, name) {
            self.set_state(name, ProcessState::Fatal);
            let error = CallError::Fault {
                code: 50,
                text: "SPAWN_ERROR".to_owned(),
            };
            return vec![ActionStep::Started { error: Some(error) }];
        }
        self.start(now, name);
        let pid = self.processes.get(name).map(|process| process.pid);
        let state = ProcessState::Running;
        vec![
            ActionStep::Started { error: None },
            ActionStep::Settled { state, pid },
        ]
    }
}

/// The restart of a process that was stopped and did not start.
fn unfinished(plan: &Plan, process: &Process) -> PendingRestart {
    PendingRestart {
        intent: IntentId::default(),
        check: plan.check.clone(),
        incident: plan.incident.clone(),
        process: process.name.clone(),
        pid_before: process.pid,
        stop_unclear: false,
        start_answered: true,
        start_begun: true,
        incident_ended: false,
        stopped_in: None,
    }
}

fn skip(plan: &Plan, process: &Process) -> Option<Skip> {
    let mut listed = plan.listed.iter().flatten();
    let before = listed.find(|known| known.name == process.name);
    let is_running = process.state == ProcessState::Running;
    if !plan.acts_on(process) || !plan.action.is_restart() && !is_running {
        let state = process.state;
        return Some(Skip::NotRunning { state });
    }
    if let Some(before) = before.filter(|before| process.is_still(before) == Some(false)) {
        let (probed, found) = (before.pid, process.pid);
        return Some(Skip::Replaced { probed, found });
    }
    if plan.unfinished.contains(&process.name) {
        return Some(Skip::Unfinished);
    }
    if let (true, PlanAction::Signal(signal)) = (plan.dry_run, &plan.action) {
        let what = format!("send {signal}");
        return Some(Skip::WouldBeDone { what });
    }
    plan.dry_run.then_some(Skip::DryRun)
}

/// That the command of a rung was run, and ended well.
fn ran(now: Moment, plan: &Plan, command: &str) -> Outcome {
    let what = command.to_owned();
    let action = match plan.dry_run {
        true => ActionStep::Skipped(Skip::WouldBeDone {
            what: format!("run {what}"),
        }),
        false => ActionStep::Ran(Capture {
            what,
            ..Capture::default()
        }),
    };
    let step = Step {
        at: now,
        took: Duration::ZERO,
        process: None,
        action,
    };
    Outcome { steps: vec![step] }
}

/// A process for everything that a check restarts.
fn processes(check: &Check) -> Vec<ProcessName> {
    let Remedy {
        selection, default, ..
    } = &check.reach();
    let names = |target: &Target| {
        let backend = target.backend.unwrap_or(*default);
        let name = move |group: &str, name: &str| ProcessName {
            backend,
            ..ProcessName::supervisord(group, name)
        };
        match target.pattern.split_once(':') {
            None => vec![name(&target.pattern, &target.pattern)],
            Some((group, "*" | "")) => {
                let members = (0..MEMBERS).map(|member| name(group, &member.to_string()));
                members.collect()
            }
            Some((group, one)) => vec![name(group, one)],
        }
    };
    match selection {
        Selection::All => Vec::new(),
        Selection::Targets(targets) => targets.iter().flat_map(names).collect(),
    }
}
