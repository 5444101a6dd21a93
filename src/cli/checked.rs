//! What one question of `check` came to: made there, shown by `render`.

use crate::health::{Judgement, Observation};

/// One look and what it came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The check's name; for a URL of the command line that URL without userinfo.
    pub name: String,
    /// What was asked, without userinfo.
    pub url: String,
    /// The facts of the last look.
    pub seen: Observation,
    /// The opinion about them.
    pub judgement: Judgement,
    /// How often it was looked, which is more than once only with `--wait`.
    pub looks: u32,
}
