//! The world of a written trace: services answer as the trace last said, supervisors list and restart, each
//! effect ends as it would. Time jumps from one event to the next. No IO.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Mind;
use super::tell::Teller;
use super::trace::{Answer, Processes, Restarts, Sample, Step, What};
use crate::health::{
    Body, CallError, Check, Deed, Effect, Event, Judgement, Look, Moment, Monitor, Observation,
    Outcome, Phase, Plan, Process, ProcessName, ProcessState, Remedy, Selection, Skip, StatusLine,
    Step as Done, Target, Tick, Verdict,
};

/// Traces begin here, so that there is a time before them.
const ORIGIN: Moment = Moment::from_secs(30 * 24 * 3600);

/// How long a restart takes.
const RESTART: Duration = Duration::from_secs(1);

/// No trace leads to more events than this many per line: they would never end.
const MOST_PER_STEP: usize = 100_000;

/// Runs `steps`, telling every decision.
pub fn run(mind: &Mind, steps: &[Step], teller: &mut Teller) {
    let mut world = World::new(mind, teller);
    for step in steps {
        let at = ORIGIN + step.at;
        // what the trace says holds for everything of its moment
        world.before(at);
        world.now = at;
        world.perform(&step.what);
    }
    world.before(Moment::from_millis(u64::MAX));
}

struct World<'a> {
    monitor: Monitor,
    teller: &'a mut Teller,
    now: Moment,
    /// What comes when; the number keeps the order of one moment.
    agenda: BTreeMap<(Moment, u64), Due>,
    number: u64,
    services: BTreeMap<String, Service>,
    processes: BTreeMap<ProcessName, Running>,
}

/// Something that ends later.
enum Due {
    List(Effect),
    Probe(Effect),
    Event(Event),
    /// A plan, begun then.
    Act(Effect),
}

struct Service {
    check: Check,
    sample: Sample,
    restarts: Restarts,
}

struct Running {
    state: ProcessState,
    pid: u32,
    since: Moment,
}

impl<'a> World<'a> {
    fn new(mind: &Mind, teller: &'a mut Teller) -> Self {
        teller.begin(ORIGIN);
        let service = |check: &Check| Service {
            check: check.clone(),
            sample: Sample {
                answer: Answer::Verdict {
                    verdict: Verdict::Pass,
                    reason: None,
                    detail: String::new(),
                },
                took: Duration::ZERO,
            },
            restarts: Restarts::Succeed,
        };
        let names: BTreeSet<ProcessName> = mind.checks.iter().flat_map(processes).collect();
        let running = |(pid, name)| {
            let process = Running {
                state: ProcessState::Running,
                pid,
                since: Moment::ZERO,
            };
            (name, process)
        };
        Self {
            monitor: Monitor::new(mind.limits.clone(), 0, mind.checks.clone()),
            teller,
            now: ORIGIN,
            agenda: BTreeMap::new(),
            number: 0,
            services: mind
                .checks
                .iter()
                .map(|check| (check.name.clone(), service(check)))
                .collect(),
            processes: (100..).zip(names).map(running).collect(),
        }
    }

    fn perform(&mut self, what: &What) {
        match what {
            What::Sample { check, sample } => {
                if let Some(service) = self.services.get_mut(check) {
                    service.sample = sample.clone();
                }
                if self.is_about_to_look(check) {
                    return;
                }
                self.feed(Event::Tick(Tick {
                    check: check.clone(),
                    age: None,
                    period: None,
                }));
            }
            What::Pause {
                check,
                reason,
                lasting,
            } => self.feed(Event::Pause {
                check: check.clone(),
                reason: reason.clone(),
                lasting: *lasting,
            }),
            What::Resume(check) => self.feed(Event::Resume {
                check: check.clone(),
            }),
            What::Reset(check) => self.feed(Event::Reset {
                check: check.clone(),
            }),
            What::ByHand(check) => self.feed(Event::Restart {
                check: check.clone(),
            }),
            What::Restarts { check, go } => {
                for (name, service) in &mut self.services {
                    if check.as_ref().is_none_or(|check| check == name) {
                        service.restarts = *go;
                    }
                }
            }
            What::Processes { check, are } => self.change(check, *are),
            What::Shutdown => self.feed(Event::Shutdown),
        }
    }

