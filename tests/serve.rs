//! What is served, asked of the real program with raw sockets and with other people's clients.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "serve/bounds.rs"]
mod bounds;
#[path = "serve/config.rs"]
mod config;
#[path = "serve/contracts.rs"]
mod contracts;
#[path = "serve/events.rs"]
mod events;
#[path = "serve/evidence.rs"]
mod evidence;
#[path = "serve/examples.rs"]
mod examples;
#[path = "serve/fixture.rs"]
mod fixture;
#[path = "serve/heartbeats.rs"]
mod heartbeats;
#[path = "serve/keyboard.rs"]
mod keyboard;
#[path = "serve/keys.rs"]
mod keys;
#[path = "serve/lines.rs"]
mod lines;
#[path = "serve/openapi.rs"]
mod openapi;
#[path = "serve/other_clients.rs"]
mod other_clients;
#[path = "serve/page.rs"]
mod page;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "serve/remote.rs"]
mod remote;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
mod support;
#[path = "serve/url_secrets.rs"]
mod url_secrets;
