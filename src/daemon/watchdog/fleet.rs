//! What a person asks of the fleet: its engine is asked beside the loop.

use std::sync::Arc;

use super::Watchdog;
use crate::daemon::control::PendingRequest;
use crate::daemon::control::protocol::{ControlFault, ControlReply};
use crate::health::Check;

impl Watchdog {
    /// Says who holds the slots of the groups that are watched here, and who waits.
    pub(super) fn show_fleet(&self, asked: PendingRequest) {
        let Some(host) = self.fleet.host() else {
            let text = "there is no [fleet] in the configuration";
            return asked.answer(ControlReply::error(ControlFault::Refused, text));
        };
        let groups = self.fleet.groups(&self.defined_checks());
        tokio::spawn(async move {
            let groups = groups.await;
            asked.answer(ControlReply::Fleet { host, groups });
        });
    }

    /// Frees the slots of a host that cannot do it itself.
    pub(super) fn free_slots(&self, host: String, asked: PendingRequest) {
        let freed = self.fleet.evict(host, &self.defined_checks());
        tokio::spawn(async move {
            asked.answer(match freed.await {
                Ok(slots) => ControlReply::Freed { slots },
                Err(why) => ControlReply::error(ControlFault::Refused, why),
            });
        });
    }

    pub(super) fn defined_checks(&self) -> Arc<[Arc<Check>]> {
        self.monitor.definitions()
    }
}
