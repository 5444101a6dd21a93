//! Which of an incident's reports a notifier delivers, and when: people need not hear of a restart that cures it within
//! seconds before they hear that it did. Pure.

use std::time::Duration;

use crate::health::{DownState, ReportKind};

/// When a notifier delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifierPolicy {
    /// That a check is being restarted is held for so long: a restart that cures it sooner is one report, at its end.
    /// Zero: that a check is down is delivered at once. A second one before "recovered" says that the restart failed:
    /// receivers that pair reports know it by its incident.
    pub down_after: Duration,
    /// An incident that is over sooner, from its first fail, is not reported at all.
    pub min_duration: Duration,
}

/// What becomes of a report at one notifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing.
    None,
    /// It is delivered, as a report of this kind.
    AtOnce(ReportKind),
    /// It is delivered after so long, unless a later report of its incident takes it back. It takes the place of an
    /// earlier one that is still held.
    HeldFor(Duration),
    /// It takes back the held report of its incident, and `instead` is delivered. If that one is delivered already,
    /// `otherwise` is.
    TakesBack {
        instead: Option<ReportKind>,
        otherwise: Option<ReportKind>,
    },
}

impl NotifierPolicy {
    /// For people: a restart that takes longer than this is worth two reports.
    pub const FOR_PEOPLE: Self = Self {
        down_after: Duration::from_secs(30),
        min_duration: Duration::ZERO,
    };

    /// For programs, which pair what begins with what ends.
    pub const FOR_PROGRAMS: Self = Self {
        down_after: Duration::ZERO,
        min_duration: Duration::ZERO,
    };

