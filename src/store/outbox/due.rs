//! Which message a notifier delivers next, and what became of the delivery. Messages about a check go out in order; a
//! message that is taken is reserved, so that one watchdog at a time delivers it.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{HEADSTART, REST, without_rest};
use crate::health::Moment;
use crate::store::message::{
    Claim, MessageId, NextDelivery, OutboxMessage, QueuedMessage, Queueing,
};
use crate::store::rows::{execute, int, is_unreadable, moment, whole};

/// No attempt is later than this: one that is was set by a clock that was ahead. No shorter than the longest pause
/// after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);

/// Takes the message that `claim` should deliver next. Taken, it is nobody else's and does not come again before
/// `lease` is over: then its taker is thought dead. The messages about a check go out in their order. Also returns
/// how many rows were set aside because they cannot be read.
pub(in crate::store) fn next_due(
    conn: &Connection,
    now: Moment,
    claim: &Claim,
    lease: Duration,
) -> rusqlite::Result<(NextDelivery, usize)> {
    let mut set_aside = 0;
    loop {
        let found = match own_due(conn, now, claim)? {
            Some(id) => Some((id, now)),
            None => first_due(conn, now, claim)?,
        };
        let Some((id, due)) = found else {
            return Ok((NextDelivery::Nothing, set_aside));
        };
        if due > now {
            return Ok((NextDelivery::At(due), set_aside));
        }
        let read = conn.query_row(
            "SELECT id, notifier, address, check_name, incident, number, message, created, attempts, \
             last_failure FROM outbox WHERE id = ?1",
            [id],
            queued,
        );
        let queued = match read {
            Ok(queued) => queued,
            Err(error) if is_unreadable(&error) => {
                give_up(conn, MessageId(id), "the row cannot be read")?;
                set_aside += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        postpone(conn, queued.id, now + lease)?;
        execute(
            conn,
            "UPDATE outbox SET owner = ?1 WHERE id = ?2",
            params![claim.owner, id],
        )?;
        return Ok((NextDelivery::Deliver(Box::new(queued)), set_aside));
    }
}

/// The wall clock was set by so many milliseconds: what waits is due as much later by it.
pub(in crate::store) fn clock_set(conn: &Connection, owner: &str, by: i64) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET created = max(created + ?2, 0), next_attempt = max(next_attempt + ?2, 0), \
         held_until = iif(held_until > 0, max(held_until + ?2, 0), 0) \
         WHERE state = 'pending' AND owner = ?1",
        params![owner, by],
    )?;
    Ok(())
}

/// Of two messages about a check the earlier one goes first.
const NO_EARLIER: &str = "NOT EXISTS ( \
     SELECT 1 FROM outbox AS earlier WHERE earlier.state = 'pending' \
     AND earlier.notifier = this.notifier AND earlier.owner = this.owner \
     AND earlier.check_name = this.check_name \
     AND iif(earlier.incident = this.incident, earlier.number < this.number, earlier.seq < this.seq))";

/// A message of `claim`'s own watchdog that is due at `now`: the usual case, which an index answers however many wait.
fn own_due(conn: &Connection, now: Moment, claim: &Claim) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT id FROM outbox AS this \
         WHERE owner = ?1 AND notifier = ?2 AND state = 'pending' AND next_attempt <= ?3 AND {NO_EARLIER} \
         ORDER BY next_attempt, seq LIMIT 1"
    );
    conn.prepare_cached(&sql)?
        .query_row(
            params![claim.owner, claim.notifier, int(now.as_millis())],
            |row| row.get(0),
        )
        .optional()
}

/// The message that is due first for `claim`, and when.
fn first_due(
    conn: &Connection,
    now: Moment,
    claim: &Claim,
) -> rusqlite::Result<Option<(i64, Moment)>> {
    let sql = format!(
        "SELECT id, iif(owner = ?2, iif(next_attempt > ?4, 0, next_attempt), \
                        max(next_attempt, reserved_until)) AS due \
         FROM outbox AS this \
         WHERE state = 'pending' AND notifier = ?1 AND (owner = ?2 OR address = ?3) AND {NO_EARLIER} \
         ORDER BY due, seq LIMIT 1"
    );
    // a later attempt was set by a clock that was ahead: it is due now
    let latest = now + LONGEST_PAUSE;
    conn.prepare_cached(&sql)?
        .query_row(
            params![
                claim.notifier,
                claim.owner,
                claim.address,
                int(latest.as_millis()),
            ],
            |row| Ok((row.get(0)?, moment(row, 1)?)),
        )
        .optional()
}

pub(in crate::store) fn delivered(conn: &Connection, id: MessageId) -> rusqlite::Result<()> {
    execute(conn, "DELETE FROM outbox WHERE id = ?1", [id.0])?;
    Ok(())
}

/// What is left of a message, as `json`, is tried again, and later messages of its check do not wait for that.
pub(in crate::store) fn delivered_in_part(
    conn: &Connection,
    id: MessageId,
    json: &str,
    next_attempt: Moment,
    why: &str,
) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET message = ?1, check_name = rtrim(check_name, ?2) || ?2, \
         incident = rtrim(incident, ?2) || ?2 WHERE id = ?3",
        params![json, REST.to_string(), id.0],
    )?;
    failed(conn, id, next_attempt, why)
}

pub(in crate::store) fn failed(
    conn: &Connection,
    id: MessageId,
    next_attempt: Moment,
    why: &str,
) -> rusqlite::Result<()> {
    postpone(conn, id, next_attempt)?;
    execute(
        conn,
        "UPDATE outbox SET attempts = attempts + 1, last_failure = ?1 WHERE id = ?2",
        params![why, id.0],
    )?;
    Ok(())
}

pub(in crate::store) fn give_up(
    conn: &Connection,
    id: MessageId,
    why: &str,
) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET state = 'kept', attempts = attempts + 1, last_failure = ?1 WHERE id = ?2",
        params![why, id.0],
    )?;
    Ok(())
}

fn postpone(conn: &Connection, id: MessageId, until: Moment) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET next_attempt = ?1, reserved_until = ?2 WHERE id = ?3",
        params![
            int(until.as_millis()),
            int((until + HEADSTART).as_millis()),
            id.0
        ],
    )?;
    Ok(())
}

fn queued(row: &Row<'_>) -> rusqlite::Result<QueuedMessage> {
    Ok(QueuedMessage {
        id: MessageId(row.get(0)?),
        message: OutboxMessage {
            notifier: row.get(1)?,
            address: row.get(2)?,
            check: without_rest(row.get(3)?),
            incident: without_rest(row.get(4)?),
            number: whole(row, 5)?,
            json: row.get(6)?,
            created: moment(row, 7)?,
            queueing: Queueing::AtOnce,
        },
        attempts: row.get(8)?,
        last_failure: row.get(9)?,
    })
}
