//! httpok: a watchdog for Linux. `ARCHITECTURE.md` has the decisions and the laws.
//!
//! # Theory of operation
//! A tick says "time to probe". [`health::Monitor`] is asked what to do, and answers with effects: ask the
//! supervisor for its processes, probe the service, act, report. [`daemon`] turns each effect into a task of its
//! own and the task's end into one event, which goes back to the monitor. Nothing else decides anything, and the
//! monitor does nothing: it has no clock, no socket, no randomness but a seed. So its laws are tested over random
//! worlds, and what it did can be replayed.
//!
//! # A tick's path
//! [`tick`] -> `Event::Tick` -> `Effect::List` -> [`supervisor`] -> `Event::Listed` -> `Effect::Probe` ->
//! [`probe`] -> `Event::Observed`, judged by [`health::Expectation`]; when it is down, and no gate holds it,
//! `Effect::Act` -> [`action`] (intent in the [`store`], evidence, stop, start, RUNNING) -> `Event::Acted` ->
//! probes until it passes -> `Effect::Report` -> the [`store`]'s outbox -> [`notify`] -> `Event::Delivered`.
//!
//! # The floors
//! Imports run down only: `cli` -> `daemon` -> [`config`], [`action`] -> the adapters `fleet`, `notify`, `probe`,
//! `serve`, `store`, `supervisor`, which do not import each other -> `health`, `tick`, `exec`, `net`, `clock`, `secret`,
//! `terminal`. Of an adapter the configuration imports its `spec` only. `tests/floors.rs` holds it.
//!
//! The one-shot check uses `probe`, [`health::Expectation`] and rendering alone: that it needs no monitor
//! proves the seam.

#[cfg(not(target_os = "linux"))]
compile_error!("httpok needs Linux: /proc, pidfd and subreapers");

// floor 1
pub mod blocking;
pub mod clock;
pub mod escape;
pub mod exec;
pub mod health;
pub mod json;
pub mod net;
pub mod safe_path;
pub mod secret;
pub mod sorted;
pub mod terminal;
pub mod tick;
// floor 2
pub mod fleet;
pub mod notify;
pub mod probe;
pub mod serve;
pub mod store;
pub mod supervisor;
// floor 3
pub mod action;
pub mod config;
// floor 4
pub mod daemon;
// floor 5
pub mod cli;
// for tests only
#[cfg(any(test, fuzzing))]
pub mod fuzz;
