//! The two kinds of numbers with a unit, durations and sizes, in the one grammar that files and flags
//! share. An error is a sentence `... is no ...: expected ...`.

use std::time::Duration;

/// No duration in a configuration means longer than this, and sums of moments cannot overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Reads `10s`, `1m 30s`, `500ms`; a bare number, such as `90` or `0.5`, is seconds.
///
/// # Errors
/// Says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || {
        format!(
            "{text:?} is not a duration: expected a number with a unit, such as \"10s\", \"1m 30s\" or \
             \"500ms\"; a bare number is seconds"
        )
    };
    let trimmed = text.trim();
    let bare = trimmed.starts_with(|c: char| c.is_ascii_digit())
        && trimmed.chars().all(|c| c.is_ascii_digit() || c == '.');
    let duration = if bare {
        let seconds = trimmed.parse::<f64>().map_err(|_| invalid())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| too_long(text))?
    } else {
        humantime::parse_duration(trimmed).map_err(|_| invalid())?
    };
    if duration > LONGEST {
        return Err(too_long(text));
    }
    Ok(duration)
}

fn too_long(text: &str) -> String {
    format!("{text:?} is too long: expected at most ten years")
}

/// Reads `2GiB`, `16 MiB`, `64KiB`; a bare number is bytes.
///
/// # Errors
/// Says what a size looks like.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim();
    let shift = match unit {
        "" | "B" => Some(0),
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    if number.is_empty() {
        return Err(no_size(text, None));
    }
    let Some(shift) = shift else {
        // MB and the like: decimal to some, binary to others, so it is asked rather than guessed
        let meant = match unit.to_ascii_lowercase().as_str() {
            "k" | "kb" | "kib" => Some("KiB"),
            "m" | "mb" | "mib" => Some("MiB"),
            "g" | "gb" | "gib" => Some("GiB"),
            _ => None,
        };
        return Err(no_size(text, meant.map(|unit| format!("{number}{unit}"))));
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| format!("{text:?} is too large: expected fewer than 2^64 bytes"))
}

fn no_size(text: &str, meant: Option<String>) -> String {
    let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
    format!(
        "{text:?} is not a size: expected a whole number with KiB, MiB or GiB, such as \"16MiB\"; a bare \
         number is bytes{hint}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            (" 500ms ", 500),
            ("2h", 7_200_000),
            ("60", 60_000),
            ("0.25", 250),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
        }
        for text in [
            "", " ", "s", "-1", "-1s", "10x", "ten", "1.2.3", ".", ".5", "1e3", "1:30", "inf",
            "NaN", "10s!",
        ] {
            let fault = parse_duration(text).expect_err(text);
            assert!(fault.starts_with(&format!("{text:?} is not a duration: expected ")));
        }
        for text in ["11y", "100000000000", "99999999999999999999999999"] {
            let fault = parse_duration(text).expect_err(text);
            assert_eq!(
                fault,
                format!("{text:?} is too long: expected at most ten years")
            );
        }
    }

    #[test]
    fn sizes_have_binary_units_or_are_bytes() {
        for (text, size) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("64KiB", 64 << 10),
            ("16 MiB", 16 << 20),
            (" 2GiB", 2 << 30),
            ("7B", 7),
        ] {
            assert_eq!(parse_size(text), Ok(size));
        }
        for (text, part) in [
            ("", "is not a size: expected"),
            ("MiB", "is not a size: expected"),
            ("-1", "is not a size: expected"),
            ("1.5GiB", "is not a size: expected"),
            ("10 apples", "is not a size: expected"),
            ("50MB", "did you mean \"50MiB\"?"),
            ("50gib", "did you mean \"50GiB\"?"),
            ("1k", "did you mean \"1KiB\"?"),
            ("99999999999999999999", "is too large"),
            ("17179869184GiB", "is too large"),
        ] {
            let fault = parse_size(text).expect_err(text);
            assert!(fault.contains(part), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected(text in "[0-9a-zA-Z .]{0,30}|\\PC{0,20}") {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert!(duration <= LONGEST);
            }
            let _ = parse_size(&text);
        }
    }
}
