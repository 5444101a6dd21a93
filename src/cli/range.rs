//! Alert ranges as the Nagios plugin guidelines have them: `[@]start:end`.

use std::fmt;
use std::str::FromStr;

use super::values;

/// A range of seconds. It alerts outside, or with `@` inside, its ends included in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlertRange {
    start: f64,
    end: f64,
    inside: bool,
}

impl AlertRange {
    /// Whether `seconds` is reason for an alert.
    pub fn alerts(&self, seconds: f64) -> bool {
        let within = self.start <= seconds && seconds <= self.end;
        within == self.inside
    }
}

impl FromStr for AlertRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "{text:?} is not a range: expected [@]START:END in seconds, such as 0.5, 1:, ~:2, 1:2 or @1:2"
            )
        };
        let bound = |bound: &str| match values::duration(bound) {
            Ok(span) => Ok(span.as_secs_f64()),
            Err(_) => Err(invalid()),
        };
        let (inside, ends) = match text.trim().strip_prefix('@') {
            Some(ends) => (true, ends),
            None => (false, text.trim()),
        };
        let (start, end) = ends.split_once(':').unwrap_or(("", ends));
        if ends == ":" || ends.is_empty() {
            return Err(invalid());
        }
        let start = match start {
            "" => 0.0,
            "~" => f64::NEG_INFINITY,
            start => bound(start)?,
        };
        let end = match end {
            "" => f64::INFINITY,
            end => bound(end)?,
        };
        if start > end {
            return Err(invalid());
        }
        Ok(Self { start, end, inside })
    }
}

impl fmt::Display for AlertRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inside {
            f.write_str("@")?;
        }
        if self.start == f64::NEG_INFINITY {
            f.write_str("~:")?;
        } else if self.start != 0.0 || self.end.is_infinite() {
            write!(f, "{}:", self.start)?;
        }
        if self.end.is_finite() {
            write!(f, "{}", self.end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_alert_as_the_guidelines_say() {
        for (text, quiet, alerts, shown) in [
            ("10", &[0.0, 10.0][..], &[-0.1, 10.1][..], "10"),
            ("10:", &[10.0, 1e9], &[9.9], "10:"),
            ("~:10", &[-5.0, 10.0], &[10.1], "~:10"),
            ("10:20", &[10.0, 20.0], &[9.9, 20.1], "10:20"),
            ("@10:20", &[9.9, 20.1], &[10.0, 20.0], "@10:20"),
            ("0:0.5", &[0.5], &[0.6], "0.5"),
            ("500ms", &[0.5], &[0.6], "0.5"),
            ("0:", &[0.0, 5.0], &[-1.0], "0:"),
        ] {
            let range: AlertRange = text.parse().expect(text);
            assert!(
                quiet.iter().all(|&seconds| !range.alerts(seconds)),
                "{text}"
            );
            assert!(
                alerts.iter().all(|&seconds| range.alerts(seconds)),
                "{text}"
            );
            assert_eq!(range.to_string(), shown);
        }
        for invalid in ["", "@", ":", "@:", "20:10", "a:b", "1:2:3", "-1"] {
            let why = invalid.parse::<AlertRange>().expect_err(invalid);
            assert!(
                why.starts_with(&format!("{invalid:?} is not a range")),
                "{why}"
            );
        }
    }
}
