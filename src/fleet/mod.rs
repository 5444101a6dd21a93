//! Floor 2: slots for restarts that several hosts share, kept by an engine that the user runs: etcd, which has slots and
//! a budget under leases, or a FleetLock server, which has slots only, and no lease. When a slot is wanted, and what
//! an answer means, is decided in `health`.

mod ask;
mod etcd;
mod etcd_answer;
mod etcd_group;
mod fleetlock;
pub mod spec;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::health::SlotRefusal;
use spec::{Claim, GroupStatus, LockSpec};

pub use etcd::Etcd;
pub use fleetlock::FleetLock;

/// What keeps the slots of a fleet. Each call has deadlines of its own; an error says why nobody could be asked.
#[async_trait]
pub trait SlotEngine: Debug + Send + Sync {
    /// Takes a slot, and a restart of the budget unless the claim has paid; a reservation that has them gets them
    /// again, and pays once. Says why there is none.
    async fn reserve(&self, claim: &Claim) -> Result<Option<SlotRefusal>, String>;

    /// Keeps a slot for another lease. Whether it was still ours.
    async fn renew(&self, claim: &Claim) -> Result<bool, String>;

    /// Gives a slot back if it is still ours; with it a restart of the budget, unless that was `used`. Who only waited waits
    /// no more.
    async fn release(&self, claim: &Claim, used: bool) -> Result<(), String>;

    /// Who holds the slots of a group, who waits, and what is spent; `None` where the engine does not say it.
    async fn status(&self, group: &str) -> Result<Option<GroupStatus>, String>;

    /// Frees the slots that `host` holds in `group`, of `checks` where the engine does not say of which. How many
    /// they were; `None` where the engine does not say it.
    async fn evict(
        &self,
        group: &str,
        host: &str,
        checks: &[String],
    ) -> Result<Option<usize>, String>;

    /// Says that this host watches a check of the group.
    async fn announce(&self, group: &str, host: &str) -> Result<(), String>;

    /// How long a slot stays taken without being renewed; `None` is for ever.
    fn lease(&self) -> Option<Duration>;
}

/// The engine of `spec`; `lease` is for one that has leases.
pub fn engine(spec: &LockSpec, lease: Duration) -> Arc<dyn SlotEngine> {
    match spec {
        LockSpec::Etcd(spec) => Arc::new(Etcd::new(spec.clone(), lease)),
        LockSpec::FleetLock(spec) => Arc::new(FleetLock::new(spec.clone())),
    }
}
