//! A configuration file is the same one under another name: a link, or after it was renamed. A watchdog's key is the name
//! that it was started with; so each writes into its lock which file that is, and the next one takes over what is kept
//! under a key of the same file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use super::run_lock;
use super::state_dir::short;
use crate::supervisor::embedded::{ProcessRecord, Program, move_notes, read_notes};

/// The keys of standalone watchdogs begin so.
const WATCH: &str = "watch ";

/// No lock's file is longer, in bytes.
const LONGEST: u64 = 16 * 1024;

/// How long what an earlier run was just starting may take to be started.
const STARTED_WITHIN: Duration = Duration::from_secs(2);
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Another key of the same configuration file, which no run has as long as this is there.
#[derive(Debug)]
pub struct FormerName {
    pub key: String,
    _lock: Flock<File>,
}

/// The key of the standalone watchdog `name`: that of its file, or what it asks.
pub fn watch_key(name: &str) -> String {
    format!("{WATCH}{name}")
}

/// The name of the watchdog of the configuration `file`.
pub fn name_of_file(file: &Path) -> String {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    file.display().to_string()
}

/// Whose the watchdog `key` of the state directory `dir` is, seen from the configuration `file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of the file, by whatever name it was started.
    OfFile,
    /// That of another file, or of none.
    Other,
    /// An event listener: which file it has is not known.
    Listener,
}

/// As [`Whose`] says.
pub fn whose(dir: &Path, key: &str, file: &Path) -> Whose {
    let noted = || {
        let lock = run_lock::path(dir, key);
        let noted = lock.exists().then(|| identity(&lock)).flatten();
        noted.map_or((0, 0), |(_, number)| number)
    };
    let leads_to = |ours: fs::Metadata| is_same(key, noted(), number(&ours));
    if key == watch_key(&name_of_file(file)) || fs::metadata(file).is_ok_and(leads_to) {
        Whose::OfFile
    } else if key.starts_with(WATCH) || key.starts_with("run ") {
        Whose::Other
    } else {
        Whose::Listener
    }
}

/// The number of a file in its file system.
type Number = (u64, u64);

/// The other keys of `file` in the state directory `dir`, whose key is now `key`. Blocks.
pub fn former_names(dir: &Path, key: &str, file: &Path) -> io::Result<Vec<FormerName>> {
    let ours = number(&fs::metadata(file)?);
    let mut keys = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("watchdog-") && name.ends_with(".lock") {
            keys.extend(identity(&path).filter(|(known, noted)| is_same(known, *noted, ours)));
        }
    }
    let mut keys: Vec<_> = keys.into_iter().map(|(key, _)| key).collect();
    // an earlier version wrote nothing into its lock
    let target = format!("{WATCH}{}", file.canonicalize()?.display());
    if !keys.contains(&target) && run_lock::path(dir, &target).exists() {
        keys.push(target);
    }
    keys.retain(|known| known != key);
    Ok(keys
        .into_iter()
        .filter_map(|key| {
            let _lock = lock(&run_lock::path(dir, &key))?;
            Some(FormerName { key, _lock })
        })
        .collect())
}

/// Whether the watchdog `key`, which had the file `noted`, had the file `ours`: its name leads there, or nowhere any more.
fn is_same(key: &str, noted: Number, ours: Number) -> bool {
    let Some(name) = key.strip_prefix(WATCH) else {
        return false;
    };
    match fs::metadata(name) {
        Ok(found) => number(&found) == ours,
        Err(error) => error.kind() == io::ErrorKind::NotFound && noted == ours,
    }
}

fn number(file: &fs::Metadata) -> Number {
    (file.dev(), file.ino())
}

/// What a lock says: the key, and the file.
fn identity(lock: &Path) -> Option<(String, Number)> {
    let mut text = String::new();
    let file = run_lock::open(lock).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let mut lines = text.splitn(3, '\n').skip(1);
    let (device, inode) = lines.next()?.split_once(' ')?;
    let number = (device.parse().ok()?, inode.parse().ok()?);
    Some((lines.next()?.trim_end_matches('\n').to_owned(), number))
}

