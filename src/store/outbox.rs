//! The reports that wait for their notifiers: one row each, in order per check, bounded. A row is taken
//! for a while, so that of several watchdogs one delivers it; it leaves when that is done.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::message::{
    Claim, DroppedMessage, MessageId, NextDelivery, NotifierCounts, OutboxCounts, OutboxMessage,
    QueuedMessage, Queueing,
};
use super::rows::{each, execute, id, int, is_unreadable, moment, whole};
use crate::health::Moment;

/// After its time a row is left to its owner for so long before another watchdog takes it.
const HEADSTART: Duration = Duration::from_secs(300);

/// No attempt is later than this: one that is was set by a clock that was ahead. No shorter than the longest pause
/// after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);

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
            Queueing::AtOnce | Queueing::HeldUntil(_) => Some(&message.json),
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
            incident: text(2)?,
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

/// Takes the message that `claim` should deliver next. Taken, it is nobody else's and does not come again before
/// `lease` is over: then its taker is thought dead. The messages about a check go out in their order. Also returns
/// how many rows were set aside because they cannot be read.
pub(super) fn next_due(
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

/// The watchdogs that own messages which wait for `notifier` at `address`.
pub(super) fn owners(
    conn: &Connection,
    notifier: &str,
    address: &str,
) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare(
        "SELECT DISTINCT owner FROM outbox \
         WHERE state = 'pending' AND notifier = ?1 AND address = ?2 AND reserved_until < ?3",
    )?;
    let rows = select.query(params![notifier, address, i64::MAX])?;
    Ok(each(rows, |row| row.get(0))?
        .into_iter()
        .flatten()
        .collect())
}

/// Hands what waits for `claim`'s notifier and address from `gone`, which does not run any more, to `claim`'s owner.
pub(super) fn inherit(conn: &Connection, gone: &str, claim: &Claim) -> rusqlite::Result<usize> {
    execute(
        conn,
        "UPDATE outbox SET owner = ?1, next_attempt = iif(attempts = 0, max(created, held_until), next_attempt) \
         WHERE state = 'pending' AND owner = ?2 AND notifier = ?3 AND address = ?4",
        params![claim.owner, gone, claim.notifier, claim.address],
    )
}

/// The wall clock was set by so many milliseconds: what waits is due as much later by it.
pub(super) fn clock_set(conn: &Connection, owner: &str, by: i64) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET created = max(created + ?2, 0), next_attempt = max(next_attempt + ?2, 0), \
         held_until = iif(held_until > 0, max(held_until + ?2, 0), 0) \
         WHERE state = 'pending' AND owner = ?1",
        params![owner, by],
    )?;
    Ok(())
}

/// What waits for a notifier that had failed is due now: it has worked again, or has other settings.
pub(super) fn retry_now(
    conn: &Connection,
    owner: &str,
    notifier: &str,
    now: Moment,
) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET next_attempt = ?3 WHERE state = 'pending' AND owner = ?1 AND notifier = ?2 \
         AND attempts > 0 AND next_attempt > ?3",
        params![owner, notifier, int(now.as_millis())],
    )?;
    Ok(())
}

/// Has what waits for the notifier `from`, or was given up by it, delivered by `to`. Returns how many.
pub(super) fn redirect(
    conn: &Connection,
    from: &str,
    to: &Claim,
    now: Moment,
) -> rusqlite::Result<usize> {
    execute(
        conn,
        "UPDATE OR IGNORE outbox SET notifier = ?3, address = ?4, state = 'pending', attempts = 0, \
         next_attempt = ?5, reserved_until = ?6 WHERE owner = ?1 AND notifier = ?2",
        params![
            to.owner,
            from,
            to.notifier,
            to.address,
            int(now.as_millis()),
            int((now + HEADSTART).as_millis()),
        ],
    )
}

