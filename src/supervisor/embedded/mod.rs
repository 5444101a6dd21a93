//! The embedded supervisor, for programs without another supervisor: supervisord's states, names and faults.
//!
//! # Theory of operation
//! Every program has a task, the *job* (`job`). It alone owns the program's state machine (`unit`), its
//! process (`child`) and its one timer; three things wake it: a request, the process's end, the timer.
//! A handle puts requests into the job's queue; each carries a ticket, which is answered when the request
//! has come to its end: a start when the program is up or will not be, a stop when it is gone. The state
//! machine bounds both, so that no request waits without a bound. The status of a job can be read at any time
//! without asking it: it publishes before it answers.
//!
//! A program leads a session and group of its own, and what it writes goes through a pipe to a process that
//! writes the log files (`logs`, `log_writer`) and needs nobody, either: nothing ties them to us. When we go, however we go, it lives on; the next watchdog finds it by its [`ProcessRecord`] (which
//! `notes` keep on disk from before the program's first instruction) and looks
//! after it as if it were its own, but for its exit code, which only a parent gets to know. The other way
//! round, what a program leaves of its group when it ends is killed before the program is started again.
//!
//! Under systemd, programs outlive the service only with `KillMode=process`.

mod calls;
mod child;
mod family;
mod fault;
mod foreground;
mod handle;
mod identity;
mod job;
mod log_writer;
mod logs;
mod notes;
mod programs;
mod reaper;
mod rest;
mod signal;
mod spawn;
pub mod spec;
mod status;
mod unit;

pub use fault::{ProcessExit, SpawnError};
pub use foreground::Forwarder;
pub use identity::ProcessRecord;
pub(super) use identity::{started, uptime};
pub use log_writer::{LOG_WRITER, run_log_writer};
pub use notes::read_notes;
pub use programs::Embedded;
pub use reaper::{become_subreaper, reap_orphans};
pub use spawn::find_command;
pub use spec::{LogFile, Program, ProgramInput, ProgramOutput, Rlimits, User};
pub use unit::Autorestart;
