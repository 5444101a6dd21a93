//! The reports that wait for their notifiers: one row each, in order per check, bounded. A row is taken
//! for a while, so that of several watchdogs one delivers it; it leaves when that is done.

mod due;
mod owners;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::message::{DroppedMessage, NotifierCounts, OutboxCounts, OutboxMessage, Queueing};
use super::rows::{each, execute, id, int, moment, whole};
use crate::health::Moment;
use crate::sorted;

pub(super) use due::{clock_set, delivered, delivered_in_part, failed, give_up, next_due};
pub use waiting::WaitingReport;
pub(super) use waiting::{by_notifier as waiting_by_notifier, of_incident as waiting_of};

pub(super) use owners::{again, discard, inherit, owners, reclaim, redirect, retry_now};

/// After its time a row is left to its owner for so long before another watchdog takes it.
const HEADSTART: Duration = Duration::from_secs(300);

/// Ends the check and the incident of a row that is left for some recipients only: nothing else waits for it. No name
/// of a check has such a character.
const REST: char = '\u{1f}';

/// The check or the incident that a row is about.
fn without_rest(mut text: String) -> String {
    if text.ends_with(REST) {
        text.pop();
    }
    text
}

/// What the outbox may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutboxBounds {
    pub rows: u64,
    pub bytes: u64,
}

impl OutboxBounds {
    pub const USUAL: Self = Self {
        rows: 10_000,
        bytes: 64 << 20,
    };

    /// One message must not drive out many.
    pub const fn largest(self) -> u64 {
        self.bytes / 8
    }
}

/// Puts `messages` in, owned by `watchdog`, and drops the oldest while there are too many: first those that were
/// given up. The same report twice is one row. Returns what was dropped, oldest first.
pub(super) fn enqueue(
    conn: &Connection,
    watchdog: &str,
    messages: &[OutboxMessage],
    bounds: OutboxBounds,
) -> rusqlite::Result<Vec<DroppedMessage>> {
    let mut dropped = Vec::new();
    for message in messages {
        let json = match &message.queueing {
            Queueing::AtOnce => Some(&message.json),
            Queueing::HeldUntil(_) => {
                take_back(conn, message)?;
                Some(&message.json)
            }
            Queueing::TakesBack { instead, otherwise } => match take_back(conn, message)? {
                true => instead.as_ref(),
                false => otherwise.as_ref(),
            },
        };
        if let Some(json) = json {
            insert(conn, watchdog, message, json)?;
        }
    }
    while exceeds(conn, bounds)? {
        match drop_oldest(conn, messages)? {
            Some(one) => dropped.push(one),
            None => break,
        }
    }
    Ok(dropped)
}

/// Takes back the message of the same incident that is still held. Returns whether there was one.
fn take_back(conn: &Connection, message: &OutboxMessage) -> rusqlite::Result<bool> {
    let taken = execute(
        conn,
        "DELETE FROM outbox WHERE notifier = ?1 AND incident = ?2 AND number < ?3 AND state = 'pending' \
         AND held_until > ?4",
        params![
            message.notifier,
            message.incident,
            int(message.number),
            int(message.created.as_millis()),
        ],
    )?;
    Ok(taken > 0)
}

fn insert(
    conn: &Connection,
    watchdog: &str,
    message: &OutboxMessage,
    json: &str,
) -> rusqlite::Result<()> {
    let held_until = match message.queueing {
        Queueing::HeldUntil(until) => until,
        Queueing::AtOnce | Queueing::TakesBack { .. } => Moment::default(),
    };
    let due = message.created.max(held_until);
    execute(
        conn,
        "INSERT INTO outbox (id, notifier, address, check_name, incident, number, message, bytes, \
         created, seq, attempts, next_attempt, last_failure, state, owner, reserved_until, held_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, (SELECT coalesce(max(seq), 0) + 1 FROM outbox), \
         0, ?12, NULL, 'pending', ?10, ?11, ?13) \
         ON CONFLICT (notifier, incident, number) DO NOTHING",
        params![
            id(),
            message.notifier,
            message.address,
            message.check,
            message.incident,
            int(message.number),
            json,
            int(json.len() as u64),
            int(message.created.as_millis()),
            watchdog,
            int((due + HEADSTART).as_millis()),
            int(due.as_millis()),
            int(held_until.as_millis()),
        ],
    )?;
    Ok(())
}

