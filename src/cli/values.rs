//! Values as people type them on a command line: each function reads one kind, and its error says what
//! would be right. Both command lines use them, so the same word means the same in both.

use std::time::Duration;

use crate::config::address::Address;
use crate::config::duration::{parse_duration, parse_size};
use crate::config::escape::unescape;
use crate::config::settings::{Check, Payload, Probe, Smtp, SmtpSecurity, Until};
use crate::health::{Assertion, Backoff, Budget, StatusSet, parse_budget};
use crate::secret::{Secret, redact_url};

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
    number.ok_or_else(|| format!("{text:?} is no count: expected 1, 2, 3 and so on"))
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

/// Bytes: `1024`, `64KiB`, `1MiB`, `2GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size(text)
}

/// One word of a status set: `200`, `2xx`, `200-299`.
pub fn code(text: &str) -> Result<String, String> {
    StatusSet::from_words(&[text])?;
    Ok(text.to_owned())
}

/// Text that is not empty.
pub fn text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty: expected some text".to_owned());
    }
    Ok(text.to_owned())
}

/// `Name: value`. The value may be a secret and is never repeated.
pub fn header(text: &str) -> Result<(String, Secret), String> {
    let wrong = |what: &str| format!("{what}: expected 'Name: value'");
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| wrong("there is no colon in this header"))?;
    let value = value.trim();
    if !is_token(name) {
        return Err(wrong(&format!("{name:?} is no header's name")));
    }
    if value.chars().any(char::is_control) {
        return Err(wrong(&format!(
            "the value of {name:?} has a control character"
        )));
    }
    Ok((name.to_owned(), Secret::new(value)))
}

/// An HTTP method.
pub fn method(text: &str) -> Result<String, String> {
    if !is_token(text) {
        return Err(format!(
            "{text:?} is no method: expected GET, HEAD, POST and so on"
        ));
    }
    Ok(text.to_owned())
}

/// Letters, digits and the marks that HTTP allows in names.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// `user:password`; the password may be missing.
pub fn user(text: &str) -> Result<(String, Secret), String> {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    if name.is_empty() {
        return Err("there is no user's name: expected USER:PASSWORD".to_owned());
    }
    Ok((name.to_owned(), Secret::new(password)))
}

/// Whether `text` is a URL of the web. Says what was probably meant.
pub fn web(text: &str) -> Result<(), String> {
    match Check::of_url("", text)?.probe {
        Probe::Http(_) => Ok(()),
        Probe::Line(_) | Probe::Exec(_) => Err(format!(
            "{:?} is no URL of the web: expected http or https",
            redact_url(text)
        )),
    }
}

/// What has to be true of an answer.
pub fn assertion(text: &str) -> Result<Assertion, String> {
    Assertion::parse(text).map_err(|fault| fault.to_string())
}

/// Bytes to send, with escapes such as `\\r\\n`.
pub fn payload(text: &str) -> Result<Payload, String> {
    unescape(&self::text(text)?).map(Payload::new)
}

/// The end of an answer.
pub fn until(text: &str) -> Result<Until, String> {
    Until::from_name(text)
        .ok_or_else(|| format!("{text:?} is no end: expected line, close or text"))
}

/// `smtp://host`, `smtp+starttls://user:password@host:587`, `smtps://host`.
pub fn smtp(text: &str) -> Result<Smtp, String> {
    let address = Address::parse(text, "smtp+starttls://user:password@mail.example.org:587")?;
    let (security, default) = match address.scheme.as_str() {
        "smtp" => (SmtpSecurity::Plain, 25),
        "smtp+starttls" => (SmtpSecurity::StartTls, 587),
        "smtps" => (SmtpSecurity::Tls, 465),
        _ => (SmtpSecurity::Plain, 0),
    };
    if default == 0 || address.host.is_empty() {
        return Err(format!(
            "{:?} is no mail server: expected smtp://HOST, smtp+starttls://HOST or smtps://HOST",
            redact_url(text)
        ));
    }
    Ok(Smtp {
        security,
        host: address.host,
        port: address.port.unwrap_or(default),
        user: address
            .user
            .map(|(name, password)| (name, password.unwrap_or_default())),
        cacert: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_more_than_nothing() {
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
        assert_eq!((name.as_str(), value.expose()), ("X-Key", "a:b"));
        assert!(header("X-Empty:").is_ok());
        for wrong in [
            "X-Key",
            ": b",
            "X Key: b",
            "X-Key : b",
            "X: a\r\nY: b",
            "X: a\0b",
        ] {
            let why = header(wrong).expect_err(wrong);
            assert!(
                why.contains("expected 'Name: value'") && !why.contains("a\\"),
                "{why}"
            );
        }
    }

    #[test]
    fn mail_servers_are_urls() {
        let server = smtp("smtp+starttls://me:pass%3A@mail.example.org").expect("right");
        assert_eq!(server.security, SmtpSecurity::StartTls);
        assert_eq!(
            (server.host.as_str(), server.port),
            ("mail.example.org", 587)
        );
        assert_eq!(server.user, Some(("me".to_owned(), Secret::new("pass:"))));
        assert_eq!(smtp("smtp://h:2525").map(|server| server.port), Ok(2525));
        assert_eq!(smtp("smtps://h").map(|server| server.port), Ok(465));
        for wrong in [
            "mail.example.org",
            "http://h",
            "smtp://",
            "smtp://u:secret@",
        ] {
            let why = smtp(wrong).expect_err(wrong);
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