/// Drops what waits for `notifier`, or was given up by it. Returns how many.
pub(super) fn discard(conn: &Connection, owner: &str, notifier: &str) -> rusqlite::Result<usize> {
    execute(
        conn,
        "DELETE FROM outbox WHERE owner = ?1 AND notifier = ?2",
        [owner, notifier],
    )
}

/// What `watchdog` had taken for the first time when it was killed is due again at once: its new run knows
/// that the old one is gone. What had failed before keeps its pause.
pub(super) fn reclaim(conn: &Connection, watchdog: &str) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET next_attempt = max(created, held_until) \
         WHERE state = 'pending' AND attempts = 0 AND owner = ?1",
        params![watchdog],
    )?;
    Ok(())
}

pub(super) fn delivered(conn: &Connection, id: MessageId) -> rusqlite::Result<()> {
    execute(conn, "DELETE FROM outbox WHERE id = ?1", [id.0])?;
    Ok(())
}

pub(super) fn failed(
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

pub(super) fn give_up(conn: &Connection, id: MessageId, why: &str) -> rusqlite::Result<()> {
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
    counts.by_notifier = rows.into_iter().flatten().collect();
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

fn queued(row: &Row<'_>) -> rusqlite::Result<QueuedMessage> {
    Ok(QueuedMessage {
        id: MessageId(row.get(0)?),
        message: OutboxMessage {
            notifier: row.get(1)?,
            address: row.get(2)?,
            check: row.get(3)?,
            incident: row.get(4)?,
            number: whole(row, 5)?,
            json: row.get(6)?,
            created: moment(row, 7)?,
            queueing: Queueing::AtOnce,
        },
        attempts: row.get(8)?,
        last_failure: row.get(9)?,
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
            address: "ops@example.org".to_owned(),
            check: incident.to_owned(),
            incident: incident.to_owned(),
            number,
            json: format!("\"{incident} {number}\""),
            created: Moment::from_secs(created),
            queueing: Queueing::AtOnce,
        }
    }

    fn put(conn: &Connection, incident: &str, number: u64, created: u64) -> MessageId {
        enqueue(
            conn,
            "a",
            &[message(incident, number, created)],
            OutboxBounds::USUAL,
        )
        .expect("a row");
        id_of(conn, incident, number)
    }

    fn id_of(conn: &Connection, incident: &str, number: u64) -> MessageId {
        conn.query_row(
            "SELECT id FROM outbox WHERE incident = ?1 AND number = ?2",
            params![incident, int(number)],
            |row| row.get(0).map(MessageId),
        )
        .expect("a row")
    }

    fn claim(owner: &str) -> Claim {
        Claim {
            owner: owner.to_owned(),
            notifier: "mail".to_owned(),
            address: "ops@example.org".to_owned(),
        }
    }

    /// What `owner` gets at `now`: the message's text, or when to come again.
    fn next(conn: &Connection, now: u64, owner: &str) -> String {
        let due = next_due(conn, Moment::from_secs(now), &claim(owner), LEASE);
        match due.expect("an answer").0 {
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
        let bounds = OutboxBounds {
            rows: 3,
            bytes: 100,
        };
        let fill = |message: &OutboxMessage| {
            enqueue(&conn, "a", std::slice::from_ref(message), bounds).expect("a row")
        };
        for number in 1..=3 {
            assert_eq!(fill(&message("i", number, number)), []);
        }
        give_up(&conn, id_of(&conn, "i", 2), "no").expect("kept");
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

    #[test]
    fn messages_about_a_check_go_out_in_order_over_its_incidents() {
        let conn = outbox();
        let old = OutboxMessage {
            check: "shop".to_owned(),
            ..message("i", 1, 10)
        };
        // the clock was set back in between
        let new = OutboxMessage {
            check: "shop".to_owned(),
            ..message("j", 1, 5)
        };
        for message in [old, new, message("other", 1, 12)] {
            enqueue(&conn, "a", &[message], OutboxBounds::USUAL).expect("a row");
        }
        assert_eq!(next(&conn, 20, "a"), "i 1");
        assert_eq!(
            next(&conn, 20, "a"),
            "other 1",
            "another check does not wait"
        );
        let first = id_of(&conn, "i", 1);
        failed(&conn, first, Moment::from_secs(500), "no route").expect("noted");
        assert_eq!(next(&conn, 100, "a"), "other 1", "its lease is over");
        assert_eq!(next(&conn, 100, "a"), "at 160");
        retry_now(&conn, "a", "mail", Moment::from_secs(100)).expect("due");
        assert_eq!(next(&conn, 100, "a"), "i 1");
        delivered(&conn, first).expect("done");
        assert_eq!(next(&conn, 100, "a"), "j 1");
    }

    #[test]
    fn a_row_that_cannot_be_read_is_set_aside_and_holds_nobody_up() {
        for column in [
            "incident",
            "message",
            "check_name",
            "address",
            "last_failure",
        ] {
            let conn = outbox();
            let first = put(&conn, "i", 1, 10);
            put(&conn, "j", 2, 11);
            conn.execute(
                &format!("UPDATE outbox SET {column} = CAST(x'ff68' AS TEXT) WHERE id = ?1"),
                [first.0],
            )
            .expect("damaged");
            let due = next_due(&conn, Moment::from_secs(20), &claim("a"), LEASE);
            let (due, set_aside) = due.expect("an answer");
            let NextDelivery::Deliver(queued) = due else {
                panic!("{column}: {due:?}");
            };
            assert_eq!((queued.message.number, set_aside), (2, 1), "{column}");
            assert_eq!(counts(&conn).expect("counts").kept, 1, "{column}");
        }
    }

    #[test]
    fn an_attempt_that_was_set_by_a_clock_ahead_is_due_now() {
        let conn = outbox();
        let id = put(&conn, "i", 1, 10);
        failed(&conn, id, Moment::from_secs(315_360_000), "no route").expect("noted");
        assert_eq!(next(&conn, 20, "a"), "i 1");
    }

    #[test]
    fn messages_of_a_notifier_that_is_gone_can_be_sent_or_dropped() {
        let conn = outbox();
        let gone = |number| OutboxMessage {
            notifier: "webhook".to_owned(),
            address: "https://hooks.example.org".to_owned(),
            ..message("i", number, 10)
        };
        enqueue(&conn, "a", &[gone(1), gone(2)], OutboxBounds::USUAL).expect("rows");
        assert_eq!(next(&conn, 20, "a"), "nothing", "mail does not claim it");
        give_up(&conn, id_of(&conn, "i", 1), "404").expect("kept");
        let now = Moment::from_secs(20);
        assert_eq!(redirect(&conn, "webhook", &claim("a"), now), Ok(2));
        assert_eq!(next(&conn, 20, "a"), "i 1");
        enqueue(&conn, "a", &[gone(3)], OutboxBounds::USUAL).expect("a row");
        assert_eq!(discard(&conn, "b", "webhook"), Ok(0), "another watchdog's");
        assert_eq!(discard(&conn, "a", "webhook"), Ok(1));
    }

    #[test]
    fn another_watchdog_delivers_only_to_the_same_address() {
        let conn = outbox();
        put(&conn, "i", 1, 10);
        let elsewhere = Claim {
            address: "dev@example.org".to_owned(),
            ..claim("b")
        };
        let due = next_due(&conn, Moment::from_secs(10_000), &elsewhere, LEASE);
        assert_eq!(due, Ok((NextDelivery::Nothing, 0)));
        assert_eq!(
            owners(&conn, "mail", "ops@example.org"),
            Ok(vec!["a".to_owned()])
        );
        assert_eq!(inherit(&conn, "a", &claim("b")), Ok(1));
        assert_eq!(next(&conn, 10, "b"), "i 1", "its owner is known to be gone");
    }
}
