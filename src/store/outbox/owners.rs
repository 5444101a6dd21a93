//! Messages that get another owner or notifier: those of watchdogs that do not run any more, and those of notifiers that are not
//! configured any more, which an operator sends through another notifier or drops.

use rusqlite::{Connection, params};

use super::HEADSTART;
use crate::health::Moment;
use crate::store::message::{Claim, MessageId};
use crate::store::rows::{each, execute, int};

/// The watchdogs that own messages which wait for `notifier` at `address`.
pub(in crate::store) fn owners(
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

/// Passes what waits for `claim`'s notifier and address from `gone`, which does not run any more, to `claim`'s owner.
pub(in crate::store) fn inherit(
    conn: &Connection,
    gone: &str,
    claim: &Claim,
) -> rusqlite::Result<usize> {
    execute(
        conn,
        "UPDATE outbox SET owner = ?1, next_attempt = iif(attempts = 0, max(created, held_until), next_attempt) \
         WHERE state = 'pending' AND owner = ?2 AND notifier = ?3 AND address = ?4",
        params![claim.owner, gone, claim.notifier, claim.address],
    )
}

/// What waits for a notifier that had failed is due now: it has worked again, or has other settings.
pub(in crate::store) fn retry_now(
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
pub(in crate::store) fn redirect(
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
pub(in crate::store) fn discard(
    conn: &Connection,
    owner: &str,
    notifier: &str,
) -> rusqlite::Result<usize> {
    execute(
        conn,
        "DELETE FROM outbox WHERE owner = ?1 AND notifier = ?2",
        [owner, notifier],
    )
}

/// A message that a killed run was delivering for the first time is due again.
pub(in crate::store) fn again(conn: &Connection, id: MessageId) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE outbox SET next_attempt = max(created, held_until) \
         WHERE state = 'pending' AND attempts = 0 AND id = ?1",
        params![id.0],
    )?;
    Ok(())
}

/// What `watchdog` had taken for the first time when it was killed is due again at once: its new run knows
/// that the old one is gone. What had failed before keeps its pause.
/// Those `under_way` are left alone: a command of the old run is still delivering them.
pub(in crate::store) fn reclaim(
    conn: &Connection,
    watchdog: &str,
    under_way: &[MessageId],
) -> rusqlite::Result<()> {
    let under_way: Vec<i64> = under_way.iter().map(|id| id.0).collect();
    let under_way = serde_json::to_string(&under_way).unwrap_or_default();
    execute(
        conn,
        "UPDATE outbox SET next_attempt = max(created, held_until) \
         WHERE state = 'pending' AND attempts = 0 AND owner = ?1 \
         AND id NOT IN (SELECT value FROM json_each(?2))",
        params![watchdog, under_way],
    )?;
    Ok(())
}
