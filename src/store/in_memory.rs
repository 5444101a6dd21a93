//! Where the store lives while its file cannot be written: a database in memory with the same tables, so
//! that every request works as before. It notes what changed, and that alone is carried over when the file
//! can be written again: other watchdogs may have gone on with the rest.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::rows::is_unreadable;
use super::schema::{self, ENTRIES, INCIDENTS, INTENTS, MEMORIES, NOTES, OUTBOX, SchemaTable};
use super::trouble::FileFault;

/// A full outbox and as much again for all the rest, in pages of 4 KiB.
const LARGEST: u32 = 32_768;

/// Until when a message is reserved that only its owner may take.
const NEVER: i64 = i64::MAX;

/// What is shown of the incidents that go on.
const OPEN_INCIDENTS: (&str, SchemaTable) = (
    "SELECT id, watchdog, check_name, since, opened, ended, incident FROM incidents WHERE ended IS NULL",
    INCIDENTS,
);
const THEIR_ENTRIES: (&str, SchemaTable) = (
    "SELECT incident, number, entry FROM incident_entries \
     WHERE incident IN (SELECT id FROM incidents WHERE ended IS NULL)",
    ENTRIES,
);

/// Notes what happens to the rows of a table. A row that comes and changes is still new.
const TRACK: &str = "
    CREATE TRIGGER {t}_new AFTER INSERT ON {t} BEGIN
        INSERT OR REPLACE INTO changed VALUES ('{t}', new.id, 'new');
    END;
    CREATE TRIGGER {t}_changed AFTER UPDATE ON {t} BEGIN
        INSERT OR IGNORE INTO changed VALUES ('{t}', new.id, 'changed');
    END;
    CREATE TRIGGER {t}_gone AFTER DELETE ON {t} BEGIN
        INSERT OR REPLACE INTO changed VALUES ('{t}', old.id, 'gone');
    END;";

/// Makes one, with what can be read of `file`: open intents, waiting messages, check state and open
/// incidents.
pub(super) fn build(file: Option<&Connection>) -> Result<Connection, FileFault> {
    let conn = Connection::open_in_memory()?;
    conn.query_row(
        &format!("PRAGMA max_page_count = {LARGEST}"),
        [],
        |_| Ok(()),
    )?;
    schema::migrate(&conn)?;
    if let Some(file) = file {
        let mut all_here = true;
        for table in [INTENTS, OUTBOX, MEMORIES] {
            all_here &= salvage_table(file, &conn, &table).is_ok();
        }
        for open in [OPEN_INCIDENTS, THEIR_ENTRIES] {
            let (select, table) = open;
            all_here &= copy_rows(file, select, &conn, &insert("OR IGNORE", &table)).is_ok();
        }
        if !all_here {
            tracing::warn!("not everything in the store could be read into memory");
        }
    }
    // In the file, the other watchdogs go on with theirs: here they are not orphans.
    conn.execute("UPDATE outbox SET reserved_until = ?1", [NEVER])?;
    conn.execute_batch(
        "CREATE TABLE changed (in_table TEXT, id INTEGER, what TEXT, PRIMARY KEY (in_table, id)) WITHOUT ROWID;",
    )?;
    for table in [INTENTS, OUTBOX] {
        conn.execute_batch(&TRACK.replace("{t}", table.name))?;
    }
    Ok(conn)
}

/// Carries all that must not be lost over from `before` into `file`, which never held it.
pub(super) fn carry_over(before: &Connection, file: &Connection) -> rusqlite::Result<()> {
    for table in [INTENTS, OUTBOX, MEMORIES, INCIDENTS, ENTRIES] {
        salvage_table(before, file, &table).or_else(CopyEnd::unless_writing)?;
    }
    file.execute(
        "UPDATE outbox SET reserved_until = next_attempt WHERE reserved_until = ?1",
        [NEVER],
    )?;
    Ok(())
}

