//! Many hosts, each with a monitor of its own, around a model of the engine: slots and budget under leases, answers that
//! are lost after they were carried out, an engine that is away, hosts that are killed in the middle of a restart. However
//! that goes: no more restarts with a slot than there are slots, none without one, the budget is exact, and in the end
//! every service runs again and every slot is free.

mod engine;
mod hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use httpok::health::{
    Backoff, Check, CheckTick, Effect, Event, FleetPolicy, Limits, Moment, Monitor, Policy,
    SlotAnswer, SlotRefusal, Ticket, Unreachable,
};
use proptest::prelude::*;

use super::episodes::at_once;
use super::rules::one;
use super::world::process;
use engine::{Engine, Taken};

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
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(seed, hosts, slots, budget, lost, unasked, away, kills, is_well)| {
                let part = u8::from(!is_well);
                Shape {
                    seed,
                    hosts,
                    slots,
                    budget,
                    // without trouble it is seen whether slots are given in turn
                    lost: lost * part,
                    unasked: unasked * part,
                    away: (away.0, away.1 * part),
                    kills: kills * usize::from(part),
                }
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

struct Host {
    monitor: Monitor,
    /// Another run is another one to the engine.
    run: u32,
    is_up: bool,
    /// The process was stopped by the watchdog and does not run.
    is_stopped: bool,
    acting: Option<Acting>,
    held: Option<(Ticket, Moment)>,
    /// When its last slot was given back.
    given_back: Moment,
    /// It waits for a slot: those that took one meanwhile.
    overtaken: Option<BTreeSet<usize>>,
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
            given_back: start,
            overtaken: None,
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
            self.engine.expire(self.now);
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
        let group = (self.shape.slots, self.shape.budget);
        let answer = self
            .engine
            .reserve(self.now, (host, reservation), resumes, group);
        match &answer {
            SlotAnswer::Granted if !resumes => self.in_turn(host),
            SlotAnswer::Refused(SlotRefusal::Taken { .. }) => {
                self.hosts[host].overtaken.get_or_insert_default();
            }
            SlotAnswer::Refused(_) => self.hosts[host].overtaken = None,
            SlotAnswer::Granted | SlotAnswer::Unreachable { .. } => {}
        }
        answer
    }

    /// Who waits for a slot sees none of the others take the last one twice, where nothing of the trouble is.
    fn in_turn(&mut self, granted: usize) {
        self.hosts[granted].overtaken = None;
        let Shape {
            lost,
            unasked,
            kills,
            away: (_, away),
            ..
        } = self.shape;
        let is_well = (lost, unasked, kills, away) == (0, 0, 0, 0);
        let is_fair = is_well && self.engine.slots.len() == self.shape.slots;
        for (host, state) in self.hosts.iter_mut().enumerate() {
            if let Some(overtaken) = &mut state.overtaken
                && is_fair
            {
                let is_first = overtaken.insert(granted);
                assert!(
                    is_first,
                    "host {granted} had two slots while host {host} waited"
                );
            }
        }
    }

    /// Tried until it is done, as the watchdog does.
    fn release(&mut self, host: usize, id: Ticket, used: bool) {
        let run = self.hosts[host].run;
        if !self.is_calm() && (self.is_away() || self.chance(self.shape.unasked)) {
            return self.plan(Duration::from_secs(2), host, Due::Lost(run, id, used));
        }
        // who has given up waits no more
        self.hosts[host].overtaken = None;
        self.engine.release((host, (run, id)), used);
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
}
