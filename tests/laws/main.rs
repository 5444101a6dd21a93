//! The laws of the decision core, as properties over random worlds: checks with random policies on shared
//! processes, ticks, slow and failing answers, pauses, reloads, shutdown, in any order.
//!
//! `make laws` runs 100,000 worlds; `make test` a few hundred. A failure prints its seed and shrinks.

mod auditor;
mod episodes;
mod fleet;
mod fleet_model;
mod grace;
mod heartbeats;
mod holds;
mod ladder;
mod late_stops;
mod programs;
mod rearm;
mod rules;
mod ticks;
mod world;

use std::time::Duration;

use httpok::health::{
    Backoff, Budget, Effect, Event, Fails, Limits, Moment, Monitor, NotifyMode, Policy, Reason,
    Verdict,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use world::{Op, World, check, definitions, worlds};

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases())
    })]

    /// Laws 1 to 7, 11 to 15, 17 to 20 and 22: the auditors see every effect; in the end everything comes to rest.
    #[test]
    fn laws_hold_in_every_world(mut world in worlds(), ops in ops()) {
        for op in &ops {
            world.perform(op);
        }
        world.finish();
        prop_assert!(world.monitor.is_at_rest(), "did not come to rest");
        world.fleet.nothing_is_kept(world.now, &world.monitor);
    }

    /// Law 8: the drop-in preset acts exactly when this tick's verdict is fail.
    #[test]
    fn drop_in_acts_exactly_when_a_probe_fails(mut world in worlds(), ops in ops()) {
        world.make_drop_in();
        // what a person does is beside this law
        let beside = |op: &&Op| matches!(op, Op::Pause(..) | Op::Silence(..) | Op::Maintenance(..) | Op::RestartManually(_) | Op::Change(_) | Op::ChangeFleet(..) | Op::Toggle(_) | Op::Inherit(_, 1..) | Op::Shutdown);
        for op in ops.iter().filter(|op| !beside(op)) {
            world.perform(op);
        }
        world.finish();
        for (verdict, reported) in &world.drop_in_probes {
            prop_assert_eq!(*verdict == Verdict::Fail, *reported);
        }
    }

    /// Law 9: the same seed and the same events give the same effects.
    #[test]
    fn a_run_can_be_replayed(mut world in worlds(), ops in ops()) {
        for op in &ops {
            world.perform(op);
        }
        let mut again = Monitor::new(world.limits.clone(), world.seed, world.initial.clone());
        for (now, event, effects) in &world.journal {
            let repeated = again.handle(*now, event.clone());
            prop_assert_eq!(&repeated, effects);
        }
    }

    /// Law 10: reloading equal checks changes none of their state.
    #[test]
    fn a_reload_of_equal_checks_changes_nothing(mut world in worlds(), ops in ops(), more in ops()) {
        for op in &ops {
            world.perform(op);
        }
        let mut twin = world.monitor.clone();
        let effects = twin.handle(world.now, Event::Reload { checks: definitions(&world.checks), limits: world.limits.clone(), forgot: Vec::new() });
        prop_assert_eq!(effects, vec![]);
        let before = world.journal.len();
        for op in &more {
            world.perform(op);
        }
        for (now, event, effects) in &world.journal[before..] {
            prop_assert_eq!(&twin.handle(*now, event.clone()), effects);
        }
    }

    /// Law 16: a step of the wall clock changes the dates of what is decided, and nothing else.
    #[test]
    fn clock_step_moves_dates_and_decides_nothing(
        mut world in worlds(), ops in ops(), more in ops(), by in -1_000_000_000_i64..1_000_000_000,
    ) {
        world.now = Moment::from_millis(1_780_000_000_000);
        for op in &ops {
            world.perform(op);
        }
        let mut twin = world.monitor.clone();
        prop_assert_eq!(twin.handle(world.now.moved(by), Event::ClockSet { by }), vec![]);
        let before = world.journal.len();
        for op in &more {
            world.perform(op);
        }
        for (now, event, effects) in &world.journal[before..] {
            let decided = twin.handle(now.moved(by), moved(event, by));
            prop_assert_eq!(moved(&decided, -by), effects.clone());
        }
        let dates = |monitor: &Monitor| monitor.snapshot(world.now);
        prop_assert_eq!(twin.snapshot(world.now.moved(by)).totals, dates(&world.monitor).totals);
    }

    /// Every event and effect survives being written down, which `simulate` and the store live by.
    #[test]
    fn a_journal_survives_json(mut world in worlds(), ops in ops()) {
        for op in &ops {
            world.perform(op);
        }
        for (_, event, effects) in &world.journal {
            let json = serde_json::to_string(&(event, effects)).expect("it serializes");
            let back: (Event, Vec<Effect>) = serde_json::from_str(&json).expect("it parses");
            prop_assert_eq!(&back.0, event);
            prop_assert_eq!(&back.1, effects);
        }
    }
}

