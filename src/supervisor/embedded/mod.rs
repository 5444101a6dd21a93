//! The embedded supervisor, for programs without another supervisor: supervisord's states, names and faults.
//!
//! # Theory of operation
//! Every program has a task, the *job* (`job`). It alone owns the program's state machine (`unit`), its
//! process (`child`) and its one timer; three things wake it: a request, the process's end, the timer.
//! A handle puts requests into the job's queue; each carries a reply sender, which is used when the request
//! has ended: a start when the program is RUNNING or the start has failed, a stop when the process is gone. The state
//! machine bounds both, so that no request waits without a bound. The status of a job can be read at any time
//! without asking it: it publishes before it answers.
//!
//! What may block is done beside the event loop, with a deadline: a thread of `spawner` forks and waits for the new
//! process to become its command, the thread of `note_writer` writes the notes. The job waits for both, and no other
//! job does.
//!
//! A program leads a session and group of its own, and what it writes goes through a pipe to a process that
//! writes the log files (`logs`, `log_writer`). Neither depends on the watchdog. When the watchdog ends,
//! even when it is killed, the program lives on; the next watchdog finds it by its [`ProcessRecord`] (which
//! `notes` keep on disk from before the program's first instruction) and supervises
//! it like its own, except that only a parent gets the exit code. Conversely,
//! what a program leaves of its group when it ends is killed before the program is started again.
//!
//! Under systemd, programs outlive the service only with `KillMode=process`.

mod calls;
mod child;
mod cleanup;
mod family;
mod fault;
mod foreground;
mod handle;
mod identity;
mod job;
mod keeper;
mod log_writer;
mod logs;
mod note_writer;
mod notes;
mod programs;
mod reaper;
mod spawn;
mod spawner;
pub mod spec;
mod status;
mod terminal;
mod unit;

pub use fault::{ProcessExit, SpawnError};
pub use foreground::Forwarder;
pub use identity::ProcessRecord;
pub(super) use identity::{started, uptime};
pub use keeper::{KEEPER, Keeper, run_keeper};
pub use log_writer::{LOG_WRITER, run_log_writer};
pub use notes::{move_notes, read_notes};
pub use programs::Embedded;
pub use reaper::{become_subreaper, reap_orphans};
pub use spec::{LogFile, Program, ProgramInput, ProgramOutput, Rlimits, User};
pub use status::ProgramUpdate;
pub use terminal::Terminal;
pub use unit::Autorestart;
