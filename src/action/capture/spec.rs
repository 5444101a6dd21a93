//! What is to be kept, as configured.

use std::path::PathBuf;
use std::time::Duration;

use crate::exec::CommandLine;

/// Which evidence is kept, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureSpec {
    /// As the original does it: a core by `gcore`, named and told as there, no other evidence and no limit
    /// but the timeout.
    pub original: bool,
    /// Where the evidence is kept. Made when it is not there.
    pub dir: PathBuf,
    /// How a core is made; `None` makes none.
    pub core: Option<Dumper>,
    /// The user's tools; `{pid}`, `{name}` and `{check}` are filled in.
    pub run: Vec<CommandLine>,
    /// For all evidence of one process together.
    pub timeout: Duration,
    /// Of each process the evidence of so many incidents is kept.
    pub keep: u32,
    /// All evidence in the directory together takes no more than so many bytes of the disk.
    pub max_bytes: u64,
    /// Nothing is written that would leave fewer bytes free than this.
    pub min_free: u64,
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
