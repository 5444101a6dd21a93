//! The world of a written trace: services answer as the trace last said, supervisors list and restart, each
//! effect ends as it would. Time jumps from one event to the next. No IO.

use std::collections::BTreeMap;
use std::time::Duration;

use super::SimulatedConfig;
use super::answers::{answer, warmup_observation};
use super::print::TracePrinter;
use super::processes::SimulatedProcesses;
use super::trace_event::{SampleAnswer, TraceEvent, TraceSample, TraceStep, WarmUps};
use crate::health::{
    Check, CheckTick, Effect, Event, Moment, Monitor, SlotAnswer, SlotRefusal, Ticket, Verdict,
};
use crate::sorted;

/// Traces begin here, so that there is a time before them.
const ORIGIN: Moment = Moment::from_secs(30 * 24 * 3600);

/// How long a restart takes.
const RESTART: Duration = Duration::from_secs(1);

/// So long after the last line of a trace restarts that are unfinished are tried again.
const AFTER_THE_END: Duration = Duration::from_secs(600);

/// No trace leads to more events than this many per line: they would never end.
const MOST_PER_STEP: usize = 100_000;

/// Runs `steps`, printing every decision.
pub fn run(setup: &SimulatedConfig, steps: &[TraceStep], printer: &mut TracePrinter) {
    let mut world = World::new(setup, printer);
    for step in steps {
        let at = ORIGIN + step.at;
        // what the trace says holds for everything of its moment
        world.before(at);
        world.now = at;
        world.perform(&step.what);
    }
    // what waits for a time goes on for a while: a start that fails is tried for as long as there is a budget
    let end = world.now + AFTER_THE_END;
    world.before(end);
    world.agenda.retain(|_, due| {
        !matches!(
            due,
            QueuedEvent::Event(Event::Woken { .. }) | QueuedEvent::Reserve(_)
        )
    });
    world.before(Moment::from_millis(u64::MAX));
}

struct World<'a> {
    monitor: Monitor,
    printer: &'a mut TracePrinter,
    now: Moment,
    /// What comes when; the number keeps the order of one moment.
    agenda: BTreeMap<(Moment, u64), QueuedEvent>,
    number: u64,
    services: BTreeMap<String, Service>,
    stock: SimulatedProcesses,
}

/// Something that ends later.
enum QueuedEvent {
    List(Effect),
    Probe(Effect),
    Event(Event),
    WarmUp(Effect),
    Reserve(Effect),
    /// A plan, or a try to finish a restart.
    Act(Effect),
}

struct Service {
    check: Check,
    sample: TraceSample,
    warm_ups: (WarmUps, Duration),
    /// What the fleet answers, and what was asked for last.
    slot: SlotAnswer,
    reservation: Option<Ticket>,
}

impl<'a> World<'a> {
    fn new(setup: &SimulatedConfig, printer: &'a mut TracePrinter) -> Self {
        printer.begin(ORIGIN);
        let service = |check: &Check| Service {
            check: check.clone(),
            sample: TraceSample {
                answer: SampleAnswer::Verdict {
                    verdict: Verdict::Pass,
                    reason: None,
                    detail: String::new(),
                },
                took: Duration::ZERO,
            },
            warm_ups: (WarmUps::Answered, Duration::ZERO),
            slot: SlotAnswer::Granted,
            reservation: None,
        };
        Self {
            monitor: Monitor::new(setup.limits.clone(), 0, setup.checks.clone()),
            printer,
            now: ORIGIN,
            agenda: BTreeMap::new(),
            number: 0,
            services: sorted::map(
                setup
                    .checks
                    .iter()
                    .map(|check| (check.name.clone(), service(check))),
            ),
            stock: SimulatedProcesses::of(&setup.checks),
        }
    }

