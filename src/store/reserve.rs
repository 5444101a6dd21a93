//! Room for intents on a disk that is full: a small file whose blocks are allocated while there is room, so that
//! "I am about to stop X" can be written in any case. It has slots of one line each, is shared by all watchdogs of the
//! directory, and holds only what the database could not take.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value as Json;

use super::schema::INTENTS;
use crate::json;

/// Intents that fit in, and the room of each in bytes: names are short.
const SLOTS: usize = 16;
const SLOT: usize = 1024;

/// The reserve of a directory, as one watchdog uses it.
pub(super) struct Reserve {
    path: PathBuf,
    /// The slots that hold intents of the memory's table, by the intent's id.
    slots: HashMap<i64, usize>,
}

impl Reserve {
    pub fn new(dir: &Path) -> Self {
        Self {
            path: dir.join("intents.reserve"),
            slots: HashMap::new(),
        }
    }

    /// Allocates the file if it is not there: done while the disk has room.
    pub fn allocate(&self) -> io::Result<()> {
        let file = self.open(true)?;
        let size = (SLOTS * SLOT) as u64;
        if file.metadata()?.len() < size {
            let _lock = locked(&file)?;
            // not a hole: each block is written
            for slot in 0..SLOTS {
                if read(&file, slot)?.is_none() {
                    file.write_all_at(&[0; SLOT], (slot * SLOT) as u64)?;
                }
            }
            file.sync_all()?;
        }
        Ok(())
    }

    /// Puts the intents of the reserve into `conn`'s table. In the database they are safe, so that their slots are
    /// free then.
    pub fn import(&mut self, conn: &Connection, is_durable: bool) -> io::Result<()> {
        let file = match self.open(false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let _lock = locked(&file)?;
        for slot in 0..SLOTS {
            let Some((id, values)) = read(&file, slot)? else {
                continue;
            };
            let places: Vec<_> = (1..=values.len())
                .map(|place| format!("?{place}"))
                .collect();
            let insert = format!(
                "INSERT OR IGNORE INTO intents ({}) VALUES ({})",
                INTENTS.columns,
                places.join(", ")
            );
            conn.execute(&insert, params_from_iter(values))
                .map_err(io::Error::other)?;
            match is_durable {
                true => clear(&file, slot)?,
                false => {
                    self.slots.insert(id, slot);
                }
            }
        }
        if is_durable {
            self.slots.clear();
        }
        file.sync_data()
    }

    /// Makes the reserve hold what is new or changed in the table of `memory`, and nothing else of ours. On disk when
    /// this returns.
    pub fn follow(&mut self, memory: &Connection) -> io::Result<()> {
        let rows = rows(memory).map_err(io::Error::other)?;
        let gone: Vec<_> = self
            .slots
            .iter()
            .filter(|(id, _)| !rows.contains_key(id))
            .map(|(id, slot)| (*id, *slot))
            .collect();
        let new: Vec<_> = rows
            .iter()
            .filter(|(id, _)| !self.slots.contains_key(id))
            .collect();
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        let file = self.open(false)?;
        let _lock = locked(&file)?;
        for (id, slot) in gone {
            clear(&file, slot)?;
            self.slots.remove(&id);
        }
        let mut free = Vec::new();
        for slot in 0..SLOTS {
            if read(&file, slot)?.is_none() {
                free.push(slot);
            }
        }
        for (id, values) in new {
            let Some(slot) = free.pop() else {
                return Err(io::ErrorKind::StorageFull.into());
            };
            write(&file, slot, values)?;
            self.slots.insert(*id, slot);
        }
        file.sync_data()
    }

    fn open(&self, create: bool) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(&self.path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }
}

/// Held while slots are chosen: other watchdogs choose from the same ones, for moments.
fn locked(file: &File) -> io::Result<File> {
    let lock = file.try_clone()?;
    lock.lock()?;
    Ok(lock)
}

/// The intents in memory that the database's file does not hold like that.
fn rows(memory: &Connection) -> rusqlite::Result<HashMap<i64, Vec<Value>>> {
    let mut select = memory.prepare(&format!(
        "SELECT {} FROM intents WHERE id IN \
         (SELECT id FROM changed WHERE in_table = 'intents' AND what <> 'gone')",
        INTENTS.columns
    ))?;
    let width = select.column_count();
    let mut rows = select.query([])?;
    let mut all = HashMap::new();
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (0..width)
            .map(|column| row.get(column))
            .collect::<rusqlite::Result<_>>()?;
        all.insert(row.get(0)?, values);
    }
    Ok(all)
}

fn write(file: &File, slot: usize, values: &[Value]) -> io::Result<()> {
    let line: Vec<Json> = values
        .iter()
        .map(|value| match value {
            Value::Integer(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Null | Value::Real(_) | Value::Blob(_) => Json::Null,
        })
        .collect();
    let mut bytes = serde_json::to_vec(&line)?;
    if bytes.len() > SLOT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    bytes.resize(SLOT, 0);
    file.write_all_at(&bytes, (slot * SLOT) as u64)
}

fn clear(file: &File, slot: usize) -> io::Result<()> {
    file.write_all_at(&[0; SLOT], (slot * SLOT) as u64)
}

/// The intent in a slot; what is not one counts as free.
fn read(file: &File, slot: usize) -> io::Result<Option<(i64, Vec<Value>)>> {
    let mut bytes = [0; SLOT];
    match file.read_exact_at(&mut bytes, (slot * SLOT) as u64) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(SLOT);
    let Ok(line) = json::from_bytes::<Vec<Json>>(&bytes[..end]) else {
        return Ok(None);
    };
    let is_whole = line.len() == INTENTS.columns.split(',').count();
    let Some(id) = line.first().and_then(Json::as_i64).filter(|_| is_whole) else {
        return Ok(None);
    };
    let values = line.into_iter().map(|value| match value {
        Json::Number(number) => number.as_i64().map_or(Value::Null, Value::Integer),
        Json::String(text) => Value::Text(text),
        _ => Value::Null,
    });
    Ok(Some((id, values.collect())))
}
