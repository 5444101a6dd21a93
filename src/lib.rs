//! httpok: a watchdog. This is a tour of the house; `ARCHITECTURE.md` has the decisions and the laws.
//!
//! # Theory of operation
//! A tick says "time to look". [`health::Monitor`] is asked what to do, and answers with effects: ask the
//! supervisor for its processes, ask the service, act, tell people. [`daemon`] turns each effect into a task
//! of its own and the task's end into one event, which goes back to the monitor. Nothing else decides
//! anything, and the monitor does nothing: it has no clock, no socket, no randomness but a seed. So its laws
//! are tested over random worlds, and what it did can be replayed.
//!
//! # A tick's path
//! [`tick`] -> `Event::Tick` -> `Effect::List` -> [`supervisor`] -> `Event::Listed` -> `Effect::Probe` ->
//! [`probe`] -> `Event::Observed`, judged by [`health::Expectation`]; when it is down, and no gate holds it,
//! `Effect::Act` -> [`action`] (intent in the [`store`], evidence, stop, start, RUNNING) -> `Event::Acted` ->
//! looks until it passes -> `Effect::Report` -> the [`store`]'s outbox -> [`notify`] -> `Event::Delivered`.
//!
//! # The floors
//! Imports run down only: `cli` -> `daemon` -> `action` -> `config`, `notify`, `probe`, `serve`, `store`,
//! `supervisor` (which do not know each other) -> `health`, `tick`, `exec`, `clock`, `secret`, `terminal`.
//! `tests/floors.rs` holds the house to it.
//!
//! The one-shot check uses `probe`, [`health::Expectation`] and rendering alone: that it needs no monitor
//! proves the seam.

// floor 1
pub mod blocking;
pub mod clock;
pub mod exec;
pub mod health;
pub mod net;
pub mod safe_path;
pub mod secret;
pub mod terminal;
pub mod tick;
// floor 2
pub mod config;
pub mod notify;
pub mod probe;
pub mod serve;
pub mod store;
pub mod supervisor;
// floor 3
pub mod action;
// floor 4
pub mod daemon;
// floor 5
pub mod cli;
// beside the house
#[cfg(any(test, fuzzing))]
pub mod fuzz;