    fn perform(&mut self, what: &TraceEvent) {
        match what {
            TraceEvent::Sample { check, sample } => {
                if let Some(service) = self.services.get_mut(check) {
                    service.sample = sample.clone();
                }
                if self.is_about_to_probe(check) {
                    return;
                }
                self.feed(Event::Tick(CheckTick {
                    check: check.clone(),
                    age: None,
                    period: None,
                }));
            }
            TraceEvent::Pause {
                check,
                reason,
                lasting,
            } => self.feed(Event::Pause {
                check: check.clone(),
                reason: reason.clone(),
                lasting: *lasting,
                silent: false,
            }),
            TraceEvent::Silence {
                check,
                reason,
                lasting,
            } => self.feed(Event::Silence {
                check: check.clone(),
                reason: reason.clone(),
                lasting: *lasting,
            }),
            TraceEvent::Maintenance { check, window } => self.feed(Event::Maintenance {
                check: check.clone(),
                window: window.clone(),
            }),
            TraceEvent::Resume(check) => self.feed(Event::Resume {
                check: check.clone(),
            }),
            TraceEvent::Reset(check) => self.feed(Event::Reset {
                check: check.clone(),
            }),
            TraceEvent::ManualRestart(check) => self.feed(Event::Restart {
                check: check.clone(),
            }),
            TraceEvent::Restarts { check, process, go } => {
                self.stock.rule(check.clone(), process.clone(), *go);
            }
            TraceEvent::Processes { check, are } => {
                if let Some(service) = self.services.get(check) {
                    self.stock.change(self.now, &service.check, *are);
                }
            }
            TraceEvent::WarmUps { check, go, took } => {
                if let Some(service) = self.services.get_mut(check) {
                    service.warm_ups = (*go, *took);
                }
            }
            TraceEvent::Slot { check, answer } => {
                for (name, service) in &mut self.services {
                    if check.as_ref().is_none_or(|check| check == name) {
                        service.slot = answer.clone();
                    }
                }
            }
            TraceEvent::SlotLost(check) => {
                let service = self.services.get(check);
                if let Some(reservation) = service.and_then(|service| service.reservation) {
                    self.feed(Event::LeaseLost {
                        check: check.clone(),
                        reservation,
                        why: "it has expired, or was freed by somebody".to_owned(),
                    });
                }
            }
            TraceEvent::Shutdown => self.feed(Event::Shutdown),
        }
    }

