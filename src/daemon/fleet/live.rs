//! The engine of the settings that hold now, and what was asked of which.

use std::sync::Arc;

use url::Url;

use super::claims::Claims;
use crate::fleet::spec::{Claim, FleetSpec, LockSpec};
use crate::fleet::{self, SlotEngine};

/// The engine, and how this host asks it.
#[derive(Debug)]
pub struct LiveFleet {
    pub spec: FleetSpec,
    pub engine: Arc<dyn SlotEngine>,
    pub claims: Claims,
}

impl LiveFleet {
    /// That of `spec`, for the watchdog with this key on the host of this name.
    pub fn new(spec: FleetSpec, (watchdog, host): (&str, &str), seed: u64) -> Self {
        Self {
            engine: fleet::engine(&spec.lock, spec.lease),
            claims: Claims::new(&spec, watchdog, host, seed),
            spec,
        }
    }

    fn addresses(&self) -> &[Url] {
        match &self.spec.lock {
            LockSpec::Etcd(spec) => &spec.endpoints,
            LockSpec::FleetLock(spec) => std::slice::from_ref(&spec.url),
        }
    }
}

/// A question about a slot.
#[derive(Clone, Debug)]
pub struct AskedSlot {
    pub live: Arc<LiveFleet>,
    pub claim: Claim,
    /// One of its questions had no answer: it may be carried out later than anything that is asked now.
    pub is_unanswered: bool,
}

impl AskedSlot {
    pub const fn new(live: Arc<LiveFleet>, claim: Claim) -> Self {
        Self {
            live,
            claim,
            is_unanswered: false,
        }
    }

    /// Whether `other` is about the same check's slot of the same group, at the same engine.
    pub fn is_same_slot(&self, other: &Self) -> bool {
        self.claim.group == other.claim.group
            && self.claim.holder.is_same_check(&other.claim.holder)
            && self.live.addresses() == other.live.addresses()
    }

    /// Whether the engine keeps a slot for ever.
    pub fn has_no_lease(&self) -> bool {
        self.live.engine.lease().is_none()
    }
}
