//! Runs a journal through the checks of today: the same events, and beside every decision the recorded one
//! where it is another. Where the decisions part, the record has no answer to a new question and answers
//! questions that are not asked any more; both are bridged here. No IO.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::SimulatedConfig;
use super::differences::compared;
use super::print::{Side, TracePrinter};
use super::trace::RecordedLine;
use crate::daemon::journal::{JournalEntry, JournalStart};
use crate::health::counted;
use crate::health::{
    ActionStep, Effect, Event, Moment, Monitor, Note, Observation, Outcome, Plan, ProcessName,
    ProcessState, ResumeResult, SlotAnswer, StatusLine, Step, Ticket,
};

/// How long a restart takes that was not recorded.
const RESTART: Duration = Duration::from_secs(1);

/// Runs `lines`; whether a decision differs.
pub fn run(setup: &SimulatedConfig, lines: Vec<RecordedLine>, printer: &mut TracePrinter) -> bool {
    let mut replay = Replay {
        setup,
        monitor: Monitor::new(setup.limits.clone(), 0, setup.checks.clone()),
        asked: BTreeMap::new(),
        recorded: BTreeMap::new(),
        warming: BTreeMap::new(),
        resuming: BTreeMap::new(),
        waking: BTreeMap::new(),
        reserving: BTreeMap::new(),
        reservations: BTreeMap::new(),
        unresumed: Vec::new(),
        unwarmed: Vec::new(),
        invented: VecDeque::new(),
        printer,
        at: Moment::ZERO,
        differs: false,
    };
    for line in lines {
        match line {
            RecordedLine::Beginning(begun) => replay.begin(*begun),
            RecordedLine::Lost(lines) => {
                let text = format!(
                    "{} lost here",
                    counted(
                        lines,
                        "line of the journal was",
                        "lines of the journal were"
                    )
                );
                replay.printer.remark(replay.at, &text);
            }
            RecordedLine::Entry(entry) => replay.entry(*entry),
        }
    }
    replay.simulate_missing(Moment::from_millis(u64::MAX));
    replay.differs
}

struct Replay<'a> {
    setup: &'a SimulatedConfig,
    monitor: Monitor,
    /// The question of each check that waits for an answer of the record.
    asked: BTreeMap<String, (OpenEffect, Ticket)>,
    /// The newest question about each check that was recorded.
    recorded: BTreeMap<String, Ticket>,
    /// The warm-up of each check that waits for an answer of the record.
    warming: BTreeMap<String, Ticket>,
    /// The tries to finish a restart, and the timers, that wait for an answer of the record.
    resuming: BTreeMap<ProcessName, Ticket>,
    waking: BTreeMap<ProcessName, Ticket>,
    /// The question about a slot of each check that waits for an answer of the record, and its newest slot.
    reserving: BTreeMap<String, Ticket>,
    reservations: BTreeMap<String, Ticket>,
    /// Tries and timers that the record does not have, and when they end.
    unresumed: Vec<(Moment, Event)>,
    /// Warm-ups that the record does not have.
    unwarmed: Vec<(String, Ticket)>,
    /// Restarts that the record does not have, and when they end.
    invented: VecDeque<(Moment, Ticket, Plan)>,
    printer: &'a mut TracePrinter,
    at: Moment,
    differs: bool,
}

/// A kind of effect that waits for its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenEffect {
    List,
    Probe,
    Act,
}

