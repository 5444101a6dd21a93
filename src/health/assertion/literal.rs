//! The values that an assertion compares with: texts, numbers, durations, sizes, true, false, null.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use super::scan::{ParseError, Scanner, is_of_word, quote};

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    Number(Number),
    Time(Duration),
    Size(u64),
    Bool(bool),
    Null,
}

/// A number: whole ones are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let whole = text.parse().ok().map(Self::Whole);
        let float = || text.parse().ok().filter(|x: &f64| x.is_finite());
        whole.or_else(|| float().map(Self::Float))
    }

    pub fn to_f64(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// The duration of so many seconds.
    pub fn as_seconds(self) -> Option<Duration> {
        let nanos = match self {
            Self::Whole(number) => u128::try_from(number).ok()?.checked_mul(1_000_000_000)?,
            Self::Float(number) => {
                let nanos = (number * 1e9).round();
                (0.0..1e30).contains(&nanos).then_some(nanos as u128)?
            }
        };
        duration(nanos)
    }

    /// `None` where one of them is none, NaN, and where a float is too near to a whole number to say whether it was
    /// written as that.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            (Self::Float(float), Self::Whole(whole)) | (Self::Whole(whole), Self::Float(float))
                if is_within_rounding(float, whole) =>
            {
                None
            }
            _ => self.to_f64().partial_cmp(&other.to_f64()),
        }
    }
}

/// Whether `float`, beyond the 53 bits that a float has, stands for several whole numbers, and `whole` is one of them.
fn is_within_rounding(float: f64, whole: i128) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if float.abs() < EXACT || float.abs() > 1e38 {
        return false;
    }
    // the distance to the next float is at most so much
    let step = float.abs() / (EXACT / 2.0);
    (float as i128).abs_diff(whole) as f64 <= step
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            // {:?} keeps the point, so that it is read as a float again
            Self::Float(number) => write!(f, "{number:?}"),
        }
    }
}

const NANOS: [(&[&str], u64); 8] = [
    (&["w", "week", "weeks"], 7 * 86_400_000_000_000),
    (&["d", "day", "days"], 86_400_000_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000_000),
    (&["ms", "msec", "millis"], 1_000_000),
    (&["us", "µs", "usec"], 1_000),
    (&["ns", "nsec"], 1),
];

const BYTES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

const EXAMPLES: &str =
    "expected a text in quotes, a number, a duration (500ms), a size (10KiB), true, false or null";

impl Literal {
    pub fn parse(scan: &mut Scanner<'_>) -> Result<Self, ParseError> {
        if let Some(quoted) = scan.quoted()? {
            return Ok(Self::Text(quoted.text));
        }
        for (word, value) in [
            ("true", Self::Bool(true)),
            ("false", Self::Bool(false)),
            ("null", Self::Null),
        ] {
            if scan.eat_word(word) {
                return Ok(value);
            }
        }
        match scan.token() {
            "" => Err(scan.here("a value is missing", EXAMPLES)),
            _ if begins_number(scan) => Self::measured(scan),
            word => {
                let word = word.trim_end_matches(',');
                let bare = word.starts_with(is_of_word);
                let help = match bare {
                    true => format!("put a text in quotes: {}", quote(word)),
                    false => EXAMPLES.to_owned(),
                };
                Err(scan.here(format!("{word:?} is not a value"), help))
            }
        }
    }

