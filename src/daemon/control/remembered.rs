//! What the store of a running watchdog remembers, asked over the control protocol: `explain --url` reads it from there as
//! `explain` on the host reads the file. In the notation of the store, because it is read by httpok again.

use serde::{Deserialize, Serialize};

use super::protocol::{ControlFault, ControlReply};
use crate::health::{Incident, Note};
use crate::store::{Store, StoreError, WaitingReport};

/// More than the store keeps of a check.
const MOST: u32 = 2000;

/// What is asked of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreQuery {
    /// The checks of which anything is remembered.
    Checks,
    /// The last incidents, newest first, of one check or of all.
    Incidents { check: Option<String>, most: u32 },
    /// One incident.
    Incident { id: String },
    /// The reports about an incident that wait for their notifiers.
    Waiting { incident: String },
    /// The decisions about a check, oldest first.
    Notes { check: String },
    /// The last decisions about all checks, oldest first.
    Recent { most: u32 },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreReply {
    Checks(Vec<String>),
    Incidents(Vec<Incident>),
    Notes(Vec<Note>),
    Waiting(Vec<WaitingReport>),
}

/// Answers `query` about `watchdog`.
pub async fn answer(store: &Store, watchdog: String, query: StoreQuery) -> ControlReply {
    match found(store, &watchdog, query).await {
        Ok(found) => ControlReply::Remembered { watchdog, found },
        Err(why) => ControlReply::error(ControlFault::Refused, why.to_string()),
    }
}

async fn found(store: &Store, watchdog: &str, query: StoreQuery) -> Result<StoreReply, StoreError> {
    Ok(match query {
        StoreQuery::Checks => {
            let memories = store.memories(watchdog).await?;
            StoreReply::Checks(memories.into_iter().map(|(check, _)| check).collect())
        }
        StoreQuery::Incidents { check, most } => {
            let found = store.incidents(watchdog, check.as_deref(), most.min(MOST));
            StoreReply::Incidents(found.await?)
        }
        StoreQuery::Incident { id } => {
            StoreReply::Incidents(store.incident(&id).await?.into_iter().collect())
        }
        StoreQuery::Waiting { incident } => StoreReply::Waiting(store.waiting_of(&incident).await?),
        StoreQuery::Notes { check } => {
            StoreReply::Notes(store.notes(watchdog, &check, MOST).await?)
        }
        StoreQuery::Recent { most } => {
            StoreReply::Notes(store.recent_notes(watchdog, most.min(MOST)).await?)
        }
    })
}
