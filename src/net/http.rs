//! Values of HTTP, as people write them and as requests carry them. An error is a sentence `... is not ...:
//! expected ...`, and never repeats a header's value, which may be a secret.

use base64::prelude::{BASE64_STANDARD, Engine};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use url::Url;

use crate::secret::{self, Secret};

/// A header to send.
pub type Header = (HeaderName, HeaderValue);

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::PATCH,
    Method::TRACE,
];

/// The method `text`. Case matters; CONNECT asks for a tunnel, not for an answer.
///
/// # Errors
/// Says which method was probably meant, or which there are.
pub fn method(text: &str) -> Result<Method, String> {
    let upper = text.to_ascii_uppercase();
    let known = METHODS.iter().find(|method| method.as_str() == upper);
    match (known, Method::from_bytes(text.as_bytes())) {
        (Some(known), Ok(method)) if *known != method => Err(format!(
            "{text:?} is not a method, because case matters: expected {:?}",
            known.as_str()
        )),
        (_, Ok(method)) if method != Method::CONNECT => Ok(method),
        _ => {
            let names = METHODS.each_ref().map(Method::as_str).join(", ");
            Err(format!("{text:?} is not a method: expected one of {names}"))
        }
    }
}

/// The header `name` with `value`, which is never printed.
///
/// # Errors
/// Says what is wrong with the name or the value.
pub fn header(name: &str, value: &str) -> Result<Header, String> {
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        format!(
            "{name:?} is not a header name: expected letters, digits and dashes, such as \"X-API-Key\""
        )
    })?;
    if key == CONTENT_LENGTH || key == TRANSFER_ENCODING {
        return Err(format!(
            "header {name:?} follows from the request: expected another, or none"
        ));
    }
    let value = value.trim();
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        format!(
            "the value of header {name:?} has control characters in it: expected one line of text"
        )
    })?;
    value.set_sensitive(true);
    if let Ok(text) = value.to_str() {
        secret::conceal_header(name, text);
    }
    Ok((key, value))
}

/// Basic authentication: the value of `Authorization`.
pub fn basic(user: &str, password: &Secret) -> HeaderValue {
    let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
    // base64 has no character that a header could not carry
    let value = HeaderValue::from_str(&format!("Basic {pair}"));
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// `x-api-key` as `X-Api-Key`: case does not matter, but there are servers to which it does.
pub fn capitals(name: &HeaderName) -> String {
    let parts = name
        .as_str()
        .split('-')
        .map(|part| match part.split_at_checked(1) {
            Some((first, rest)) => first.to_ascii_uppercase() + rest,
            None => String::new(),
        });
    parts.collect::<Vec<_>>().join("-")
}

/// The host of `url` and, unless it is the scheme's, its port: the value of `Host`.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Path and query of `url`.
pub fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// `code` with the phrase that the standard has for it: `404 Not Found`.
pub fn status(code: u16) -> String {
    let known = StatusCode::from_u16(code).ok();
    match known.and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("{code} {reason}"),
        None => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive_and_ask_for_an_answer() {
        assert_eq!(
            method("PURGE").map(|method| method.to_string()),
            Ok("PURGE".to_owned())
        );
        for (text, part) in [
            ("get", "case matters: expected \"GET\""),
            ("G T", "expected one of GET, HEAD"),
            ("", "expected one of GET"),
            ("CONNECT", "expected one of GET"),
        ] {
            let error = method(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn headers_hide_their_values() {
        let (name, value) = header("X-Key", " hunter2 ").expect("a header");
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("x-key", &b"hunter2"[..])
        );
        assert!(!format!("{value:?}").contains("hunter2"));
        for (name, value, part) in [
            ("A B", "hunter2", "\"A B\" is not a header name"),
            ("", "hunter2", "is not a header name"),
            ("K", "hunter2\n2", "value of header \"K\""),
            ("K", "hunter2\0", "value of header \"K\""),
            ("content-length", "1", "follows from the request"),
        ] {
            let error = header(name, value).expect_err(name);
            assert!(
                error.contains(part) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
