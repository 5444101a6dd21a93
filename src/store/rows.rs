//! Small conversions between our values and SQLite's.

use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::trouble::StoreError;
use crate::health::Moment;
use crate::secret;

/// A row id that is new in every database: rows keep it when they move from memory to disk.
pub(super) fn id() -> i64 {
    fastrand::i64(1..)
}

/// Executes `sql` as a statement that is prepared once for each connection: for what is done at every probe or report.
pub(super) fn execute(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// SQLite's integers are signed.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|number| u64::try_from(number).unwrap_or(0))
}

pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Moment> {
    whole(row, column).map(Moment::from_millis)
}

pub(super) fn json_text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    row.get(column)
}

/// Whether `error` is about the value in one row, such as a text that is not UTF-8, and not about the file.
pub(super) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
    )
}

/// What `read` makes of each row; `None` for a row that cannot be read.
pub(super) fn each<T>(
    mut rows: rusqlite::Rows<'_>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<Option<T>>> {
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(match read(row) {
            Ok(value) => Some(value),
            Err(error) if is_unreadable(&error) => None,
            Err(error) => return Err(error),
        });
    }
    Ok(all)
}

/// The value in `text`, unless another version wrote something into it that this one does not know.
pub(super) fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    let json = serde_json::to_string(value);
    json.map(secret::mask_json)
        .map_err(|cause| StoreError::Json { what, cause })
}
