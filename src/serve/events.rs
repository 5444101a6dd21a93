//! What the watchdog decides, as it decides it, for any number of followers up to a bound. Each of them may be so
//! many events behind and no more: one that reads too slowly gets a last event that says so, and delays no other.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::timeout;

use super::api::SCHEMA;
use crate::health::counted;
use crate::health::{Counted, Decision, Note, Verdict, glob, public_json};
use crate::{escape, secret};

/// So many events a client may be behind.
const BEHIND: usize = 512;
/// Clients at a time.
const CLIENTS: usize = 32;
/// A client hears something at least so often.
pub const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// The end that is written to. Clones are the same.
#[derive(Clone, Debug)]
pub struct EventBus(Sender<BusItem>);

#[derive(Clone, Debug)]
enum BusItem {
    Event(Arc<LiveEvent>),
    /// The watchdog ends.
    End,
}

/// One decision.
#[derive(Debug)]
pub struct LiveEvent {
    check: String,
    /// A probe that passes, of a check that is well.
    is_pass: bool,
    /// As it is sent: one line of JSON.
    pub json: String,
}

/// What a client wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Names and patterns of checks; none is all.
    pub checks: Vec<String>,
    /// Every probe that passes, too.
    pub passes: bool,
}

/// The end that is read from.
#[derive(Debug)]
pub struct EventFollower {
    receiver: Receiver<BusItem>,
    filter: EventFilter,
}

/// What comes next.
#[derive(Debug)]
pub enum NextEvent {
    Event(Arc<LiveEvent>),
    /// Nothing has happened for a while.
    Silence,
    /// There is no more, and why.
    End(String),
}

impl Default for EventBus {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

impl EventBus {
    /// Sends `notes` to the followers. Costs nothing without any.
    pub fn publish(&self, notes: &[Note]) {
        if self.0.receiver_count() == 0 {
            return;
        }
        for note in notes {
            let event = LiveEvent {
                check: note.check.clone(),
                is_pass: is_pass(&note.decision),
                json: line(note),
            };
            // the last one may just have left
            let _ = self.0.send(BusItem::Event(Arc::new(event)));
        }
    }

    /// Nothing more comes.
    pub fn end(&self) {
        let _ = self.0.send(BusItem::End);
    }

