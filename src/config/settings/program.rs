//! Programs under our own supervisor, as the file defines them. Plain data with supervisord's names and
//! defaults, but for the output, which goes where ours does unless a file is named.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::secret::Secret;

/// One process that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Unique within its group.
    pub name: String,
    /// The same as `name` for a program on its own.
    pub group: String,
    /// The command and its arguments; no shell sees them. Never empty.
    pub command: Vec<String>,
    /// Where it runs; `None`: where we do.
    pub directory: Option<PathBuf>,
    /// Added to our own environment.
    pub environment: BTreeMap<String, Secret>,
    /// Whom it runs as; `None`: as we do.
    pub user: Option<User>,
    /// Its file mode creation mask; `None`: ours.
    pub umask: Option<u32>,
    /// How many files it may have open; `None`: as many as we.
    pub nofile: Option<u64>,
    /// How many bytes a core file of it may have, `u64::MAX` for any; `None`: as ours.
    pub core: Option<u64>,
    /// Where its standard output goes.
    pub stdout: Output,
    /// Where its standard error goes.
    pub stderr: Output,
    /// It is started with the watchdog.
    pub autostart: bool,
    /// Whether it is started again after it ended.
    pub autorestart: Autorestart,
    /// The exit codes that are expected.
    pub exitcodes: Vec<i32>,
    /// Up for so long, it counts as RUNNING.
    pub startsecs: Duration,
    /// So many further tries follow a failed start.
    pub startretries: u32,
    /// Asks it to end.
    pub stopsignal: Signal,
    /// From the stop signal to the kill.
    pub stopwaitsecs: Duration,
    /// Low ones start first and stop last.
    pub priority: i32,
}

impl Program {
    /// A program of its own with every default.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        let name = name.into();
        Self {
            group: name.clone(),
            name,
            command,
            directory: None,
            environment: BTreeMap::new(),
            user: None,
            umask: None,
            nofile: None,
            core: None,
            stdout: Output::Ours(Stream::Stdout),
            stderr: Output::Ours(Stream::Stderr),
            autostart: true,
            autorestart: Autorestart::Unexpected,
            exitcodes: vec![0],
            startsecs: Duration::from_secs(1),
            startretries: 3,
            stopsignal: Signal::SIGTERM,
            stopwaitsecs: Duration::from_secs(10),
            priority: 999,
        }
    }
}

/// Whom a program runs as. Names are looked up when the file is read: a directory service that hangs must
/// not hang a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All group ids.
    pub groups: Vec<u32>,
}

/// One of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Where a program's output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Nowhere.
    Nowhere,
    /// Where that one of ours goes.
    Ours(Stream),
    /// To a file.
    File(LogFile),
}

/// A file that is appended to and kept from growing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its path.
    pub path: PathBuf,
    /// Larger than this, it is emptied into a backup; 0: never.
    pub maxbytes: u64,
    /// Backups that are kept.
    pub backups: u32,
}

/// Whether a program is started again after it ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorestart {
    /// `true`: whatever its exit code.
    Always,
    /// Unless its exit code is among the expected ones.
    Unexpected,
    /// `false`: it is not.
    Never,
}

/// What becomes of the programs when the watchdog is told to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExit {
    /// They are stopped.
    #[default]
    Stop,
    /// They run on, and the next watchdog looks after them.
    Leave,
}
