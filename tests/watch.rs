//! The standalone watchdog, `httpok watch`, as a process: against a real supervisord and a real mail server, with
//! a service that is ill when the test wants it to be.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "watch/dead_mans_switch.rs"]
mod dead_mans_switch;
#[path = "watch/examples.rs"]
mod examples;
#[path = "watch/fixture.rs"]
mod fixture;
#[path = "watch/healthy_services.rs"]
mod healthy_services;
#[path = "support/hung_files.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod hung_files;
#[path = "watch/independence.rs"]
mod independence;
#[path = "watch/ladder.rs"]
mod ladder;
#[path = "watch/large_answers.rs"]
mod large_answers;
#[path = "watch/mail_server_down.rs"]
mod mail_server_down;
#[path = "watch/once.rs"]
mod once;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "watch/reload.rs"]
mod reload;
#[path = "watch/restarts.rs"]
mod restarts;
#[path = "watch/rolling.rs"]
mod rolling;
#[path = "watch/silences.rs"]
mod silences;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
#[path = "support/smtp.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod smtp;
mod support;
#[path = "watch/waiting_reports.rs"]
mod waiting_reports;
#[path = "watch/warmup.rs"]
mod warmup;
