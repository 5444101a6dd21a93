//! Many hosts, each with a monitor of its own, around a model of the engine: slots and budget under leases, answers that
//! are lost after they were carried out, an engine that is away, hosts that are killed in the middle of a restart. However
//! that goes: no more restarts with a slot than there are slots, none without one, the budget is exact, and in the end
//! every service runs again and every slot is free.

use std::collections::BTreeMap;
use std::time::Duration;

use httpok::health::{
    ActionStep, Backoff, Budget, Check, CheckTick, Effect, Event, FleetPolicy, IntentId, Limits,
    Moment, Monitor, Observation, Outcome, PendingRestart, Policy, Process, ProcessState,
    ResumeResult, SlotAnswer, SlotRefusal, StatusLine, Step, Ticket, Unreachable,
};
use proptest::prelude::*;

use super::episodes::at_once;
use super::rules::one;
use super::world::process;

const LEASE: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(20);
/// Every world has an end: long after the last trouble.
const CALM: Duration = Duration::from_secs(300);
const LAST: Duration = Duration::from_secs(900);

#[derive(Clone, Debug)]
struct Shape {
    seed: u64,
    hosts: usize,
    slots: usize,
    budget: Option<(u32, u64)>,
    /// Percent of the answers that are lost, and of the questions.
    lost: u8,
    unasked: u8,
    /// The engine is away in this part of the time of trouble, in percent.
    away: (u8, u8),
    kills: usize,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (
        any::<u64>(),
        1_usize..12,
        1_usize..4,
        prop::option::weighted(0.4, (1_u32..8, 60_u64..900)),
        0_u8..30,
        0_u8..20,
        (0_u8..100, 0_u8..60),
        0_usize..4,
    )
        .prop_map(
            |(seed, hosts, slots, budget, lost, unasked, away, kills)| Shape {
                seed,
                hosts,
                slots,
                budget,
                lost,
                unasked,
                away,
                kills,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(super::cases())
    })]

    #[test]
    fn hosts_never_restart_more_at_once_than_there_are_slots(shape in shapes()) {
        Fleet::new(shape).run();
    }
}

/// All services of a thousand hosts fail at once.
#[test]
fn a_thousand_hosts_restart_one_after_the_other() {
    let shape = Shape {
        seed: 7,
        hosts: 1000,
        slots: 50,
        budget: None,
        lost: 5,
        unasked: 5,
        away: (20, 10),
        kills: 20,
    };
    let restarts = Fleet::new(shape).run();
    assert!(restarts >= 1000, "{restarts}");
}

/// A slot, or a place in the budget.
#[derive(Clone, Debug)]
struct Taken {
    host: usize,
    reservation: (u32, Ticket),
    until: Moment,
}

#[derive(Default)]
struct Engine {
    slots: Vec<Taken>,
    budget: Vec<Taken>,
    /// When each restart that was paid for began to count, and was not given back.
    paid: Vec<(Moment, (u32, Ticket))>,
}

struct Host {
    monitor: Monitor,
    /// Another run is another one to the engine.
    run: u32,
    is_up: bool,
    /// The process was stopped by the watchdog and does not run.
    is_stopped: bool,
    acting: Option<Acting>,
    held: Option<(Ticket, Moment)>,
}

/// A restart under way.
#[derive(Clone, Copy)]
struct Acting {
    has_slot: bool,
}

enum Due {
    Tick,
    Fail,
    Kill,
    Answer(u32, Box<Effect>),
    Lost(u32, Ticket, bool),
    Renew(u32, Ticket),
}

struct Fleet {
    shape: Shape,
    now: Moment,
    start: Moment,
    random: u64,
    hosts: Vec<Host>,
    engine: Engine,
    agenda: BTreeMap<(Moment, u64), (usize, Due)>,
    number: u64,
    restarts: usize,
}

fn check(shape: &Shape) -> Check {
    let policy = Policy {
        backoff: Backoff::NONE,
        restarts: None,
        ..at_once()
    };
    let mut check = one(0, policy, [true, false, false]);
    check.fleet = Some(FleetPolicy {
        group: "shop".into(),
        slots: u32::try_from(shape.slots).expect("few"),
        wait: Duration::from_secs(60),
        unreachable: Unreachable::Hold,
    });
    check
}

fn monitor(shape: &Shape, seed: u64) -> Monitor {
    let limits = Limits {
        max_concurrent_restarts: 1,
        ..Limits::default()
    };
    Monitor::new(limits, seed, vec![check(shape)])
}

