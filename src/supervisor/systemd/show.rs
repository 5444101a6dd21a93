//! `systemctl show`: what is asked, and how the answer is read.

use std::time::Duration;

use super::unit::{LONGEST, SystemdUnit};
use crate::health::CallError;
use crate::sorted;

/// What is asked of every unit.
pub(super) const PROPERTIES: [&str; 21] = [
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "MainPID",
    "InvocationID",
    "NRestarts",
    "ExecMainCode",
    "ExecMainStatus",
    "ExecMainExitTimestampMonotonic",
    "InactiveExitTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "ActiveExitTimestampMonotonic",
    "ConditionResult",
    "CanStart",
    "CanStop",
    "Transient",
    "TimeoutStartUSec",
    "TimeoutStopUSec",
];

/// And these: the units that are stopped with it.
pub(super) const FALL_WITH_IT: [&str; 5] = [
    "RequiredBy",
    "RequisiteOf",
    "BoundBy",
    "ConsistsOf",
    "PropagatesStopTo",
];

/// Reads the answer: `KEY=VALUE` lines, with an empty line between two units.
pub(super) fn units(text: &str) -> Result<Vec<SystemdUnit>, CallError> {
    let blocks = text.split("\n\n").map(str::trim);
    blocks.filter(|block| !block.is_empty()).map(read).collect()
}

fn read(block: &str) -> Result<SystemdUnit, CallError> {
    let values = sorted::map(block.lines().filter_map(|l| l.split_once('=')));
    let text = |key: &str| values.get(key).copied().unwrap_or_default();
    let list = |key: &str| text(key).split_whitespace().map(str::to_owned);
    let needed = |key: &'static str| match text(key) {
        "" => Err(CallError::Malformed {
            detail: format!("systemctl: a unit without \"{key}\""),
        }),
        value => Ok(value.to_owned()),
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(SystemdUnit {
        id: needed("Id")?,
        names: list("Names").collect(),
        load: needed("LoadState")?,
        active: needed("ActiveState")?,
        sub: text("SubState").to_owned(),
        result: text("Result").to_owned(),
        main_pid: text("MainPID").parse().ok().filter(|&pid| pid > 0),
        invocation: some(text("InvocationID")),
        restarts: text("NRestarts").parse().unwrap_or_default(),
        exit_code: text("ExecMainCode").parse().unwrap_or_default(),
        exit_status: text("ExecMainStatus").parse().unwrap_or_default(),
        exited: moment(text("ExecMainExitTimestampMonotonic")),
        inactive_exit: moment(text("InactiveExitTimestampMonotonic")),
        active_enter: moment(text("ActiveEnterTimestampMonotonic")),
        active_exit: moment(text("ActiveExitTimestampMonotonic")),
        unmet: text("ConditionResult") == "no",
        can_start: text("CanStart") != "no",
        can_stop: text("CanStop") != "no",
        transient: text("Transient") == "yes",
        start_timeout: span(text("TimeoutStartUSec")),
        stop_timeout: span(text("TimeoutStopUSec")),
        dependents: FALL_WITH_IT.iter().flat_map(|key| list(key)).collect(),
    })
}

fn moment(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

/// A span as systemd writes it, such as `1min 30s`; what has no end, or no known format, is long.
fn span(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_writes_them() {
        for (text, millis) in [
            ("1min 30s", 90_000),
            ("1.500s", 1_500),
            ("1.500000s", 1_500),
            ("500ms", 500),
            ("2h 46min 40s", 10_000_000),
            ("infinity", 600_000),
            ("", 600_000),
        ] {
            assert_eq!(span(text).as_millis(), millis, "{text}");
        }
    }

    #[test]
    fn answers_are_read_unit_by_unit() {
        let text = "Id=a.service\nLoadState=loaded\nActiveState=active\nTimeoutStopUSec=infinity\n\n\
                    Id=b.service\nLoadState=not-found\nActiveState=inactive\n";
        let found = units(text).expect("two units");
        assert_eq!(found.len(), 2);
        assert!(!found[0].is_missing() && found[1].is_missing());
        assert_eq!(found[0].stops_within(), LONGEST);
        assert_eq!(units("\n"), Ok(Vec::new()));
        assert!(matches!(
            units("Id=a.service\n"),
            Err(CallError::Malformed { .. })
        ));
    }
}
