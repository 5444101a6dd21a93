//! What holds whatever happens in which order.

use proptest::prelude::*;

use super::*;

/// What the world does next.
#[derive(Clone, Copy, Debug)]
enum RandomEvent {
    Start,
    Stop,
    Kill,
    /// The timer goes off, if it is set.
    Wait,
    /// The process ends, if there is one.
    Die(i32),
    /// The next spawn fails.
    Break,
}

/// A world in which effects have effects: one process at most, one timer at most.
struct World {
    unit: ProgramUnit,
    now: Moment,
    process: bool,
    /// It does not end on the stop signal.
    deaf: bool,
    broken: bool,
    timer: Option<Moment>,
    starts: u32,
    stops: u32,
}

impl World {
    fn feed(&mut self, event: UnitEvent) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let effects = self.unit.handle(self.now, event);
            let spawns = effects
                .iter()
                .filter(|effect| **effect == UnitEffect::Spawn)
                .count();
            assert!(spawns <= 1, "two children at once");
            for effect in effects {
                assert!(
                    next.is_none(),
                    "{effect:?} after a spawn, before its result"
                );
                next = self.perform(effect);
            }
        }
        self.check();
    }

    fn perform(&mut self, effect: UnitEffect) -> Option<UnitEvent> {
        match effect {
            UnitEffect::Spawn => {
                assert!(!self.process, "a second child");
                return Some(if std::mem::take(&mut self.broken) {
                    UnitEvent::SpawnFailed(no_file())
                } else {
                    self.process = true;
                    UnitEvent::Spawned
                });
            }
            UnitEffect::Terminate | UnitEffect::Kill => {
                assert!(self.process, "no process for {effect:?}")
            }
            UnitEffect::SetTimer(after) => self.timer = Some(self.now + after),
            UnitEffect::ClearTimer => self.timer = None,
            UnitEffect::Started(_) => self.starts = 0,
            UnitEffect::Stopped(_) => self.stops = 0,
            UnitEffect::RefuseStart => self.starts -= 1,
            UnitEffect::RefuseStop => self.stops -= 1,
        }
        None
    }

    /// The state is correct, and every waiting request has an event that will answer it.
    fn check(&self) {
        let (alive, timed) = match self.unit.state() {
            UnitState::Starting { .. } | UnitState::Stopping { .. } => (true, true),
            UnitState::Running { .. } => (true, false),
            UnitState::Backoff { .. }
            | UnitState::Exited { again: Some(_), .. }
            | UnitState::Fatal {
                why: StartFailure::Spawn(_),
            } => (false, true),
            UnitState::Stopped
            | UnitState::Fatal { .. }
            | UnitState::Exited { again: None, .. } => (false, false),
            UnitState::Spawning { .. } => panic!("a spawn without a result"),
        };
        assert_eq!(self.process, alive, "{:?}", self.unit.state);
        // In STOPPING the last timer may have elapsed: then no request waits.
        let spent = matches!(self.unit.state(), UnitState::Stopping { killed: true, .. });
        assert!(
            self.timer.is_some() == timed || spent,
            "{:?}",
            self.unit.state
        );
        if self.starts + self.stops > 0 {
            assert!(
                self.timer.is_some(),
                "a ticket for ever: {:?}",
                self.unit.state
            );
        }
    }

    fn random_event(&mut self, random_event: RandomEvent) {
        match random_event {
            RandomEvent::Start => {
                self.starts += 1;
                self.feed(UnitEvent::Start);
            }
            RandomEvent::Stop => {
                self.stops += 1;
                self.feed(UnitEvent::Stop);
            }
            RandomEvent::Kill => {
                self.stops += 1;
                self.feed(UnitEvent::Kill);
            }
            RandomEvent::Wait => {
                if let Some(at) = self.timer.take() {
                    self.now = at;
                    self.feed(UnitEvent::Elapsed);
                }
            }
            RandomEvent::Die(code) => {
                if std::mem::take(&mut self.process) {
                    self.feed(UnitEvent::Exited(Some(ProcessExit::Code(code))));
                }
            }
            RandomEvent::Break => self.broken = true,
        }
    }
}

fn random_events() -> impl Strategy<Value = Vec<RandomEvent>> {
    let random_event = prop_oneof![
        2 => Just(RandomEvent::Start),
        2 => Just(RandomEvent::Stop),
        1 => Just(RandomEvent::Kill),
        3 => Just(RandomEvent::Wait),
        3 => (0..3).prop_map(RandomEvent::Die),
        1 => Just(RandomEvent::Break),
    ];
    proptest::collection::vec(random_event, 0..60)
}

proptest! {
    #[test]
    fn at_most_one_child_runs_and_a_stop_ends_it(
        random_events in random_events(),
        startsecs in 0_u64..2,
        startretries in 0_u32..3,
        deaf: bool,
    ) {
        let mut world = World {
            unit: ProgramUnit::new(Rules {
                startsecs: Duration::from_secs(startsecs),
                startretries,
                ..rules()
            }),
            now: NOW,
            process: false,
            deaf,
            broken: false,
            timer: None,
            starts: 0,
            stops: 0,
        };
        for random_event in random_events {
            world.random_event(random_event);
        }
        world.random_event(RandomEvent::Stop);
        // Nobody asks for anything any more: it ends on the signal, or on the kill.
        for _ in 0..3 {
            if world.process && !world.deaf {
                world.random_event(RandomEvent::Die(0));
            }
            world.random_event(RandomEvent::Wait);
            world.deaf = false;
        }
        prop_assert!(!world.process);
        prop_assert_eq!(world.timer, None);
        prop_assert_eq!(world.starts + world.stops, 0);
        let state = world.unit.state();
        prop_assert!(*state == UnitState::Stopped || state.over(), "{:?}", state);
    }
}
