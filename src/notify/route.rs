//! Which reports a notifier gets: by what they say and by the check they are about. Pure.
//! When a report is sent is the matter of `policy`, how it is worded of `report` and `format`.

use crate::health::{Reason, Report, ReportKind, glob};

/// What a report is about, in the words of `on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A check is down.
    Down,
    /// It passes again.
    Recovered,
    /// The restarts are used up.
    GaveUp,
    /// It was down, and a restart has cured it.
    Cured,
    /// It is still down.
    Reminder,
    /// It answers, but not as it should.
    Degraded,
    /// It was degraded, and passes again.
    RecoveredDegraded,
    /// It asks for something that cannot be done.
    Config,
    /// The watchdog itself cannot probe.
    Watchdog,
}

impl Topic {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Down,
        Self::Recovered,
        Self::GaveUp,
        Self::Cured,
        Self::Reminder,
        Self::Degraded,
        Self::RecoveredDegraded,
        Self::Config,
        Self::Watchdog,
    ];

    /// Those that belong to an incident with a begin and an end.
    pub const OF_INCIDENTS: [Self; 5] = [
        Self::Down,
        Self::Recovered,
        Self::GaveUp,
        Self::Cured,
        Self::Reminder,
    ];

    /// The word in `on`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Recovered => "recovered",
            Self::GaveUp => "gave_up",
            Self::Cured => "cured",
            Self::Reminder => "reminder",
            Self::Degraded => "degraded",
            Self::RecoveredDegraded => "recovered_degraded",
            Self::Config => "config",
            Self::Watchdog => "watchdog",
        }
    }

    /// What it means, for the manual.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Down => "A check is down.",
            Self::Recovered => "It passes again.",
            Self::GaveUp => "The restarts that it may have are used up.",
            Self::Cured => "A restart has cured it before it was reported to be down.",
            Self::Reminder => "It is still down; how often that is said is reminder of [mail].",
            Self::Degraded => "It answers, but not as it should.",
            Self::RecoveredDegraded => "It was degraded, and passes again.",
            Self::Config => {
                "For a long time its state cannot be found out because of its settings: the service refuses the key that is \
                 sent (401, 403), or does not know what is asked."
            }
            Self::Watchdog => {
                "For a long time its state cannot be found out because of the watchdog's own trouble: no file descriptors, no \
                 memory, a command that does not start."
            }
        }
    }

    /// What `report` is about; `None` for the original's mail after an action.
    pub fn of(report: &Report) -> Option<Self> {
        Some(match &report.kind {
            ReportKind::Action => return None,
            ReportKind::Cured { .. } => Self::Cured,
            ReportKind::Down { .. } => Self::Down,
            ReportKind::Recovered { .. } => Self::Recovered,
            ReportKind::GaveUp { .. } => Self::GaveUp,
            ReportKind::Reminder { .. } => Self::Reminder,
            ReportKind::Degraded => Self::Degraded,
            ReportKind::RecoveredDegraded { .. } => Self::RecoveredDegraded,
            ReportKind::Unknown => match report.result().and_then(|r| r.judgement.reason) {
                Some(Reason::Config) => Self::Config,
                Some(_) | None => Self::Watchdog,
            },
        })
    }

    /// Whether a report on it says that an incident is open.
    pub const fn opens(self) -> bool {
        matches!(self, Self::Down | Self::GaveUp | Self::Reminder)
    }

    /// Whether a report on it says that an incident has ended.
    pub const fn closes(self) -> bool {
        matches!(self, Self::Recovered | Self::Cured)
    }
}

/// Which reports a notifier gets. The default: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// On what; `None`: on everything.
    pub on: Option<Vec<Topic>>,
    /// About checks of these names, in which `*` and `?` may stand; none: about all.
    pub checks: Vec<String>,
    /// But not about these.
    pub not_checks: Vec<String>,
    /// It pairs what begins with what ends: the end of an incident is never left out.
    pub pairs: bool,
}

impl Route {
    /// Whether `report` goes there.
    pub fn takes(&self, report: &Report) -> bool {
        self.takes_check(&report.incident.check)
            && Topic::of(report).is_none_or(|topic| self.takes_topic(topic))
    }

