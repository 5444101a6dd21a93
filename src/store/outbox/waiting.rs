//! What waits in the outbox, as people see it: why it was not taken so far, and when it is tried again.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::REST;
use crate::health::{Moment, rfc3339};
use crate::store::rows::{each, moment, whole};

/// So many reports of an incident are listed.
const MOST: u32 = 100;

/// A report that waits for its notifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingReport {
    pub notifier: String,
    pub report: u64,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub since: Moment,
    /// Failed tries.
    pub tries: u32,
    /// Why the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it is tried next.
    #[serde(with = "rfc3339")]
    pub next: Moment,
    /// It was not tried, because its notifier holds reports for a while.
    #[serde(default)]
    pub held: bool,
}

const COLUMNS: &str = "notifier, number, created, attempts, last_failure, next_attempt, held_until";

fn read(row: &Row<'_>) -> rusqlite::Result<WaitingReport> {
    let tries = row.get(3)?;
    Ok(WaitingReport {
        notifier: row.get(0)?,
        report: whole(row, 1)?,
        since: moment(row, 2)?,
        tries,
        failure: row.get(4)?,
        next: moment(row, 5)?,
        held: tries == 0 && whole(row, 6)? > 0,
    })
}

/// The reports about `incident` that wait.
pub(in crate::store) fn of_incident(
    conn: &Connection,
    incident: &str,
) -> rusqlite::Result<Vec<WaitingReport>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE incident IN (?1, ?3) AND state = 'pending' \
         ORDER BY number, notifier LIMIT ?2"
    );
    let mut select = conn.prepare(&sql)?;
    let rows = each(
        select.query(params![incident, MOST, format!("{incident}{REST}")])?,
        read,
    )?;
    Ok(rows.into_iter().flatten().collect())
}

/// Of each notifier the report of `watchdog` that was tried most often: it says what is wrong.
pub(in crate::store) fn by_notifier(
    conn: &Connection,
    watchdog: &str,
) -> rusqlite::Result<Vec<WaitingReport>> {
    // of a group with max() the other columns are those of its row
    let sql = format!(
        "SELECT {COLUMNS}, max(attempts) FROM outbox WHERE owner = ?1 AND state = 'pending' \
         GROUP BY notifier"
    );
    let mut select = conn.prepare(&sql)?;
    let rows = each(select.query([watchdog])?, read)?;
    Ok(rows.into_iter().flatten().collect())
}
