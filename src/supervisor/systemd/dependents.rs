//! Units that fall with another one. To stop a unit stops those that require it or are bound to it, and to start
//! it does not start them again (`systemctl restart` would).

use std::collections::BTreeSet;

use super::systemctl::Systemctl;
use super::unit::SystemdUnit;
use crate::health::{CallError, ProcessState};

/// More are not followed.
const MOST: usize = 200;

/// The units that are up and would fall with `unit`, and with these; the nearest first.
pub(super) async fn dependents(
    unit: &SystemdUnit,
    systemctl: &Systemctl,
) -> Result<Vec<SystemdUnit>, CallError> {
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
