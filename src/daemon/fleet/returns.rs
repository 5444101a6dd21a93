//! Slots that are to be given back, each to the engine that it was asked of: again until that is done. Where slots have
//! no lease and a question had no answer, a slot is given back once more: the question may be carried out after all.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::live::AskedSlot;
use super::worker::ASKED_FOR;
use crate::health::{Event, Ticket};

/// The pause before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Where slots have no lease, it is said after so long that one could not be given back; and tried on.
const SAID_AFTER: Duration = Duration::from_secs(120);

/// A server that did not answer has carried out by then what it was asked, or never does.
const ONCE_MORE_AFTER: Duration = Duration::from_secs(60);

/// A slot that is to be given back.
#[derive(Debug)]
struct SlotReturn {
    asked: AskedSlot,
    /// Nobody waits for the event any more once it was sent.
    event: Option<(Ticket, String)>,
    used: bool,
    /// It was given back, and is once more.
    is_done: bool,
    since: Instant,
    next: Instant,
}

/// Those of one check.
#[derive(Debug)]
pub struct SlotReturns {
    check: String,
    due: Vec<SlotReturn>,
}

impl SlotReturns {
    pub const fn new(check: String) -> Self {
        let due = Vec::new();
        Self { check, due }
    }

    /// One more; `event` names the reservation and its group, where somebody waits for the end of it.
    pub fn add(&mut self, asked: AskedSlot, event: Option<(Ticket, String)>, used: bool) {
        let now = Instant::now();
        self.due.push(SlotReturn {
            asked,
            event,
            used,
            is_done: false,
            since: now,
            next: now,
        });
    }

    /// When something is to be done.
    pub fn next(&self) -> Option<Instant> {
        self.due.iter().map(|due| due.next).min()
    }

    /// Where a slot has no name of its own, one that is asked for again is not given back once more meanwhile, but after
    /// it. Whether there was one.
    pub fn postpone(&mut self, asked: &AskedSlot) -> bool {
        let before = self.due.len();
        self.due
            .retain(|due| !due.is_done || !due.asked.is_same_slot(asked));
        before > self.due.len()
    }

    /// The slot was granted anew: what was to be given back of it went over to that, where a slot has no name of its own.
    /// Returns the events of it, and whether a question had no answer.
    pub fn take_over(&mut self, asked: &AskedSlot) -> (Vec<Event>, bool) {
        let is_over = |due: &mut SlotReturn| asked.has_no_lease() && due.asked.is_same_slot(asked);
        let over: Vec<_> = self.due.extract_if(.., is_over).collect();
        let is_unanswered = over.iter().any(|due| due.asked.is_unanswered);
        let events = over.into_iter().filter_map(|due| {
            let (reservation, group) = due.event?;
            Some(released(&self.check, reservation, group, None))
        });
        (events.collect(), is_unanswered)
    }

    /// Gives back what is due first. Returns the event of it, if that is known now.
    pub async fn give_back(&mut self) -> Option<Event> {
        let first = self.due.iter().enumerate().min_by_key(|(_, due)| due.next);
        let (index, due) = first?;
        let (engine, claim) = (Arc::clone(&due.asked.live.engine), due.asked.claim.clone());
        let given = timeout(ASKED_FOR, engine.release(&claim, due.used)).await;
        let given = given.unwrap_or_else(|_| Err(format!("no answer within {ASKED_FOR:?}")));
        let now = Instant::now();
        let due = self.due.get_mut(index)?;
        due.next = now + AGAIN;
        let is_over = match (&given, engine.lease()) {
            (Ok(()), None) if due.asked.is_unanswered && !due.is_done => {
                due.is_done = true;
                due.next = now + ONCE_MORE_AFTER;
                false
            }
            (Ok(()), _) => true,
            // the lease has ended it
            (Err(_), Some(lease)) if now >= due.since + lease => true,
            (Err(_), None) if now >= due.since + SAID_AFTER => false,
            (Err(_), _) => return None,
        };
        let event = due.event.take();
        if is_over {
            self.due.swap_remove(index);
        }
        let (reservation, group) = event?;
        let then = match is_over {
            true => "its lease has ended it by now",
            false => "that is tried on",
        };
        let failure = given.err().map(|why| format!("{why}; {then}"));
        Some(released(&self.check, reservation, group, failure))
    }

    /// Gives back what is left until `end`. Returns what could not be, in words.
    pub async fn finish(&mut self, end: Instant) -> Vec<String> {
        loop {
            // the next run gives back first
            self.due.retain(|due| !due.is_done);
            let Some(next) = self.next().filter(|next| *next < end) else {
                break;
            };
            sleep_until(next).await;
            if timeout_at(end, self.give_back()).await.is_err() {
                break;
            }
        }
        let left = self.due.iter().map(|due| {
            let (group, check) = (&due.asked.claim.group, &self.check);
            let then = match due.asked.has_no_lease() {
                true => "the next run gives it back",
                false => "it ends with its lease",
            };
            format!(
                "the slot of check {check:?} in group {group:?} could not be given back: {then}"
            )
        });
        left.collect()
    }
}

fn released(check: &str, reservation: Ticket, group: String, failure: Option<String>) -> Event {
    Event::Released {
        check: check.to_owned(),
        reservation,
        group,
        failure,
    }
}
