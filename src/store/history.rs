//! What is remembered for people and for the next run: check state, incidents with their transcripts, and
//! decisions. All of it belongs to a watchdog and one of its checks, and is bounded here, per check and by age.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{each, int, json, json_text, parsed};
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

/// The check state that `watchdog` left, by check; a row that cannot be read is left out.
pub(super) fn memories(
    conn: &Connection,
    watchdog: &str,
) -> rusqlite::Result<Vec<(String, String)>> {
    let mut select = conn.prepare(
        "SELECT check_name, memory FROM memories WHERE watchdog = ?1 ORDER BY check_name",
    )?;
    let rows = each(select.query([watchdog])?, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.into_iter().flatten().collect())
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
        "DELETE FROM incidents WHERE watchdog = ?1 AND check_name = ?2 AND id NOT IN ( \
             SELECT id FROM incidents WHERE watchdog = ?1 AND check_name = ?2 ORDER BY opened DESC LIMIT ?3)",
        params![watchdog, incident.check, KEPT_INCIDENTS],
    )?;
    Ok(())
}

/// The checks of which anything is remembered, each with its watchdog: all, or those of one name.
pub(super) fn checks(
    conn: &Connection,
    check: Option<&str>,
) -> rusqlite::Result<Vec<(String, String)>> {
    let mut select = conn.prepare(
        "SELECT watchdog, check_name FROM incidents WHERE ?1 IS NULL OR check_name = ?1 \
         UNION SELECT watchdog, check_name FROM notes WHERE ?1 IS NULL OR check_name = ?1 \
         UNION SELECT watchdog, check_name FROM memories WHERE ?1 IS NULL OR check_name = ?1 ORDER BY 2, 1",
    )?;
    let rows = each(select.query([check])?, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.into_iter().flatten().collect())
}

/// The last incidents, newest first, of one watchdog and one check or of all, each with its watchdog; those that
/// another version wrote and we cannot read are left out.
pub(super) fn incidents(
    conn: &Connection,
    watchdog: Option<&str>,
    check: Option<&str>,
    limit: u32,
) -> rusqlite::Result<Vec<(String, Incident)>> {
    let mut select = conn.prepare(
        "SELECT watchdog, incident FROM incidents WHERE (?1 IS NULL OR watchdog = ?1) \
         AND (?2 IS NULL OR check_name = ?2) ORDER BY opened DESC LIMIT ?3",
    )?;
    let rows = each(select.query(params![watchdog, check, limit])?, |row| {
        Ok((row.get(0)?, json_text(row, 1)?))
    })?;
    Ok(rows
        .into_iter()
        .flatten()
        .filter_map(|(watchdog, text)| Some((watchdog, parsed(&text)?)))
        .collect())
}

/// One incident, and the watchdog that it belongs to.
pub(super) fn incident(
    conn: &Connection,
    id: &str,
) -> rusqlite::Result<Option<(String, Incident)>> {
    let found = conn
        .query_row(
            "SELECT watchdog, incident FROM incidents WHERE id = ?1",
            [id],
            |row| Ok((row.get(0)?, json_text(row, 1)?)),
        )
        .optional()?;
    Ok(found.and_then(|(watchdog, text)| Some((watchdog, parsed(&text)?))))
}

/// Ends the incidents of `watchdog` that a killed run left open and that nothing is remembered of: all but those in
/// `known`. Returns how many.
pub(super) fn end_forgotten(
    conn: &Connection,
    watchdog: &str,
    known: &[String],
) -> rusqlite::Result<usize> {
    let mut select =
        conn.prepare("SELECT incident FROM incidents WHERE watchdog = ?1 AND ended IS NULL")?;
    let texts = each(select.query([watchdog])?, |row| json_text(row, 0))?;
    let open = texts
        .into_iter()
        .flatten()
        .filter_map(|text| parsed::<Incident>(&text));
    let mut ended = 0;
    for mut incident in open.filter(|incident| !known.contains(&incident.id)) {
        let last = incident.entries.last().map(|entry| entry.at);
        incident.ended = Some(last.unwrap_or(incident.opened));
        if let Ok(text) = json("an incident", &incident) {
            save_incident(conn, watchdog, &incident, &text)?;
            ended += 1;
        }
    }
    Ok(ended)
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

/// Keeps the last `keep` decisions of `watchdog` about `check`.
pub(super) fn prune_notes(
    conn: &Connection,
    watchdog: &str,
    check: &str,
    keep: u32,
) -> rusqlite::Result<()> {
    conn.execute(
        "DELETE FROM notes WHERE watchdog = ?1 AND check_name = ?2 AND id <= ( \
             SELECT id FROM notes WHERE watchdog = ?1 AND check_name = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
        params![watchdog, check, keep],
    )?;
    Ok(())
}

/// The last decisions of `watchdog` about `check`, oldest first.
pub(super) fn notes(
    conn: &Connection,
    watchdog: &str,
    check: &str,
    limit: u32,
) -> rusqlite::Result<Vec<Note>> {
    let mut select = conn.prepare(
        "SELECT note FROM notes WHERE watchdog = ?1 AND check_name = ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let texts = each(select.query(params![watchdog, check, limit])?, |row| {
        json_text(row, 0)
    })?;
    let mut notes: Vec<Note> = texts
        .into_iter()
        .flatten()
        .filter_map(|text| parsed(&text))
        .collect();
    notes.reverse();
    Ok(notes)
}
