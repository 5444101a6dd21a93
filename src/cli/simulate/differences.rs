//! Which decisions of today and of the record are the same ones.

use std::collections::VecDeque;

use super::print::Side;
use crate::health::{Counted, Decision, Note};

/// The decisions of `now` and of `then` in one order, each with the side that has it.
pub fn compared<'a>(now: &'a [Note], then: &'a [Note]) -> Vec<(&'a Note, Side)> {
    let mut then: VecDeque<&Note> = then.iter().collect();
    let mut all = Vec::new();
    for note in now {
        let same = then.iter().position(|other| alike(note, other));
        let Some(index) = same else {
            all.push((note, Side::Now));
            continue;
        };
        all.extend(then.drain(..index).map(|gone| (gone, Side::Recorded)));
        then.pop_front();
        all.push((note, Side::Same));
    }
    all.extend(then.into_iter().map(|gone| (gone, Side::Recorded)));
    all
}

/// Whether two decisions are the same but for the names of incidents, which are drawn by lot, and for how many fails a
/// result is said to be out of: what another threshold changes shows at the check that is down sooner or later.
fn alike(one: &Note, other: &Note) -> bool {
    if one.check != other.check {
        return false;
    }
    match (&one.decision, &other.decision) {
        (Decision::Opened { .. }, Decision::Opened { .. })
        | (Decision::ManualRestart { .. }, Decision::ManualRestart { .. }) => true,
        (Decision::Acting { attempt: one, .. }, Decision::Acting { attempt: other, .. }) => {
            one == other
        }
        (one, other) => {
            one == other || out_of(one, 0).is_some_and(|one| Some(one) == out_of(other, 0))
        }
    }
}

/// A result that counts, out of so many fails.
fn out_of(decision: &Decision, needed: u32) -> Option<Decision> {
    let mut decision = decision.clone();
    let Decision::Judged {
        counted: Counted::Towards { needed: known, .. },
        ..
    } = &mut decision
    else {
        return None;
    };
    *known = needed;
    Some(decision)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{Moment, Verdict};

    #[test]
    fn results_that_are_alike_but_for_the_threshold_do_not_differ() {
        let note = |counted| Note {
            at: Moment::ZERO,
            check: "shop".to_owned(),
            decision: Decision::Judged {
                verdict: Verdict::Fail,
                reason: None,
                phase: None,
                detail: String::new(),
                took: Duration::ZERO,
                counted,
            },
        };
        let towards = |fails, needed| note(Counted::Towards { fails, needed });
        for (one, other, same) in [
            (towards(1, 3), towards(1, 3), true),
            (towards(1, 3), towards(1, 5), true),
            (towards(1, 3), towards(2, 3), false),
            (towards(1, 3), note(Counted::InGrace), false),
            (note(Counted::No), note(Counted::No), true),
        ] {
            assert_eq!(alike(&one, &other), same, "{one} {other}");
        }
    }
}
