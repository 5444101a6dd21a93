//! What a written trace says of the fleet: who has the slots, or why nobody can be asked. Pure.

use std::time::Duration;

use super::fields::TraceFields;
use super::trace_event::TraceEvent;
use crate::health::{SlotAnswer, SlotHolder, SlotRefusal};

#[derive(Clone, Copy)]
enum Word {
    Granted,
    Taken,
    UsedUp,
    Unreachable,
    Lost,
}

const WORDS: [(&str, Word); 5] = [
    ("granted", Word::Granted),
    ("taken", Word::Taken),
    ("used_up", Word::UsedUp),
    ("unreachable", Word::Unreachable),
    ("lost", Word::Lost),
];

/// How long a budget is used up where the trace does not say it.
const USED_UP_FOR: Duration = Duration::from_secs(3600);

/// What the fleet answers from now on.
pub fn slot(fields: &mut TraceFields, known: &[&str]) -> Option<TraceEvent> {
    let word = fields.word("slot", &WORDS);
    let check = fields.check("check", known);
    let refused = |why| Some(SlotAnswer::Refused(why));
    let answer = match word? {
        Word::Granted => Some(SlotAnswer::Granted),
        Word::Taken => {
            let holder = |host| SlotHolder {
                host,
                machine: String::new(),
                check: check.clone().unwrap_or_default(),
                reservation: String::new(),
                since: 0,
            };
            let by = fields.text("by").map(holder);
            refused(SlotRefusal::Taken {
                by: by.into_iter().collect(),
                ahead: None,
            })
        }
        Word::UsedUp => {
            let left = fields.span("for").unwrap_or(USED_UP_FOR);
            refused(SlotRefusal::BudgetUsedUp { left })
        }
        Word::Unreachable => Some(SlotAnswer::Unreachable {
            why: fields
                .text("detail")
                .unwrap_or_else(|| "no answer".to_owned()),
        }),
        Word::Lost => None,
    };
    match (answer, check) {
        (Some(answer), check) => Some(TraceEvent::Slot { check, answer }),
        (None, Some(check)) => Some(TraceEvent::SlotLost(check)),
        (None, None) => {
            fields.invalid("\"check\" is missing: expected whose slot is lost");
            None
        }
    }
}
