//! The tables, and how a database of an older version becomes one of this. Add a migration for every
//! change, also for a new word in a stored JSON value that older versions could not read.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::trouble::{FileFault, StoreTroubleKind};

/// `MIGRATIONS[n]` leads from version n to n + 1.
const MIGRATIONS: &[&str] = &[
    FIRST,
    NAMED_NOTIFIERS,
    ONE_INTENT_FOR_EACH_PROCESS,
    ENTRIES_AS_ROWS,
    HELD_MESSAGES,
];

/// From this version on the entries of an incident are rows of their own.
pub(super) const WITH_ENTRIES: usize = 4;

const FIRST: &str = "
    CREATE TABLE intents (
        id          INTEGER PRIMARY KEY,
        process     TEXT NOT NULL, -- JSON
        check_name  TEXT NOT NULL,
        incident    TEXT NOT NULL,
        supervisor  TEXT NOT NULL,
        pid_before  INTEGER,
        watchdog    TEXT NOT NULL,
        pid         INTEGER NOT NULL,
        pid_started INTEGER NOT NULL,
        opened      INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE outbox (
        id             INTEGER PRIMARY KEY,
        notifier       TEXT NOT NULL,
        incident       TEXT NOT NULL,
        number         INTEGER NOT NULL,
        message        TEXT NOT NULL, -- JSON
        bytes          INTEGER NOT NULL,
        created        INTEGER NOT NULL,
        attempts       INTEGER NOT NULL,
        next_attempt   INTEGER NOT NULL,
        last_failure   TEXT,
        state          TEXT NOT NULL CHECK (state IN ('pending', 'kept')),
        owner          TEXT NOT NULL,
        reserved_until INTEGER NOT NULL,
        UNIQUE (notifier, incident, number)
    ) STRICT;
    CREATE INDEX outbox_by_age ON outbox (state, created, id, bytes);

    CREATE TABLE memories (
        watchdog   TEXT NOT NULL,
        check_name TEXT NOT NULL,
        memory     TEXT NOT NULL, -- JSON
        written    INTEGER NOT NULL,
        PRIMARY KEY (watchdog, check_name)
    ) STRICT;

    CREATE TABLE incidents (
        id         TEXT PRIMARY KEY,
        watchdog   TEXT NOT NULL,
        check_name TEXT NOT NULL,
        since      INTEGER NOT NULL,
        opened     INTEGER NOT NULL,
        ended      INTEGER,
        incident   TEXT NOT NULL -- JSON
    ) STRICT;
    CREATE INDEX incidents_by_check ON incidents (check_name, opened);

    CREATE TABLE notes (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        watchdog   TEXT NOT NULL,
        check_name TEXT NOT NULL,
        written    INTEGER NOT NULL,
        note       TEXT NOT NULL -- JSON
    ) STRICT;
    CREATE INDEX notes_by_check ON notes (check_name);
";

/// A notifier has a name that outlives its settings; messages are in order per check; what is remembered of a check
/// is a watchdog's own.
const NAMED_NOTIFIERS: &str = "
    ALTER TABLE outbox ADD COLUMN address TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN check_name TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
    UPDATE outbox SET check_name = incident;
    UPDATE outbox SET seq = (SELECT count(*) FROM outbox AS other
        WHERE (other.created, other.number, other.id) <= (outbox.created, outbox.number, outbox.id));
    UPDATE OR IGNORE outbox SET address = notifier, notifier = 'mail' WHERE notifier LIKE 'mail to %';
    CREATE INDEX outbox_by_check ON outbox (owner, notifier, check_name, state, seq);

    DROP INDEX incidents_by_check;
    CREATE INDEX incidents_by_check ON incidents (watchdog, check_name, opened);
    DROP INDEX notes_by_check;
    CREATE INDEX notes_by_check ON notes (watchdog, check_name);
";

/// Of several intents for one process the oldest says how it was before it was stopped first.
const ONE_INTENT_FOR_EACH_PROCESS: &str = "
    DELETE FROM intents AS later WHERE EXISTS (
        SELECT 1 FROM intents AS first
        WHERE first.process = later.process AND first.supervisor = later.supervisor
        AND (first.opened, first.id) < (later.opened, later.id)
    );
    CREATE UNIQUE INDEX intents_by_process ON intents (process, supervisor);
";

/// What happens in an incident is appended to it, and what is searched at every report has an index: with thousands of
/// checks down at once all of them are written and reported within seconds.
const ENTRIES_AS_ROWS: &str = "
    CREATE TABLE incident_entries (
        incident TEXT NOT NULL,
        number   INTEGER NOT NULL, -- counts up from 0, also over those that were dropped
        entry    TEXT NOT NULL, -- JSON
        PRIMARY KEY (incident, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER incidents_drop_entries AFTER DELETE ON incidents BEGIN
        DELETE FROM incident_entries WHERE incident = old.id;
    END;
    CREATE INDEX incidents_by_age ON incidents (opened) WHERE ended IS NOT NULL;

    CREATE INDEX outbox_by_seq ON outbox (seq);
    CREATE INDEX outbox_by_due ON outbox (owner, notifier, state, next_attempt, seq);
    CREATE TABLE outbox_size (messages INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO outbox_size SELECT count(*), coalesce(sum(bytes), 0) FROM outbox;
    CREATE TRIGGER outbox_grows AFTER INSERT ON outbox BEGIN
        UPDATE outbox_size SET messages = messages + 1, bytes = bytes + new.bytes;
    END;
    CREATE TRIGGER outbox_shrinks AFTER DELETE ON outbox BEGIN
        UPDATE outbox_size SET messages = messages - 1, bytes = bytes - old.bytes;
    END;
";

/// A message may be held for a while, in which a later one can take it back.
const HELD_MESSAGES: &str = "ALTER TABLE outbox ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;";

/// A table with its columns: what rows are copied by, from one database to another.
pub(super) struct SchemaTable {
    pub name: &'static str,
    pub columns: &'static str,
}

pub(super) const INTENTS: SchemaTable = SchemaTable {
    name: "intents",
    columns: "id, process, check_name, incident, supervisor, pid_before, watchdog, pid, pid_started, opened",
};
pub(super) const OUTBOX: SchemaTable = SchemaTable {
    name: "outbox",
    columns: "id, notifier, incident, number, message, bytes, created, attempts, next_attempt, \
              last_failure, state, owner, reserved_until, address, check_name, seq, held_until",
};
pub(super) const MEMORIES: SchemaTable = SchemaTable {
    name: "memories",
    columns: "watchdog, check_name, memory, written",
};
pub(super) const INCIDENTS: SchemaTable = SchemaTable {
    name: "incidents",
    columns: "id, watchdog, check_name, since, opened, ended, incident",
};
pub(super) const ENTRIES: SchemaTable = SchemaTable {
    name: "incident_entries",
    columns: "incident, number, entry",
};
/// Without the id, which each database counts for itself.
pub(super) const NOTES: SchemaTable = SchemaTable {
    name: "notes",
    columns: "watchdog, check_name, written, note",
};

/// The version this program reads and writes.
pub(super) fn ours() -> usize {
    MIGRATIONS.len()
}

/// The version of the database.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<usize> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
        .map(|version: u32| version as usize)
}

/// A database of a newer version is not for us: its tables may mean something else.
pub(super) fn refuse_newer(found: usize) -> Result<(), FileFault> {
    if found <= ours() {
        return Ok(());
    }
    Err(FileFault::new(
        StoreTroubleKind::Newer,
        format!("its version is {found}, this httpok knows up to {}", ours()),
    ))
}

/// Brings the database to our version. Takes the write lock in any case, so that a database that cannot
/// be written is known here and not at the first stop.
pub(super) fn migrate(conn: &Connection) -> Result<(), FileFault> {
    refuse_newer(version(conn)?)?;
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    refuse_newer(found)?;
    for step in &MIGRATIONS[found..] {
        tx.execute_batch(step)?;
    }
    if found < ours() {
        tx.pragma_update(None, "user_version", ours() as u32)?;
    }
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_lists_are_complete() {
        let conn = Connection::open_in_memory().expect("a database");
        migrate(&conn).expect("the schema");
        for table in [INTENTS, OUTBOX, MEMORIES, INCIDENTS, ENTRIES, NOTES] {
            let count: usize = conn
                .query_row(
                    "SELECT count(*) FROM pragma_table_info(?1) WHERE name <> 'id' OR ?1 <> 'notes'",
                    [table.name],
                    |row| row.get::<_, u32>(0).map(|n| n as usize),
                )
                .expect("a count");
            assert_eq!(table.columns.split(',').count(), count, "{}", table.name);
            conn.prepare(&format!("SELECT {} FROM {}", table.columns, table.name))
                .expect("columns that exist");
        }
    }

    #[test]
    fn a_store_of_the_first_version_keeps_its_messages_in_order() {
        let conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch(FIRST).expect("the first schema");
        conn.pragma_update(None, "user_version", 1).expect("set");
        for (id, incident, number, created, notifier) in [
            (7, "i", 1, 10, "mail to ops through sendmail"),
            (3, "i", 2, 11, "mail to ops through sendmail"),
            (5, "j", 1, 9, "webhook 1 of watch"),
        ] {
            conn.execute(
                "INSERT INTO outbox VALUES (?1, ?5, ?2, ?3, '{}', 2, ?4, 0, ?4, NULL, 'pending', 'a', 0)",
                rusqlite::params![id, incident, number, created, notifier],
            )
            .expect("a row");
        }
        migrate(&conn).expect("the schema of today");
        let mut select = conn
            .prepare("SELECT notifier, address, check_name, seq FROM outbox ORDER BY seq")
            .expect("columns");
        let rows = select.query_map([], |row| {
            let text = |column| row.get::<_, String>(column);
            let seq: u32 = row.get(3)?;
            Ok(format!("{}, {}, {}, {seq}", text(0)?, text(1)?, text(2)?))
        });
        let rows: rusqlite::Result<Vec<_>> = rows.expect("rows").collect();
        let through = "mail, mail to ops through sendmail, i";
        assert_eq!(
            rows.expect("text"),
            [
                "webhook 1 of watch, , j, 1".to_owned(),
                format!("{through}, 2"),
                format!("{through}, 3"),
            ]
        );
    }

    #[test]
    fn migrating_twice_changes_nothing_and_a_newer_version_is_refused() {
        let conn = Connection::open_in_memory().expect("a database");
        migrate(&conn).expect("the schema");
        migrate(&conn).expect("nothing to do");
        conn.pragma_update(None, "user_version", ours() as u32 + 1)
            .expect("a newer version");
        let fault = migrate(&conn).expect_err("a refusal");
        assert_eq!(fault.kind, StoreTroubleKind::Newer);
        assert_eq!(fault.detail, "its version is 6, this httpok knows up to 5");
    }
}
