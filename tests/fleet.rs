//! Restarts that a fleet agrees on: the clients against a real etcd cluster and against a FleetLock server of the tests'
//! own, and real watchdogs that agree through them; and the one view of all, a real Alertmanager.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "fleet/alertmanager.rs"]
mod alertmanager;
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
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "fleet/queue.rs"]
mod queue;
#[path = "fleet/reloads.rs"]
mod reloads;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
mod support;
#[path = "fleet/watchdogs.rs"]
mod watchdogs;
