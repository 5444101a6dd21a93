use super::*;
use crate::health::Reason;

/// Results a second apart, `x` a fail and `.` a pass, of a check that is down after three fails.
#[test]
fn fails_before_a_pass_are_no_part_of_the_incident() {
    let at = Moment::from_secs;
    let mut fails = 0;
    let judged = (100..).zip(".x..x...xxx".chars()).map(|(second, mark)| {
        fails = if mark == 'x' { fails + 1 } else { 0 };
        let (verdict, reason) = match mark {
            'x' => (Verdict::Fail, Some(Reason::Status)),
            _ => (Verdict::Pass, None),
        };
        Note {
            at: at(second),
            check: "shop".to_owned(),
            decision: Decision::Judged {
                verdict,
                reason,
                phase: None,
                detail: String::new(),
                took: Duration::ZERO,
                counted: Counted::Towards { fails, needed: 3 },
            },
        }
    });
    let notes: Vec<_> = judged.collect();
    let incident = Incident::open("i".to_owned(), "shop", at(108), at(110));
    let timeline = Timeline::of(&incident, None, &notes);
    let seconds = timeline.lines.iter().map(|line| line.at);
    assert_eq!(seconds.collect::<Vec<_>>(), [108, 109, 110].map(at));
}