impl Replay<'_> {
    fn begin(&mut self, begun: JournalStart) {
        self.printer.begin(begun.at);
        self.printer.remark(begun.at, "the watchdog starts");
        let (limits, checks) = (self.setup.limits.clone(), self.setup.checks.clone());
        self.monitor = Monitor::new(limits, begun.seed, checks);
        for (check, memory) in begun.memories {
            self.monitor.restore(&check, memory);
        }
        self.asked.clear();
        self.recorded.clear();
        self.warming.clear();
        self.resuming.clear();
        self.waking.clear();
        self.reserving.clear();
        self.reservations.clear();
        self.unresumed.clear();
        self.unwarmed.clear();
        self.invented.clear();
        self.at = begun.at;
    }

    fn entry(&mut self, entry: JournalEntry) {
        self.printer.begin(entry.at);
        self.simulate_missing(entry.at);
        self.resume(entry.at);
        self.at = entry.at;
        let then: Vec<Note> = notes(&entry.effects);
        let event = match self.is_late(&entry.event) {
            true => None,
            false => self.fit(entry.event),
        };
        self.note_recorded(&entry.effects);
        let Some(event) = event else {
            return self.compare(&[], &then);
        };
        let effects = self.monitor.handle(entry.at, event);
        self.follow(&effects, &entry.effects);
        self.compare(&notes(&effects), &then);
        self.warm();
    }

    /// Answers the warm-ups that the record does not have at once.
    fn warm(&mut self) {
        for (check, ticket) in std::mem::take(&mut self.unwarmed) {
            let status = StatusLine {
                version: "HTTP/1.1".to_owned(),
                code: 200,
                reason: String::new(),
            };
            let seen = Box::new(Observation {
                status: Some(status),
                ..Observation::default()
            });
            let event = Event::WarmedUp {
                check,
                ticket,
                seen,
            };
            let effects = self.monitor.handle(self.at, event);
            self.compare(&notes(&effects), &[]);
        }
    }

    /// Whether the recorded event answers a question that the recorded watchdog had abandoned, such as a probe that a
    /// manual restart took the place of. It meant nothing then, and is no answer to a later question.
    fn is_late(&self, event: &Event) -> bool {
        let (Event::Listed { check, ticket, .. }
        | Event::Observed { check, ticket, .. }
        | Event::Judged { check, ticket, .. }
        | Event::Acted { check, ticket, .. }) = event
        else {
            return false;
        };
        self.recorded.get(check).is_some_and(|open| open != ticket)
    }

    /// Remembers the newest question about each check that was recorded.
    fn note_recorded(&mut self, effects: &[Effect]) {
        for effect in effects {
            let (check, ticket) = match effect {
                Effect::List { check, ticket, .. } | Effect::Probe { check, ticket, .. } => {
                    (check, ticket)
                }
                Effect::Act { ticket, plan } => (&plan.check, ticket),
                _ => continue,
            };
            self.recorded.insert(check.clone(), *ticket);
        }
    }

    /// The recorded event as an answer to the question that waits now, if it is one.
    fn fit(&mut self, event: Event) -> Option<Event> {
        let mut ticket = |check: &str, question| {
            let (waits, ticket) = *self.asked.get(check)?;
            (waits == question).then(|| {
                self.asked.remove(check);
                ticket
            })
        };
        Some(match event {
            Event::Listed {
                check,
                processes,
                unasked,
                ..
            } => Event::Listed {
                ticket: ticket(&check, OpenEffect::List)?,
                check,
                processes,
                unasked,
            },
            Event::Observed { check, seen, .. } => Event::Observed {
                ticket: ticket(&check, OpenEffect::Probe)?,
                check,
                seen,
            },
            Event::Judged { check, result, .. } => Event::Judged {
                ticket: ticket(&check, OpenEffect::Probe)?,
                check,
                result,
            },
            Event::Acted {
                check,
                outcome,
                pending,
                ..
            } => Event::Acted {
                ticket: ticket(&check, OpenEffect::Act)?,
                check,
                outcome,
                pending,
            },
            Event::Resumed {
                process,
                outcome,
                result,
                ..
            } => Event::Resumed {
                ticket: self.resuming.remove(&process)?,
                process,
                outcome,
                result,
            },
            Event::Woken { process, .. } => Event::Woken {
                ticket: self.waking.remove(&process)?,
                process,
            },
            Event::WarmedUp { check, seen, .. } => Event::WarmedUp {
                ticket: self.warming.remove(&check)?,
                check,
                seen,
            },
            Event::Reserved { check, answer, .. } => Event::Reserved {
                ticket: self.reserving.remove(&check)?,
                check,
                answer,
            },
            Event::LeaseLost { check, why, .. } => Event::LeaseLost {
                reservation: *self.reservations.get(&check)?,
                check,
                why,
            },
            // the checks are those of the configuration that is tried
            Event::Reload { .. } => return None,
            other @ (Event::Tick(_)
            | Event::Inherited(_)
            | Event::Routed { .. }
            | Event::Delivered { .. }
            | Event::Pause { .. }
            | Event::Silence { .. }
            | Event::Maintenance { .. }
            | Event::Resume { .. }
            | Event::Heartbeat { .. }
            | Event::Removed { .. }
            | Event::Released { .. }
            | Event::ClockSet { .. }
            | Event::ProgramChanged { .. }
            | Event::Reset { .. }
            | Event::Restart { .. }
            | Event::Shutdown) => other,
        })
    }

    /// Remembers the questions that effects are.
    fn follow(&mut self, effects: &[Effect], recorded: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::List { check, ticket, .. } => {
                    self.asked
                        .insert(check.clone(), (OpenEffect::List, *ticket));
                }
                Effect::Probe { check, ticket, .. } => {
                    self.asked
                        .insert(check.clone(), (OpenEffect::Probe, *ticket));
                }
                Effect::Act { ticket, plan } => {
                    let acts = |other: &Effect| matches!(other, Effect::Act { plan: other, .. } if other.check == plan.check);
                    if recorded.iter().any(acts) {
                        let question = (OpenEffect::Act, *ticket);
                        self.asked.insert(plan.check.clone(), question);
                    } else {
                        let ends = self.at + RESTART;
                        self.invented.push_back((ends, *ticket, (**plan).clone()));
                    }
                }
                Effect::WarmUp { check, ticket, .. } => {
                    let warms = |other: &Effect| matches!(other, Effect::WarmUp { check: other, .. } if other == check);
                    if recorded.iter().any(warms) {
                        self.warming.insert(check.clone(), *ticket);
                    } else {
                        self.unwarmed.push((check.clone(), *ticket));
                    }
                }
                Effect::Resume {
                    ticket, restart, ..
                } => {
                    let process = restart.process.clone();
                    let resumes = |other: &Effect| matches!(other, Effect::Resume { restart: other, .. } if other.process == process);
                    if recorded.iter().any(resumes) {
                        self.resuming.insert(process, *ticket);
                    } else {
                        let event = Event::Resumed {
                            process,
                            ticket: *ticket,
                            outcome: Outcome::default(),
                            result: ResumeResult::Finished,
                        };
                        self.unresumed.push((self.at + RESTART, event));
                    }
                }
                Effect::Wake {
                    process,
                    ticket,
                    after,
                } => {
                    let wakes = |other: &Effect| matches!(other, Effect::Wake { process: other, .. } if other == process);
                    if recorded.iter().any(wakes) {
                        self.waking.insert(process.clone(), *ticket);
                    } else {
                        let (process, ticket) = (process.clone(), *ticket);
                        let event = Event::Woken { process, ticket };
                        self.unresumed.push((self.at + *after, event));
                    }
                }
                Effect::Reserve {
                    check,
                    ticket,
                    reservation,
                    after,
                    ..
                } => {
                    self.reservations.insert(check.clone(), *reservation);
                    let asks = |other: &Effect| matches!(other, Effect::Reserve { check: other, .. } if other == check);
                    if recorded.iter().any(asks) {
                        self.reserving.insert(check.clone(), *ticket);
                    } else {
                        // as if the fleet had let it
                        let event = Event::Reserved {
                            check: check.clone(),
                            ticket: *ticket,
                            answer: SlotAnswer::Granted,
                        };
                        self.unresumed.push((self.at + *after, event));
                    }
                }
                Effect::Report(_) | Effect::Note(_) | Effect::Release { .. } => {}
            }
        }
    }

    /// Ends the tries and timers that the record does not have, as if the process ran.
    fn resume(&mut self, limit: Moment) {
        while let Some(index) = self.unresumed.iter().position(|(ends, _)| *ends <= limit) {
            let (ends, event) = self.unresumed.remove(index);
            self.at = self.at.max(ends);
            let effects = self.monitor.handle(self.at, event);
            self.follow(&effects, &[]);
            self.compare(&notes(&effects), &[]);
        }
    }

    /// Ends the restarts that the record does not have, as if they had helped.
    fn simulate_missing(&mut self, limit: Moment) {
        while self
            .invented
            .front()
            .is_some_and(|(ends, ..)| *ends <= limit)
        {
            let Some((ends, ticket, plan)) = self.invented.pop_front() else {
                return;
            };
            self.at = self.at.max(ends);
            let outcome = succeeded(&plan, ends);
            let effects = self.monitor.handle(
                ends,
                Event::Acted {
                    check: plan.check,
                    ticket,
                    outcome,
                    pending: Vec::new(),
                },
            );
            self.follow(&effects, &[]);
            self.compare(&notes(&effects), &[]);
        }
    }

    fn compare(&mut self, now: &[Note], then: &[Note]) {
        for (note, side) in compared(now, then) {
            self.differs |= side != Side::Same;
            self.printer.note(note, side);
        }
    }
}

fn notes(effects: &[Effect]) -> Vec<Note> {
    let notes = effects.iter().filter_map(|effect| match effect {
        Effect::Note(note) => Some(note.clone()),
        _ => None,
    });
    notes.collect()
}

/// What a restart that helps would have done.
fn succeeded(plan: &Plan, at: Moment) -> Outcome {
    let listed = plan.listed.iter().flatten();
    let running = listed
        .filter(|process| plan.scope.covers(&process.name))
        .filter(|process| plan.acts_on(process));
    let actions = running.flat_map(|process| {
        let settled = ActionStep::Settled {
            state: ProcessState::Running,
            pid: None,
        };
        let started = ActionStep::Started { error: None };
        [started, settled].map(|action| Step {
            at,
            took: Duration::ZERO,
            process: Some(process.name.clone()),
            action,
        })
    });
    Outcome {
        steps: actions.collect(),
    }
}
