//! Where incidents and decisions are read from: the store on this host, which needs no watchdog, or a watchdog that serves
//! at a URL.

use std::path::Path;

use crate::cli::control::find::{directory, reply_text};
use crate::daemon::control::client::{self, ClientError, ControlTarget};
use crate::daemon::control::protocol::{ControlCommand, ControlReply};
use crate::daemon::control::remembered::{StoreQuery, StoreReply};
use crate::health::{Incident, Note};
use crate::store::{ReadOnlyStore, Store, StoreError, WaitingReport};

/// More than the store keeps.
const ALL: u32 = 100_000;

pub enum ExplainSource {
    Store(Box<ReadOnlyStore>),
    Remote(ControlTarget),
}

impl ExplainSource {
    /// The store on this host; watchdogs that run are asked to write what waits for its turn. Where the only one cannot, it
    /// is asked for what it has in memory. What may be missing is said by `warn`.
    pub fn on_this_host(
        config: Option<&Path>,
        state_dir: Option<&Path>,
        env: &dyn Fn(&str) -> Option<String>,
        warn: &dyn Fn(&str),
    ) -> Result<Self, String> {
        let dir = directory(config, state_dir, env)?;
        let sockets = client::sockets(&dir).unwrap_or_default();
        let targets = sockets.into_iter().map(ControlTarget::Socket);
        let mut unsaved = Vec::new();
        let mut answered = 0;
        for target in targets {
            match client::ask(&target, ControlCommand::Flush) {
                Ok(ControlReply::Flushed { unsaved: why }) => {
                    answered += 1;
                    unsaved.extend(why.map(|why| (target, why)));
                }
                Err(ClientError::Nobody) => {}
                Ok(reply) => warn(&not_flushed(&target, &reply_text(&reply))),
                Err(why) => warn(&not_flushed(&target, &why.to_string())),
            }
        }
        for (_, why) in &unsaved {
            warn(&format!("the history could not be written: {why}"));
        }
        if answered == 1
            && let Some((target, _)) = unsaved.pop()
        {
            warn("what follows is what the watchdog has in memory");
            return Ok(Self::Remote(target));
        }
        let store = Store::open_read_only(&dir).map_err(why)?;
        Ok(Self::Store(Box::new(store)))
    }

    /// The last decisions about all checks, oldest first.
    pub fn recent(&self, limit: u32) -> Result<Vec<Note>, String> {
        match self {
            Self::Store(store) => store.recent_notes(limit).map_err(why),
            Self::Remote(target) => match ask(target, StoreQuery::Recent { most: limit })? {
                (_, StoreReply::Notes(notes)) => Ok(notes),
                _ => Err(other()),
            },
        }
    }

    /// The last incidents, of one watchdog and one check or of all, newest first, each with its watchdog.
    pub fn incidents(
        &self,
        watchdog: Option<&str>,
        check: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Incident)>, String> {
        match self {
            Self::Store(store) => store.incidents(watchdog, check, limit).map_err(why),
            Self::Remote(target) => {
                let check = check.map(str::to_owned);
                let query = StoreQuery::Incidents { check, most: limit };
                with_watchdog(ask(target, query)?)
            }
        }
    }

    /// One incident, and the watchdog that it belongs to.
    pub fn incident(&self, id: &str) -> Result<Option<(String, Incident)>, String> {
        match self {
            Self::Store(store) => store.incident(id).map_err(why),
            Self::Remote(target) => {
                let query = StoreQuery::Incident { id: id.to_owned() };
                Ok(with_watchdog(ask(target, query)?)?.pop())
            }
        }
    }

    /// The reports about the incident `id` that wait for their notifiers. A watchdog of an older version knows of none.
    pub fn waiting(&self, id: &str) -> Vec<WaitingReport> {
        match self {
            Self::Store(store) => store.waiting_of(id).unwrap_or_default(),
            Self::Remote(target) => {
                let incident = id.to_owned();
                match ask(target, StoreQuery::Waiting { incident }) {
                    Ok((_, StoreReply::Waiting(waiting))) => waiting,
                    Ok(_) | Err(_) => Vec::new(),
                }
            }
        }
    }

    /// The checks of which anything is remembered, each with its watchdog: all, or those of one name.
    pub fn checks(&self, check: Option<&str>) -> Result<Vec<(String, String)>, String> {
        match self {
            Self::Store(store) => store.checks(check).map_err(why),
            Self::Remote(target) => {
                let (watchdog, StoreReply::Checks(known)) = ask(target, StoreQuery::Checks)? else {
                    return Err(other());
                };
                let wanted = |known: &String| check.is_none_or(|check| check == known);
                let known = known.into_iter().filter(wanted);
                Ok(known.map(|check| (watchdog.clone(), check)).collect())
            }
        }
    }

    /// The decisions of `watchdog` about `check`, oldest first.
    pub fn notes(&self, watchdog: &str, check: &str) -> Result<Vec<Note>, String> {
        match self {
            Self::Store(store) => store.notes(watchdog, check, ALL).map_err(why),
            Self::Remote(target) => {
                let check = check.to_owned();
                match ask(target, StoreQuery::Notes { check })? {
                    (_, StoreReply::Notes(notes)) => Ok(notes),
                    _ => Err(other()),
                }
            }
        }
    }
}

/// That the newest history of the watchdog at `target` may not be in the store.
fn not_flushed(target: &ControlTarget, why: &str) -> String {
    format!("{target}: {why}; its newest history may be missing here")
}

fn ask(target: &ControlTarget, query: StoreQuery) -> Result<(String, StoreReply), String> {
    match client::ask(target, ControlCommand::Remembered { query }) {
        Ok(ControlReply::Remembered { watchdog, found }) => Ok((watchdog, found)),
        Ok(reply) => Err(reply_text(&reply)),
        Err(why) => Err(format!("{target}: {why}")),
    }
}

fn with_watchdog(
    (watchdog, found): (String, StoreReply),
) -> Result<Vec<(String, Incident)>, String> {
    let StoreReply::Incidents(incidents) = found else {
        return Err(other());
    };
    let with = |incident| (watchdog.clone(), incident);
    Ok(incidents.into_iter().map(with).collect())
}

fn other() -> String {
    "an answer to something else".to_owned()
}

fn why(why: StoreError) -> String {
    why.to_string()
}