impl Fleet {
    fn new(shape: Shape) -> Self {
        let start = Moment::from_secs(1_000_000);
        let hosts = (0..shape.hosts).map(|index| Host {
            monitor: monitor(&shape, shape.seed ^ index as u64),
            run: 0,
            is_up: true,
            is_stopped: false,
            acting: None,
            held: None,
        });
        let mut fleet = Self {
            hosts: hosts.collect(),
            now: start,
            start,
            random: shape.seed | 1,
            engine: Engine::default(),
            agenda: BTreeMap::new(),
            number: 0,
            restarts: 0,
            shape,
        };
        for host in 0..fleet.hosts.len() {
            let first = Duration::from_millis(fleet.below(10_000));
            fleet.plan(first, host, Due::Tick);
            let fails = Duration::from_millis(20_000 + fleet.below(20_000));
            fleet.plan(fails, host, Due::Fail);
        }
        for _ in 0..fleet.shape.kills {
            let host = usize::try_from(fleet.below(fleet.hosts.len() as u64)).expect("an index");
            let at = Duration::from_millis(20_000 + fleet.below(200_000));
            fleet.plan(at, host, Due::Kill);
        }
        fleet
    }

    /// A number below `limit` (xorshift).
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit.max(1)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    fn plan(&mut self, after: Duration, host: usize, due: Due) {
        self.number += 1;
        self.agenda
            .insert((self.now + after, self.number), (host, due));
    }

    /// Runs to the end. Returns how many restarts there were.
    fn run(mut self) -> usize {
        while let Some(((at, _), (host, due))) = self.agenda.pop_first() {
            if at > self.start + self.end() + LAST {
                break;
            }
            self.now = self.now.max(at);
            self.due(host, due);
            self.engine.slots.retain(|slot| slot.until > self.now);
            self.engine.budget.retain(|one| one.until > self.now);
            self.bounds();
        }
        let down = self.hosts.iter().filter(|host| !host.is_up).count();
        assert_eq!(down, 0, "still down");
        assert!(self.engine.slots.is_empty(), "{:?}", self.engine.slots);
        self.restarts
    }

    fn bounds(&self) {
        let acting = self.hosts.iter().filter_map(|host| host.acting);
        let with_slot = acting.filter(|acting| acting.has_slot).count();
        assert!(with_slot <= self.shape.slots, "{with_slot} restart at once");
        assert!(self.engine.slots.len() <= self.shape.slots);
        if let Some((count, window)) = self.shape.budget {
            let since = self.now.before(Duration::from_secs(window));
            let paid = self.engine.paid.iter().filter(|(at, _)| *at > since);
            assert!(paid.count() <= count as usize, "the budget is not exact");
        }
    }

    fn is_away(&self) -> bool {
        let (from, for_) = self.shape.away;
        let trouble = 300.0;
        let at = self.now.since(self.start).as_secs_f64() / trouble * 100.0;
        (f64::from(from)..f64::from(from) + f64::from(for_)).contains(&at)
    }

    /// By then each host has had its turn, twice, however small the budget is.
    fn end(&self) -> Duration {
        let (count, window) = self.shape.budget.unwrap_or((1, 0));
        let turns = 2 * self.hosts.len() as u64 / u64::from(count) + 2;
        CALM + LAST + Duration::from_secs(turns * window)
    }

    /// In the end everything is calm, so that everything ends well.
    fn is_calm(&self) -> bool {
        self.now.since(self.start) > CALM
    }

    fn due(&mut self, host: usize, due: Due) {
        match due {
            Due::Tick => {
                self.feed(
                    host,
                    Event::Tick(CheckTick {
                        check: "c0".into(),
                        age: None,
                        period: None,
                    }),
                );
                if self.now.since(self.start) < self.end() {
                    self.plan(EVERY, host, Due::Tick);
                }
            }
            Due::Fail => self.hosts[host].is_up = false,
            Due::Kill => self.kill(host),
            Due::Answer(run, effect) if run == self.hosts[host].run => self.answer(host, *effect),
            Due::Renew(run, id) if run == self.hosts[host].run => self.renew(host, id),
            Due::Lost(run, id, used) if run == self.hosts[host].run => {
                self.release(host, id, used);
            }
            Due::Answer(..) | Due::Renew(..) | Due::Lost(..) => {}
        }
    }

    fn feed(&mut self, host: usize, event: Event) {
        let effects = self.hosts[host].monitor.handle(self.now, event);
        for effect in effects {
            let after = match &effect {
                Effect::List { after, .. }
                | Effect::Probe { after, .. }
                | Effect::Wake { after, .. } => *after,
                Effect::Reserve { after, .. } => *after + Duration::from_millis(self.below(500)),
                Effect::Release { .. } => Duration::from_millis(self.below(500)),
                Effect::Act { .. } => {
                    self.begin(host, true);
                    Duration::from_millis(500 + self.below(5000))
                }
                Effect::Resume {
                    may_start, restart, ..
                } => {
                    if *may_start {
                        self.begin(host, restart.start_answered);
                    }
                    Duration::from_millis(500 + self.below(2000))
                }
                Effect::Report(_) | Effect::Note(_) | Effect::WarmUp { .. } => continue,
            };
            let run = self.hosts[host].run;
            self.plan(after, host, Due::Answer(run, Box::new(effect)));
        }
    }

