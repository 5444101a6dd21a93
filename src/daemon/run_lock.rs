//! One run of a watchdog at a time: each holds a lock in the state directory that has its key in the name, and one for
//! its configuration file, in a directory that no setting moves. The kernel takes a lock away with the process, however
//! that ends. The file says which process holds it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::time::{Instant, sleep};

use super::state_dir::short;
use crate::safe_path::{SafeDir, check_private_dir};

/// How often a lock that another run holds is tried again.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// Held for as long as the watchdog runs.
#[derive(Debug)]
pub struct RunLock {
    file: Flock<File>,
    /// Of the same file under its other names, and that file: as long as it is open, no other one gets its number.
    _by_number: Option<(Box<Self>, File)>,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error(
        "another watchdog of this configuration runs{}: stop it first",
        .0.map(|pid| format!(" as process {pid}")).unwrap_or_default()
    )]
    Held(Option<u32>),
    /// There is no place for it; a watchdog without a state directory watches all the same.
    #[error("cannot lock \"{}\": {cause}", path.display())]
    Unusable { path: PathBuf, cause: io::Error },
}

impl RunLock {
    /// The lock of the watchdog `key` in `dir`, within `patience`: an earlier run may just be ending. Before it is waited
    /// for, `waiting` gets the process that holds it.
    pub async fn acquire(
        dir: &Path,
        key: &str,
        patience: Duration,
        waiting: impl FnOnce(Option<u32>),
    ) -> Result<Self, LockError> {
        let path = path(dir, key);
        let unusable = |cause| LockError::Unusable {
            path: path.clone(),
            cause,
        };
        let mut file = open(&path).map_err(unusable)?;
        let until = Instant::now() + patience;
        let mut waiting = Some(waiting);
        loop {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut file) => {
                    write_pid(&mut file).map_err(unusable)?;
                    return Ok(Self {
                        file,
                        _by_number: None,
                    });
                }
                Err((mut file, Errno::EWOULDBLOCK)) if Instant::now() < until => {
                    if let Some(waiting) = waiting.take() {
                        waiting(read_pid(&mut file));
                    }
                    file
                }
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    return Err(LockError::Held(read_pid(&mut file)));
                }
                Err((_, error)) => return Err(unusable(error.into())),
            };
            sleep(TRY_EVERY).await;
        }
    }

    /// Writes into the lock of the watchdog `key` which file it has: `former_names` reads it.
    pub fn identify(&mut self, key: &str, file: &Path) -> io::Result<()> {
        let found = fs::metadata(file)?;
        writeln!(self.file, "{} {}\n{key}", found.dev(), found.ino())
    }

    /// The lock of the watchdog of the configuration `file`, by whatever name that was given (links of both kinds) and
    /// whatever its state directory is; as [`Self::acquire`]. A file that was replaced is the same by its name.
    pub async fn of_file(
        file: &Path,
        patience: Duration,
        waiting: impl Fn(Option<u32>),
    ) -> Result<Self, LockError> {
        let dir = lock_dir().map_err(|(path, cause)| LockError::Unusable { path, cause })?;
        let path = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        let key = format!("file {}", path.display());
        let lock = Self::acquire(&dir, &key, patience, &waiting).await?;
        let Some((key, file)) = number(&path) else {
            return Ok(lock);
        };
        let by_number = Self::acquire(&dir, &key, patience, &waiting).await?;
        Ok(Self {
            _by_number: Some((Box::new(by_number), file)),
            ..lock
        })
    }
}

/// The number of a file in its file system, and the file, opened.
fn number(path: &Path) -> Option<(String, File)> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NONBLOCK);
    let file = options.open(path).ok()?;
    let metadata = file.metadata().ok().filter(Metadata::is_file)?;
    let key = format!("file number {} on {}", metadata.ino(), metadata.dev());
    Some((key, file))
}

/// The process of this user that watches the configuration `file`, whatever its state directory is.
pub fn holder_of_file(file: &Path) -> Option<u32> {
    let file = file.canonicalize().ok()?;
    let key = format!("file {}", file.display());
    let (usual, fallback) = lock_dirs();
    let mut dirs = usual.into_iter().chain([fallback]);
    dirs.find_map(|dir| {
        check_private_dir(&dir).ok()?;
        let mut options = OpenOptions::new();
        options.read(true);
        options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
        let lock = options.open(path(&dir, &key)).ok()?;
        match Flock::lock(lock, FlockArg::LockSharedNonblock) {
            Err((mut lock, Errno::EWOULDBLOCK)) => read_pid(&mut lock),
            Ok(_) | Err(_) => None,
        }
    })
}

