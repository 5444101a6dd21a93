//! Values as people type them on a command line: each function reads one kind, and its error says what
//! would be right. Both command lines use them, so the same word means the same in both.

use std::net::SocketAddr;
use std::time::Duration;

use super::range::AlertRange;
use crate::config::duration::{parse_duration, parse_size};
use crate::config::escape::unescape;
use crate::config::parse_share;
use crate::health::{Assertion, Backoff, Budget, StatusSet, parse_budget};
use crate::net::{self, http::Header};
use crate::notify::spec::SmtpSpec;
use crate::probe::line::Until;
use crate::secret::{self, Secret, SecretBytes};

/// `10s`, `1m 30s`, `500ms`; a bare number is seconds, and may have a fraction.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

/// A duration of more than nothing.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    if span.is_zero() {
        return Err(format!(
            "{text:?} leaves no time at all: expected more than 0"
        ));
    }
    Ok(span)
}

/// A number of times, at least one.
pub fn count(text: &str) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|&number: &u32| number > 0);
    number.ok_or_else(|| format!("{text:?} is not a count: expected 1, 2, 3 and so on"))
}

/// `5/10m`.
pub fn budget(text: &str) -> Result<Budget, String> {
    parse_budget(text, duration)
}

/// `10s..5m`: the first pause and the longest; one alone is always the pause.
pub fn backoff(text: &str) -> Result<Backoff, String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let (min, max) = (duration(min)?, duration(max)?);
    if min > max {
        return Err(format!(
            "{text:?} starts with the longer pause: expected MIN..MAX, such as 10s..5m"
        ));
    }
    Ok(Backoff {
        min,
        max,
        ..Backoff::default()
    })
}

/// From which share of services on that fail at once none is restarted; `None`: from no share on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PanicThreshold(pub Option<f64>);

/// `60%`, or `off`.
pub fn panic_threshold(text: &str) -> Result<PanicThreshold, String> {
    match text {
        "off" => Ok(PanicThreshold(None)),
        _ => match parse_share(text) {
            Ok(share) => Ok(PanicThreshold(Some(share))),
            Err(why) => Err(format!("{why}, or off")),
        },
    }
}

/// Bytes: `1024`, `64KiB`, `1MiB`, `2GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size(text)
}

/// One word of a status set: `200`, `2xx`, `200-299`.
pub fn code(text: &str) -> Result<String, String> {
    match StatusSet::from_words(&[text]) {
        Ok(_) => Ok(text.to_owned()),
        // Nagios plugins have -c for a range
        Err(why) if text.parse::<AlertRange>().is_ok() => Err(format!(
            "{why}; a critical range of --format nagios is --crit {text}"
        )),
        Err(why) => Err(why),
    }
}

/// `127.0.0.1:8080`, `[::1]:8080`.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is not an address with a port: expected such as 127.0.0.1:8399 or [::1]:8399"
        )
    })
}

/// Text that is not empty.
pub fn text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty: expected some text".to_owned());
    }
    Ok(text.to_owned())
}

/// `Name: value`. The value may be a secret and is never repeated.
pub fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("there is no colon in this header: expected 'Name: value'")?;
    net::http::header(name, value)
}

/// `user:password`; the password may be missing.
pub fn user(text: &str) -> Result<(String, Secret), String> {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    if name.is_empty() {
        return Err("there is no user's name: expected USER:PASSWORD".to_owned());
    }
    secret::conceal_login(name, password);
    Ok((name.to_owned(), Secret::new(password)))
}

/// What has to be true of an answer.
pub fn assertion(text: &str) -> Result<Assertion, String> {
    Assertion::parse(text).map_err(|fault| fault.to_string())
}

/// Bytes to send, with escapes such as `\\r\\n`.
pub fn payload(text: &str) -> Result<SecretBytes, String> {
    unescape(&self::text(text)?).map(SecretBytes::new)
}

/// The end of an answer. Which texts end it stands in another option.
pub fn until(text: &str) -> Result<Until, String> {
    Until::from_name(text, &[])
        .ok_or_else(|| format!("{text:?} is not an end: expected line, close or text"))
}

/// `smtp://host`, `smtp+starttls://user:password@host:587`, `smtps://host`.
pub fn smtp(text: &str) -> Result<SmtpSpec, String> {
    let (server, user) = SmtpSpec::parse(text)?;
    let user = user.map(|(name, password)| (name, password.unwrap_or_default()));
    Ok(SmtpSpec { user, ..server })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_timeout_is_refused() {
        assert_eq!(timeout("2.5"), Ok(Duration::from_millis(2500)));
        for nothing in ["0", "0s", "0.0"] {
            assert!(timeout(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn pauses_grow() {
        let pause = backoff("1s..8s").expect("right");
        assert_eq!((pause.min.as_secs(), pause.max.as_secs()), (1, 8));
        assert_eq!(
            backoff("3").map(|pause| (pause.min.as_secs(), pause.max.as_secs())),
            Ok((3, 3))
        );
        assert!(backoff("5m..1s").is_err() && backoff("1s..").is_err());
    }

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let (name, value) = header("X-Key: a:b ").expect("a header");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-key", &b"a:b"[..]));
        assert!(header("X-Empty:").is_ok());
        for invalid in [
            "X-Key",
            ": b",
            "X Key: b",
            "X-Key : b",
            "X: a\r\nY: b",
            "X: a\0b",
        ] {
            let error = header(invalid).expect_err(invalid);
            assert!(
                error.contains("expected") && !error.contains("a\\"),
                "{error}"
            );
        }
    }
}