    /// A restart begins: an attempt has a slot.
    fn begin(&mut self, host: usize, is_attempt: bool) {
        self.hosts[host].is_stopped = true;
        let run = self.hosts[host].run;
        let held = self.hosts[host].held;
        let mut slots = self.engine.slots.iter();
        let has_slot = slots.any(|slot| {
            slot.host == host && held.is_some_and(|(id, _)| slot.reservation == (run, id))
        });
        assert!(
            has_slot || !is_attempt || held.is_none(),
            "host {host} restarts without a slot"
        );
        assert!(!is_attempt || held.is_some(), "host {host} has no slot");
        self.restarts += usize::from(is_attempt);
        self.hosts[host].acting = Some(Acting { has_slot });
    }

    fn answer(&mut self, host: usize, effect: Effect) {
        match effect {
            Effect::List { check, ticket, .. } => {
                let state = match self.hosts[host].is_stopped {
                    true => ProcessState::Stopped,
                    false => ProcessState::Running,
                };
                let listed = Process {
                    name: process(0),
                    state,
                    pid: Some(7),
                    uptime: Some(3600),
                    detail: String::new(),
                    instance: None,
                    aliases: Vec::new(),
                };
                let processes = Ok(vec![listed]);
                let unasked = Vec::new();
                self.feed(
                    host,
                    Event::Listed {
                        check,
                        ticket,
                        processes,
                        unasked,
                    },
                );
            }
            Effect::Probe { check, ticket, .. } => {
                let code = if self.hosts[host].is_up { 200 } else { 500 };
                let status = StatusLine {
                    version: "HTTP/1.1".into(),
                    code,
                    reason: String::new(),
                };
                let seen = Box::new(Observation {
                    status: Some(status),
                    ..Observation::default()
                });
                self.feed(
                    host,
                    Event::Observed {
                        check,
                        ticket,
                        seen,
                    },
                );
            }
            Effect::Act { ticket, plan } => {
                let outcome = self.restarted(host);
                self.feed(
                    host,
                    Event::Acted {
                        check: plan.check,
                        ticket,
                        outcome,
                        pending: Vec::new(),
                    },
                );
            }
            Effect::Resume {
                ticket, restart, ..
            } => {
                let outcome = self.restarted(host);
                self.feed(
                    host,
                    Event::Resumed {
                        process: restart.process,
                        ticket,
                        outcome,
                        result: ResumeResult::Finished,
                    },
                );
            }
            Effect::Wake {
                process, ticket, ..
            } => self.feed(host, Event::Woken { process, ticket }),
            Effect::Reserve {
                check,
                ticket,
                reservation,
                resumes,
                ..
            } => {
                let answer = self.reserve(host, reservation, resumes);
                let held = &mut self.hosts[host].held;
                if answer == SlotAnswer::Granted {
                    *held = Some((reservation, self.now));
                    let run = self.hosts[host].run;
                    self.plan(LEASE / 3, host, Due::Renew(run, reservation));
                }
                self.feed(
                    host,
                    Event::Reserved {
                        check,
                        ticket,
                        answer,
                    },
                );
            }
            Effect::Release {
                check,
                reservation,
                group,
                used,
            } => {
                self.hosts[host].held.take_if(|(id, _)| *id == reservation);
                self.release(host, reservation, used);
                self.feed(
                    host,
                    Event::Released {
                        check,
                        reservation,
                        group,
                        failure: None,
                    },
                );
            }
            Effect::WarmUp { .. } | Effect::Report(_) | Effect::Note(_) => {}
        }
    }

    /// The restart ends: it helps, now and then.
    fn restarted(&mut self, host: usize) -> Outcome {
        self.hosts[host].acting = None;
        self.hosts[host].is_stopped = false;
        self.hosts[host].is_up = self.is_calm() || self.chance(80);
        let step = |action| Step {
            at: self.now,
            took: Duration::from_secs(1),
            process: Some(process(0)),
            action,
        };
        let steps = [
            ActionStep::Stopped { error: None },
            ActionStep::Started { error: None },
            ActionStep::Settled {
                state: ProcessState::Running,
                pid: Some(8),
            },
        ];
        Outcome {
            steps: steps.into_iter().map(step).collect(),
        }
    }