    /// Which of its keys leaves `report` out, in words; empty when none does.
    pub fn leaves_out(&self, report: &Report) -> &'static str {
        match (self.takes_check(&report.incident.check), Topic::of(report)) {
            (false, _) => "left out by its checks",
            (true, Some(topic)) if !self.takes_topic(topic) => "left out by its on",
            (true, _) => "",
        }
    }

    fn takes_check(&self, check: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| glob::matches(p, check));
        (self.checks.is_empty() || any(&self.checks)) && !any(&self.not_checks)
    }

    fn takes_topic(&self, topic: Topic) -> bool {
        if self.pairs {
            if !Topic::OF_INCIDENTS.contains(&topic) {
                return false;
            }
            if topic.closes() {
                return true;
            }
        }
        self.on.as_ref().is_none_or(|on| on.contains(&topic))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{DownState, Incident, Moment};

    fn report(check: &str, kind: ReportKind) -> Report {
        let now = Moment::default();
        Report {
            number: 1,
            kind,
            at: now,
            url: "http://127.0.0.1/".to_owned(),
            incident: Incident::open("i".to_owned(), check, now, now),
            unfinished: Vec::new(),
        }
    }

    fn kinds() -> [(ReportKind, Option<Topic>); 9] {
        let span = Duration::from_secs(5);
        let down = ReportKind::Down {
            state: DownState::NotifyOnly,
            update: false,
        };
        [
            (ReportKind::Action, None),
            (down, Some(Topic::Down)),
            (
                ReportKind::Cured {
                    down: span,
                    after: span,
                },
                Some(Topic::Cured),
            ),
            (ReportKind::Recovered { down: span }, Some(Topic::Recovered)),
            (
                ReportKind::GaveUp {
                    rearm: None,
                    budget: None,
                    used: Vec::new(),
                },
                Some(Topic::GaveUp),
            ),
            (ReportKind::Reminder { down: span }, Some(Topic::Reminder)),
            (ReportKind::Degraded, Some(Topic::Degraded)),
            (
                ReportKind::RecoveredDegraded { lasted: span },
                Some(Topic::RecoveredDegraded),
            ),
            (ReportKind::Unknown, Some(Topic::Watchdog)),
        ]
    }

    #[test]
    fn notifier_gets_the_kinds_of_on() {
        for (kind, topic) in kinds() {
            let report = report("shop", kind);
            assert_eq!(Topic::of(&report), topic);
            assert!(Route::default().takes(&report), "{topic:?}");
            for on in Topic::ALL {
                let route = Route {
                    on: Some(vec![on]),
                    ..Route::default()
                };
                let expected = topic.is_none_or(|topic| topic == on);
                assert_eq!(route.takes(&report), expected, "{topic:?} on {on:?}");
            }
        }
    }

    #[test]
    fn pairing_notifier_gets_only_matching_begins_and_ends() {
        let only_gave_up = Route {
            on: Some(vec![Topic::GaveUp]),
            pairs: true,
            ..Route::default()
        };
        let all = Route {
            pairs: true,
            ..Route::default()
        };
        for (kind, topic) in kinds() {
            let Some(topic) = topic else { continue };
            let report = report("shop", kind);
            let expected = topic == Topic::GaveUp || topic.closes();
            assert_eq!(only_gave_up.takes(&report), expected, "{topic:?}");
            let expected = Topic::OF_INCIDENTS.contains(&topic);
            assert_eq!(all.takes(&report), expected, "{topic:?}");
        }
    }

    #[test]
    fn a_notifier_gets_reports_about_its_checks() {
        for (checks, not_checks, check, expected) in [
            (&[][..], &[][..], "shop", true),
            (&["shop*"], &[], "shop-eu", true),
            (&["shop*"], &[], "db", false),
            (&["shop*", "db"], &[], "db", true),
            (&["shop*"], &["*-test"], "shop-test", false),
            (&[], &["*-test"], "shop", true),
        ] {
            let owned = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
            let route = Route {
                checks: owned(checks),
                not_checks: owned(not_checks),
                ..Route::default()
            };
            let report = report(check, ReportKind::Degraded);
            assert_eq!(route.takes(&report), expected, "{route:?} on {check}");
        }
    }
}
