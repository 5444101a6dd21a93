//! How results are shown. Every format is a function from results to text: no IO, no terminal, no clock.

pub mod columns;
mod human;
mod json;
mod nagios;
mod openmetrics;
pub mod paint;
mod plain;
pub mod time;
pub mod visible;

pub use human::{HumanOptions, human};
pub use json::json;
pub use nagios::nagios;
pub use openmetrics::openmetrics;
pub use plain::plain;

#[cfg(test)]
mod tests;
