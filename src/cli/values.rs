//! Values as people type them on a command line: each function reads one kind, and its error says what
//! would be right. Both command lines use them, so the same word means the same in both.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::config::settings::{Smtp, SmtpSecurity};
use crate::health::{Budget, StatusSet, parse_budget};
use crate::secret::{Secret, redact_url};

/// Longer waits are typing errors, and overflow the clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// `10s`, `1m 30s`, `500ms`; a bare number is seconds, and may have a fraction.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("{text:?} is no duration: expected seconds (10, 2.5) or units (500ms, 10s, 1m 30s)")
    };
    let trimmed = text.trim();
    let numeric = trimmed
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let span = if numeric {
        let seconds = trimmed.parse::<f64>().map_err(|_| wrong())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| too_long(text))?
    } else {
        humantime::parse_duration(trimmed).map_err(|_| wrong())?
    };
    if span > LONGEST {
        return Err(too_long(text));
    }
    Ok(span)
}

fn too_long(text: &str) -> String {
    format!("{text:?} is too long: expected at most 100 years")
}

/// A duration of more than nothing.
pub fn timeout(text: &str) -> Result<Duration, String> {
    positive(duration(text)?, text)
}

/// `span`, unless it is nothing.
pub fn positive(span: Duration, text: &str) -> Result<Duration, String> {
    if span.is_zero() {
        return Err(format!("{text:?} leaves no time at all: expected more than 0"));
    }
    Ok(span)
}

/// `number` seconds; `text` is what was typed.
pub fn seconds(number: i64, text: &str) -> Result<Duration, String> {
    let number = u64::try_from(number)
        .map_err(|_| format!("{text:?} is negative: expected more than 0 seconds"))?;
    let span = Duration::from_secs(number);
    if span > LONGEST {
        return Err(too_long(text));
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

/// Bytes: `1024`, `64KiB`, `1MiB`, `2GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: expected bytes (65536) or 64KiB, 1MiB, 2GiB");
    let trimmed = text.trim();
    let digits = trimmed
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
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
        return Err(wrong(&format!("the value of {name:?} has a control character")));
    }
    Ok((name.to_owned(), Secret::new(value)))
}

/// An HTTP method.
pub fn method(text: &str) -> Result<String, String> {
    if !is_token(text) {
        return Err(format!("{text:?} is no method: expected GET, HEAD, POST and so on"));
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

/// `HOST:PORT:ADDRESS`, as curl has it; an IPv6 address may stand in brackets.
pub fn resolve(text: &str) -> Result<(String, SocketAddr), String> {
    let wrong = || {
        format!("{text:?} names no address for a host: expected HOST:PORT:ADDRESS, such as example.org:443:127.0.0.1")
    };
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let address: IpAddr = address
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .map_err(|_| wrong())?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host.to_ascii_lowercase(), SocketAddr::new(address, port)))
}

/// Whether `text` is a URL that can be asked: its scheme, host and port. Says what was probably meant.
pub fn url(text: &str) -> Result<(), String> {
    let shown = redact_url(text);
    let Some((scheme, _)) = text.split_once("://") else {
        return Err(format!("{shown:?} has no scheme: did you mean http://{shown}"));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !["http", "https", "http+unix"].contains(&scheme.as_str()) {
        return Err(format!(
            "{shown:?} cannot be asked: expected http://, https:// or http+unix://"
        ));
    }
    match reqwest::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(()),
        Ok(_) => Err(format!("{shown:?} is no URL: it names no host")),
        Err(why) => Err(format!("{shown:?} is no URL: {why}")),
    }
}

