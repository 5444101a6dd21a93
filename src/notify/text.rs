//! Text for people: spans of time, sizes, text made safe for terminals and headers, and
//! the excerpt of a body. Pure; nothing here knows what the texts say.

use std::time::Duration;

use crate::escape;
use crate::health::Body;
use crate::health::counted;

pub use crate::escape::{brief, is_printable, visible};

/// `value` as one header line: a line end in it would begin a header of its own.
pub fn header_value(value: &str) -> String {
    value.replace(['\r', '\n', '\0'], " ")
}

/// How long, to the accuracy a person cares for: `350 ms`, `12 s`, `3 m 4 s`, `2 h 5 m`, `4 d 3 h`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.is_zero() => "0 s".to_owned(),
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// How long, for a table of timings: `0.3 ms`, `3.002 s`.
pub fn timing(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{:.1} ms", span.as_secs_f64() * 1000.0)
    } else {
        format!("{:.3} s", span.as_secs_f64())
    }
}

/// A size in bytes in the units of the configuration.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return counted(bytes, "byte", "bytes");
    };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// The beginning of `body`, line by line, made visible: at most 5 lines and 512 bytes of it.
pub fn excerpt(body: &Body) -> Vec<String> {
    escape::excerpt(&body.kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_rounded_for_people() {
        for (millis, long, short) in [
            (0, "0 s", "0.0 ms"),
            (350, "350 ms", "350.0 ms"),
            (1_000, "1 s", "1.000 s"),
            (12_400, "12 s", "12.400 s"),
            (60_000, "1 m", "60.000 s"),
            (184_000, "3 m 4 s", "184.000 s"),
            (7_500_000, "2 h 5 m", "7500.000 s"),
            (356_400_000, "4 d 3 h", "356400.000 s"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), long);
            assert_eq!(timing(Duration::from_millis(millis)), short);
        }
        for (bytes, words) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_300_000, "1.2 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "17179869184.0 GiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn values_cannot_inject_headers() {
        assert_eq!(header_value("a\r\nBcc: x\0y"), "a  Bcc: x y");
    }
}
