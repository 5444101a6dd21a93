//! The store for commands that only read, such as `explain` when no watchdog runs: no thread, no write.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::files;
use super::history;
use super::intents::{self, Intent};
use super::message::OutboxCounts;
use super::outbox::{self, WaitingReport};
use super::trouble::StoreError;
use crate::health::{Incident, Note};

/// A store that is open for reading alone. Its calls block: it is for commands, not for the watchdog.
pub struct ReadOnlyStore {
    conn: Connection,
    path: PathBuf,
}

impl ReadOnlyStore {
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = files::database(dir);
        match files::open_read_only(dir) {
            Ok(conn) => Ok(Self { conn, path }),
            Err(fault) => Err(StoreError::Unreadable {
                path,
                detail: fault.detail,
            }),
        }
    }

    /// The open intents of every watchdog that we can read.
    pub fn open_intents(&self) -> Result<Vec<Intent>, StoreError> {
        self.read(intents::all(&self.conn).map(|(intents, _)| intents))
    }

    /// How full the outbox is.
    pub fn counts(&self) -> Result<OutboxCounts, StoreError> {
        self.read(outbox::counts(&self.conn))
    }

    /// The check state that `watchdog` left, as JSON, by check.
    pub fn memories(&self, watchdog: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.read(history::memories(&self.conn, watchdog))
    }

    /// The last incidents, of one watchdog and one check or of all, newest first, each with its watchdog.
    pub fn incidents(
        &self,
        watchdog: Option<&str>,
        check: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Incident)>, StoreError> {
        self.read(history::incidents(&self.conn, watchdog, check, limit))
    }

    /// One incident, and the watchdog that it belongs to.
    pub fn incident(&self, id: &str) -> Result<Option<(String, Incident)>, StoreError> {
        self.read(history::incident(&self.conn, id))
    }

    /// The checks of which anything is remembered, each with its watchdog: all, or those of one name.
    pub fn checks(&self, check: Option<&str>) -> Result<Vec<(String, String)>, StoreError> {
        self.read(history::checks(&self.conn, check))
    }

    /// The last decisions of `watchdog` about `check`, oldest first.
    pub fn notes(&self, watchdog: &str, check: &str, limit: u32) -> Result<Vec<Note>, StoreError> {
        self.read(history::notes(&self.conn, watchdog, check, limit))
    }

    /// The last decisions of every watchdog, oldest first.
    pub fn recent_notes(&self, limit: u32) -> Result<Vec<Note>, StoreError> {
        self.read(history::recent_notes(&self.conn, None, limit))
    }

    /// The reports about `incident` that wait for their notifiers.
    pub fn waiting_of(&self, incident: &str) -> Result<Vec<WaitingReport>, StoreError> {
        self.read(outbox::waiting_of(&self.conn, incident))
    }

    fn read<T>(&self, found: rusqlite::Result<T>) -> Result<T, StoreError> {
        found.map_err(|error| StoreError::Unreadable {
            path: self.path.clone(),
            detail: error.to_string(),
        })
    }
}
