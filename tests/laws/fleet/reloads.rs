//! A reload while a slot is waited for, and while it is held.

use std::time::Duration;

use httpok::health::{Check, Effect, Event, FleetPolicy, Moment, Monitor, SlotAnswer, Unreachable};

use super::cases::{answer, asks, fail, monitor, probed, question, releases, shop, taken};
use crate::definitions;
use crate::episodes::{in_vain, limits};
use crate::rules::{acts, at, attempt};

fn reload(monitor: &mut Monitor, now: Moment, checks: Vec<Check>) -> Vec<Effect> {
    let (limits, forgot) = (limits(), Vec::new());
    monitor.handle(
        now,
        Event::Reload {
            checks: definitions(&checks),
            limits,
            forgot,
        },
    )
}

/// While it waits for a slot, and while it holds one, a reload changes what is to be asked for, or takes the fleet away.
#[test]
fn reload_of_the_policy_asks_anew_and_gives_back_what_was_asked_before() {
    let other = |group: &str, slots: u32, unreachable: Unreachable| FleetPolicy {
        group: group.into(),
        slots,
        ..shop(unreachable).fleet.clone().expect("it has one")
    };
    let (hold, act) = (Unreachable::Hold, Unreachable::Act);
    let changes = [
        Some(other("cart", 1, hold)),
        Some(other("shop", 2, hold)),
        Some(other("shop", 1, act)),
        None,
    ];
    let gone = || SlotAnswer::Unreachable { why: "gone".into() };
    for (change, first) in changes
        .iter()
        .flat_map(|change| [SlotAnswer::Granted, taken(), gone()].map(|answer| (change, answer)))
    {
        let case = format!("{first:?}, then {change:?}");
        let mut monitor = monitor(hold);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let mut check = shop(hold);
        check.fleet = change.clone();
        reload(&mut monitor, at(1000), vec![check]);
        // it fails on, and asks for nothing while the question of before is open
        let effects = fail(&mut monitor, at(2000));
        assert_eq!(acts(&effects), change.is_none(), "{case}");
        let may_be_ours = !matches!(first, SlotAnswer::Refused(_));
        let effects = answer(&mut monitor, at(3000), ticket, first);
        assert_eq!(
            releases(&effects),
            vec![false; usize::from(may_be_ours)],
            "{case}"
        );
        let Some(policy) = change else {
            assert!(!asks(&effects), "{case}: {effects:?}");
            continue;
        };
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::Reserve {
                group,
                slots,
                after,
                ..
            } => Some((group.clone(), *slots, *after)),
            _ => None,
        });
        let expected = (policy.group.clone(), policy.slots, Duration::ZERO);
        assert_eq!(asked, Some(expected), "{case}");
        let (ticket, _) = question(&effects);
        let effects = answer(&mut monitor, at(3100), ticket, SlotAnswer::Granted);
        let effects = probed(&mut monitor, at(3200), &effects, false);
        assert!(acts(&effects), "{case}");
    }
}

#[test]
fn reload_during_the_restart_keeps_its_slot_to_the_end_and_the_next_attempt_asks_by_the_new_policy()
{
    for change in [Some("cart"), None] {
        let mut monitor = monitor(Unreachable::Hold);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let effects = answer(&mut monitor, at(100), ticket, SlotAnswer::Granted);
        let effects = probed(&mut monitor, at(200), &effects, false);
        let (_, ticket) = attempt(&effects).expect("it acts");
        let fleet = change.map(|group| FleetPolicy {
            group: group.into(),
            ..shop(Unreachable::Hold).fleet.clone().expect("it has one")
        });
        let mut check = shop(Unreachable::Hold);
        check.fleet = fleet;
        let effects = reload(&mut monitor, at(1000), vec![check]);
        assert!(releases(&effects).is_empty(), "{effects:?}");
        let effects = in_vain(&mut monitor, at(3000), ticket);
        let given: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Release { group, used, .. } => Some((group.as_str(), *used)),
                _ => None,
            })
            .collect();
        assert_eq!(given, [("shop", true)], "{change:?}: {effects:?}");
        let effects = fail(&mut monitor, at(60_000));
        assert_eq!(asks(&effects), change.is_some(), "{change:?}: {effects:?}");
        assert_eq!(acts(&effects), change.is_none(), "{change:?}");
    }
}

/// A check that is taken away while it holds a slot, or waits for one, keeps none.
#[test]
fn check_that_a_reload_removes_gives_its_slot_back() {
    for first in [SlotAnswer::Granted, taken()] {
        let mut monitor = monitor(Unreachable::Hold);
        let (ticket, _) = question(&fail(&mut monitor, at(0)));
        let mut effects = reload(&mut monitor, at(100), Vec::new());
        effects.extend(answer(&mut monitor, at(200), ticket, first.clone()));
        let is_granted = first == SlotAnswer::Granted;
        assert_eq!(releases(&effects), vec![false; usize::from(is_granted)]);
        assert!(!asks(&effects));
    }
}
