//! Floor 2: what outlives the watchdog, in one SQLite database in `state_dir` that several watchdogs share:
//! intents, the outbox, check state, incidents and decisions. SQLite blocks, so it has a thread of its own.
//! The store never stands in the way of watching or restarting: when the file cannot be used, requests are
//! answered from memory, a [`StoreTrouble`] is there to be reported once, and what was kept goes to the file when that
//! works again. When and why something is stored is decided elsewhere.

mod busy;
mod database;
mod files;
mod flushing;
mod history;
mod in_memory;
mod intents;
mod message;
mod outbox;
mod pending;
mod read_only;
mod reserve;
mod rows;
mod schema;
mod thread;
mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use intents::{Intent, OpenedIntent, Owner, fresh_intent_id};
pub use message::{
    Claim, DroppedMessage, MessageId, NextDelivery, NotifierCounts, OutboxCounts, OutboxMessage,
    QueuedMessage, Queueing,
};
pub use read_only::ReadOnlyStore;
pub use trouble::{StoreError, StoreTrouble, StoreTroubleKind};

use crate::health::{Incident, IntentId, Moment, Note};
use database::DatabaseUse;
use outbox::OutboxBounds;
pub use outbox::WaitingReport;
use thread::StoreThread;

/// A handle to the store; clones are the same store. Nothing happens on disk before the first request. When
/// the last handle is gone the store writes what waits and ends.
#[derive(Clone)]
pub struct Store {
    thread: Arc<StoreThread>,
}

