//! What is served where: `[serve]` as validated data.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::health::OwnLimits;
use crate::secret::Secret;

/// `[serve]`. Nothing is served without an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSpec {
    /// HTTP.
    pub listen: Option<ServeAddress>,
    /// The line protocol of zc.monitor.
    pub line: Option<ServeAddress>,
    /// HAProxy's agent-check.
    pub agent: Option<ServeAddress>,
    /// The certificate and key of `listen`, in PEM files.
    pub tls: Option<TlsFiles>,
    /// Any of them opens what is not open to everyone; without keys nothing is closed, and nothing can be changed.
    pub api_keys: Vec<Secret>,
    /// What opens the heartbeats of one check each, and nothing else.
    pub heartbeat_tokens: BTreeMap<String, Secret>,
    /// The status of every "not well": 100 to 599.
    pub unavailable: u16,
    /// A request is to be complete within so long.
    pub check_timeout: Duration,
    /// Whether `/status.json` shows the host.
    pub environment: bool,
    /// When the watchdog itself is unhealthy.
    pub healthy: OwnLimits,
}

impl ServeSpec {
    /// The status when nobody says, as RoadRunner has it.
    pub const UNAVAILABLE: u16 = 503;
    /// The timeout when nobody says, as RoadRunner has it.
    pub const CHECK_TIMEOUT: Duration = Duration::from_secs(60);
}

impl Default for ServeSpec {
    fn default() -> Self {
        Self {
            listen: None,
            line: None,
            agent: None,
            tls: None,
            api_keys: Vec::new(),
            heartbeat_tokens: BTreeMap::new(),
            unavailable: Self::UNAVAILABLE,
            check_timeout: Self::CHECK_TIMEOUT,
            environment: false,
            healthy: OwnLimits::default(),
        }
    }
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for ServeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