/// Carries what changed in `memory` over into `file`.
pub(super) fn merge(memory: &Connection, file: &Connection) -> rusqlite::Result<()> {
    for table in [INTENTS, OUTBOX] {
        let changed = |what: &str| {
            format!(
                "SELECT {} FROM {} WHERE id IN (SELECT id FROM changed WHERE in_table = '{}' AND what = '{what}')",
                table.columns, table.name, table.name
            )
        };
        let delete = format!("DELETE FROM {} WHERE id = ?1", table.name);
        let gone = format!(
            "SELECT id FROM changed WHERE in_table = '{}' AND what = 'gone'",
            table.name
        );
        copy(memory, &gone, file, &delete)?;
        copy(memory, &changed("new"), file, &insert("OR IGNORE", &table))?;
        // What another watchdog closed or delivered meanwhile does not come back.
        let update = format!(
            "INSERT OR REPLACE INTO {0} ({1}) SELECT {2} WHERE EXISTS (SELECT 1 FROM {0} WHERE id = ?1)",
            table.name,
            table.columns,
            places(&table)
        );
        copy(memory, &changed("changed"), file, &update)?;
    }
    let newer = insert("", &MEMORIES)
        + " ON CONFLICT (watchdog, check_name) DO UPDATE SET memory = excluded.memory, \
           written = excluded.written WHERE excluded.written > written";
    copy(memory, &select(&MEMORIES), file, &newer)?;
    // an incident that another watchdog has ended meanwhile stays as it is
    let open = insert("", &INCIDENTS)
        + " ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, incident = excluded.incident \
           WHERE ended IS NULL";
    copy(memory, &select(&INCIDENTS), file, &open)?;
    copy(
        memory,
        &select(&ENTRIES),
        file,
        &insert("OR REPLACE", &ENTRIES),
    )?;
    copy(memory, &select(&NOTES), file, &insert("", &NOTES))?;
    Ok(())
}

/// Copies all that can still be read of a damaged database. Returns the number of rows.
pub(super) fn salvage(damaged: &Connection, fresh: &Connection) -> rusqlite::Result<usize> {
    [INTENTS, OUTBOX, MEMORIES, INCIDENTS, ENTRIES, NOTES]
        .iter()
        .map(|table| salvage_table(damaged, fresh, table).or_else(|stop| stop.unless_writing()))
        .sum()
}

/// What ended a copy, after how many rows.
enum CopyEnd {
    Reading(usize),
    Writing(rusqlite::Error),
}

impl CopyEnd {
    /// What cannot be read is lost; what cannot be written is an error.
    fn unless_writing(self) -> rusqlite::Result<usize> {
        match self {
            Self::Reading(copied) => Ok(copied),
            Self::Writing(error) => Err(error),
        }
    }
}

fn salvage_table(
    from: &Connection,
    to: &Connection,
    table: &SchemaTable,
) -> Result<usize, CopyEnd> {
    copy_rows(from, &select(table), to, &insert("OR IGNORE", table))
}

fn copy(from: &Connection, select: &str, to: &Connection, put: &str) -> rusqlite::Result<usize> {
    copy_rows(from, select, to, put).or_else(CopyEnd::unless_writing)
}

/// Row by row, so that a damaged page costs only the rows behind it.
fn copy_rows(
    from: &Connection,
    select: &str,
    to: &Connection,
    put: &str,
) -> Result<usize, CopyEnd> {
    let reading = |_: rusqlite::Error| CopyEnd::Reading(0);
    let mut select = from.prepare(select).map_err(reading)?;
    let width = select.column_count();
    let mut rows = select.query([]).map_err(reading)?;
    let mut put = to.prepare(put).map_err(CopyEnd::Writing)?;
    let mut copied = 0;
    while let Some(row) = rows.next().map_err(|_| CopyEnd::Reading(copied))? {
        let values: rusqlite::Result<Vec<Value>> =
            (0..width).map(|column| row.get(column)).collect();
        let values = match values {
            Ok(values) => values,
            Err(error) if is_unreadable(&error) => continue,
            Err(_) => return Err(CopyEnd::Reading(copied)),
        };
        match put.execute(params_from_iter(values)) {
            Ok(changed) => copied += changed,
            // A damaged row may break the rules of its table.
            Err(error) if FileFault::of(&error).is_none() => {}
            Err(error) => return Err(CopyEnd::Writing(error)),
        }
    }
    Ok(copied)
}

fn select(table: &SchemaTable) -> String {
    format!("SELECT {} FROM {}", table.columns, table.name)
}

fn insert(or: &str, table: &SchemaTable) -> String {
    format!(
        "INSERT {or} INTO {} ({}) VALUES ({})",
        table.name,
        table.columns,
        places(table)
    )
}

fn places(table: &SchemaTable) -> String {
    let places: Vec<String> = (1..=table.columns.split(',').count())
        .map(|number| format!("?{number}"))
        .collect();
    places.join(", ")
}