    /// What becomes of a report of `kind` at a notifier that `takes` some kinds, so long after the first fail of its
    /// incident.
    pub fn delivery(
        &self,
        kind: &ReportKind,
        takes: &dyn Fn(&ReportKind) -> bool,
        age: Duration,
    ) -> Delivery {
        let taken = |kind: ReportKind| takes(&kind).then_some(kind);
        let left = self.min_duration.saturating_sub(age);
        let is_down = ReportKind::Down {
            state: DownState::Restarting,
            update: false,
        };
        if !left.is_zero() {
            match kind {
                ReportKind::Down { state, .. } if takes(kind) => {
                    let held = match state {
                        DownState::Restarting | DownState::Escalating { .. } => {
                            left.max(self.down_after)
                        }
                        _ => left,
                    };
                    return Delivery::HeldFor(held);
                }
                ReportKind::GaveUp { .. } if takes(kind) => return Delivery::HeldFor(left),
                ReportKind::Recovered { down } | ReportKind::Cured { down, .. } => {
                    return Delivery::TakesBack {
                        instead: None,
                        // that it is down was delivered before `min_duration` was set
                        otherwise: taken(ReportKind::Recovered { down: *down })
                            .filter(|_| takes(&is_down)),
                    };
                }
                _ => {}
            }
        }
        match kind {
            ReportKind::Down {
                state: DownState::Restarting | DownState::Escalating { .. },
                ..
            } if !self.down_after.is_zero() && takes(kind) => Delivery::HeldFor(self.down_after),
            ReportKind::Down {
                state,
                update: true,
            } if takes(kind) => Delivery::TakesBack {
                instead: Some(kind.clone()),
                // that it is not back yet is what "being restarted" says, too
                otherwise: match state {
                    DownState::NotBack { .. } => None,
                    _ => Some(kind.clone()),
                },
            },
            ReportKind::Cured { down, .. } => {
                let recovered = taken(ReportKind::Recovered { down: *down });
                match takes(&is_down) {
                    true => Delivery::TakesBack {
                        instead: taken(kind.clone()),
                        otherwise: recovered,
                    },
                    // it heard of nothing before
                    false => match taken(kind.clone()).or(recovered) {
                        Some(kind) => Delivery::AtOnce(kind),
                        None => Delivery::None,
                    },
                }
            }
            // a reminder says what the held report would
            ReportKind::Recovered { .. }
            | ReportKind::GaveUp { .. }
            | ReportKind::Reminder { .. }
                if takes(kind) =>
            {
                Delivery::TakesBack {
                    instead: Some(kind.clone()),
                    otherwise: Some(kind.clone()),
                }
            }
            kind => match taken(kind.clone()) {
                Some(kind) => Delivery::AtOnce(kind),
                None => Delivery::None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(state: DownState, update: bool) -> ReportKind {
        ReportKind::Down { state, update }
    }

    #[test]
    fn people_get_one_report_of_a_quick_cure_and_programs_get_pairs() {
        let span = Duration::from_secs;
        let (down_for, after) = (span(20), span(5));
        let recovered = ReportKind::Recovered { down: down_for };
        let cured = ReportKind::Cured {
            down: down_for,
            after,
        };
        let gave_up = ReportKind::GaveUp {
            rearm: None,
            budget: None,
            used: Vec::new(),
        };
        let failed = down(DownState::NothingRestarted, true);
        let not_back = down(DownState::NotBack { after }, true);
        let takes_back =
            |instead: &ReportKind, otherwise: Option<&ReportKind>| Delivery::TakesBack {
                instead: Some(instead.clone()),
                otherwise: otherwise.cloned(),
            };
        let at_once = |kind: &ReportKind| Delivery::AtOnce(kind.clone());
        let all = |_: &ReportKind| true;
        let restarting = down(DownState::Restarting, false);
        let notify_only = down(DownState::NotifyOnly, false);
        let nothing = down(DownState::NothingRestarted, false);
        let table = [
            (
                restarting.clone(),
                Delivery::HeldFor(span(30)),
                at_once(&restarting),
            ),
            (
                notify_only.clone(),
                at_once(&notify_only),
                at_once(&notify_only),
            ),
            (nothing.clone(), at_once(&nothing), at_once(&nothing)),
            (
                failed.clone(),
                takes_back(&failed, Some(&failed)),
                takes_back(&failed, Some(&failed)),
            ),
            (
                not_back.clone(),
                takes_back(&not_back, None),
                takes_back(&not_back, None),
            ),
            (
                cured.clone(),
                takes_back(&cured, Some(&recovered)),
                takes_back(&cured, Some(&recovered)),
            ),
            (
                recovered.clone(),
                takes_back(&recovered, Some(&recovered)),
                takes_back(&recovered, Some(&recovered)),
            ),
            (
                gave_up.clone(),
                takes_back(&gave_up, Some(&gave_up)),
                takes_back(&gave_up, Some(&gave_up)),
            ),
            (
                ReportKind::Degraded,
                at_once(&ReportKind::Degraded),
                at_once(&ReportKind::Degraded),
            ),
        ];
        for (kind, people, programs) in table {
            assert_eq!(
                NotifierPolicy::FOR_PEOPLE.delivery(&kind, &all, Duration::ZERO),
                people,
                "{kind:?}"
            );
            assert_eq!(
                NotifierPolicy::FOR_PROGRAMS.delivery(&kind, &all, Duration::ZERO),
                programs,
                "{kind:?}"
            );
        }
    }
    #[test]
    fn notifier_with_a_filter_gets_exactly_its_kinds() {
        let span = Duration::from_secs(5);
        let cured = ReportKind::Cured {
            down: span,
            after: span,
        };
        let recovered = ReportKind::Recovered { down: span };
        let is_down = |kind: &ReportKind| matches!(kind, ReportKind::Down { .. });
        let is_cured = |kind: &ReportKind| matches!(kind, ReportKind::Cured { .. });
        let is_recovered = |kind: &ReportKind| matches!(kind, ReportKind::Recovered { .. });
        let people = NotifierPolicy::FOR_PEOPLE;
        assert_eq!(
            people.delivery(&cured, &is_cured, Duration::ZERO),
            Delivery::AtOnce(cured.clone())
        );
        assert_eq!(
            people.delivery(&cured, &is_recovered, Duration::ZERO),
            Delivery::AtOnce(recovered.clone())
        );
        assert_eq!(
            people.delivery(&cured, &|_| false, Duration::ZERO),
            Delivery::None
        );
        assert_eq!(
            people.delivery(
                &cured,
                &|kind| is_down(kind) || is_recovered(kind),
                Duration::ZERO
            ),
            Delivery::TakesBack {
                instead: None,
                otherwise: Some(recovered.clone()),
            },
            "what is over within the time is not reported as down"
        );
        assert_eq!(
            people.delivery(&recovered, &is_down, Duration::ZERO),
            Delivery::None
        );
    }

    #[test]
    fn incident_that_is_over_within_min_duration_is_not_reported() {
        let span = Duration::from_secs;
        let policy = NotifierPolicy {
            min_duration: span(120),
            ..NotifierPolicy::FOR_PEOPLE
        };
        let all = |_: &ReportKind| true;
        let held = |seconds| Delivery::HeldFor(span(seconds));
        let restarting = down(DownState::Restarting, false);
        let not_back = down(DownState::NotBack { after: span(9) }, true);
        let gave_up = ReportKind::GaveUp {
            rearm: None,
            budget: None,
            used: Vec::new(),
        };
        for (kind, age, expected) in [
            (down(DownState::NotifyOnly, false), 20, held(100)),
            // whichever ends later
            (restarting.clone(), 20, held(100)),
            (restarting.clone(), 110, held(30)),
            (not_back, 50, held(70)),
            (gave_up.clone(), 119, held(1)),
            (
                ReportKind::Degraded,
                0,
                Delivery::AtOnce(ReportKind::Degraded),
            ),
        ] {
            assert_eq!(
                policy.delivery(&kind, &all, span(age)),
                expected,
                "{kind:?}"
            );
        }
        let usual = NotifierPolicy::FOR_PEOPLE;
        for kind in [restarting, gave_up] {
            let late = policy.delivery(&kind, &all, span(120));
            assert_eq!(late, usual.delivery(&kind, &all, span(120)), "{kind:?}");
        }
        let recovered = ReportKind::Recovered { down: span(60) };
        let cured = ReportKind::Cured {
            down: span(60),
            after: span(5),
        };
        for kind in [&recovered, &cured] {
            let expected = Delivery::TakesBack {
                instead: None,
                otherwise: Some(recovered.clone()),
            };
            assert_eq!(policy.delivery(kind, &all, span(60)), expected, "{kind:?}");
            // whoever gets the ends only: there is no report of it at all
            let ends = |kind: &ReportKind| kind.ends_incident();
            let expected = Delivery::TakesBack {
                instead: None,
                otherwise: None,
            };
            assert_eq!(policy.delivery(kind, &ends, span(60)), expected, "{kind:?}");
            let late = policy.delivery(kind, &all, span(121));
            assert_eq!(late, usual.delivery(kind, &all, span(121)), "{kind:?}");
        }
    }
}