fn lock(path: &Path) -> Option<Flock<File>> {
    let file = run_lock::open(path).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

/// Moves what the watchdog `former` has in `dir` beside the database to the watchdog `key`: notes on programs, and receipts.
/// Blocks.
pub fn move_files(dir: &Path, former: &str, key: &str) -> io::Result<()> {
    let place = |what: &str, key: &str| dir.join(format!("{what}-{}", short(key)));
    let (receipts, notes) = (place("deliveries", former), place("programs", former));
    if receipts.exists() {
        let into = place("deliveries", key);
        fs::create_dir_all(&into)?;
        for entry in fs::read_dir(receipts)? {
            let entry = entry?;
            fs::rename(entry.path(), into.join(entry.file_name()))?;
        }
    }
    if notes.exists() {
        let _lock = lock_of_notes(&notes, STARTED_WITHIN);
        move_notes(&notes, &place("programs", key), |_| true)?;
        for twice in read_notes(&notes)?.iter().filter(|left| left.lives()) {
            tracing::warn!(
                "\"{}\" runs twice: nobody supervises process {}, which was started under another name of this file",
                twice.name,
                twice.pid
            );
        }
    }
    Ok(())
}

/// Takes over the processes of `programs` that other watchdogs have noted in the directories beside `notes`, and that
/// nobody supervises: of files that are equal in this, such as a copy. Blocks.
pub fn orphans_of(notes: &Path, programs: &[Program]) -> io::Result<Vec<ProcessRecord>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(notes.parent().unwrap_or(notes))? {
        let other: PathBuf = entry?.path();
        let name = other.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("programs-") || other == notes || !other.is_dir() {
            continue;
        }
        let Some(_lock) = lock_of_notes(&other, Duration::ZERO) else {
            continue;
        };
        let is_ours = |record: &ProcessRecord| {
            record.lives()
                && programs.iter().any(|program| {
                    !program.dies_with_us
                        && program.full_name() == record.name
                        && program.fingerprint() == record.fingerprint
                })
        };
        for record in move_notes(&other, notes, is_ours)? {
            let (name, pid) = (&record.name, record.pid);
            tracing::info!(
                "\"{name}\" (pid {pid}) was left by a watchdog of another file, and is taken over"
            );
            found.push(record);
        }
    }
    Ok(found)
}

/// The lock of a directory of notes, unless a watchdog that runs has it.
fn lock_of_notes(notes: &Path, within: Duration) -> Option<Flock<File>> {
    let until = Instant::now() + within;
    loop {
        let lock = lock(&notes.with_extension("lock"));
        if lock.is_some() || Instant::now() >= until {
            return lock;
        }
        sleep(TRY_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::run_lock::RunLock;

    /// The last column: whether the watchdog that had `a.toml` is the one that has the file of that name now.
    #[tokio::test]
    async fn file_is_the_same_by_its_number_unless_its_name_has_another_file() {
        type Change = fn(&Path);
        let table: [(&str, Change, &str, bool); 6] = [
            ("nothing", |_| {}, "b.toml", false),
            (
                "hard link",
                |dir| fs::hard_link(dir.join("a.toml"), dir.join("c.toml")).unwrap(),
                "c.toml",
                true,
            ),
            (
                "renamed",
                |dir| fs::rename(dir.join("a.toml"), dir.join("c.toml")).unwrap(),
                "c.toml",
                true,
            ),
            (
                "renamed, and another one in its place",
                |dir| {
                    fs::rename(dir.join("a.toml"), dir.join("c.toml")).unwrap();
                    fs::write(dir.join("a.toml"), "").unwrap();
                },
                "c.toml",
                false,
            ),
            (
                "copied and removed",
                |dir| {
                    fs::copy(dir.join("a.toml"), dir.join("c.toml")).unwrap();
                    fs::remove_file(dir.join("a.toml")).unwrap();
                },
                "c.toml",
                false,
            ),
            (
                "the name is a link by now",
                |dir| {
                    fs::remove_file(dir.join("a.toml")).unwrap();
                    std::os::unix::fs::symlink("b.toml", dir.join("a.toml")).unwrap();
                },
                "b.toml",
                true,
            ),
        ];
        for (what, change, name, is_same) in table {
            let dir = tempfile::tempdir().unwrap();
            let (dir, state) = (dir.path(), dir.path().join("state"));
            for file in ["a.toml", "b.toml"] {
                fs::write(dir.join(file), "").unwrap();
            }
            let key = |name: &str| format!("{WATCH}{}", dir.join(name).display());
            let lock = RunLock::acquire(&state, &key("a.toml"), Duration::ZERO, |_| ()).await;
            let mut lock = lock.unwrap();
            lock.identify(&key("a.toml"), &dir.join("a.toml")).unwrap();
            let names = || former_names(&state, &key(name), &dir.join(name)).unwrap();
            change(dir);
            assert_eq!(names().len(), 0, "{what}: it runs");
            drop(lock);
            let found: Vec<_> = names().into_iter().map(|former| former.key).collect();
            let expected: Vec<_> = is_same.then(|| key("a.toml")).into_iter().collect();
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn state_of_an_earlier_version_is_found_from_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.toml"), dir.path().join("link.toml"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("a.toml", &link).unwrap();
        let key = format!("{WATCH}{}", file.canonicalize().unwrap().display());
        fs::write(run_lock::path(dir.path(), &key), "17\n").unwrap();
        let own = format!("{WATCH}{}", link.display());
        let found = former_names(dir.path(), &own, &link).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, key);
    }
}
