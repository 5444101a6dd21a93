//! Which service manager is meant, and how it is reached. Plain data.

use std::path::PathBuf;

/// How a service manager is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemdSpec {
    /// Whose it is.
    pub scope: ManagerScope,
    /// The command; looked for in `PATH` when it is a bare name.
    pub systemctl: PathBuf,
}

impl Default for SystemdSpec {
    /// The system's, through the `systemctl` in `PATH`.
    fn default() -> Self {
        Self {
            scope: ManagerScope::System,
            systemctl: PathBuf::from("systemctl"),
        }
    }
}

/// Whose service manager is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManagerScope {
    /// The system's.
    #[default]
    System,
    /// The one of the user that we run as.
    User,
}
