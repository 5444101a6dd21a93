//! What is remembered for people and for the next run: check state, incidents with their transcripts, and
//! decisions. All of it belongs to a watchdog and one of its checks, and is bounded here, per check and by age.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{each, execute, int, json, json_text, parsed};
use super::schema;
use super::trouble::StoreError;
use crate::health::{Incident, Note};

/// What is older is dropped.
const KEPT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// Incidents kept of a check.
const KEPT_INCIDENTS: u32 = 200;

/// Decisions kept of a check on disk; in memory, less.
pub(super) const KEPT_NOTES: u32 = 2000;
pub(super) const KEPT_NOTES_IN_MEMORY: u32 = 200;

/// What stands for a check in the memory of a watchdog about itself; no check has this name.
pub(super) const OWN: &str = "";

/// Drops what is left of checks that are no longer watched.
pub(super) fn forget_old(conn: &Connection, now: i64) -> rusqlite::Result<()> {
    for table in ["memories", "notes"] {
        conn.execute(
            &format!("DELETE FROM {table} WHERE written < ?1 AND check_name <> ?2"),
            params![now - KEPT_MILLIS, OWN],
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
    execute(
        conn,
        "INSERT INTO memories (watchdog, check_name, memory, written) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (watchdog, check_name) DO UPDATE SET memory = excluded.memory, written = excluded.written",
        params![watchdog, check, memory, now],
    )?;
    Ok(())
}

/// Moves all that is kept of `former` to `watchdog`.
pub(super) fn rename_watchdog(
    conn: &Connection,
    former: &str,
    watchdog: &str,
) -> rusqlite::Result<()> {
    for change in [
        "DELETE FROM memories WHERE watchdog = ?2 AND EXISTS (SELECT 1 FROM memories AS other \
         WHERE other.watchdog = ?1 AND other.check_name = memories.check_name \
         AND other.written > memories.written)",
        "UPDATE OR IGNORE memories SET watchdog = ?2 WHERE watchdog = ?1",
        "DELETE FROM memories WHERE watchdog = ?1 AND ?1 <> ?2",
        "UPDATE incidents SET watchdog = ?2 WHERE watchdog = ?1",
        "UPDATE notes SET watchdog = ?2 WHERE watchdog = ?1",
        "UPDATE intents SET watchdog = ?2 WHERE watchdog = ?1",
        "UPDATE outbox SET owner = ?2 WHERE owner = ?1",
    ] {
        conn.execute(change, params![former, watchdog])?;
    }
    Ok(())
}

/// The check state that `watchdog` left, by check; a row that cannot be read is left out.
pub(super) fn memories(
    conn: &Connection,
    watchdog: &str,
) -> rusqlite::Result<Vec<(String, String)>> {
    let mut select = conn.prepare(
        "SELECT check_name, memory FROM memories WHERE watchdog = ?1 AND check_name <> ?2 ORDER BY check_name",
    )?;
    let rows = each(select.query([watchdog, OWN])?, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.into_iter().flatten().collect())
}

/// What `watchdog` left about itself.
pub(super) fn own_memory(conn: &Connection, watchdog: &str) -> rusqlite::Result<Option<String>> {
    let mut select =
        conn.prepare("SELECT memory FROM memories WHERE watchdog = ?1 AND check_name = ?2")?;
    let rows = each(select.query([watchdog, OWN])?, |row| row.get(0))?;
    Ok(rows.into_iter().flatten().next())
}

/// Saves an incident, or what has happened in it since: its head, and those entries that are not there yet.
pub(super) fn save_incident(
    conn: &Connection,
    watchdog: &str,
    incident: &Incident,
) -> rusqlite::Result<()> {
    let opened = int(incident.opened.as_millis());
    let text = json("an incident", &incident.head()).map_err(cannot_store)?;
    execute(
        conn,
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
    let is_new = append_entries(conn, incident)?;
    if is_new {
        forget_incidents(conn, watchdog, &incident.check, opened)?;
    }
    Ok(())
}

/// Appends the entries of `incident` that are not stored yet, writes the last one again, which may have been counted up, and
/// drops those that it has dropped. Returns whether
/// none was stored before.
fn append_entries(conn: &Connection, incident: &Incident) -> rusqlite::Result<bool> {
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(number) FROM incident_entries WHERE incident = ?1")?
        .query_row([&incident.id], |row| row.get(0))?;
    for (number, entry) in incident.numbered() {
        let number = int(number);
        if last.is_some_and(|last| number < last) {
            continue;
        }
        let text = json("an incident's entry", entry).map_err(cannot_store)?;
        execute(
            conn,
            "INSERT OR REPLACE INTO incident_entries (incident, number, entry) VALUES (?1, ?2, ?3)",
            params![incident.id, number, text],
        )?;
    }
    let dropped = incident.dropped_numbers();
    if !dropped.is_empty() {
        execute(
            conn,
            "DELETE FROM incident_entries WHERE incident = ?1 AND number >= ?2 AND number < ?3",
            params![incident.id, int(dropped.start), int(dropped.end)],
        )?;
    }
    Ok(last.is_none())
}

/// Drops the incidents of a check beyond those that are kept, and all that ended too long before `now`.
fn forget_incidents(
    conn: &Connection,
    watchdog: &str,
    check: &str,
    now: i64,
) -> rusqlite::Result<()> {
    execute(
        conn,
        "DELETE FROM incidents WHERE ended IS NOT NULL AND opened < ?1",
        [now - KEPT_MILLIS],
    )?;
    execute(
        conn,
        "DELETE FROM incidents WHERE watchdog = ?1 AND check_name = ?2 AND id IN ( \
             SELECT id FROM incidents WHERE watchdog = ?1 AND check_name = ?2 \
             ORDER BY opened DESC LIMIT -1 OFFSET ?3)",
        params![watchdog, check, KEPT_INCIDENTS],
    )?;
    Ok(())
}

/// Gives an open incident, and the decisions since it began, the dates that they have since the clock was set by so many
/// milliseconds.
pub(super) fn redate(
    conn: &Connection,
    watchdog: &str,
    incident: &Incident,
    by: i64,
) -> rusqlite::Result<()> {
    execute(
        conn,
        "UPDATE incidents SET since = ?2, opened = ?3 WHERE id = ?1",
        params![
            incident.id,
            int(incident.since.as_millis()),
            int(incident.opened.as_millis())
        ],
    )?;
    execute(
        conn,
        "DELETE FROM incident_entries WHERE incident = ?1",
        [&incident.id],
    )?;
    save_incident(conn, watchdog, incident)?;
    let mut select = conn.prepare_cached(
        "SELECT id, note FROM notes WHERE watchdog = ?1 AND check_name = ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = each(
        select.query(params![watchdog, incident.check, KEPT_NOTES])?,
        |row| Ok((row.get::<_, i64>(0)?, json_text(row, 1)?)),
    )?;
    for (id, text) in rows.into_iter().flatten() {
        let Some(note) = parsed::<Note>(&text) else {
            continue;
        };
        let note = note.moved(by);
        if note.at < incident.since {
            break;
        }
        let text = json("a decision", &note).map_err(cannot_store)?;
        execute(
            conn,
            "UPDATE notes SET note = ?2 WHERE id = ?1",
            params![id, text],
        )?;
    }
    Ok(())
}

fn cannot_store(error: StoreError) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// The incident whose head is `text`, with its entries; `None` when another version wrote what we cannot read. An
/// older version stored the entries in the head.
fn whole_incident(conn: &Connection, text: &str) -> rusqlite::Result<Option<Incident>> {
    let Some(mut incident) = parsed::<Incident>(text) else {
        return Ok(None);
    };
    if !incident.entries.is_empty() || schema::version(conn)? < schema::WITH_ENTRIES {
        return Ok(Some(incident));
    }
    let mut select = conn
        .prepare_cached("SELECT entry FROM incident_entries WHERE incident = ?1 ORDER BY number")?;
    let texts = each(select.query([&incident.id])?, |row| json_text(row, 0))?;
    let entries = texts.into_iter().flatten();
    incident.entries = entries.filter_map(|text| parsed(&text)).collect();
    Ok(Some(incident))
}

/// The checks of which anything is remembered, each with its watchdog: all, or those of one name.
pub(super) fn checks(
    conn: &Connection,
    check: Option<&str>,
) -> rusqlite::Result<Vec<(String, String)>> {
    let mut select = conn.prepare(
        "SELECT watchdog, check_name FROM incidents WHERE ?1 IS NULL OR check_name = ?1 \
         UNION SELECT watchdog, check_name FROM notes WHERE ?1 IS NULL OR check_name = ?1 \
         UNION SELECT watchdog, check_name FROM memories WHERE check_name <> ?2 AND (?1 IS NULL OR check_name = ?1) \
         ORDER BY 2, 1",
    )?;
    let rows = each(select.query(params![check, OWN])?, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
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
    let mut found = Vec::new();
    for (watchdog, text) in rows.into_iter().flatten() {
        let incident = whole_incident(conn, &text)?;
        found.extend(incident.map(|incident| (watchdog, incident)));
    }
    Ok(found)
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
    let Some((watchdog, text)) = found else {
        return Ok(None);
    };
    Ok(whole_incident(conn, &text)?.map(|incident| (watchdog, incident)))
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
    let known: HashSet<&String> = known.iter().collect();
    let mut ended = 0;
    for text in texts.into_iter().flatten() {
        let Some(mut incident) = whole_incident(conn, &text)? else {
            continue;
        };
        if known.contains(&incident.id) {
            continue;
        }
        let last = incident.entries.last().map(|entry| entry.at);
        incident.ended = Some(last.unwrap_or(incident.opened));
        save_incident(conn, watchdog, &incident)?;
        ended += 1;
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
    execute(
        conn,
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
    execute(
        conn,
        "DELETE FROM notes WHERE watchdog = ?1 AND check_name = ?2 AND id <= ( \
             SELECT id FROM notes WHERE watchdog = ?1 AND check_name = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
        params![watchdog, check, keep],
    )?;
    Ok(())
}

/// The last decisions of `watchdog`, or of all, about any check, oldest first.
pub(super) fn recent_notes(
    conn: &Connection,
    watchdog: Option<&str>,
    limit: u32,
) -> rusqlite::Result<Vec<Note>> {
    // from the newest row back, as no index is in that order
    let mut select = conn.prepare(
        "SELECT note FROM notes WHERE ?1 IS NULL OR +watchdog = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let texts = each(select.query(params![watchdog, limit])?, |row| {
        json_text(row, 0)
    })?;
    Ok(oldest_first(texts))
}

/// The notes that are readable, which came newest first.
fn oldest_first(texts: Vec<Option<String>>) -> Vec<Note> {
    let texts = texts.into_iter().rev().flatten();
    texts.filter_map(|text| parsed(&text)).collect()
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
    Ok(oldest_first(texts))
}