    /// Follows from now on. `None`: too many do already.
    pub fn follow(&self, filter: EventFilter) -> Option<EventFollower> {
        (self.0.receiver_count() < CLIENTS).then(|| EventFollower {
            receiver: self.0.subscribe(),
            filter,
        })
    }
}

impl EventFollower {
    /// What comes next, after [`ALIVE_EVERY`] at the latest.
    pub async fn next(&mut self) -> NextEvent {
        let wanted = async {
            loop {
                match self.receiver.recv().await {
                    Ok(BusItem::Event(event)) if !self.filter.takes(&event) => {}
                    Ok(BusItem::Event(event)) => return NextEvent::Event(event),
                    Ok(BusItem::End) | Err(RecvError::Closed) => {
                        return NextEvent::End("the watchdog ends".to_owned());
                    }
                    Err(RecvError::Lagged(lost)) => {
                        let lost = counted(lost, "event was", "events were");
                        return NextEvent::End(format!("read too slowly: {lost} lost"));
                    }
                }
            }
        };
        timeout(ALIVE_EVERY, wanted)
            .await
            .unwrap_or(NextEvent::Silence)
    }
}

impl EventFilter {
    fn takes(&self, event: &LiveEvent) -> bool {
        let mut patterns = self.checks.iter();
        let fits = |pattern: &String| glob::matches(pattern, &event.check);
        (self.passes || !event.is_pass) && (self.checks.is_empty() || patterns.any(fits))
    }
}

/// Whether it says nothing but that all is as it was.
pub fn is_pass(decision: &Decision) -> bool {
    match decision {
        Decision::Judged {
            verdict, counted, ..
        } => {
            *verdict == Verdict::Pass
                && matches!(counted, Counted::Towards { fails: 0, .. } | Counted::No)
        }
        Decision::Passed { .. } | Decision::TickDropped(_) => true,
        _ => false,
    }
}

/// `note` as one line of JSON, in the notation of all our JSON, with what it says in words.
pub fn line(note: &Note) -> String {
    let mut event = public_json(json!(note));
    let kind = match &event["decision"] {
        Value::String(kind) => Some(kind.clone()),
        Value::Object(keys) => keys.keys().next().cloned(),
        _ => None,
    };
    event["schema"] = SCHEMA.into();
    event["kind"] = kind.into();
    event["text"] = note.decision.to_string().into();
    escape::unhidden(secret::mask_json(event.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Moment;

    fn note(check: &str, decision: Decision) -> Note {
        Note {
            at: Moment::from_millis(1_777_605_124_250),
            check: check.to_owned(),
            decision,
        }
    }

    fn judged(check: &str, verdict: Verdict) -> Note {
        let decision = Decision::Judged {
            verdict,
            reason: None,
            phase: None,
            detail: "200".to_owned(),
            took: Duration::from_millis(1500),
            counted: Counted::No,
        };
        note(check, decision)
    }

    async fn texts(follower: &mut EventFollower) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match follower.next().await {
                NextEvent::Event(event) => {
                    let event: Value = serde_json::from_str(&event.json).expect("JSON");
                    texts.push(format!("{} {}", event["check"], event["kind"]).replace('"', ""));
                }
                NextEvent::Silence => texts.push("silence".to_owned()),
                NextEvent::End(why) => {
                    texts.push(why);
                    return texts;
                }
            }
        }
    }

    #[test]
    fn an_event_has_a_date_seconds_a_kind_and_words() {
        let event: Value =
            serde_json::from_str(&line(&judged("shop", Verdict::Fail))).expect("JSON");
        assert_eq!(
            event,
            json!({
                "schema": 1,
                "at": "2026-05-01T03:12:04.250Z",
                "check": "shop",
                "kind": "judged",
                "text": "fail after 1.500 s: 200",
                "decision": { "judged": {
                    "verdict": "fail", "reason": null, "phase": null, "detail": "200", "took": 1.5, "counted": "no",
                } },
            })
        );
        let event: Value = serde_json::from_str(&line(&note("shop", Decision::Up))).expect("JSON");
        assert_eq!(
            (&event["kind"], &event["text"]),
            (&"up".into(), &"passes".into())
        );
    }

    #[tokio::test]
    async fn a_follower_hears_what_it_wants_to() {
        let bus = EventBus::default();
        let filter = |checks: &[&str], passes| EventFilter {
            checks: checks.iter().map(|&name| name.to_owned()).collect(),
            passes,
        };
        let mut all = bus.follow(filter(&[], false)).expect("room");
        let mut some = bus.follow(filter(&["shop*", "x"], true)).expect("room");
        bus.publish(&[judged("shop-1", Verdict::Pass), judged("db", Verdict::Fail)]);
        bus.publish(&[note("shop-1", Decision::Up), note("db", Decision::Up)]);
        bus.end();
        assert_eq!(
            texts(&mut all).await,
            ["db judged", "shop-1 up", "db up", "the watchdog ends"]
        );
        assert_eq!(
            texts(&mut some).await,
            ["shop-1 judged", "shop-1 up", "the watchdog ends"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_too_slowly_is_told_and_holds_up_nobody() {
        let bus = EventBus::default();
        let mut slow = bus.follow(EventFilter::default()).expect("room");
        let mut quick = bus.follow(EventFilter::default()).expect("room");
        for _ in 0..2000 {
            bus.publish(&[note("shop", Decision::Up)]);
            assert!(matches!(quick.next().await, NextEvent::Event(_)));
        }
        let received = texts(&mut slow).await;
        assert_eq!(received.len(), 1);
        assert!(
            received[0].starts_with("read too slowly: 1"),
            "{received:?}"
        );
        assert!(
            matches!(quick.next().await, NextEvent::Silence),
            "a sign of life"
        );
    }

    #[test]
    fn there_is_room_for_so_many_and_for_more_when_they_leave() {
        let bus = EventBus::default();
        let mut followers: Vec<_> = (0..CLIENTS)
            .map(|_| bus.follow(EventFilter::default()).expect("room"))
            .collect();
        assert!(bus.follow(EventFilter::default()).is_none());
        followers.pop();
        assert!(bus.follow(EventFilter::default()).is_some());
    }
}
