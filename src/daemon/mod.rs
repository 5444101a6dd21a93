//! Floor 4: the watchdog. `wiring` turns settings into live parts; `watchdog` is the loop that feeds events to the
//! decision core; `executor` turns effects into tasks and their ends into events; `notification_queue` sends reports;
//! `logger` writes log lines, `console` lines for a person at a terminal; `programs` supervises the programs of the file;
//! `control` serves the control socket; `sd_notify` talks to the service manager.

mod console;
mod console_text;
pub mod control;
mod due;
mod executor;
pub mod fleet;
pub mod former_names;
pub mod journal;
pub mod judging;
mod logger;
mod notification_queue;
mod open_incidents;
mod persist_queue;
mod pings;
mod program_updates;
mod programs;
mod result_runs;
pub mod run_lock;
mod sd_notify;
mod serving;
mod state_dir;
mod stderr;
mod ticks;
pub mod timeline;
mod timers;
mod watchdog;
pub mod wiring;

pub use logger::Logger;
pub use notification_queue::NotifierStatus;
pub use sd_notify::SdNotify;
pub use state_dir::state_dir;
pub use stderr::Stderr;
pub use ticks::Ticks;
pub use watchdog::{Ending, Reload, RunCounts, Watchdog};
