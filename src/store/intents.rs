//! "I am about to stop X": on disk before it happens, closed after X runs again. There is at most one for each
//! process of a supervisor. Whether the owner of an intent is still alive is for the caller to find out.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{each, id, int, json_text, moment, parsed, whole};
use crate::health::{IntentId, Moment, PendingRestart, ProcessName};

/// An id that no other intent has.
pub fn fresh_intent_id() -> IntentId {
    IntentId(id())
}

/// What became of an intent that was to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenedIntent {
    /// It is open.
    Ours,
    /// This one is open for the same process.
    Held(Box<Intent>),
}

/// A process that is about to be stopped, and the watchdog that stops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    pub id: IntentId,
    /// What is stopped.
    pub process: ProcessName,
    /// The check that it is stopped for.
    pub check: String,
    /// The incident that it belongs to.
    pub incident: String,
    /// The URL of the supervisor, without secrets.
    pub supervisor: String,
    /// The process id before the stop.
    pub pid_before: Option<u32>,
    /// The watchdog that stops it, and starts it again.
    pub owner: Owner,
    /// When, in Unix time.
    pub opened: Moment,
}

impl Intent {
    /// The restart that it stands for, as far as it is known.
    pub fn pending(&self) -> PendingRestart {
        PendingRestart {
            intent: self.id,
            check: self.check.clone(),
            incident: self.incident.clone(),
            process: self.process.clone(),
            pid_before: self.pid_before,
            stop_unclear: true,
            start_answered: false,
            start_begun: false,
            incident_ended: false,
            stopped_in: None,
        }
    }
}

/// A run of a watchdog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The watchdog's key, the same in every run.
    pub watchdog: String,
    /// Its process id.
    pub pid: u32,
    /// When that process was started, in clock ticks since boot: field 22 of `/proc/PID/stat`. A process
    /// id alone may be given to another process.
    pub pid_started: u64,
}

const COLUMNS: &str =
    "id, process, check_name, incident, supervisor, pid_before, watchdog, pid, pid_started, opened";

/// Opens an intent unless there is one for its process: one statement, so that of two watchdogs one is first.
pub(super) fn open(
    conn: &Connection,
    intent: &Intent,
    process: &str,
) -> rusqlite::Result<OpenedIntent> {
    let owner = &intent.owner;
    conn.execute(
        &format!(
            "INSERT INTO intents ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT DO NOTHING"
        ),
        params![
            intent.id.0,
            process,
            intent.check,
            intent.incident,
            intent.supervisor,
            intent.pid_before,
            owner.watchdog,
            owner.pid,
            int(owner.pid_started),
            int(intent.opened.as_millis()),
        ],
    )?;
    let held = conn.query_row(
        &format!("SELECT {COLUMNS} FROM intents WHERE process = ?1 AND supervisor = ?2"),
        params![process, intent.supervisor],
        from_row,
    );
    Ok(match held.optional()?.flatten() {
        Some(held) if held.id != intent.id => OpenedIntent::Held(Box::new(held)),
        Some(_) | None => OpenedIntent::Ours,
    })
}

/// Puts `intent` in the place of `held`, unless someone else was first.
pub(super) fn take_over(
    conn: &Connection,
    held: &Intent,
    intent: &Intent,
    process: &str,
) -> rusqlite::Result<bool> {
    let owner = &held.owner;
    let removed = conn.execute(
        "DELETE FROM intents WHERE id = ?1 AND watchdog = ?2 AND pid = ?3 AND pid_started = ?4",
        params![held.id.0, owner.watchdog, owner.pid, int(owner.pid_started)],
    )?;
    Ok(removed == 1 && open(conn, intent, process)? == OpenedIntent::Ours)
}

pub(super) fn close(conn: &Connection, id: IntentId) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM intents WHERE id = ?1", [id.0])?;
    Ok(())
}

/// Hands an intent from `gone` to `heir`, unless someone else was first.
pub(super) fn adopt(
    conn: &Connection,
    id: IntentId,
    gone: &Owner,
    heir: &Owner,
) -> rusqlite::Result<bool> {
    let changed = conn.execute(
        "UPDATE intents SET watchdog = ?1, pid = ?2, pid_started = ?3 \
         WHERE id = ?4 AND watchdog = ?5 AND pid = ?6 AND pid_started = ?7",
        params![
            heir.watchdog,
            heir.pid,
            int(heir.pid_started),
            id.0,
            gone.watchdog,
            gone.pid,
            int(gone.pid_started),
        ],
    )?;
    Ok(changed == 1)
}

/// The open ones of every owner, oldest first, and how many more there are that cannot be read.
pub(super) fn all(conn: &Connection) -> rusqlite::Result<(Vec<Intent>, usize)> {
    let mut select = conn.prepare(&format!(
        "SELECT {COLUMNS} FROM intents ORDER BY opened, id"
    ))?;
    let (mut intents, mut unreadable) = (Vec::new(), 0);
    // row by row: one that cannot be read must not hide the others
    for intent in each(select.query([])?, from_row)? {
        match intent.flatten() {
            Some(intent) => intents.push(intent),
            None => unreadable += 1,
        }
    }
    Ok((intents, unreadable))
}

/// `None` when the process is written in words that this version does not know.
fn from_row(row: &Row<'_>) -> rusqlite::Result<Option<Intent>> {
    let Some(process) = parsed::<ProcessName>(&json_text(row, 1)?) else {
        return Ok(None);
    };
    Ok(Some(Intent {
        id: IntentId(row.get(0)?),
        process,
        check: row.get(2)?,
        incident: row.get(3)?,
        supervisor: row.get(4)?,
        pid_before: row.get(5)?,
        owner: Owner {
            watchdog: row.get(6)?,
            pid: row.get(7)?,
            pid_started: whole(row, 8)?,
        },
        opened: moment(row, 9)?,
    }))
}
