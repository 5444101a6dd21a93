//! What is remembered for people and for the next run: check state, incidents with their transcripts, and
//! decisions. All of it is bounded here, per check and by age.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{int, json_text, parsed};
use crate::health::{Incident, Note};

/// What is older is dropped.
const KEPT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// Incidents kept of a check.
const KEPT_INCIDENTS: u32 = 200;

/// Decisions kept of a check on disk; in memory, less.
pub(super) const KEPT_NOTES: u32 = 2000;
pub(super) const KEPT_NOTES_IN_MEMORY: u32 = 200;

/// Drops what is left of checks that are no longer watched.
pub(super) fn forget_old(conn: &Connection, now: i64) -> rusqlite::Result<()> {
    for table in ["memories", "notes"] {
        conn.execute(
            &format!("DELETE FROM {table} WHERE written < ?1"),
            [now - KEPT_MILLIS],
        )?;
    }
    Ok(())
}

pub(super) fn save_memory(
    conn: &Connection,
    watchdog: &str,
    check: &str,
    memory: &str,
    now: i64,
) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO memories (watchdog, check_name, memory, written) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (watchdog, check_name) DO UPDATE SET memory = excluded.memory, written = excluded.written",
        params![watchdog, check, memory, now],
    )?;
    Ok(())
}

/// The check state that `watchdog` left, by check.
pub(super) fn memories(
    conn: &Connection,
    watchdog: &str,
) -> rusqlite::Result<Vec<(String, String)>> {
    conn.prepare("SELECT check_name, memory FROM memories WHERE watchdog = ?1 ORDER BY check_name")?
        .query_map([watchdog], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

pub(super) fn save_incident(
    conn: &Connection,
    watchdog: &str,
    incident: &Incident,
    text: &str,
) -> rusqlite::Result<()> {
    let opened = int(incident.opened.as_millis());
    conn.execute(
        "INSERT INTO incidents (id, watchdog, check_name, since, opened, ended, incident) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, incident = excluded.incident",
        params![
            incident.id,
            watchdog,
            incident.check,
            int(incident.since.as_millis()),
            opened,
            incident.ended.map(|ended| int(ended.as_millis())),
            text,
        ],
    )?;
    conn.execute(
        "DELETE FROM incidents WHERE ended IS NOT NULL AND opened < ?1",
        [opened - KEPT_MILLIS],
    )?;
    conn.execute(
        "DELETE FROM incidents WHERE check_name = ?1 AND id NOT IN ( \
             SELECT id FROM incidents WHERE check_name = ?1 ORDER BY opened DESC LIMIT ?2)",
        params![incident.check, KEPT_INCIDENTS],
    )?;
    Ok(())
}

/// The checks of which anything is remembered.
pub(super) fn checks(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT check_name FROM incidents UNION SELECT check_name FROM notes ORDER BY 1")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// The last incidents, newest first; those that another version wrote and we cannot read are left out.
pub(super) fn incidents(
    conn: &Connection,
    check: Option<&str>,
    limit: u32,
) -> rusqlite::Result<Vec<Incident>> {
    let mut select = conn.prepare(
        "SELECT incident FROM incidents WHERE ?1 IS NULL OR check_name = ?1 ORDER BY opened DESC LIMIT ?2",
    )?;
    let texts = select.query_map(params![check, limit], |row| json_text(row, 0))?;
    texts
        .filter_map(|text| text.map(|text| parsed(&text)).transpose())
        .collect()
}

pub(super) fn incident(conn: &Connection, id: &str) -> rusqlite::Result<Option<Incident>> {
    let text = conn
        .query_row(
            "SELECT incident FROM incidents WHERE id = ?1",
            [id],
            |row| json_text(row, 0),
        )
        .optional()?;
    Ok(text.and_then(|text| parsed(&text)))
}

pub(super) fn add_note(
    conn: &Connection,
    watchdog: &str,
    check: &str,
    note: &str,
    now: i64,
) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO notes (watchdog, check_name, written, note) VALUES (?1, ?2, ?3, ?4)",
        params![watchdog, check, now, note],
    )?;
    Ok(())
}

/// Keeps the last `keep` decisions of `check`.
pub(super) fn prune_notes(conn: &Connection, check: &str, keep: u32) -> rusqlite::Result<()> {
    conn.execute(
        "DELETE FROM notes WHERE check_name = ?1 AND id <= ( \
             SELECT id FROM notes WHERE check_name = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![check, keep],
    )?;
    Ok(())
}

/// The last decisions about `check`, oldest first.
pub(super) fn notes(conn: &Connection, check: &str, limit: u32) -> rusqlite::Result<Vec<Note>> {
    let mut select =
        conn.prepare("SELECT note FROM notes WHERE check_name = ?1 ORDER BY id DESC LIMIT ?2")?;
    let texts = select.query_map(params![check, limit], |row| json_text(row, 0))?;
    let mut notes: Vec<Note> = texts
        .filter_map(|text| text.map(|text| parsed(&text)).transpose())
        .collect::<rusqlite::Result<_>>()?;
    notes.reverse();
    Ok(notes)
}
