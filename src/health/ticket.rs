//! What a question of the decision core and its answer have in common.

use serde::{Deserialize, Serialize};

/// Names one question of the decision core, so that an answer to an older one is recognized.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ticket(pub u64);