/// A URL without its userinfo, and that userinfo as user and password.
pub fn split_userinfo(url: &str) -> (String, Option<(String, Secret)>) {
    let whole = || (url.to_owned(), None);
    let Some(start) = url.find("//").map(|at| at + 2) else {
        return whole();
    };
    let rest = &url[start..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return whole();
    };
    let (name, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
    let user = (unescaped(name), Secret::new(unescaped(password)));
    (
        format!("{}{}", &url[..start], &rest[at + 1..]),
        Some(user).filter(|(name, password)| !name.is_empty() || !password.expose().is_empty()),
    )
}

/// `%41` as `A`. What is no escape stays as it is.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `smtp://host`, `smtp+starttls://user:password@host:587`, `smtps://host`.
pub fn smtp(text: &str) -> Result<Smtp, String> {
    let wrong = || {
        format!(
            "{:?} is no mail server: expected smtp://HOST, smtp+starttls://USER:PASSWORD@HOST:PORT or smtps://HOST",
            redact_url(text)
        )
    };
    let (scheme, _) = text.split_once("://").ok_or_else(wrong)?;
    let (security, default) = match scheme {
        "smtp" => (SmtpSecurity::Plain, 25),
        "smtp+starttls" => (SmtpSecurity::StartTls, 587),
        "smtps" => (SmtpSecurity::Tls, 465),
        _ => return Err(wrong()),
    };
    let (bare, user) = split_userinfo(text);
    let url = reqwest::Url::parse(&bare).map_err(|_| wrong())?;
    let host = url.host_str().filter(|host| !host.is_empty());
    Ok(Smtp {
        security,
        host: host.ok_or_else(wrong)?.to_owned(),
        port: url.port().unwrap_or(default),
        user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_units() {
        for (text, millis) in [
            ("10", Some(10_000)),
            ("2.5", Some(2_500)),
            (".5", Some(500)),
            ("500ms", Some(500)),
            ("1m 30s", Some(90_000)),
            (" 5 ", Some(5_000)),
            ("0", Some(0)),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("-5", None),
            ("abc", None),
            ("5 parsecs", None),
            ("1e9", None),
            ("99999999999", None),
            ("9999999999999999999999", None),
            ("1000years", None),
        ] {
            let read = duration(text).ok().map(|span| span.as_millis());
            assert_eq!(read, millis, "{text:?}");
        }
        assert!(timeout("0").is_err() && timeout("0s").is_err());
    }

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("1 MiB", Some(1_048_576)),
            ("2GiB", Some(2_147_483_648)),
            ("2GB", None),
            ("MiB", None),
            ("", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("18446744073709551615GiB", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text:?}");
        }
    }

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let (name, value) = header("X-Key: a:b ").expect("a header");
        assert_eq!((name.as_str(), value.expose()), ("X-Key", "a:b"));
        assert!(header("X-Empty:").is_ok());
        for wrong in ["X-Key", ": b", "X Key: b", "X-Key : b", "X: a\r\nY: b", "X: a\0b"] {
            let why = header(wrong).expect_err(wrong);
            assert!(why.contains("expected 'Name: value'") && !why.contains("a\\"), "{why}");
        }
    }

    #[test]
    fn urls_without_a_scheme_say_what_was_meant() {
        for (text, expected) in [
            ("localhost:8080", "\"localhost:8080\" has no scheme: did you mean http://localhost:8080"),
            ("ftp://h/", "\"ftp://h/\" cannot be asked: expected http://, https:// or http+unix://"),
            ("http://u:p@h:port/", "\"http://***@h:port/\" is no URL: invalid port number"),
            ("http://", "\"http://\" is no URL: empty host"),
        ] {
            assert_eq!(url(text), Err(expected.to_owned()), "{text}");
        }
        for fine in ["http://h", "HTTPS://h:1/x?y", "http://[::1]:80/", "http+unix://%2Frun%2Fa.sock/"] {
            assert_eq!(url(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn userinfo_is_taken_out_and_unescaped() {
        let split = |url| {
            let (bare, user) = split_userinfo(url);
            (bare, user.map(|(name, word)| format!("{name} {}", word.expose())))
        };
        for (url, bare, user) in [
            ("http://h/x@y", "http://h/x@y", None),
            ("http://u:p@h/x", "http://h/x", Some("u p")),
            ("http://u@h", "http://h", Some("u ")),
            ("http://u%40x:a%3Ab%@h", "http://h", Some("u@x a:b%")),
            ("http://@h", "http://h", None),
            ("nonsense", "nonsense", None),
        ] {
            assert_eq!(split(url), (bare.to_owned(), user.map(str::to_owned)), "{url}");
        }
    }

    #[test]
    fn resolve_takes_curls_words() {
        let (host, address) = resolve("Example.org:443:127.0.0.1").expect("right");
        assert_eq!((host.as_str(), address.to_string().as_str()), ("example.org", "127.0.0.1:443"));
        assert_eq!(resolve("h:1:[::1]").map(|found| found.1.to_string()), Ok("[::1]:1".to_owned()));
        assert_eq!(resolve("h:1:::1").map(|found| found.1.to_string()), Ok("[::1]:1".to_owned()));
        for wrong in ["h", "h:1", "h:x:127.0.0.1", "h:1:name", ":1:127.0.0.1", "h:70000:::1"] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mail_servers_are_urls() {
        let server = smtp("smtp+starttls://me:pass%3A@mail.example.org").expect("right");
        assert_eq!(server.security, SmtpSecurity::StartTls);
        assert_eq!((server.host.as_str(), server.port), ("mail.example.org", 587));
        assert_eq!(server.user, Some(("me".to_owned(), Secret::new("pass:"))));
        assert_eq!(smtp("smtp://h:2525").map(|server| server.port), Ok(2525));
        assert_eq!(smtp("smtps://h").map(|server| server.port), Ok(465));
        for wrong in ["mail.example.org", "http://h", "smtp://", "smtp://u:secret@"] {
            let why = smtp(wrong).expect_err(wrong);
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
