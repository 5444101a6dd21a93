//! systemd as a supervisor, and above the watchdog: against real user managers, each in a directory and a
//! control group of its own.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "systemd/manager.rs"]
mod manager;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "systemd/refusals.rs"]
mod refusals;
#[path = "systemd/restarts.rs"]
mod restarts;
#[path = "systemd/service_unit.rs"]
mod service_unit;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
mod support;
#[path = "systemd/units.rs"]
mod units;