/// Where the locks of configuration files are: one directory for all runs of this user. Nobody else can hold a lock in
/// it.
fn lock_dir() -> Result<PathBuf, (PathBuf, io::Error)> {
    let (usual, fallback) = lock_dirs();
    let prepare = |dir: PathBuf| match prepared(&dir) {
        Ok(()) => Ok(dir),
        Err(cause) => Err((dir, cause)),
    };
    usual
        .and_then(|dir| prepare(dir).ok())
        .map_or_else(|| prepare(fallback), Ok)
}

/// The usual one, if this user has one, and one of every user.
fn lock_dirs() -> (Option<PathBuf>, PathBuf) {
    let user = nix::unistd::geteuid();
    let own = PathBuf::from(format!("/run/user/{user}"));
    let usual = match user.is_root() {
        true => Some("/run/httpok".into()),
        false if own.is_dir() => Some(own.join("httpok")),
        false => None,
    };
    (usual, PathBuf::from(format!("/tmp/httpok-{user}")))
}

fn prepared(dir: &Path) -> io::Result<()> {
    SafeDir::make_all(dir, 0o700)?;
    check_private_dir(dir)?;
    // it may be there, on a file system that is read-only by now
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).map_err(io::Error::from)
}

/// Whether a watchdog `key` of the state directory `dir` runs just now. When that cannot be found out it may.
pub fn is_running(dir: &Path, key: &str) -> bool {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path(dir, key));
    match file {
        Ok(file) => Flock::lock(file, FlockArg::LockSharedNonblock).is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The lock of the watchdog `key` in `dir`.
pub fn path(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("watchdog-{}.lock", short(key)))
}

/// A lock's file, made if it is not there.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn run_lock_is_exclusive_and_names_its_holder() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("state");
        assert!(!is_running(&dir, "a"));
        let lock = RunLock::acquire(&dir, "a", Duration::ZERO, |_| ()).await;
        let lock = lock.expect("the lock");
        assert!(is_running(&dir, "a") && !is_running(&dir, "b"));
        let mut waited_for = None;
        let second = RunLock::acquire(&dir, "a", Duration::from_millis(100), |pid| {
            waited_for = pid
        })
        .await;
        assert_eq!(waited_for, Some(std::process::id()), "said before the wait");
        let why = second.expect_err("it is held").to_string();
        let pid = format!("process {}", std::process::id());
        assert!(why.contains(&pid), "{why}");
        let other = RunLock::acquire(&dir, "b", Duration::ZERO, |_| ()).await;
        assert!(other.is_ok(), "another watchdog");
        drop(lock);
        assert!(!is_running(&dir, "a"));
        let next = RunLock::acquire(&dir, "a", Duration::ZERO, |_| ()).await;
        assert!(next.is_ok(), "the file that is left is no lock");
    }

    #[tokio::test]
    async fn configuration_file_has_one_lock_under_all_its_names() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, other) = (dir.path().join("a.toml"), dir.path().join("b.toml"));
        std::fs::write(&file, "").expect("written");
        std::fs::write(&other, "").expect("written");
        let (symbolic, hard) = (
            dir.path().join("symbolic.toml"),
            dir.path().join("hard.toml"),
        );
        std::os::unix::fs::symlink(&file, &symbolic).expect("a link");
        std::fs::hard_link(&file, &hard).expect("a link");
        let lock = RunLock::of_file(&file, Duration::ZERO, |_| ()).await;
        let lock = lock.expect("the lock");
        for link in [&symbolic, &hard] {
            let second = RunLock::of_file(link, Duration::ZERO, |_| ()).await;
            assert!(
                matches!(second, Err(LockError::Held(Some(_)))),
                "{second:?}"
            );
        }
        let beside = RunLock::of_file(&other, Duration::ZERO, |_| ()).await;
        assert!(beside.is_ok(), "{beside:?}");
        // an editor puts another file in its place
        std::fs::rename(&other, &file).expect("replaced");
        drop(beside);
        let replaced = RunLock::of_file(&file, Duration::ZERO, |_| ()).await;
        assert!(replaced.is_err(), "{replaced:?}");
        drop(lock);
        for name in [&file, &symbolic, &hard] {
            let next = RunLock::of_file(name, Duration::ZERO, |_| ()).await;
            assert!(next.is_ok(), "{next:?}");
        }
    }
}
