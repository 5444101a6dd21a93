//! Lines of a timeline that come again and again: one in a row, or several in turn, as those of a program that crashes over
//! and over. Only lines that say which ones they are like are summed up: attempts, what held them back, decisions and reports
//! are shown one by one. Pure.

use crate::daemon::timeline::TimelineLine;
use crate::health::counted;

/// The most different lines that come again in turn.
const LONGEST: usize = 8;

/// So often they do before they are summed up.
const OFTEN: usize = 3;

/// Lines that say the same, in a row.
type Run<'a> = &'a [TimelineLine];

/// How many a run stands for.
fn count(run: Run<'_>) -> u64 {
    run.iter().map(|line| u64::from(line.times)).sum()
}

/// Lines that are shown, and what comes again after them.
struct Part<'a> {
    /// What is shown.
    runs: Vec<Run<'a>>,
    /// So often these come once more in turn.
    rounds: usize,
    /// So many lines that is, up to the last of them.
    more: u64,
    last: &'a TimelineLine,
}

/// What is printed of lines that come again and again.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A line.
    Line(&'a TimelineLine),
    /// What came again up to this one, in words.
    Again(&'a TimelineLine, String),
}

/// What is printed of `lines`, in order.
pub fn shown(lines: &[TimelineLine]) -> Vec<Shown<'_>> {
    let mut shown = Vec::new();
    for part in parts(lines) {
        for run in &part.runs {
            shown.push(Shown::Line(&run[0]));
            let last = run.last().unwrap_or(&run[0]);
            match count(run) - 1 {
                0 => {}
                1 => shown.push(Shown::Again(last, "... once more the same".to_owned())),
                more => {
                    let more = counted(more, "time", "times");
                    shown.push(Shown::Again(last, format!("... {more} more the same")));
                }
            }
        }
        if part.rounds > 0 {
            let rounds = counted(part.rounds as u64, "time", "times");
            let lines = counted(part.more, "line", "lines");
            let text = format!("... and so on, {rounds} more: {lines}");
            shown.push(Shown::Again(part.last, text));
        }
    }
    shown
}

/// All of `lines`, in order.
fn parts(lines: &[TimelineLine]) -> Vec<Part<'_>> {
    let runs: Vec<Run<'_>> = lines.chunk_by(is_like).collect();
    let mut rest = runs.as_slice();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (length, times) = repeated(rest);
        let (all, after) = rest.split_at(length * times);
        let (shown, again) = all.split_at(length);
        if let Some(last) = all.last().and_then(|run| run.last()) {
            parts.push(Part {
                runs: shown.to_vec(),
                rounds: times - 1,
                more: again.iter().map(|run| count(run)).sum(),
                last,
            });
        }
        rest = after;
    }
    parts
}

fn is_like(one: &TimelineLine, other: &TimelineLine) -> bool {
    one.like.is_some() && one.like == other.like
}

/// How many runs come again in turn, and how often they are there, at the beginning of `runs`: those that sum up most.
fn repeated(runs: &[Run<'_>]) -> (usize, usize) {
    let same = |one: &Run<'_>, other: &Run<'_>| is_like(&one[0], &other[0]);
    let mut best = (1, 1);
    for length in 2..=LONGEST.min(runs.len()) {
        let turn = &runs[..length];
        let is_again =
            |other: &&[Run<'_>]| turn.iter().zip(*other).all(|(one, other)| same(one, other));
        let times = runs.chunks_exact(length).take_while(is_again).count();
        if times >= OFTEN && length * times > best.0 * best.1 {
            best = (length, times);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::timeline::Timeline;
    use crate::health::{Decision, Incident, Moment, Note, ProcessName};

    /// What each letter is: a line that is like all others of its letter; a capital one is like none.
    fn said(letters: &str) -> String {
        let at = |index: usize| Moment::from_secs(1000 + index as u64);
        let notes: Vec<_> = letters
            .chars()
            .enumerate()
            .map(|(index, letter)| Note {
                at: at(index),
                check: "shop".to_owned(),
                decision: match letter.is_uppercase() {
                    true => Decision::Resumed,
                    false => Decision::ProgramEnded {
                        process: ProcessName::supervisord("g", letter.to_string()),
                        end: format!("exited with 1 after {index} s"),
                    },
                },
            })
            .collect();
        let incident = Incident::open("i".to_owned(), "shop", at(0), at(0));
        let timeline = Timeline::of(&incident, None, &notes);
        let parts = parts(&timeline.lines);
        let shown = parts.iter().map(|part| {
            let runs = part.runs.iter().map(|run| match count(run) {
                1 => "1".to_owned(),
                count => format!("1+{}", count - 1),
            });
            let runs: Vec<_> = runs.collect();
            match part.rounds {
                0 => runs.join(" "),
                rounds => format!("({}){rounds}x{}", runs.join(" "), part.more),
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_comes_again_is_summed_up_and_what_is_done_is_not() {
        for (letters, expected) in [
            ("a", "1"),
            ("aaaa", "1+3"),
            ("abab", "1 1 1 1"),
            ("ababab", "(1 1)2x4"),
            ("abababc", "(1 1)2x4 1"),
            ("aabcaaabcabc", "(1+1 1 1)2x8"),
            ("aaaaab", "1+4 1"),
            ("aRaRaR", "1 1 1 1 1 1"),
            ("RRR", "1 1 1"),
        ] {
            assert_eq!(said(letters), expected, "{letters}");
        }
    }
}
