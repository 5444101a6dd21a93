//! Random checks with random policies.

use std::sync::Arc;
use std::time::Duration;

use httpok::health::{
    Backoff, Budget, Check, CheckRules, Fails, FleetPolicy, Limits, NotifyMode, Policy, Reason,
    Remedy, Rung, Selection, Target, Unreachable, WarmUp,
};
use proptest::prelude::*;

use super::World;

const TARGETS: [&str; 3] = ["p0", "docker/p1", "g:*"];

pub fn worlds() -> impl Strategy<Value = World> {
    let limits = (
        // as people write it: 15 digits survive being written down, 17 need not
        prop::option::of((30_u32..100).prop_map(|percent| f64::from(percent) / 100.0)),
        1_u32..3,
        prop::option::of(budget()),
        prop::option::of(1_u64..100),
    )
        .prop_map(
            |(panic_threshold, max_concurrent_restarts, max_restarts, reminder)| Limits {
                panic_threshold,
                panic_window: Duration::from_secs(120),
                max_concurrent_restarts,
                max_restarts,
                reminder: reminder.map(Duration::from_secs),
                once: false,
            },
        );
    let checks = prop::collection::vec(
        (
            policy(),
            0_usize..4,
            any::<[bool; 3]>(),
            any::<bool>(),
            prop::option::weighted(0.3, 0_u64..60),
        ),
        1..5,
    );
    let checks = checks.prop_flat_map(|shapes| {
        let count = shapes.len();
        let heartbeats = prop::collection::vec(prop::option::weighted(0.25, 1_u64..60), count);
        let ladder = prop::option::weighted(0.4, prop::collection::vec(rung(), 1..5));
        let ladders = prop::collection::vec(ladder, count);
        let fleets = prop::collection::vec(prop::option::weighted(0.4, fleet()), count);
        (Just(shapes), heartbeats, ladders, fleets)
    });
    (any::<u64>(), limits, checks).prop_map(|(seed, limits, shapes)| {
        let (shapes, heartbeats, ladders, fleets) = shapes;
        let checks = shapes
            .into_iter()
            .zip(heartbeats.into_iter().zip(ladders).zip(fleets))
            .enumerate()
            .map(|(index, (shape, ((heartbeat, ladder), fleet)))| {
                let mut check = check(index, shape);
                check.ladder = ladder.unwrap_or_default();
                check.fleet = fleet;
                if let Some(every) = heartbeat {
                    check.heartbeat = Some(Duration::from_secs(every));
                    check.warmup = None;
                }
                check
            })
            .collect();
        World::new(seed, limits, checks)
    })
}

pub fn check(
    index: usize,
    (policy, requires, targets, eager, warmup): (Policy, usize, [bool; 3], bool, Option<u64>),
) -> Check {
    let targets = targets
        .iter()
        .enumerate()
        .filter(|(_, chosen)| **chosen)
        .map(|(index, _)| TARGETS[index].parse::<Target>().expect("a target"))
        .collect();
    Check {
        name: format!("c{index}"),
        url: "http://127.0.0.1/".into(),
        probe: String::new(),
        rules: Arc::new(CheckRules {
            policy,
            remedy: Remedy {
                selection: Selection::Targets(targets),
                eager,
                ..Remedy::NONE
            },
            requires: if requires < index {
                vec![format!("c{requires}")]
            } else {
                Vec::new()
            },
            warmup: warmup.map(|timeout| WarmUp {
                url: "http://127.0.0.1/warmup".into(),
                timeout: Duration::from_secs(timeout),
            }),
            ..CheckRules::default()
        }),
    }
}

/// A rung; one that restarts anything restarts one or more of the targets.
fn rung() -> impl Strategy<Value = Rung> {
    let restart = (1_usize..8).prop_map(|chosen| {
        let targets = TARGETS.iter().enumerate();
        let targets = targets.filter(|(index, _)| chosen & (1 << index) != 0);
        let targets = targets.map(|(_, text)| text.parse::<Target>().expect("a target"));
        Rung::Restart(Remedy {
            selection: Selection::Targets(targets.collect()),
            ..Remedy::NONE
        })
    });
    prop_oneof![
        3 => Just(Rung::Signal("QUIT".parse().expect("a signal"))),
        4 => restart,
        2 => Just(Rung::Run { command: "failover".to_owned() }),
        1 => Just(Rung::GiveUp),
    ]
}

fn budget() -> impl Strategy<Value = Budget> {
    (0_u32..4, 1_u64..60).prop_map(|(count, window)| Budget {
        count,
        window: Duration::from_secs(window),
    })
}

fn fleet() -> impl Strategy<Value = FleetPolicy> {
    (1_u64..60, any::<bool>()).prop_map(|(wait, acts)| FleetPolicy {
        group: "shop".into(),
        slots: 1,
        wait: Duration::from_secs(wait),
        unreachable: match acts {
            true => Unreachable::Act,
            false => Unreachable::Hold,
        },
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let fails = prop_oneof![
        (1_u32..4).prop_map(Fails::InARow),
        (1_u32..4, 0_u32..3).prop_map(|(fails, more)| Fails::Within {
            fails,
            of: fails + more
        }),
    ];
    let act_on = prop::option::weighted(0.2, Just([Reason::Status].into_iter().collect()));
    (
        fails,
        1_u32..3,
        0_u64..20,
        prop::option::of(budget()),
        prop::option::of(1_u64..120),
        act_on,
        any::<bool>(),
    )
        .prop_map(
            |(fail, pass_after, grace, restarts, rearm, act_on, pause)| Policy {
                fail,
                pass_after,
                grace: Duration::from_secs(grace),
                backoff: if pause {
                    Backoff::default()
                } else {
                    Backoff::NONE
                },
                restarts,
                rearm: rearm.map(Duration::from_secs),
                act_on,
                notify: NotifyMode::Changes,
            },
        )
}
