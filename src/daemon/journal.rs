//! The journal: every event and the effects it led to, one JSON object a line, for `simulate`. A thread of
//! its own writes it, so that a slow disk holds nothing up; lines that do not fit are counted, and the count
//! stands in their place.
//!
//! A run begins with `{"journal":1,"at":...,"seed":...,"memories":{...}}`; from there the same configuration
//! makes the same decisions. Then come lines `{"at":...,"event":{...},"effects":[...]}`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::{Effect, Event, Memory, Moment, Monitor};

use crate::safe_path::{SafeDir, check_private};
use crate::sorted;
use crate::{escape, secret};

use super::logger::Logger;

/// Lines that may wait for the disk.
const WAITING: usize = 1024;

/// How long the last lines may hold up the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The version of these lines.
pub const VERSION: u32 = 1;

/// The beginning of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalStart {
    pub journal: u32,
    pub at: Moment,
    pub seed: u64,
    /// What an earlier run remembered.
    pub memories: BTreeMap<String, Memory>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub at: Moment,
    pub event: Event,
    pub effects: Vec<Effect>,
}

/// What the writer is given to do.
#[derive(Debug)]
enum JournalLine {
    Text(Vec<u8>),
    /// One that is long: written out by the writer.
    Entry(Box<JournalEntry>),
    /// Open the file again: somebody has moved it.
    Reopen,
}

/// Takes events; writing one never blocks.
#[derive(Debug)]
pub struct Journal {
    seed: u64,
    lines: Option<SyncSender<JournalLine>>,
    lost: Arc<AtomicU64>,
    written: Receiver<()>,
}

