//! Which of the service managers of a host.

/// Whose service manager is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The system's.
    #[default]
    System,
    /// The one of the user that we run as.
    User,
}
