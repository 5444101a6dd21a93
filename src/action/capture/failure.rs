//! Why a core could not be written, as the process that tries says it.

use std::fmt;

/// Why there is no core.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its threads changed while they were stopped one by one.
    #[allow(dead_code, reason = "where no core can be written it does not happen")]
    Race,
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Race => f.write_str("its threads come and go too fast"),
            Self::Other(why) => f.write_str(why),
        }
    }
}
