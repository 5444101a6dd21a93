//! Floor 4: the living watchdog. `wiring` turns settings into live parts; `watchdog` is the loop that feeds
//! events to the decision core; `executor` turns its effects into deeds and the deeds' ends into events; `notification_queue`
//! carries reports; `logger` says what happens while it happens, `console` to a person at a terminal; `programs` looks after the file's programs;
//! `control` is how a person talks to it; `sd_notify` is the service manager that watches over the watchdog.

mod console;
pub mod control;
mod executor;
pub mod journal;
pub mod judging;
mod logger;
mod notification_queue;
mod persist_queue;
mod programs;
mod run_lock;
mod sd_notify;
mod serving;
mod state_dir;
mod stderr;
mod ticks;
pub mod timeline;
mod watchdog;
pub mod wiring;

pub use logger::Logger;
pub use notification_queue::NotifierStatus;
pub use sd_notify::SdNotify;
pub use state_dir::state_dir;
pub use stderr::Stderr;
pub use ticks::Ticks;
pub use watchdog::{Ending, Reload, RunCounts, Watchdog};
