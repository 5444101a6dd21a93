//! Restarts that a fleet agrees on: the clients against a real etcd cluster and against a FleetLock server of the tests'
//! own, and real watchdogs that agree through them.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "fleet/cluster.rs"]
mod cluster;
#[path = "fleet/engine.rs"]
mod engine;
#[path = "fleet/fleetlock.rs"]
mod fleetlock;
#[path = "fleet/hosts.rs"]
mod hosts;
#[path = "fleet/network.rs"]
mod network;
#[path = "fleet/operators.rs"]
mod operators;
#[path = "fleet/partitions.rs"]
mod partitions;
#[path = "fleet/reloads.rs"]
mod reloads;
mod support;
#[path = "fleet/watchdogs.rs"]
mod watchdogs;
