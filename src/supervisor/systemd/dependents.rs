//! Units that fall with another one. To stop a unit stops those that require it or are bound to it, and to start
//! it does not start them again (`systemctl restart` would). So those that were up are noted before a stop, and
//! asked back after the start. The note is in memory only: it does not outlive the watchdog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::systemctl::Systemctl;
use super::unit::Unit;
use crate::health::{CallError, ProcessState};

/// More are not followed.
const MOST: usize = 200;

/// For each unit that was stopped, those that fell with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Dependents(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Dependents {
    /// The units that are up and would fall with `unit`, and with these.
    pub(super) async fn of(
        &self,
        unit: &Unit,
        systemctl: &Systemctl,
    ) -> Result<Vec<Unit>, CallError> {
        let mut known = BTreeSet::from([unit.id.clone()]);
        let mut next = unit.dependents.clone();
        let mut found = Vec::new();
        while !next.is_empty() && known.len() < MOST {
            let mut further = Vec::new();
            for unit in systemctl.show(&next).await? {
                let up = matches!(
                    unit.state(),
                    ProcessState::Running | ProcessState::Starting | ProcessState::Backoff
                );
                if up && known.insert(unit.id.clone()) {
                    further.extend(unit.dependents.iter().cloned());
                    found.push(unit);
                }
            }
            next = further;
        }
        Ok(found)
    }

    /// Notes what is about to fall with `unit`.
    pub(super) fn remember(&self, unit: &str, dependents: Vec<Unit>) {
        let names: Vec<_> = dependents.into_iter().map(|unit| unit.id).collect();
        let mut fallen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.is_empty() {
            fallen.entry(unit.to_owned()).or_default().extend(names);
        }
    }

    /// `unit` is up: asks back what fell with it.
    pub(super) async fn start(&self, unit: &str, systemctl: &Systemctl) {
        let names = {
            let mut fallen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            fallen.remove(unit).unwrap_or_default()
        };
        if names.is_empty() {
            return;
        }
        let shown = names.join(", ");
        match systemctl.enqueue(&names).await {
            Ok(()) => tracing::info!("{shown} fell with {unit}, and is started again"),
            Err(error) => {
                tracing::warn!("{shown} fell with {unit}, and cannot be started again: {error}");
            }
        }
    }
}
