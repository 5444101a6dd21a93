//! Parses dates of container engines.

use std::time::{Duration, SystemTime};

/// A date as engines write it. Docker writes UTC, podman its own zone. "Never" is long before 1970, and none.
pub fn moment(text: &str) -> Option<SystemTime> {
    if text.ends_with('Z') {
        return humantime::parse_rfc3339(text).ok();
    }
    let (date, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    let local = humantime::parse_rfc3339(&format!("{date}Z")).ok()?;
    match zone.as_bytes().first()? {
        b'+' => local.checked_sub(offset),
        b'-' => local.checked_add(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_any_zone() {
        let of = |text| moment(text).map(|at| humantime::format_rfc3339_millis(at).to_string());
        for (text, expected) in [
            (
                "2026-01-02T03:04:05.678901234Z",
                Some("2026-01-02T03:04:05.678Z"),
            ),
            (
                "2026-01-02T03:04:05.5+05:30",
                Some("2026-01-01T21:34:05.500Z"),
            ),
            (
                "2026-01-02T03:04:05-08:00",
                Some("2026-01-02T11:04:05.000Z"),
            ),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
            ("+05:30", None),
            ("yesterday", None),
            ("2026-01-02T03:04:05\u{e9}5:30", None),
        ] {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }
}