    /// Whether a look after a restart is due anyway, so that nobody has to ask for one.
    fn is_about_to_look(&self, check: &str) -> bool {
        self.agenda.values().any(|due| match due {
            Due::List(effect) | Due::Probe(effect) => matches!(
                effect,
                Effect::List { check: about, .. } | Effect::Probe { check: about, .. } if about == check
            ),
            Due::Event(_) | Due::Act(_) => false,
        })
    }

    fn change(&mut self, check: &str, are: Processes) {
        let Some(service) = self.services.get(check) else {
            return;
        };
        for name in processes(&service.check) {
            match are {
                Processes::Replaced => self.start(&name),
                Processes::Stopped => self.stand(&name, ProcessState::Stopped),
                Processes::Running => self.stand(&name, ProcessState::Running),
            }
        }
    }

    fn stand(&mut self, name: &ProcessName, state: ProcessState) {
        if let Some(process) = self.processes.get_mut(name) {
            process.state = state;
        }
    }

    fn start(&mut self, name: &ProcessName) {
        if let Some(process) = self.processes.get_mut(name) {
            process.pid += 1000;
            process.since = self.now;
            process.state = ProcessState::Running;
        }
    }

    /// Lets everything happen that is due before `limit`.
    fn before(&mut self, limit: Moment) {
        for _ in 0..MOST_PER_STEP {
            let Some(entry) = self.agenda.first_entry() else {
                return;
            };
            if entry.key().0 >= limit {
                return;
            }
            let ((at, _), due) = entry.remove_entry();
            self.now = self.now.max(at);
            self.happen(due);
        }
        self.teller
            .remark(self.now, "it goes on like this for ever");
        self.agenda.clear();
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Event(event) => self.feed(event),
            Due::List(Effect::List { check, ticket, .. }) => {
                let processes = Ok(self.list());
                self.feed(Event::Listed {
                    check,
                    ticket,
                    processes,
                    unasked: Vec::new(),
                });
            }
            Due::Probe(Effect::Probe { check, ticket, .. }) => {
                let Some(service) = self.services.get(&check) else {
                    return;
                };
                let (sample, ends) = (service.sample.clone(), self.now + service.sample.took);
                let event = answer(check, ticket, sample);
                self.at(ends, Due::Event(event));
            }
            Due::Act(Effect::Act { ticket, plan }) => {
                let outcome = self.act(&plan);
                self.feed(Event::Acted {
                    check: plan.check,
                    ticket,
                    outcome,
                });
            }
            // only these are put there
            Due::List(_) | Due::Probe(_) | Due::Act(_) => {}
        }
    }

    fn feed(&mut self, event: Event) {
        let effects = self.monitor.handle(self.now, event);
        self.teller.effects(&effects);
        for effect in effects {
            match effect {
                Effect::Note(_) => {}
                Effect::List { after, .. } => self.at(self.now + after, Due::List(effect)),
                Effect::Probe { after, .. } => self.at(self.now + after, Due::Probe(effect)),
                Effect::Act { ref plan, .. } => {
                    let takes = if plan.dry_run {
                        Duration::ZERO
                    } else {
                        RESTART
                    };
                    self.at(self.now + takes, Due::Act(effect));
                }
                Effect::Report(report) => {
                    let delivered = Event::Delivered {
                        incident: report.incident.id.clone(),
                        report: report.number,
                        kind: report.kind.clone(),
                        failure: None,
                    };
                    self.at(self.now, Due::Event(delivered));
                }
            }
        }
    }

    fn at(&mut self, at: Moment, due: Due) {
        self.number += 1;
        self.agenda.insert((at, self.number), due);
    }

    fn list(&self) -> Vec<Process> {
        let describe = |(name, process): (&ProcessName, &Running)| Process {
            name: name.clone(),
            state: process.state,
            pid: (process.state == ProcessState::Running).then_some(process.pid),
            uptime: Some(self.now.since(process.since).as_secs()),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        };
        self.processes.iter().map(describe).collect()
    }

    /// A restart, as `action` does it.
    fn act(&mut self, plan: &Plan) -> Outcome {
        let fails = self
            .services
            .get(&plan.check)
            .is_some_and(|service| service.restarts == Restarts::Fail);
        let mut steps = Vec::new();
        for process in plan.remedy.select(&self.list()) {
            let name = &process.name;
            if !plan.scope.covers(name) {
                continue;
            }
            for deed in self.restart(plan, &process, fails) {
                steps.push(Done {
                    at: self.now,
                    took: Duration::ZERO,
                    process: Some(name.clone()),
                    deed,
                });
            }
        }
        Outcome { steps }
    }

    fn restart(&mut self, plan: &Plan, process: &Process, fails: bool) -> Vec<Deed> {
        let name = &process.name;
        let before = plan
            .looked
            .iter()
            .flatten()
            .find(|known| known.name == *name);
        if !plan.remedy.acts_on(process.state) {
            let state = process.state;
            return vec![Deed::Skipped(Skip::NotRunning { state })];
        }
        if let Some(before) = before.filter(|before| process.is_still(before) == Some(false)) {
            let (looked, found) = (before.pid, process.pid);
            return vec![Deed::Skipped(Skip::Replaced { looked, found })];
        }
        if plan.dry_run {
            return vec![Deed::Skipped(Skip::DryRun)];
        }
        let stopped = Deed::Stopped { error: None };
        if fails {
            self.stand(name, ProcessState::Fatal);
            let error = CallError::Fault {
                code: 50,
                text: "SPAWN_ERROR".to_owned(),
            };
            return vec![stopped, Deed::Started { error: Some(error) }];
        }
        self.start(name);
        let pid = self.processes.get(name).map(|process| process.pid);
        let state = ProcessState::Running;
        vec![
            stopped,
            Deed::Started { error: None },
            Deed::Settled { state, pid },
        ]
    }
}

