//! Floor 1: what the network adapters and the configuration share: URLs taken apart, and values of HTTP read
//! from text. Nothing here connects to anything.

pub mod address;
pub mod http;

pub use address::Address;
