//! Floor 2: what is shown to others. One [`view::View`], made by the loop, is rendered in every protocol: RoadRunner,
//! Halon, KumoMTA and health+json over HTTP, metrics, zc.monitor's line protocol, HAProxy's agent-check. Nothing is
//! decided here, no target is asked, and slow or many clients delay only themselves.

pub mod agent;
mod api;
pub mod asks;
pub mod events;
mod health_json;
pub mod http;
pub mod hub;
mod json_rpc;
pub mod line;
pub mod listener;
pub mod metrics;
pub mod openmetrics;
mod own;
mod page;
pub mod probes;
mod reply;
mod roadrunner;
pub mod spec;
#[cfg(test)]
pub mod testing;
mod tls;
pub mod view;

mod server;

pub use http::described_paths;
pub use server::Server;
pub use tls::{ServeError, ServeSetup};