/// A process for everything that a check restarts.
fn processes(check: &Check) -> Vec<ProcessName> {
    let Remedy {
        selection, default, ..
    } = &check.remedy;
    let name = |target: &Target| {
        let (group, name) = match target.pattern.split_once(':') {
            None => (target.pattern.as_str(), target.pattern.as_str()),
            Some((group, "*" | "")) => (group, group),
            Some(both) => both,
        };
        ProcessName {
            backend: target.backend.unwrap_or(*default),
            ..ProcessName::supervisord(group, name)
        }
    };
    match selection {
        Selection::All => Vec::new(),
        Selection::Targets(targets) => targets.iter().map(name).collect(),
    }
}

/// What a service says, as the event that ends a look.
fn answer(check: String, ticket: crate::health::Ticket, sample: Sample) -> Event {
    let duration = sample.took;
    match sample.answer {
        Answer::Status { code, body } => {
            let status = StatusLine {
                version: "HTTP/1.1".to_owned(),
                code,
                reason: String::new(),
            };
            let seen = Observation {
                duration,
                status: Some(status),
                body: Some(Body {
                    size: body.len() as u64,
                    kept: body.into_bytes(),
                    found: Vec::new(),
                }),
                ..Observation::default()
            };
            Event::Observed {
                check,
                ticket,
                seen: Box::new(seen),
            }
        }
        Answer::Verdict {
            verdict,
            reason,
            detail,
        } => {
            let look = Look {
                seen: Observation {
                    duration,
                    ..Observation::default()
                },
                judgement: Judgement {
                    verdict,
                    reason,
                    phase: reason.map(|_| Phase::FirstByte),
                    detail,
                    findings: Vec::new(),
                },
            };
            Event::Judged {
                check,
                ticket,
                look: Box::new(look),
            }
        }
    }
}
