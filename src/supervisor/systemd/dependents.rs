//! Units that systemd stops with another one. Stopping a unit stops those that require it or are bound to it; starting
//! it does not start them again (`systemctl restart` would).

use super::systemctl::Systemctl;
use super::unit::SystemdUnit;
use crate::health::{CallError, ProcessState};
use crate::sorted;

/// More are not followed.
const MOST: usize = 200;

/// The running units that systemd would stop with `unit`, transitively; direct dependents first.
pub(super) async fn dependents(
    unit: &SystemdUnit,
    systemctl: &Systemctl,
) -> Result<Vec<SystemdUnit>, CallError> {
    let mut known = sorted::set([unit.id.clone()]);
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
