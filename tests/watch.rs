//! The standalone watchdog, `httpok watch`, as a process: against a real supervisord and a real mail server, with
//! a service that is ill when the test wants it to be.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "watch/away.rs"]
mod away;
#[path = "watch/cure.rs"]
mod cure;
#[path = "watch/examples.rs"]
mod examples;
#[path = "watch/hostile.rs"]
mod hostile;
#[path = "watch/once.rs"]
mod once;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "watch/reload.rs"]
mod reload;
#[path = "watch/roll.rs"]
mod roll;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
#[path = "support/smtp.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod smtp;
#[path = "watch/stage.rs"]
mod stage;
mod support;
#[path = "watch/time.rs"]
mod time;
#[path = "watch/warm.rs"]
mod warm;
