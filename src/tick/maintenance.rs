//! Maintenance windows: which of them hold what of which check at a time, and when that changes. The time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::calendar::Calendar;
use crate::health::{MaintenanceWindow, Moment, Pause, glob};
use crate::sorted;

/// A recurring time in which restarts or reports are held back.
#[derive(Clone, Debug, PartialEq)]
pub struct MaintenanceSpec {
    /// Of checks of these names, in which `*` and `?` may stand.
    pub checks: Vec<String>,
    /// When it begins.
    pub at: Calendar,
    /// How long it lasts.
    pub lasting: Duration,
    /// Restarts are made in it.
    pub restart: bool,
    /// Reports are made in it.
    pub notify: bool,
}

/// The windows that are open at `now`, by check. `moment` is the same time for the decision core.
pub fn open<'a>(
    specs: &[MaintenanceSpec],
    checks: impl Iterator<Item = &'a str>,
    now: SystemTime,
    moment: Moment,
) -> BTreeMap<String, MaintenanceWindow> {
    let open: Vec<_> = specs
        .iter()
        .filter_map(|spec| Some((spec, spec.at.open_until(now, spec.lasting)?)))
        .collect();
    let mut windows = BTreeMap::new();
    if open.is_empty() {
        return windows;
    }
    let checks = sorted::set(checks);
    for (spec, end) in open {
        let until = moment + end.duration_since(now).unwrap_or_default();
        // windows end at whole seconds; two clocks are not read at once
        let until = Some(Moment::from_secs((until.as_millis() + 500) / 1000));
        let concerned = spec.checks.iter();
        for check in concerned.flat_map(|pattern| glob::among(pattern, &checks)) {
            let window = windows
                .entry(check.to_owned())
                .or_insert_with(|| MaintenanceWindow {
                    hold: Pause {
                        reason: format!("maintenance ({})", spec.at),
                        until,
                    },
                    holds_restarts: false,
                    holds_reports: false,
                });
            window.hold.until = window.hold.until.max(until);
            window.holds_restarts |= !spec.restart;
            window.holds_reports |= !spec.notify;
        }
    }
    windows
}

/// When the windows that are open may be others than at `now`.
pub fn next_change(specs: &[MaintenanceSpec], now: SystemTime) -> Option<SystemTime> {
    let begins = specs.iter().filter_map(|spec| spec.at.next(now));
    let ends = specs
        .iter()
        .filter_map(|spec| spec.at.open_until(now, spec.lasting));
    begins.chain(ends).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-05-01, a Friday, at midnight UTC.
    const FRIDAY: u64 = 1_777_593_600;
    const HOUR: u64 = 3_600;

    fn spec(checks: &[&str], at: &str, hours: u64, restart: bool, notify: bool) -> MaintenanceSpec {
        MaintenanceSpec {
            checks: checks.iter().map(|&check| check.to_owned()).collect(),
            at: Calendar::parse(at, Some("UTC")).expect(at),
            lasting: Duration::from_secs(hours * HOUR),
            restart,
            notify,
        }
    }

    fn at(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(FRIDAY + hours * HOUR)
    }

    #[test]
    fn open_windows_hold_effects_of_their_checks() {
        let specs = [
            spec(&["*"], "02:00", 2, true, false),
            spec(&["shop*"], "03:00", 4, false, true),
        ];
        let checks = ["db", "shop", "shop-eu"];
        // the columns: the hour; of each check, until which hour what is held
        let db = ("db", 4, false, true);
        let both = [("shop", 7, true, true), ("shop-eu", 7, true, true)];
        let late = [("shop", 7, true, false), ("shop-eu", 7, true, false)];
        let early = [("shop", 4, false, true), ("shop-eu", 4, false, true)];
        for (hour, expected) in [
            (1, vec![]),
            (2, [&[db][..], &early].concat()),
            (3, [&[db][..], &both].concat()),
            (4, late.to_vec()),
            (7, vec![]),
        ] {
            let moment = Moment::from_secs(hour * HOUR);
            let found = open(&specs, checks.into_iter(), at(hour), moment);
            let found: Vec<_> = found
                .iter()
                .map(|(check, window)| {
                    let until = window.hold.until.expect("it ends").as_millis() / 1000 / HOUR;
                    let held = (window.holds_restarts, window.holds_reports);
                    (check.as_str(), until, held.0, held.1)
                })
                .collect();
            assert_eq!(found, expected, "{hour}");
        }
        let next = [(0, 2), (2, 3), (3, 4), (4, 7), (7, 26)];
        for (hour, change) in next {
            assert_eq!(next_change(&specs, at(hour)), Some(at(change)), "{hour}");
        }
        assert_eq!(next_change(&[], at(0)), None);
    }
}
