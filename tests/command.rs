//! Supervision by command lines: init scripts of the test, with real processes. What each
//! method promises, and the whole table of outcomes with the watchdog as a process.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "command/methods.rs"]
mod methods;
#[path = "command/pending_restarts.rs"]
mod pending_restarts;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "command/restarts.rs"]
mod restarts;
#[path = "command/script.rs"]
mod script;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
mod support;
#[path = "support/watched.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod watched;
