//! HTTP/1 in front of all that: connections with bounds, keys, methods, and which path is answered by what.

mod accept;
mod answer;
mod connection;
mod cross_site;
mod download;
mod gzip;
mod key;
mod openapi;
mod paths;
pub mod route;
mod sse;
mod stream;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::HeaderMap;

use super::hub::Source;
use super::spec::ServeSpec;
use crate::sorted;

pub use connection::talk;
pub use key::{ApiKeys, is_given};
pub use paths::described as described_paths;
pub use route::Api;

/// Connections at a time.
pub const CLIENTS: usize = 256;

/// What can change while clients are connected.
#[derive(Debug)]
pub struct ServerSettings {
    pub spec: ServeSpec,
    pub keys: ApiKeys,
    heartbeat_tokens: BTreeMap<String, ApiKeys>,
}

impl ServerSettings {
    pub fn new(spec: ServeSpec) -> Self {
        Self {
            keys: ApiKeys::new(&spec.api_keys),
            heartbeat_tokens: sorted::map(
                spec.heartbeat_tokens.iter().map(|(check, token)| {
                    (check.clone(), ApiKeys::new(std::slice::from_ref(token)))
                }),
            ),
            spec,
        }
    }

    /// Whether a request with `headers` has the token of a check that sends heartbeats.
    pub fn admits_heartbeat(&self, check: &str, headers: &HeaderMap) -> bool {
        let token = self.heartbeat_tokens.get(check);
        token.is_some_and(|token| token.admit(headers))
    }
}

/// All that a connection needs to know.
#[derive(Clone, Debug)]
pub struct App {
    pub source: Source,
    settings: Arc<RwLock<Arc<ServerSettings>>>,
}

impl App {
    pub fn new(source: Source, settings: ServerSettings) -> Self {
        Self {
            source,
            settings: Arc::new(RwLock::new(Arc::new(settings))),
        }
    }

    /// The terms of the next request.
    pub fn settings(&self) -> Arc<ServerSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes new terms, for open connections, too.
    pub fn set_settings(&self, settings: ServerSettings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}