fn exceeds(conn: &Connection, bounds: OutboxBounds) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT messages, bytes FROM outbox_size")?
        .query_row([], |row| {
            Ok(whole(row, 0)? > bounds.rows || whole(row, 1)? > bounds.bytes)
        })
}

/// Drops the oldest row but those of `spared`.
fn drop_oldest(
    conn: &Connection,
    spared: &[OutboxMessage],
) -> rusqlite::Result<Option<DroppedMessage>> {
    let mut oldest = conn.prepare(
        "SELECT id, notifier, incident, number, created, state = 'kept' FROM outbox \
         ORDER BY state = 'pending', seq, number LIMIT ?1",
    )?;
    let mut rows = oldest.query([int(spared.len() as u64) + 1])?;
    while let Some(row) = rows.next()? {
        let text = |column| -> rusqlite::Result<String> {
            Ok(String::from_utf8_lossy(row.get_ref(column)?.as_bytes()?).into_owned())
        };
        let one = DroppedMessage {
            notifier: text(1)?,
            incident: without_rest(text(2)?),
            number: whole(row, 3)?,
            created: moment(row, 4)?,
            given_up: row.get(5)?,
        };
        let is_spared = |message: &OutboxMessage| {
            (&message.notifier, &message.incident, message.number)
                == (&one.notifier, &one.incident, one.number)
        };
        if !spared.iter().any(is_spared) {
            let id: i64 = row.get(0)?;
            execute(conn, "DELETE FROM outbox WHERE id = ?1", [id])?;
            return Ok(Some(one));
        }
    }
    Ok(None)
}

pub(super) fn counts(conn: &Connection) -> rusqlite::Result<OutboxCounts> {
    let mut counts = OutboxCounts::default();
    let mut by_state = conn
        .prepare("SELECT state, count(*), sum(bytes), min(created) FROM outbox GROUP BY state")?;
    let mut rows = by_state.query([])?;
    while let Some(row) = rows.next()? {
        counts.bytes += whole(row, 2)?;
        if row.get::<_, String>(0)? == "pending" {
            counts.pending = whole(row, 1)?;
            counts.oldest = Some(moment(row, 3)?);
        } else {
            counts.kept = whole(row, 1)?;
        }
    }
    let mut by_notifier = conn.prepare(
        "SELECT notifier, count(*) FROM outbox WHERE state = 'pending' GROUP BY notifier",
    )?;
    let rows = each(by_notifier.query([])?, |row| {
        Ok((row.get(0)?, whole(row, 1)?))
    })?;
    counts.by_notifier = sorted::map(rows.into_iter().flatten());
    Ok(counts)
}

/// The messages of `watchdog`, by notifier.
pub(super) fn by_notifier(
    conn: &Connection,
    watchdog: &str,
    now: i64,
) -> rusqlite::Result<BTreeMap<String, NotifierCounts>> {
    let mut select = conn.prepare(
        "SELECT notifier, sum(state = 'pending'), sum(state = 'pending' AND attempts = 0 AND held_until <= ?2), \
         sum(state = 'kept') FROM outbox WHERE owner = ?1 GROUP BY notifier",
    )?;
    let rows = each(select.query(params![watchdog, now])?, |row| {
        let counts = NotifierCounts {
            pending: whole(row, 1)?,
            untried: whole(row, 2)?,
            kept: whole(row, 3)?,
        };
        Ok((row.get(0)?, counts))
    })?;
    Ok(rows.into_iter().flatten().collect())
}
