//! Which results of a check have a line of their own, where people read: a check that is down fails at every probe.

use std::collections::HashMap;

use crate::health::{Counted, Decision, Reason, Verdict, is_round};

/// Results that are alike, one after the other.
#[derive(Debug)]
struct ResultRun {
    verdict: Verdict,
    reason: Option<Reason>,
    count: u32,
}

/// The result that each check had last, and how often in a row.
#[derive(Debug, Default)]
pub(super) struct ResultRuns(HashMap<String, ResultRun>);

impl ResultRuns {
    /// Whether a result is worth a line: it is another one than before, counts towards the threshold, or is the 10th,
    /// 20th, 50th, 100th ... of its kind. A check that is down fails at every probe.
    pub(super) fn is_news(&mut self, check: &str, decision: &Decision) -> bool {
        let Decision::Judged {
            verdict,
            reason,
            counted,
            ..
        } = decision
        else {
            return true;
        };
        let count = match self.0.get_mut(check) {
            Some(run) if (run.verdict, run.reason) == (*verdict, *reason) => {
                run.count = run.count.saturating_add(1);
                run.count
            }
            _ => {
                let run = ResultRun {
                    verdict: *verdict,
                    reason: *reason,
                    count: 1,
                };
                self.0.insert(check.to_owned(), run);
                1
            }
        };
        let towards = match counted {
            Counted::Towards { fails, needed } => (1..=*needed).contains(fails),
            Counted::InGrace | Counted::FromBeforeAction | Counted::No => false,
        };
        towards || is_round(count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The columns: verdict, reason, what it counts as, and whether it has a line.
    #[test]
    fn results_that_go_on_alike_have_few_lines() {
        let needed = 2;
        let mut runs = ResultRuns::default();
        let mut is_news = |verdict, reason, counted| {
            let judged = Decision::Judged {
                verdict,
                reason,
                phase: None,
                detail: String::new(),
                took: Duration::ZERO,
                counted,
            };
            runs.is_news("shop", &judged)
        };
        let refused = Some(Reason::Refused);
        let mut fails = (1..=60).map(|fails| {
            let counted = Counted::Towards { fails, needed };
            (fails, is_news(Verdict::Fail, refused, counted))
        });
        let lines: Vec<_> = fails.by_ref().filter(|(_, is_news)| *is_news).collect();
        let lines: Vec<_> = lines.into_iter().map(|(fails, _)| fails).collect();
        assert_eq!(lines, [1, 2, 10, 20, 50]);
        let counted = Counted::Towards { fails: 61, needed };
        for (verdict, reason, expected) in [
            (Verdict::Fail, Some(Reason::Status), true),
            (Verdict::Fail, Some(Reason::Status), false),
            (Verdict::Degraded, Some(Reason::Assertion), true),
            (Verdict::Degraded, Some(Reason::Assertion), false),
            (Verdict::Pass, None, true),
        ] {
            assert_eq!(is_news(verdict, reason, counted), expected, "{verdict}");
        }
        assert!(is_news(Verdict::Fail, refused, Counted::InGrace));
        assert!(!is_news(Verdict::Fail, refused, Counted::InGrace));
    }
}
