//! How a fleet's engine is reached, what it is asked with, and what it says of a group: plain data.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::health::{Budget, SlotHolder};
use crate::secret::Secret;

/// `[fleet]`: where the hosts of a fleet agree.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetSpec {
    /// Which engine.
    pub lock: LockSpec,
    /// What this host is called in it. `None`: its host name.
    pub host: Option<String>,
    /// Restarts of a group in a window.
    pub budget: Option<Budget>,
    /// How long a slot stays taken without being renewed.
    pub lease: Duration,
    /// The share of a group's hosts, of at least 3, that fail at once and are not restarted then.
    pub panic_threshold: Option<f64>,
}

/// An engine.
#[derive(Clone, Debug, PartialEq)]
pub enum LockSpec {
    /// A cluster.
    Etcd(EtcdSpec),
    /// A server.
    FleetLock(FleetLockSpec),
}

/// An etcd cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct EtcdSpec {
    /// Its members, asked in turn.
    pub endpoints: Vec<Url>,
    /// A user and its password.
    pub login: Option<(String, Secret)>,
    /// Whom to trust, and who we are.
    pub tls: FleetTlsSpec,
    /// How long one member may take to answer.
    pub timeout: Duration,
}

/// A FleetLock server.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetLockSpec {
    /// The address that `/v1/...` is added to.
    pub url: Url,
    /// Whom to trust, and who we are.
    pub tls: FleetTlsSpec,
    /// How long it may take to answer.
    pub timeout: Duration,
}

/// TLS to an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetTlsSpec {
    /// The roots to trust instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Our certificate.
    pub cert: Option<PathBuf>,
    /// Its key, where it is not in the same file.
    pub key: Option<PathBuf>,
}

/// What a restart needs before it may begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The group that shares the slots.
    pub group: String,
    /// Hosts of the group that may restart at once.
    pub slots: u32,
    /// Restarts of the group in a window; `None` also for one that was paid.
    pub budget: Option<Budget>,
    /// The share of failing hosts from which on there is no slot.
    pub panic_threshold: Option<f64>,
    /// Who asks.
    pub holder: SlotHolder,
    /// Since when it is asked for, in seconds of Unix time by the host's own clock.
    pub waiting_since: u64,
    /// It goes on with a restart that was begun, and waits behind nobody.
    pub resumes: bool,
}

/// A group as its engine knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Who holds its slots.
    pub holders: Vec<SlotHolder>,
    /// Who waits for one, in the order in which they get it.
    pub waiting: Vec<SlotHolder>,
    /// Restarts that count against the budget.
    pub spent: u64,
    /// Hosts that watch a check of it, where they say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}