impl Journal {
    /// Goes on with the file at `path`, which only its owner may read. When that cannot be, it is said and no
    /// journal is written. Nothing waits for the disk.
    pub fn open(path: &Path, seed: u64, logger: &Logger) -> Option<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        let (done, written) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let (file, printer) = (path.to_path_buf(), logger.clone());
        let unwritten = |logger: &Logger, path: &Path, why: io::Error| {
            let path = path.display();
            logger.trouble(&format!("httpok: no journal is written to {path}: {why}"));
        };
        let started = std::thread::Builder::new()
            .name("journal".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || {
                match open_file(&file) {
                    Ok(opened) => write_all(opened, &file, &waiting, &counter),
                    Err(why) => unwritten(&printer, &file, why),
                }
                // the journal may be gone already
                let _ = done.send(());
            });
        match started {
            Ok(_) => Some(Self {
                seed,
                lines: Some(lines),
                lost,
                written,
            }),
            Err(why) => {
                unwritten(logger, path, why);
                None
            }
        }
    }

    /// Has what comes from now on written to a new file, if somebody has moved the old one.
    pub fn reopen(&self) {
        self.send(JournalLine::Reopen);
    }

    /// The first line of a run, or of a file.
    pub fn begin(&self, at: Moment, monitor: &Monitor) {
        let memory = |name: &String| Some((name.clone(), monitor.memory(name)?.clone()));
        let names: Vec<_> = monitor.checks().map(|check| check.name.clone()).collect();
        self.line(&JournalStart {
            journal: VERSION,
            at,
            seed: self.seed,
            memories: sorted::map(names.iter().filter_map(memory)),
        });
    }

    /// What happened, and what was decided.
    pub fn write(&self, at: Moment, event: Event, effects: &[Effect]) {
        #[derive(Serialize)]
        struct StoredEntry<'a> {
            at: Moment,
            event: &'a Event,
            effects: &'a [Effect],
        }
        // thousands of definitions
        if matches!(event, Event::Reload { .. }) {
            let effects = effects.to_vec();
            let entry = JournalEntry { at, event, effects };
            return self.send(JournalLine::Entry(Box::new(entry)));
        }
        let event = &event;
        self.line(&StoredEntry { at, event, effects });
    }

    fn line(&self, line: &impl Serialize) {
        match written(line) {
            Some(text) => self.send(JournalLine::Text(text)),
            None => drop(self.lost.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn send(&self, line: JournalLine) {
        let taken = self.lines.as_ref().map(|lines| lines.try_send(line));
        if !matches!(taken, Some(Ok(()))) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.lines = None;
        // a disk that takes longer has our last lines or not
        let _ = self.written.recv_timeout(LAST_LINES);
    }
}

/// `line` as it is written.
fn written(line: &impl Serialize) -> Option<Vec<u8>> {
    let text = serde_json::to_string(line).ok()?;
    let mut text = escape::unhidden(secret::mask_json(text)).into_bytes();
    text.push(b'\n');
    Some(text)
}

/// Answers are in it: nobody else may have made it, or may write it.
fn open_file(path: &Path) -> io::Result<File> {
    let (directory, name) = SafeDir::of_file(path)?;
    let file = directory.append_readable(&name, 0o600)?;
    check_private(&file)?;
    Ok(file)
}

/// Whether the last line has no end: its writer was killed, or the disk was full.
fn is_torn(file: &File) -> bool {
    let length = file.metadata().map_or(0, |about| about.len());
    let mut last = [b'\n'];
    length > 0 && file.read_exact_at(&mut last, length - 1).is_ok() && last != [b'\n']
}

fn write_all(mut file: File, path: &Path, lines: &Receiver<JournalLine>, lost: &AtomicU64) {
    let mut is_reported = false;
    let mut torn = is_torn(&file);
    for line in lines {
        let line = match line {
            JournalLine::Text(line) => line,
            JournalLine::Entry(entry) => match written(&*entry) {
                Some(line) => line,
                None => {
                    lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            },
            JournalLine::Reopen => {
                match open_file(path) {
                    Ok(opened) => {
                        torn = is_torn(&opened);
                        file = opened;
                    }
                    Err(why) => tracing::warn!(
                        "cannot open the journal again, the old file is written on: {why}"
                    ),
                }
                continue;
            }
        };
        let missed = lost.swap(0, Ordering::Relaxed);
        let mut text = Vec::new();
        if torn {
            text.push(b'\n');
        }
        if missed > 0 {
            text.extend_from_slice(format!("{{\"lost\":{missed}}}\n").as_bytes());
        }
        text.extend_from_slice(&line);
        match file.write_all(&text) {
            Ok(()) => (torn, is_reported) = (false, false),
            Err(why) => {
                torn = is_torn(&file);
                lost.fetch_add(missed + 1, Ordering::Relaxed);
                if !std::mem::replace(&mut is_reported, true) {
                    tracing::warn!("cannot write the journal: {why}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{CheckTick, Limits};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn lines_are_appended_and_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("journal");
        let tick = Event::Tick(CheckTick {
            check: "shop".to_owned(),
            age: None,
            period: None,
        });
        for seed in [1, 2] {
            let journal = Journal::open(&path, seed, &Logger::log()).expect("a journal");
            journal.begin(Moment::ZERO, &Monitor::new(Limits::default(), seed, vec![]));
            journal.write(Moment::from_secs(1), tick.clone(), &[]);
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        let begun: JournalStart = serde_json::from_str(lines[2]).expect("the second run");
        assert_eq!((begun.journal, begun.seed), (VERSION, 2));
        let entry: JournalEntry = serde_json::from_str(lines[3]).expect("its event");
        assert_eq!((entry.at, entry.event), (Moment::from_secs(1), tick));
        let mode = std::fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn run_after_a_torn_line_begins_a_new_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("journal");
        std::fs::write(&path, "{\"journal\":1}\n{\"at\":12,\"ev").expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
        let journal = Journal::open(&path, 1, &Logger::log()).expect("a journal");
        journal.write(Moment::ZERO, Event::Shutdown, &[]);
        journal.write(Moment::ZERO, Event::Shutdown, &[]);
        drop(journal);
        let text = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[1], "{\"at\":12,\"ev");
        assert!(lines[2].starts_with("{\"at\":0,"), "{text}");
    }

    #[test]
    fn lost_lines_are_counted_in_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("journal");
        let journal = Journal::open(&path, 1, &Logger::log()).expect("a journal");
        journal.lost.store(7, Ordering::Relaxed);
        journal.write(Moment::ZERO, Event::Shutdown, &[]);
        drop(journal);
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("{\"lost\":7}\n{\"at\":0,"), "{text}");
    }
}