    /// Whether a probe after a restart is due anyway.
    fn is_about_to_probe(&self, check: &str) -> bool {
        self.agenda.values().any(|due| match due {
            QueuedEvent::List(effect) | QueuedEvent::Probe(effect) => matches!(
                effect,
                Effect::List { check: about, .. } | Effect::Probe { check: about, .. } if about == check
            ),
            QueuedEvent::Event(_)
            | QueuedEvent::WarmUp(_)
            | QueuedEvent::Reserve(_)
            | QueuedEvent::Act(_) => false,
        })
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
            self.apply(due);
        }
        self.printer
            .remark(self.now, "it goes on like this for ever");
        self.agenda.clear();
    }

    fn apply(&mut self, due: QueuedEvent) {
        match due {
            QueuedEvent::Event(event) => self.feed(event),
            QueuedEvent::List(Effect::List { check, ticket, .. }) => {
                let processes = Ok(self.stock.list(self.now));
                self.feed(Event::Listed {
                    check,
                    ticket,
                    processes,
                    unasked: Vec::new(),
                });
            }
            QueuedEvent::Probe(Effect::Probe { check, ticket, .. }) => {
                let Some(service) = self.services.get(&check) else {
                    return;
                };
                let (sample, ends) = (service.sample.clone(), self.now + service.sample.took);
                let event = answer(check, ticket, sample);
                self.at(ends, QueuedEvent::Event(event));
            }
            QueuedEvent::WarmUp(Effect::WarmUp {
                check,
                ticket,
                within,
                ..
            }) => {
                let Some(service) = self.services.get(&check) else {
                    return;
                };
                let (go, took) = service.warm_ups;
                let event = Event::WarmedUp {
                    check,
                    ticket,
                    seen: Box::new(warmup_observation(go, took > within)),
                };
                self.at(self.now + took.min(within), QueuedEvent::Event(event));
            }
            QueuedEvent::Act(Effect::Act { ticket, plan }) => {
                let (outcome, pending) = self.stock.act(self.now, &plan);
                self.feed(Event::Acted {
                    check: plan.check,
                    ticket,
                    outcome,
                    pending,
                });
            }
            QueuedEvent::Act(Effect::Resume {
                ticket,
                restart,
                may_start,
            }) => {
                let (outcome, result) = self.stock.resume(self.now, &restart, may_start);
                self.feed(Event::Resumed {
                    process: restart.process,
                    ticket,
                    outcome,
                    result,
                });
            }
            QueuedEvent::Reserve(Effect::Reserve {
                check,
                ticket,
                reservation,
                ..
            }) => {
                let Some(service) = self.services.get_mut(&check) else {
                    return;
                };
                service.reservation = Some(reservation);
                let mut answer = service.slot.clone();
                if let SlotAnswer::Refused(SlotRefusal::Taken { by, .. }) = &mut answer {
                    // of the same check there, unless it is said
                    for holder in by.iter_mut().filter(|holder| holder.check.is_empty()) {
                        holder.check.clone_from(&check);
                    }
                }
                self.feed(Event::Reserved {
                    check,
                    ticket,
                    answer,
                });
            }
            // only these are put there
            QueuedEvent::List(_)
            | QueuedEvent::Reserve(_)
            | QueuedEvent::Probe(_)
            | QueuedEvent::WarmUp(_)
            | QueuedEvent::Act(_) => {}
        }
    }

    fn feed(&mut self, event: Event) {
        let effects = self.monitor.handle(self.now, event);
        self.printer.effects(&effects);
        for effect in effects {
            match effect {
                Effect::Note(_) => {}
                Effect::List { after, .. } => self.at(self.now + after, QueuedEvent::List(effect)),
                Effect::Probe { after, .. } => {
                    self.at(self.now + after, QueuedEvent::Probe(effect))
                }
                Effect::WarmUp { after, .. } => {
                    self.at(self.now + after, QueuedEvent::WarmUp(effect))
                }
                Effect::Act { ref plan, .. } => {
                    let takes = if plan.dry_run {
                        Duration::ZERO
                    } else {
                        RESTART
                    };
                    self.at(self.now + takes, QueuedEvent::Act(effect));
                }
                Effect::Resume { may_start, .. } => {
                    let takes = if may_start { RESTART } else { Duration::ZERO };
                    self.at(self.now + takes, QueuedEvent::Act(effect));
                }
                Effect::Wake {
                    process,
                    ticket,
                    after,
                } => {
                    let event = Event::Woken { process, ticket };
                    self.at(self.now + after, QueuedEvent::Event(event));
                }
                Effect::Reserve { after, .. } => {
                    self.at(self.now + after, QueuedEvent::Reserve(effect));
                }
                Effect::Release {
                    check,
                    reservation,
                    group,
                    ..
                } => {
                    let event = Event::Released {
                        check,
                        reservation,
                        group,
                        failure: None,
                    };
                    self.at(self.now, QueuedEvent::Event(event));
                }
                Effect::Report(report) => {
                    let delivered = Event::Delivered {
                        check: report.incident.check.clone(),
                        incident: report.incident.id.clone(),
                        report: report.number,
                        kind: report.kind.clone(),
                        notifier: String::new(),
                        failure: None,
                        refused: None,
                    };
                    self.at(self.now, QueuedEvent::Event(delivered));
                }
            }
        }
    }

    fn at(&mut self, at: Moment, due: QueuedEvent) {
        self.number += 1;
        self.agenda.insert((at, self.number), due);
    }
}