    /// A number, with a unit or without.
    fn measured(scan: &mut Scanner<'_>) -> Result<Self, ParseError> {
        let start = scan.at();
        let digits = take_number(scan);
        let behind = scan.at();
        let unit = scan.take(|c| c.is_alphabetic() || c == '%');
        let error = |scan: &Scanner<'_>, what: &str, help: &str| {
            let text = format!("{digits}{unit}");
            Err(scan.error(start..start + text.len(), format!("{text:?} {what}"), help))
        };
        if unit.is_empty() {
            return match Number::parse(digits) {
                Some(number) => Ok(Self::Number(number)),
                None => error(scan, "is not a number", "it is too large or has no digits"),
            };
        }
        if let Some((_, factor)) = BYTES.iter().find(|(name, _)| *name == unit) {
            let size = scaled(digits, *factor).and_then(|size| u64::try_from(size).ok());
            return match size {
                Some(size) => Ok(Self::Size(size)),
                None => error(scan, "is not a size", "expected a number such as 10KiB"),
            };
        }
        if nanos(unit).is_some() {
            scan.back_to(start);
            return match time(scan) {
                Some(time) => Ok(Self::Time(time)),
                None => error(
                    scan,
                    "is not a duration",
                    "expected at least 0s and at most ten years",
                ),
            };
        }
        scan.back_to(behind);
        let help = match unit.to_ascii_lowercase().as_str() {
            // decimal to some and binary to others: asked rather than guessed
            "k" | "kb" | "kib" => format!("did you mean {digits}KiB?"),
            "mb" | "mib" => format!("did you mean {digits}MiB?"),
            "g" | "gb" | "gib" => format!("did you mean {digits}GiB?"),
            _ => "expected ms, s, m, h or d for a duration, KiB, MiB or GiB for a size".to_owned(),
        };
        error(scan, "has no unit that is known", &help)
    }

    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Time(_) => "a duration",
            Self::Size(_) => "a size",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
        }
    }

    /// As a plain number: a duration in seconds, a size in bytes.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Time(time) => Some(Number::Float(time.as_secs_f64())),
            Self::Size(size) => Some(Number::Whole(i128::from(*size))),
            Self::Text(_) | Self::Bool(_) | Self::Null => None,
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quote(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => {
                let nanos = time.as_nanos();
                let fits = |unit: u64| nanos != 0 && nanos.is_multiple_of(u128::from(unit));
                // 14d rather than 2w: days are what people count certificates in
                let units = NANOS.iter().skip(1);
                let mut units = units.map(|(names, unit)| (names[0], *unit));
                let found = units.find(|(_, unit)| fits(*unit));
                let (name, unit) = found.unwrap_or(("s", 1_000_000_000));
                write!(f, "{}{name}", nanos / u128::from(unit))
            }
            Self::Size(size) => {
                let fits = |unit: &u64| *size != 0 && size.is_multiple_of(*unit);
                let found = BYTES.into_iter().find(|(_, unit)| fits(unit));
                let (name, unit) = found.unwrap_or(("B", 1));
                write!(f, "{}{name}", size / unit)
            }
            Self::Bool(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}

/// Whether a number is next.
fn begins_number(scan: &Scanner<'_>) -> bool {
    let rest = scan.rest();
    let digits = rest.strip_prefix('-').unwrap_or(rest);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// Reads `-12`, `1.5`, `1e9`, as far as it is one.
fn take_number<'a>(scan: &mut Scanner<'a>) -> &'a str {
    let rest = scan.rest();
    let start = scan.at();
    let digit = |c: char| c.is_ascii_digit();
    scan.eat("-");
    scan.take(digit);
    let digits_behind = |scan: &mut Scanner<'a>, before: &dyn Fn(&mut Scanner<'a>) -> bool| {
        let back = scan.at();
        if !before(scan) || scan.take(digit).is_empty() {
            scan.back_to(back);
        }
    };
    digits_behind(scan, &|scan| scan.eat("."));
    digits_behind(scan, &|scan| {
        let begun = scan.eat("e") || scan.eat("E");
        let _ = begun && (scan.eat("+") || scan.eat("-"));
        begun
    });
    &rest[..scan.at() - start]
}

/// Reads `1m 30s`: every part whose unit is one of time.
fn time(scan: &mut Scanner<'_>) -> Option<Duration> {
    let mut sum = 0_u128;
    let mut parts = 0;
    loop {
        let back = scan.at();
        if parts > 0 {
            scan.skip_blanks();
        }
        let next = scan.peek().is_some_and(|c| c.is_ascii_digit());
        let digits = if next { take_number(scan) } else { "" };
        let unit = nanos(scan.take(char::is_alphabetic));
        match (unit, parts) {
            (Some(unit), _) if next => sum = sum.checked_add(scaled(digits, unit)?)?,
            (_, 0) => return None,
            _ => {
                scan.back_to(back);
                return duration(sum);
            }
        }
        parts += 1;
    }
}

/// So many nanoseconds, which are at most ten years.
fn duration(nanos: u128) -> Option<Duration> {
    const LONGEST: u128 = 10 * 366 * 86_400_000_000_000;
    let whole = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    (nanos <= LONGEST).then(|| Duration::new(whole, rest))
}

fn nanos(unit: &str) -> Option<u64> {
    let found = NANOS.iter().find(|(names, _)| names.contains(&unit));
    found.map(|(_, nanos)| *nanos)
}

/// `digits` times `factor`, exact for whole numbers.
fn scaled(digits: &str, factor: u64) -> Option<u128> {
    match Number::parse(digits)? {
        Number::Whole(number) => u128::try_from(number).ok()?.checked_mul(u128::from(factor)),
        Number::Float(number) => {
            let product = (number * factor as f64).round();
            (0.0..1e30).contains(&product).then_some(product as u128)
        }
    }
}
