//! What stands between the watchdog and the system: children, supervisord's event protocol and RPC,
//! signals. Against real processes, pipes, sockets and a real supervisord.

#[path = "supervisor/exec.rs"]
mod exec;
mod support;