impl Store {
    /// The store in `dir`, which is made when it is first used.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            thread: Arc::new(StoreThread::new(dir.into())),
        }
    }

    /// The store in `dir` for a command that only reads.
    pub fn open_read_only(dir: &Path) -> Result<ReadOnlyStore, StoreError> {
        ReadOnlyStore::open(dir)
    }

    /// Opens the database now. Returns what is wrong with it, which is also reported.
    pub async fn open(&self) -> Result<Option<StoreTrouble>, StoreError> {
        self.thread
            .call(|database| {
                database.settle();
                Ok(())
            })
            .await?;
        Ok(self.watch().borrow().clone())
    }

    /// The troubles since the last call: each is to be reported once.
    pub fn take_troubles(&self) -> Vec<StoreTrouble> {
        self.thread.pending.take_troubles()
    }

    /// What is wrong with the store just now; changes wake the receivers.
    pub fn watch(&self) -> watch::Receiver<Option<StoreTrouble>> {
        self.thread.pending.watch()
    }

    /// Opens an intent unless there is one for the same process. It is on disk before this returns, or in memory
    /// when the disk does not take it; in memory each watchdog sees only its own.
    pub async fn open_intent(&self, intent: Intent) -> Result<OpenedIntent, StoreError> {
        let process = rows::json("a process's name", &intent.process)?;
        self.run(DatabaseUse::Durable, move |conn| {
            intents::open(conn, &intent, &process)
        })
        .await
    }

    /// Puts `intent` in the place of `held`, of the same process. Of several that try, one gets `true`.
    pub async fn take_over_intent(&self, held: Intent, intent: Intent) -> Result<bool, StoreError> {
        let process = rows::json("a process's name", &intent.process)?;
        self.run(DatabaseUse::Durable, move |conn| {
            intents::take_over(conn, &held, &intent, &process)
        })
        .await
    }

    /// The process runs again.
    pub async fn close_intent(&self, id: IntentId) -> Result<(), StoreError> {
        self.run(DatabaseUse::Write, move |conn| intents::close(conn, id))
            .await
    }

    /// The open intents of every watchdog, oldest first.
    pub async fn open_intents(&self) -> Result<Vec<Intent>, StoreError> {
        self.thread
            .call(|database| {
                let (intents, unreadable) = database.run(DatabaseUse::Read, intents::all)?;
                if unreadable > 0 {
                    database.report(trouble::unreadable_intents(&database.path(), unreadable));
                }
                Ok(intents)
            })
            .await
    }

    /// Takes an intent over from `gone`, which does not run any more. Of several that try, one gets `true`
    /// (in memory, each for itself).
    pub async fn adopt_intent(
        &self,
        id: IntentId,
        gone: Owner,
        heir: Owner,
    ) -> Result<bool, StoreError> {
        self.run(DatabaseUse::Write, move |conn| {
            intents::adopt(conn, id, &gone, &heir)
        })
        .await
    }

    /// Queues messages, owned by `watchdog`, together with the check state and the incidents that they rest on: all
    /// of it is on disk before this returns, or nothing; in memory when the disk does not take it. Returns what was
    /// dropped for it, which is to be reported.
    pub async fn save_reports(
        &self,
        watchdog: &str,
        messages: Vec<OutboxMessage>,
        memories: Vec<(String, String)>,
        incidents: Vec<Incident>,
    ) -> Result<Vec<DroppedMessage>, StoreError> {
        let bounds = OutboxBounds::USUAL;
        let most = bounds.largest();
        let bytes = messages.iter().map(OutboxMessage::bytes);
        if let Some(bytes) = bytes.filter(|bytes| *bytes > most).max() {
            return Err(StoreError::TooLarge { bytes, most });
        }
        for (check, _) in &memories {
            self.thread.pending.forget_memory(watchdog, check);
        }
        let watchdog = watchdog.to_owned();
        self.run(DatabaseUse::Durable, move |conn| {
            let now = database::unix_millis();
            for incident in &incidents {
                history::save_incident(conn, &watchdog, incident)?;
            }
            for (check, memory) in &memories {
                history::save_memory(conn, &watchdog, check, memory, now)?;
            }
            outbox::enqueue(conn, &watchdog, &messages, bounds)
        })
        .await
    }

    /// What `claim` should deliver now. A message is its taker's until `lease` is over; after a crash it comes
    /// again then.
    pub async fn next_due(
        &self,
        now: Moment,
        claim: &Claim,
        lease: Duration,
    ) -> Result<NextDelivery, StoreError> {
        let claim = claim.clone();
        self.thread
            .call(move |database| {
                let (next, set_aside) = database.run(DatabaseUse::Write, |conn| {
                    outbox::next_due(conn, now, &claim, lease)
                })?;
                if set_aside > 0 {
                    database.report(trouble::unreadable_messages(&database.path(), set_aside));
                }
                Ok(next)
            })
            .await
    }

    /// The watchdogs whose messages wait for the notifier and the address of `claim`.
    pub async fn owners_of(&self, claim: &Claim) -> Result<Vec<String>, StoreError> {
        let claim = claim.clone();
        self.run(DatabaseUse::Read, move |conn| {
            outbox::owners(conn, &claim.notifier, &claim.address)
        })
        .await
    }

    /// Hands the messages of `gone`, which does not run any more, to `claim` where they go to the same address.
    pub async fn inherit_messages(&self, gone: &str, claim: &Claim) -> Result<usize, StoreError> {
        let (gone, claim) = (gone.to_owned(), claim.clone());
        self.run(DatabaseUse::Write, move |conn| {
            outbox::inherit(conn, &gone, &claim)
        })
        .await
    }

    /// What waits for a notifier that had failed is due at `now`.
    pub async fn retry_now(
        &self,
        owner: &str,
        notifier: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (owner, notifier) = (owner.to_owned(), notifier.to_owned());
        self.run(DatabaseUse::Write, move |conn| {
            outbox::retry_now(conn, &owner, &notifier, now)
        })
        .await
    }

    /// Has the messages for `from` delivered by `to`, also those that were given up. Returns how many.
    pub async fn redirect_messages(
        &self,
        from: &str,
        to: &Claim,
        now: Moment,
    ) -> Result<usize, StoreError> {
        let (from, to) = (from.to_owned(), to.clone());
        self.run(DatabaseUse::Durable, move |conn| {
            outbox::redirect(conn, &from, &to, now)
        })
        .await
    }

    /// Drops the messages of `owner` for `notifier`. Returns how many.
    pub async fn drop_messages(&self, owner: &str, notifier: &str) -> Result<usize, StoreError> {
        let (owner, notifier) = (owner.to_owned(), notifier.to_owned());
        self.run(DatabaseUse::Durable, move |conn| {
            outbox::discard(conn, &owner, &notifier)
        })
        .await
    }

    /// The messages of `watchdog`, by notifier: also those of notifiers that are gone.
    pub async fn messages_by_notifier(
        &self,
        watchdog: &str,
    ) -> Result<BTreeMap<String, NotifierCounts>, StoreError> {
        let watchdog = watchdog.to_owned();
        self.run(DatabaseUse::Read, move |conn| {
            outbox::by_notifier(conn, &watchdog, database::unix_millis())
        })
        .await
    }

    /// A new run of `watchdog` begins: what the old one had taken and not answered for is due again.
    /// But not what is `under_way`.
    pub async fn reclaim(
        &self,
        watchdog: &str,
        under_way: Vec<MessageId>,
    ) -> Result<(), StoreError> {
        let watchdog = watchdog.to_owned();
        self.run(DatabaseUse::Write, move |conn| {
            outbox::reclaim(conn, &watchdog, &under_way)
        })
        .await
    }

    /// A message that an earlier run was delivering is due again.
    pub async fn again(&self, id: MessageId) -> Result<(), StoreError> {
        self.run(DatabaseUse::Write, move |conn| outbox::again(conn, id))
            .await
    }

    /// A message has reached its notifier.
    pub async fn delivered(&self, id: MessageId) -> Result<(), StoreError> {
        self.run(DatabaseUse::Write, move |conn| outbox::delivered(conn, id))
            .await
    }

    /// A message has reached some of its recipients; what is left of it, as `json`, is tried again at `next_attempt`.
    pub async fn delivered_in_part(
        &self,
        id: MessageId,
        json: String,
        next_attempt: Moment,
        why: String,
    ) -> Result<(), StoreError> {
        self.run(DatabaseUse::Write, move |conn| {
            outbox::delivered_in_part(conn, id, &json, next_attempt, &why)
        })
        .await
    }

    /// A message could not be delivered, and is tried again at `next_attempt`.
    pub async fn failed(
        &self,
        id: MessageId,
        next_attempt: Moment,
        why: &str,
    ) -> Result<(), StoreError> {
        let why = why.to_owned();
        self.run(DatabaseUse::Write, move |conn| {
            outbox::failed(conn, id, next_attempt, &why)
        })
        .await
    }

    /// A message is not tried again: it is kept, and later ones of its check go on.
    pub async fn give_up(&self, id: MessageId, why: &str) -> Result<(), StoreError> {
        let why = why.to_owned();
        self.run(DatabaseUse::Write, move |conn| {
            outbox::give_up(conn, id, &why)
        })
        .await
    }

    /// How full the outbox is.
    pub async fn counts(&self) -> Result<OutboxCounts, StoreError> {
        self.run(DatabaseUse::Read, outbox::counts).await
    }

    /// Has the state of a check, as JSON, written with the next batch; a newer one takes its place.
    pub fn save_memory(&self, watchdog: &str, check: &str, json: String) {
        if self.thread.pending.add_memory(watchdog, check, json) {
            self.thread.wake();
        }
    }

    /// Has what a watchdog is to remember of itself, as JSON, written with the next batch.
    pub fn save_own_memory(&self, watchdog: &str, json: String) {
        self.save_memory(watchdog, history::OWN, json);
    }

    /// What `watchdog` left about itself, as JSON.
    pub async fn own_memory(&self, watchdog: &str) -> Result<Option<String>, StoreError> {
        let watchdog = watchdog.to_owned();
        self.read(move |conn| history::own_memory(conn, &watchdog))
            .await
    }

    /// What is kept of the watchdog `former` is that of `watchdog`: it is the same one under another key. Of a check that
    /// both remember the later memory counts.
    pub async fn rename_watchdog(&self, former: &str, watchdog: &str) -> Result<(), StoreError> {
        let (former, watchdog) = (former.to_owned(), watchdog.to_owned());
        self.run(DatabaseUse::Durable, move |conn| {
            history::rename_watchdog(conn, &former, &watchdog)
        })
        .await
    }

    /// The check state that `watchdog` left, as JSON, by check.
    pub async fn memories(&self, watchdog: &str) -> Result<Vec<(String, String)>, StoreError> {
        let watchdog = watchdog.to_owned();
        self.read(move |conn| history::memories(conn, &watchdog))
            .await
    }

    /// Writes an incident down, or what became of it.
    pub async fn save_incident(
        &self,
        watchdog: &str,
        incident: Incident,
    ) -> Result<(), StoreError> {
        let watchdog = watchdog.to_owned();
        self.run(DatabaseUse::Write, move |conn| {
            history::save_incident(conn, &watchdog, &incident)
        })
        .await
    }

    /// The wall clock was set by so many milliseconds: what waits to be sent, and the `open` incidents with the decisions
    /// about them, follow it. What is over keeps the dates that it was given.
    pub async fn clock_set(
        &self,
        watchdog: &str,
        by: i64,
        open: Vec<Incident>,
    ) -> Result<(), StoreError> {
        let watchdog = watchdog.to_owned();
        self.thread
            .call(move |database| {
                database.write_waiting(DatabaseUse::Write);
                database.run(DatabaseUse::Write, |conn| {
                    outbox::clock_set(conn, &watchdog, by)?;
                    let mut open = open.iter();
                    open.try_for_each(|one| history::redate(conn, &watchdog, one, by))
                })
            })
            .await
    }

    /// Ends the incidents that a killed run of `watchdog` left open and that nothing is remembered of: all but
    /// those in `known`. Returns how many.
    pub async fn end_forgotten_incidents(
        &self,
        watchdog: &str,
        known: Vec<String>,
    ) -> Result<usize, StoreError> {
        let watchdog = watchdog.to_owned();
        self.run(DatabaseUse::Write, move |conn| {
            history::end_forgotten(conn, &watchdog, &known)
        })
        .await
    }

    /// The reports about `incident` that wait for their notifiers.
    pub async fn waiting_of(&self, incident: &str) -> Result<Vec<WaitingReport>, StoreError> {
        let incident = incident.to_owned();
        self.run(DatabaseUse::Read, move |conn| {
            outbox::waiting_of(conn, &incident)
        })
        .await
    }

    /// Of each notifier the report of `watchdog` that was tried most often.
    pub async fn waiting_by_notifier(
        &self,
        watchdog: &str,
    ) -> Result<Vec<WaitingReport>, StoreError> {
        let watchdog = watchdog.to_owned();
        self.run(DatabaseUse::Read, move |conn| {
            outbox::waiting_by_notifier(conn, &watchdog)
        })
        .await
    }

    /// The last incidents of `watchdog`, of one check or of all, newest first. In memory, only those of this
    /// trouble.
    pub async fn incidents(
        &self,
        watchdog: &str,
        check: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        let (watchdog, check) = (watchdog.to_owned(), check.map(str::to_owned));
        let found = self
            .read(move |conn| history::incidents(conn, Some(&watchdog), check.as_deref(), limit));
        Ok(found
            .await?
            .into_iter()
            .map(|(_, incident)| incident)
            .collect())
    }

    /// One incident.
    pub async fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        let id = id.to_owned();
        let found = self.read(move |conn| history::incident(conn, &id));
        Ok(found.await?.map(|(_, incident)| incident))
    }

    /// Has decisions written with the next batch: no disk is touched for a probe that passes.
    pub fn record(&self, watchdog: &str, notes: Vec<Note>) {
        if !notes.is_empty() && self.thread.pending.add_notes(watchdog, notes) {
            self.thread.wake();
        }
    }

    /// The last decisions of `watchdog` about `check`, oldest first.
    pub async fn notes(
        &self,
        watchdog: &str,
        check: &str,
        limit: u32,
    ) -> Result<Vec<Note>, StoreError> {
        let (watchdog, check) = (watchdog.to_owned(), check.to_owned());
        self.read(move |conn| history::notes(conn, &watchdog, &check, limit))
            .await
    }

    /// The last decisions of `watchdog`, oldest first.
    pub async fn recent_notes(&self, watchdog: &str, limit: u32) -> Result<Vec<Note>, StoreError> {
        let watchdog = watchdog.to_owned();
        self.read(move |conn| history::recent_notes(conn, Some(&watchdog), limit))
            .await
    }

    /// Writes what waits and ends the store, for every handle, or gives up after `within`.
    pub async fn close(&self, within: Duration) -> Result<(), StoreError> {
        self.thread.close(within).await
    }

    async fn run<T: Send + 'static>(
        &self,
        how: DatabaseUse,
        request: impl Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.thread
            .call(move |database| database.run(how, request))
            .await
    }

    /// Reads what may be waiting for its batch.
    async fn read<T: Send + 'static>(
        &self,
        request: impl Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.thread
            .call(move |database| {
                database.write_waiting(DatabaseUse::Write);
                database.run(DatabaseUse::Read, request)
            })
            .await
    }
}
