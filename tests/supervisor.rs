//! The interfaces between the watchdog and the system: child processes, supervisord's event protocol and RPC,
//! signals. Against real processes, pipes, sockets and a real supervisord.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "supervisor/exec.rs"]
mod exec;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/hung_files.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod lease;
#[path = "supervisor/listener.rs"]
mod listener;
#[path = "supervisor/rpc.rs"]
mod rpc;
#[path = "supervisor/signals.rs"]
mod signals;
mod support;
#[path = "supervisor/texts.rs"]
mod texts;
