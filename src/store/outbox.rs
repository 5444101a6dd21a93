//! The reports that wait for their notifiers: one row each, in order per incident, bounded. A row is taken
//! for a while, so that of several watchdogs one delivers it; it leaves when that is done.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::message::{
    DroppedMessage, Enqueued, MessageId, NextDelivery, OutboxCounts, OutboxMessage, QueuedMessage,
};
use super::rows::{id, int, moment, whole};
use crate::health::Moment;

/// After its time a row is left to its owner for so long before another watchdog takes it.
const HEADSTART: Duration = Duration::from_secs(300);

/// What the outbox may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub rows: u64,
    pub bytes: u64,
}

impl Bounds {
    pub const USUAL: Self = Self {
        rows: 10_000,
        bytes: 64 << 20,
    };

    /// One message must not drive out many.
    pub const fn largest(self) -> u64 {
        self.bytes / 8
    }
}

/// Puts `message` in, owned by `watchdog`, and drops the oldest while there are too many: first those
/// that were given up.
pub(super) fn enqueue(
    conn: &Connection,
    watchdog: &str,
    message: &OutboxMessage,
    bounds: Bounds,
) -> rusqlite::Result<Enqueued> {
    let created = int(message.created.as_millis());
    let reserved = int((message.created + HEADSTART).as_millis());
    conn.execute(
        "INSERT INTO outbox (id, notifier, incident, number, message, bytes, created, attempts, \
         next_attempt, last_failure, state, owner, reserved_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?7, NULL, 'pending', ?8, ?9) \
         ON CONFLICT (notifier, incident, number) DO NOTHING",
        params![
            id(),
            message.notifier,
            message.incident,
            int(message.number),
            message.json,
            int(message.json.len() as u64),
            created,
            watchdog,
            reserved,
        ],
    )?;
    let id = conn.query_row(
        "SELECT id FROM outbox WHERE notifier = ?1 AND incident = ?2 AND number = ?3",
        params![message.notifier, message.incident, int(message.number)],
        |row| row.get(0),
    )?;
    let mut dropped = Vec::new();
    while exceeds(conn, bounds)? {
        match drop_oldest(conn, id)? {
            Some(one) => dropped.push(one),
            None => break,
        }
    }
    Ok(Enqueued {
        id: MessageId(id),
        dropped,
    })
}

fn exceeds(conn: &Connection, bounds: Bounds) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT count(*), coalesce(sum(bytes), 0) FROM outbox",
        [],
        |row| Ok(whole(row, 0)? > bounds.rows || whole(row, 1)? > bounds.bytes),
    )
}

/// Drops the oldest row but `spared`.
fn drop_oldest(conn: &Connection, spared: i64) -> rusqlite::Result<Option<DroppedMessage>> {
    conn.query_row(
        "DELETE FROM outbox WHERE id = (SELECT id FROM outbox WHERE id <> ?1 \
         ORDER BY state = 'pending', created, number LIMIT 1) \
         RETURNING notifier, incident, number, created, state = 'kept'",
        [spared],
        |row| {
            Ok(DroppedMessage {
                notifier: row.get(0)?,
                incident: row.get(1)?,
                number: whole(row, 2)?,
                created: moment(row, 3)?,
                given_up: row.get(4)?,
            })
        },
    )
    .optional()
}

/// Takes the message that `owner` should deliver next through `notifier`. Taken, it is nobody else's and
/// does not come again before `lease` is over: then its taker is thought dead.
pub(super) fn next_due(
    conn: &Connection,
    now: Moment,
    notifier: &str,
    owner: &str,
    lease: Duration,
) -> rusqlite::Result<NextDelivery> {
    let found = conn
        .query_row(
            "SELECT id, notifier, incident, number, message, created, attempts, last_failure, \
                    iif(owner = ?2, next_attempt, max(next_attempt, reserved_until)) AS due \
             FROM outbox AS this \
             WHERE state = 'pending' AND notifier = ?1 AND NOT EXISTS ( \
                 SELECT 1 FROM outbox AS earlier WHERE earlier.notifier = this.notifier \
                 AND earlier.incident = this.incident AND earlier.number < this.number \
                 AND earlier.state = 'pending') \
             ORDER BY due, created, number LIMIT 1",
            [notifier, owner],
            |row| Ok((queued(row)?, moment(row, 8)?)),
        )
        .optional()?;
    let Some((queued, due)) = found else {
        return Ok(NextDelivery::Nothing);
    };
    if due > now {
        return Ok(NextDelivery::At(due));
    }
    postpone(conn, queued.id, now + lease)?;
    conn.execute(
        "UPDATE outbox SET owner = ?1 WHERE id = ?2",
        params![owner, queued.id.0],
    )?;
    Ok(NextDelivery::Deliver(Box::new(queued)))
}

