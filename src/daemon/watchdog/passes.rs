//! Passing probes, summed up: a check that passes for months is one row in the history, not millions. A run of passes
//! is written down when it ends, when the history is read, and at the end of the watchdog; a kill loses what passed
//! since, and nothing else. Pure.

use std::collections::HashMap;
use std::time::Duration;

use crate::health::{Counted, Decision, Moment, Note, Verdict};

/// The runs of passes that go on, by check.
#[derive(Debug, Default)]
pub(super) struct Passes {
    runs: HashMap<String, PassRun>,
}

#[derive(Debug)]
struct PassRun {
    count: u64,
    first: Moment,
    last: Moment,
    /// In microseconds, an hour at most; there is a run of nearly every check.
    shortest: u32,
    longest: u32,
    detail: Box<str>,
}

impl Passes {
    /// What of `notes` is to be written down now, in their order: all but plain passes, each after the run of passes
    /// that it ends.
    pub fn sum_up(&mut self, notes: Vec<Note>) -> Vec<Note> {
        let mut kept = Vec::new();
        for note in notes {
            if self.add(&note) {
                continue;
            }
            kept.extend(self.end(&note.check));
            kept.push(note);
        }
        kept
    }

    /// Ends all runs: what is to be written down of them.
    pub fn end_all(&mut self) -> Vec<Note> {
        let runs = std::mem::take(&mut self.runs);
        let mut notes: Vec<_> = runs
            .into_iter()
            .map(|(check, run)| run.note(check))
            .collect();
        notes.sort_unstable_by(|one, other| one.check.cmp(&other.check));
        notes
    }

    /// Adds `note` to its check's run, if it is a pass.
    fn add(&mut self, note: &Note) -> bool {
        let Decision::Judged {
            verdict: Verdict::Pass,
            detail,
            took,
            counted: Counted::Towards { .. } | Counted::No,
            ..
        } = &note.decision
        else {
            return false;
        };
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        match self.runs.get_mut(&note.check) {
            Some(run) => {
                run.count += 1;
                run.last = note.at;
                run.shortest = run.shortest.min(took);
                run.longest = run.longest.max(took);
                if *run.detail != **detail {
                    run.detail = detail.as_str().into();
                }
            }
            None => {
                let run = PassRun {
                    count: 1,
                    first: note.at,
                    last: note.at,
                    shortest: took,
                    longest: took,
                    detail: detail.as_str().into(),
                };
                self.runs.insert(note.check.clone(), run);
            }
        }
        true
    }

    fn end(&mut self, check: &str) -> Option<Note> {
        let run = self.runs.remove(check)?;
        Some(run.note(check.to_owned()))
    }
}

impl PassRun {
    fn note(self, check: String) -> Note {
        Note {
            at: self.last,
            check,
            decision: Decision::Passed {
                count: self.count,
                since: self.first,
                shortest: Duration::from_micros(self.shortest.into()),
                longest: Duration::from_micros(self.longest.into()),
                detail: self.detail.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Dropped;

    fn pass(check: &str, at: u64, took: u64) -> Note {
        Note {
            at: Moment::from_secs(at),
            check: check.to_owned(),
            decision: Decision::Judged {
                verdict: Verdict::Pass,
                reason: None,
                phase: None,
                detail: format!("200, {took} bytes"),
                took: Duration::from_millis(took),
                counted: Counted::Towards {
                    fails: 0,
                    needed: 3,
                },
            },
        }
    }

    fn other(check: &str, at: u64) -> Note {
        Note {
            at: Moment::from_secs(at),
            check: check.to_owned(),
            decision: Decision::TickDropped(Dropped::Busy),
        }
    }

    fn run(check: &str, count: u64, span: (u64, u64), millis: (u64, u64), last: u64) -> Note {
        Note {
            at: Moment::from_secs(span.1),
            check: check.to_owned(),
            decision: Decision::Passed {
                count,
                since: Moment::from_secs(span.0),
                shortest: Duration::from_millis(millis.0),
                longest: Duration::from_millis(millis.1),
                detail: format!("200, {last} bytes"),
            },
        }
    }

    #[test]
    fn passes_are_one_row_after_their_run_ends() {
        let mut passes = Passes::default();
        for at in 0..1000 {
            let notes = vec![pass("shop", at, 5 + at % 7), pass("db", at, 1)];
            assert_eq!(passes.sum_up(notes), []);
        }
        assert_eq!(
            passes.sum_up(vec![other("shop", 1000), pass("shop", 1001, 3)]),
            [
                run("shop", 1000, (0, 999), (5, 11), 10),
                other("shop", 1000)
            ]
        );
        assert_eq!(
            passes.end_all(),
            [
                run("db", 1000, (0, 999), (1, 1), 1),
                run("shop", 1, (1001, 1001), (3, 3), 3),
            ]
        );
        assert_eq!(passes.end_all(), []);
    }
}
