//! Values of HTTP as people write them. An error is a sentence `... is not ...: expected ...`, and never
//! repeats a header's value, which may be a secret.

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};

use crate::secret;

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