    /// As the engine does it, whether the answer arrives or not.
    fn reserve(&mut self, host: usize, id: Ticket, resumes: bool) -> SlotAnswer {
        let gone = |why: &str| SlotAnswer::Unreachable { why: why.into() };
        let (lost, unasked) = (self.shape.lost, self.shape.unasked);
        if !self.is_calm() && (self.is_away() || self.chance(unasked)) {
            return gone("nobody was asked");
        }
        let answer = self.carry_out(host, id, resumes);
        if !self.is_calm() && self.chance(lost) {
            return gone("the answer was lost");
        }
        answer
    }

    fn carry_out(&mut self, host: usize, id: Ticket, resumes: bool) -> SlotAnswer {
        let reservation = (self.hosts[host].run, id);
        let (now, engine) = (self.now, &mut self.engine);
        let own = engine.slots.iter().position(|slot| slot.host == host);
        if own.is_none() && engine.slots.len() >= self.shape.slots {
            return SlotAnswer::Refused(SlotRefusal::Taken { by: Vec::new() });
        }
        let is_known = own.is_some_and(|own| engine.slots[own].reservation == reservation);
        let budget = Budget {
            count: self.shape.budget.map_or(u32::MAX, |(count, _)| count),
            window: Duration::from_secs(self.shape.budget.map_or(1, |(_, window)| window)),
        };
        let is_paid = engine
            .budget
            .iter()
            .any(|one| one.host == host && one.reservation == reservation);
        let taken = |until| Taken {
            host,
            reservation,
            until,
        };
        if !is_known && !resumes && !is_paid {
            if engine.budget.len() >= budget.count as usize {
                let first = engine.budget.iter().map(|one| one.until).min();
                let left = first.unwrap_or(now).since(now);
                return SlotAnswer::Refused(SlotRefusal::BudgetUsedUp { left });
            }
            engine.budget.push(taken(now + budget.window));
            engine.paid.push((now, reservation));
        }
        match own {
            Some(own) => engine.slots[own] = taken(now + LEASE),
            None => engine.slots.push(taken(now + LEASE)),
        }
        SlotAnswer::Granted
    }

    /// Tried until it is done, as the watchdog does.
    fn release(&mut self, host: usize, id: Ticket, used: bool) {
        let run = self.hosts[host].run;
        if !self.is_calm() && (self.is_away() || self.chance(self.shape.unasked)) {
            return self.plan(Duration::from_secs(2), host, Due::Lost(run, id, used));
        }
        let is_it = |one: &Taken| one.host == host && one.reservation == (run, id);
        self.engine.slots.retain(|slot| !is_it(slot));
        if !used {
            self.engine.budget.retain(|one| !is_it(one));
            self.engine.paid.retain(|(_, of)| *of != (run, id));
        }
    }

    fn renew(&mut self, host: usize, id: Ticket) {
        let run = self.hosts[host].run;
        let Some((_, renewed)) = self.hosts[host].held.filter(|(held, _)| *held == id) else {
            return;
        };
        let fails = !self.is_calm() && (self.is_away() || self.chance(self.shape.unasked));
        let is_it = |slot: &&mut Taken| slot.host == host && slot.reservation == (run, id);
        let slot = self.engine.slots.iter_mut().find(is_it);
        match slot {
            Some(slot) if !fails => {
                slot.until = self.now + LEASE;
                self.hosts[host].held = Some((id, self.now));
                self.plan(LEASE / 3, host, Due::Renew(run, id));
            }
            _ if fails && self.now < renewed + LEASE => {
                self.plan(Duration::from_secs(2), host, Due::Renew(run, id));
            }
            _ => {
                self.hosts[host].held = None;
                if let Some(acting) = &mut self.hosts[host].acting {
                    acting.has_slot = false;
                }
                self.feed(
                    host,
                    Event::LeaseLost {
                        check: "c0".into(),
                        reservation: id,
                        why: "it has expired".into(),
                    },
                );
            }
        }
    }

    /// The watchdog is killed, and begins again: what it had stopped it starts first.
    fn kill(&mut self, host: usize) {
        let seed = self.shape.seed ^ (host as u64) << 20 ^ self.now.as_millis();
        let monitor = monitor(&self.shape, seed);
        let state = &mut self.hosts[host];
        state.run += 1;
        state.monitor = monitor;
        state.acting = None;
        state.held = None;
        if state.is_stopped {
            let restart = PendingRestart {
                intent: IntentId(1),
                check: "c0".into(),
                incident: "i-1".into(),
                process: process(0),
                pid_before: Some(7),
                stop_unclear: true,
                start_answered: false,
                start_begun: false,
                incident_ended: false,
            };
            self.feed(host, Event::Inherited(Box::new(restart)));
        }
    }
}