/// What `watchdog` had taken for the first time when it was killed is due again at once: its new run knows
/// that the old one is gone. What had failed before keeps its pause.
pub(super) fn reclaim(conn: &Connection, watchdog: &str) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE outbox SET next_attempt = created WHERE state = 'pending' AND attempts = 0 AND owner = ?1",
        params![watchdog],
    )?;
    Ok(())
}

pub(super) fn delivered(conn: &Connection, id: MessageId) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM outbox WHERE id = ?1", [id.0])?;
    Ok(())
}

pub(super) fn failed(
    conn: &Connection,
    id: MessageId,
    next_attempt: Moment,
    why: &str,
) -> rusqlite::Result<()> {
    postpone(conn, id, next_attempt)?;
    conn.execute(
        "UPDATE outbox SET attempts = attempts + 1, last_failure = ?1 WHERE id = ?2",
        params![why, id.0],
    )?;
    Ok(())
}

pub(super) fn give_up(conn: &Connection, id: MessageId, why: &str) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE outbox SET state = 'kept', attempts = attempts + 1, last_failure = ?1 WHERE id = ?2",
        params![why, id.0],
    )?;
    Ok(())
}

fn postpone(conn: &Connection, id: MessageId, until: Moment) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE outbox SET next_attempt = ?1, reserved_until = ?2 WHERE id = ?3",
        params![
            int(until.as_millis()),
            int((until + HEADSTART).as_millis()),
            id.0
        ],
    )?;
    Ok(())
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
    counts.by_notifier = by_notifier
        .query_map([], |row| Ok((row.get(0)?, whole(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(counts)
}

/// The messages of `watchdog` that nobody has tried to deliver yet.
pub(super) fn untried(conn: &Connection, watchdog: &str) -> rusqlite::Result<u64> {
    conn.query_row(
        "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts = 0 AND owner = ?1",
        params![watchdog],
        |row| whole(row, 0),
    )
}

fn queued(row: &Row<'_>) -> rusqlite::Result<QueuedMessage> {
    Ok(QueuedMessage {
        id: MessageId(row.get(0)?),
        message: OutboxMessage {
            notifier: row.get(1)?,
            incident: row.get(2)?,
            number: whole(row, 3)?,
            json: row.get(4)?,
            created: moment(row, 5)?,
        },
        attempts: row.get(6)?,
        last_failure: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    const LEASE: Duration = Duration::from_secs(60);

    fn outbox() -> Connection {
        let conn = Connection::open_in_memory().expect("a database");
        schema::migrate(&conn).expect("the schema");
        conn
    }

    fn message(incident: &str, number: u64, created: u64) -> OutboxMessage {
        OutboxMessage {
            notifier: "mail".to_owned(),
            incident: incident.to_owned(),
            number,
            json: format!("\"{incident} {number}\""),
            created: Moment::from_secs(created),
        }
    }

    fn put(conn: &Connection, incident: &str, number: u64, created: u64) -> MessageId {
        enqueue(
            conn,
            "a",
            &message(incident, number, created),
            Bounds::USUAL,
        )
        .expect("a row")
        .id
    }

    /// What `owner` gets at `now`: the message's text, or when to come again.
    fn next(conn: &Connection, now: u64, owner: &str) -> String {
        match next_due(conn, Moment::from_secs(now), "mail", owner, LEASE).expect("an answer") {
            NextDelivery::Deliver(queued) => {
                format!("{} {}", queued.message.incident, queued.message.number)
            }
            NextDelivery::At(when) => format!("at {}", when.as_millis() / 1000),
            NextDelivery::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn later_messages_of_an_incident_wait_for_earlier_ones() {
        let conn = outbox();
        put(&conn, "i", 2, 11); // handed over in the wrong order
        let first = put(&conn, "i", 1, 10);
        put(&conn, "j", 1, 12);
        assert_eq!(next(&conn, 20, "a"), "i 1");
        assert_eq!(
            next(&conn, 20, "a"),
            "j 1",
            "another incident does not wait"
        );
        assert_eq!(next(&conn, 20, "a"), "at 80", "all others wait for these");
        failed(&conn, first, Moment::from_secs(50), "no route").expect("noted");
        assert_eq!(next(&conn, 49, "a"), "at 50");
        assert_eq!(next(&conn, 50, "a"), "i 1");
        delivered(&conn, first).expect("done");
        assert_eq!(next(&conn, 50, "a"), "i 2");
    }

    #[test]
    fn a_new_run_does_not_wait_for_what_the_old_one_had_taken() {
        let conn = outbox();
        let failed_once = put(&conn, "i", 1, 10);
        assert_eq!(next(&conn, 20, "a"), "i 1");
        failed(&conn, failed_once, Moment::from_secs(50), "no route").expect("noted");
        put(&conn, "j", 1, 12);
        assert_eq!(next(&conn, 20, "a"), "j 1");
        assert_eq!(next(&conn, 20, "a"), "at 50", "killed with it in its hands");
        reclaim(&conn, "a").expect("reclaimed");
        assert_eq!(next(&conn, 21, "a"), "j 1");
        assert_eq!(
            next(&conn, 21, "a"),
            "at 50",
            "the other one keeps its pause"
        );
    }

    #[test]
    fn what_was_given_up_holds_nobody_up_and_is_counted() {
        let conn = outbox();
        let first = put(&conn, "i", 1, 10);
        put(&conn, "i", 2, 11);
        give_up(&conn, first, "550 no such user").expect("kept");
        assert_eq!(next(&conn, 20, "a"), "i 2");
        let counts = counts(&conn).expect("counts");
        assert_eq!((counts.pending, counts.kept, counts.bytes), (1, 1, 10));
        assert_eq!(counts.oldest, Some(Moment::from_secs(11)));
        assert_eq!(counts.by_notifier, [("mail".to_owned(), 1)].into());
    }

    #[test]
    fn one_watchdog_at_a_time_delivers_and_orphans_are_taken_over() {
        let conn = outbox();
        put(&conn, "i", 1, 10);
        assert_eq!(next(&conn, 10, "b"), "at 310", "its owner goes first");
        assert_eq!(next(&conn, 10, "a"), "i 1");
        assert_eq!(next(&conn, 10, "a"), "at 70", "not twice within the lease");
        assert_eq!(next(&conn, 369, "b"), "at 370", "nor by another");
        assert_eq!(next(&conn, 370, "b"), "i 1", "its owner is gone");
        assert_eq!(next(&conn, 371, "a"), "at 730", "now it is the other's");
    }

    #[test]
    fn the_same_report_twice_is_one_row() {
        let conn = outbox();
        assert_eq!(put(&conn, "i", 1, 10), put(&conn, "i", 1, 10));
        assert_eq!(counts(&conn).expect("counts").pending, 1);
    }

    #[test]
    fn too_many_drop_the_oldest_and_say_so() {
        let conn = outbox();
        let bounds = Bounds {
            rows: 3,
            bytes: 100,
        };
        let fill =
            |message: &OutboxMessage| enqueue(&conn, "a", message, bounds).expect("a row").dropped;
        for number in 1..=3 {
            assert_eq!(fill(&message("i", number, number)), []);
        }
        let given_up = enqueue(&conn, "a", &message("i", 2, 2), bounds).expect("a row");
        give_up(&conn, given_up.id, "no").expect("kept");
        let numbers = |dropped: Vec<DroppedMessage>| -> Vec<(u64, bool)> {
            dropped
                .iter()
                .map(|one| (one.number, one.given_up))
                .collect()
        };
        assert_eq!(numbers(fill(&message("i", 4, 4))), [(2, true)]);
        assert_eq!(numbers(fill(&message("i", 5, 5))), [(1, false)]);
        let heavy = OutboxMessage {
            json: "x".repeat(97),
            ..message("i", 6, 6)
        };
        assert_eq!(
            numbers(fill(&heavy)),
            [(3, false), (4, false), (5, false)],
            "never the new one itself"
        );
    }
}
