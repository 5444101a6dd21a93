//! The mind that a trace is run through, as configured.

use crate::health::{Check, Limits};

/// Whose decisions they are.
#[derive(Debug)]
pub struct Mind {
    pub checks: Vec<Check>,
    pub limits: Limits,
}
