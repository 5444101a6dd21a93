//! How this watchdog asks: what its host is called, and how its reservations are named, so that no other run has the same.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fleet::spec::{Claim, FleetSpec};
use crate::health::{Budget, SlotHolder, Ticket};

/// Makes the claims of one run.
#[derive(Clone, Debug)]
pub struct Claims {
    host: String,
    machine: String,
    run: String,
    budget: Option<Budget>,
    panic_threshold: Option<f64>,
}

impl Claims {
    /// Those of the watchdog with this key, on the host of this name unless `spec` has one for it.
    pub fn new(spec: &FleetSpec, watchdog: &str, host: &str, seed: u64) -> Self {
        let host = spec.host.clone().unwrap_or_else(|| host.to_owned());
        // two watchdogs may be called the same, and begin at the same time
        let mut hash = DefaultHasher::new();
        (watchdog, &host, seed, std::process::id()).hash(&mut hash);
        Self {
            host,
            machine: machine(watchdog),
            run: format!("{:016x}", hash.finish()),
            budget: spec.budget,
            panic_threshold: spec.panic_threshold,
        }
    }

    /// What this host is called.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A slot of a group for `check`; one that `resumes` has paid.
    pub fn claim(
        &self,
        check: &str,
        reservation: Ticket,
        (group, slots): (String, u32),
        resumes: bool,
    ) -> Claim {
        let now = unix_now();
        Claim {
            group,
            slots,
            budget: self.budget.filter(|_| !resumes),
            panic_threshold: self.panic_threshold.filter(|_| !resumes),
            holder: SlotHolder {
                host: self.host.clone(),
                machine: self.machine.clone(),
                check: check.to_owned(),
                reservation: format!("{}-{}", self.run, reservation.0),
                since: now,
            },
            waiting_since: now,
            resumes,
        }
    }

    /// What an earlier run may have left.
    pub fn left_over(&self, check: &str, group: &str) -> Claim {
        self.claim(check, Ticket(0), (group.to_owned(), 1), true)
    }
}

/// Stands for the watchdog of this key on this machine, in every run; of the machine's id nothing can be read from it.
fn machine(watchdog: &str) -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = match id.trim() {
        // a container has none of its own
        "" | "uninitialized" => procfs::sys::kernel::random::boot_id().unwrap_or_default(),
        id => id.to_owned(),
    };
    let mut hash = DefaultHasher::new();
    (id.trim(), watchdog).hash(&mut hash);
    format!("{:016x}", hash.finish())
}

/// Seconds of Unix time by this host's clock.
pub fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
