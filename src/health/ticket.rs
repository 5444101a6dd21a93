//! What a question of the heart and its answer have in common.

use serde::{Deserialize, Serialize};

/// Names one question of the heart, so that an answer to an older one is recognized.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ticket(pub u64);