/// The same with all its moments so many milliseconds later: no other number is as large as those of a world that began in
/// our time.
fn moved<T: Serialize + DeserializeOwned>(value: &T, by: i64) -> T {
    fn each(value: &mut serde_json::Value, by: i64) {
        match value {
            serde_json::Value::Number(number) => {
                let moment = number
                    .as_i64()
                    .filter(|moment| (1_770_000_000_000..1_800_000_000_000).contains(moment));
                if let Some(moment) = moment {
                    *value = (moment + by).into();
                }
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(|value| each(value, by)),
            serde_json::Value::Object(fields) => {
                fields.values_mut().for_each(|value| each(value, by))
            }
            _ => {}
        }
    }
    let mut json = serde_json::to_value(value).expect("it serializes");
    each(&mut json, by);
    serde_json::from_value(json).expect("it parses")
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(world::op(), 0..120)
}

/// `LAWS=100000 cargo test --release --test laws` for the long run.
fn cases() -> u32 {
    std::env::var("LAWS")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(200)
}

/// The mail about a budget that is used up over all checks says so: `httpok reset`.
#[test]
fn a_reset_also_clears_the_budget_over_all_checks() {
    let policy = Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        backoff: Backoff::NONE,
        restarts: None,
        ..Policy::default()
    };
    let limits = Limits {
        max_restarts: Some(Budget {
            count: 1,
            window: Duration::from_secs(3600),
        }),
        ..Limits::default()
    };
    let checks = vec![check(0, (policy, 9, [true, false, false], true, None))];
    let mut world = World::new(7, limits, checks);
    let acts = |world: &World| {
        let effects = world.journal.iter().flat_map(|(_, _, effects)| effects);
        effects
            .filter(|effect| matches!(effect, Effect::Act { .. }))
            .count()
    };
    let fail = |world: &mut World, acts_then: usize, before: Option<Op>| {
        world.ops(before);
        world.ops([Op::Tick(0, None), Op::Answer(0, 0), Op::Answer(0, 2)]);
        assert_eq!(acts(world), acts_then);
        // whatever is under way ends well
        world.ops([0; 3].map(|how| Op::Answer(0, how)));
        world.ops([Op::Answer(0, 0), Op::Answer(0, 0), Op::Answer(0, 0)]);
        world.ops([Op::Advance(600)]);
    };
    fail(&mut world, 1, None);
    fail(&mut world, 1, None);
    fail(&mut world, 2, Some(Op::Reset(0)));
}

/// A check that goes on with the restart of one that is not defined any more is reset with it.
#[test]
fn reset_retries_an_inherited_restart_at_once() {
    let policy = Policy {
        fail: Fails::InARow(1),
        grace: Duration::ZERO,
        backoff: Backoff::NONE,
        restarts: None,
        ..Policy::default()
    };
    let check = check(0, (policy, 9, [false, false, true], true, None));
    let mut world = World::new(0, Limits::default(), vec![check]);
    let start_in_vain = Op::Answer(0, 46);
    world.ops([Op::Crashes(4, false), Op::Inherit(4, 1), start_in_vain]);
    let tries = |world: &World| {
        let effects = world.journal.iter().flat_map(|(_, _, effects)| effects);
        let tries = effects.filter(|effect| matches!(effect, Effect::Resume { .. }));
        tries.count()
    };
    assert_eq!(tries(&world), 1);
    world.ops([Op::Reset(0)]);
    assert_eq!(tries(&world), 2);
}

#[test]
fn drop_in_preset_has_the_documented_policy() {
    let policy = Policy::drop_in();
    assert_eq!(policy.notify, NotifyMode::EveryAction);
    assert!(policy.restarts.is_none() && policy.grace.is_zero());
    assert!(policy.acts_on(Some(Reason::Status)) && policy.acts_on(None));
}
