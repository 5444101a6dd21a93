//! The command lines that stop and start anything. Plain data.

use std::time::Duration;

use crate::exec::CommandLine;

/// The command lines; `{name}` and `{group}` are filled in when they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// Exits with 0 when it runs, 3 when not.
    pub status: CommandLine,
    /// Stops it.
    pub stop: CommandLine,
    /// Starts it, and leaves it detached.
    pub start: CommandLine,
    /// The file with its process id.
    pub pidfile: Option<String>,
    /// For each command.
    pub timeout: Duration,
}

impl CommandSpec {
    /// The names that stand in braces for a value.
    pub const PLACEHOLDERS: [&str; 2] = ["name", "group"];

    /// How long a command may take by default.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
}
