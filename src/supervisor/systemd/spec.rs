//! Which service manager is meant, and how it is reached. Plain data.

use std::path::PathBuf;

/// How a service manager is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemdSpec {
    /// Which service manager.
    pub scope: ManagerScope,
    /// The command; a bare name is searched in `PATH`.
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

/// Which service manager is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManagerScope {
    /// The system's.
    #[default]
    System,
    /// The manager of the user that httpok runs as.
    User,
}
