//! Laws 7 and 17: what is reported, how often, and when.

use httpok::health::{DownState, Moment, ReportKind};

use super::Auditor;

impl Auditor {
    /// Law 7: down and recovered alternate; nothing is reported twice. Law 17: a silence holds.
    pub(super) fn report(
        &mut self,
        check: &str,
        incident: &str,
        number: u64,
        kind: &ReportKind,
        now: Moment,
    ) {
        let books = self.checks.get_mut(check).expect("it is known");
        let ends = kind.ends_incident();
        assert!(
            ends || !books.is_silenced(now),
            "law 17: reported during a silence"
        );
        assert!(
            books.reported.insert((incident.to_owned(), number)),
            "law 7: reported twice"
        );
        match kind {
            ReportKind::Down { state, update } => {
                // what is reported of a removed check's last action is about what was forgotten with it
                assert!(
                    *update == books.reported_restarting || books.gone,
                    "law 7: down is reported once, or once more after \"being restarted\""
                );
                assert!(!books.reported_down || *update, "law 7: down told twice");
                books.reported_down = true;
                books.reported_restarting =
                    matches!(state, DownState::Restarting | DownState::Escalating { .. });
            }
            ReportKind::GaveUp { .. } => {
                books.reported_down = true;
                books.reported_restarting = false;
            }
            ReportKind::Cured { .. } => {
                assert!(
                    books.reported_restarting,
                    "law 7: cured without having been restarted"
                );
                books.reported_down = false;
                books.reported_restarting = false;
            }
            ReportKind::Recovered { .. } => {
                books.reported_restarting = false;
                assert!(
                    books.reported_down,
                    "law 7: recovered without having been down"
                );
                books.reported_down = false;
            }
            ReportKind::Reminder { .. } => {
                assert!(books.reported_down, "law 7: reminded of nothing")
            }
            ReportKind::Action
            | ReportKind::Degraded
            | ReportKind::RecoveredDegraded { .. }
            | ReportKind::Unknown => {}
        }
    }
}
