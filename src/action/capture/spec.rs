//! Which evidence is kept before a restart, and within which bounds; and the commands of ladders. Plain data.

use std::path::PathBuf;
use std::time::Duration;

use crate::exec::CommandLine;

/// Evidence before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureSpec {
    /// As the original does it: a core by `gcore`, with the original's name and messages, no other evidence and
    /// no limit but the timeout.
    pub original: bool,
    /// Where the evidence is kept; made when it is not there. `None`: the watchdog's own place for evidence.
    pub dir: Option<PathBuf>,
    /// How a core is made; `None` makes none.
    pub core: Option<Dumper>,
    /// Commands whose output is kept; `{pid}`, `{name}` and `{check}` are filled in.
    pub run: Vec<CommandLine>,
    /// For all evidence of one process together.
    pub timeout: Duration,
    /// Of each process the evidence of so many incidents is kept; the oldest goes first. At least 1.
    pub keep: u32,
    /// All evidence in the directory together takes no more than so many bytes of the disk.
    pub max_bytes: u64,
    /// Nothing is written that would leave fewer bytes free than this.
    pub min_free: u64,
}

impl CaptureSpec {
    /// The names that stand in braces for a value.
    pub const PLACEHOLDERS: [&str; 3] = ["pid", "name", "check"];
}

/// What is cheap: facts and last lines, no core.
impl Default for CaptureSpec {
    fn default() -> Self {
        Self {
            original: false,
            dir: None,
            core: None,
            run: Vec::new(),
            timeout: Duration::from_secs(30),
            keep: 5,
            max_bytes: 2 << 30,
            min_free: 1 << 30,
        }
    }
}

/// A command that a rung runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RungCommand {
    /// What is run.
    pub command: CommandLine,
    /// It is killed after so long, with all that it has started.
    pub timeout: Duration,
}

impl RungCommand {
    /// What may stand in braces in its command.
    pub const PLACEHOLDERS: [&'static str; 2] = ["check", "incident"];
}

/// What makes a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dumper {
    /// The user's command line: a file's name and the pid are appended. It adds the pid to the name, as `gcore`
    /// does.
    Command(String),
    /// This program itself, in a process of its own: the path that runs it.
    Builtin(PathBuf),
}

impl Dumper {
    /// The command line `gcore`, or `builtin` for this program itself.
    pub fn new(gcore: &str) -> Self {
        match gcore {
            // also after an update has replaced the program's file
            "builtin" => Self::Builtin("/proc/self/exe".into()),
            command => Self::Command(command.to_owned()),
        }
    }
}

impl Default for Dumper {
    fn default() -> Self {
        Self::Command("/usr/bin/gcore -o".to_owned())
    }
}
