//! Floor 4: the living watchdog. `wiring` turns settings into live parts; `watchdog` is the loop that feeds
//! events to the heart; `executor` turns its effects into deeds and the deeds' ends into events; `courier`
//! carries reports; `voice` says what happens while it happens; `programs` looks after the file's programs;
//! `control` is how a person talks to it; `guardian` is the service manager that watches over the watchdog.

pub mod control;
mod courier;
mod executor;
mod guardian;
pub mod journal;
mod ledger;
mod programs;
mod recovery;
mod state_dir;
mod stderr;
mod ticks;
mod voice;
mod watchdog;
pub mod wiring;

pub use guardian::Guardian;
pub use state_dir::state_dir;
pub use stderr::Stderr;
pub use ticks::Ticks;
pub use voice::Voice;
pub use watchdog::{Ending, Reload, Tally, Watchdog};
