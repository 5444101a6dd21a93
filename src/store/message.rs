//! What goes into the outbox and what comes out of it, as plain data.

use std::collections::BTreeMap;
use std::fmt;

use crate::health::Moment;

/// Names a row of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub(super) i64);

impl MessageId {
    /// What [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A report for one notifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The notifier's name, the same in every run, whatever its settings are.
    pub notifier: String,
    /// Where that notifier delivers: another watchdog may deliver it only to the same address.
    pub address: String,
    /// The check that it is about: later messages wait for earlier ones.
    pub check: String,
    /// The incident that it is about.
    pub incident: String,
    /// Counts up within the incident: later ones wait for earlier ones.
    pub number: u64,
    /// The notification as JSON.
    pub json: String,
    /// When it was made, in Unix time.
    pub created: Moment,
    /// Its relation to the messages of its incident that are held.
    pub queueing: Queueing,
}

impl OutboxMessage {
    /// How much of the outbox it takes at most.
    pub fn bytes(&self) -> u64 {
        let queued = match &self.queueing {
            Queueing::AtOnce | Queueing::HeldUntil(_) => 0,
            Queueing::TakesBack { instead, otherwise } => {
                let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                length(instead).max(length(otherwise))
            }
        };
        self.json.len().max(queued) as u64
    }
}

/// How a message is queued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Queueing {
    /// As it is.
    #[default]
    AtOnce,
    /// It is not delivered before this, and until then a later message of its incident may take it back. It takes the
    /// place of one of its incident that is held.
    HeldUntil(Moment),
    /// It takes back the held message of its incident, and `instead` is queued. If none is held any more, `otherwise`
    /// is.
    TakesBack {
        instead: Option<String>,
        otherwise: Option<String>,
    },
}

/// A notifier of a watchdog, which asks for its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The watchdog's key.
    pub owner: String,
    /// The notifier's name.
    pub notifier: String,
    /// Where it delivers.
    pub address: String,
}

/// A message that was dropped undelivered because there were too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedMessage {
    /// Its notifier.
    pub notifier: String,
    /// What it was about.
    pub incident: String,
    /// Which one.
    pub number: u64,
    /// When it was made.
    pub created: Moment,
    /// Whether it had been given up before.
    pub given_up: bool,
}

/// A message that waits for delivery, or was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its row.
    pub id: MessageId,
    /// The message and its notifier.
    pub message: OutboxMessage,
    /// Failed tries.
    pub attempts: u32,
    /// Why the last one failed.
    pub last_failure: Option<String>,
}

/// What a notifier has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextDelivery {
    /// Deliver this, and say how it went before the lease ends.
    Deliver(Box<QueuedMessage>),
    /// Ask again then.
    At(Moment),
    /// Nothing waits.
    Nothing,
}

/// How full the outbox is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Messages that wait.
    pub pending: u64,
    /// Messages that were given up.
    pub kept: u64,
    /// What all of them weigh.
    pub bytes: u64,
    /// When the oldest that waits was made.
    pub oldest: Option<Moment>,
    /// Messages that wait, by notifier: also those that no notifier asks for any more.
    pub by_notifier: BTreeMap<String, u64>,
}

/// The messages of one watchdog for one notifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifierCounts {
    /// Messages that wait.
    pub pending: u64,
    /// Those of them that were never tried and are not held.
    pub untried: u64,
    /// Messages that were given up.
    pub kept: u64,
}
