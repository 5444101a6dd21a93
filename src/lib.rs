//! httpok: a watchdog. See `ARCHITECTURE.md` for the tour.

// floor 1
pub mod clock;
pub mod exec;
pub mod health;
pub mod secret;
pub mod tick;
// floor 2
pub mod config;
pub mod notify;
pub mod probe;
pub mod store;
pub mod supervisor;
// floor 3
pub mod action;
// floor 4
pub mod daemon;
// floor 5
pub mod cli;
