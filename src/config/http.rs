//! The keys of a check that say how its URL is asked.

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::address::probe;
use super::faults::Wrong;
use super::settings::{Http, Probe, Tls};
use super::table::Table;
use super::value::Value;
use crate::secret::Secret;

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

/// How the check is asked. Every key is read whatever the URL, so that none of them is unknown.
pub fn read_probe(table: &Table<'_>, url: Option<Value<'_>>) -> Probe {
    let asked = url.as_ref().and_then(|url| url.parsed(probe));
    let mut http = match asked {
        Some(Probe::Http(http)) => http,
        None => Http::new(""),
    };
    if let Some(timeout) = table.read("timeout", Value::some_duration) {
        http.timeout = timeout;
    }
    if let Some(method) = table.read("method", method) {
        http.method = method;
    }
    http.headers = read_headers(table);
    http.data = table.read("data", Value::text).map(String::into_bytes);
    let url_has_user = http.user.is_some();
    http.user = user(table, url_has_user).or(http.user);
    http.tls = Tls {
        insecure: table.read("insecure", Value::flag).unwrap_or_default(),
        cacert: table.read("cacert", Value::path),
    };
    http.follow = table.read("follow", Value::flag).unwrap_or_default();
    if let Some(size) = table.read("max_body", some_size) {
        http.max_body = size;
    }
    Probe::Http(http)
}

/// The `headers` of `table`, in the file's order.
pub fn read_headers(table: &Table<'_>) -> Vec<(String, Secret)> {
    let Some(headers) = table.table("headers") else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, value) in headers.entries() {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            value.wrong(Wrong::new(
                format!("{name:?} is no header name"),
                "expected letters, digits and dashes, such as \"X-API-Key\"",
            ));
        }
        let Some(secret) = value.secret() else {
            continue;
        };
        if HeaderValue::from_str(secret.expose()).is_err() {
            value.wrong(Wrong::new(
                "a header's value with control characters in it",
                "expected one line of text",
            ));
        }
        read.push((name.to_owned(), secret));
    }
    read
}

/// User and password, from `user = "name:password"` or from two keys.
fn user(table: &Table<'_>, url_has_user: bool) -> Option<(String, Secret)> {
    let layer = table.holding(&["user", "password"])?;
    let (user, password) = (layer.own("user"), layer.own("password"));
    let secret = password.as_ref().and_then(Value::secret);
    let Some(value) = user else {
        password?.wrong(Wrong::new(
            "a password without a user",
            "add user = \"name\"",
        ));
        return None;
    };
    if url_has_user {
        // the URL is nearer than a default
        if !value.inherited {
            value.wrong(Wrong::new(
                "the URL names a user already",
                "keep one of them",
            ));
        }
        return None;
    }
    let name = value.secret()?;
    match (name.expose().split_once(':'), password) {
        (Some((name, secret)), None) => Some((name.to_owned(), Secret::new(secret))),
        (None, Some(_)) => Some((name.expose().to_owned(), secret?)),
        (Some(_), Some(password)) => {
            password.wrong(Wrong::new(
                "\"user\" holds a password already",
                "a user's name has no colon in it: keep one of the passwords",
            ));
            None
        }
        (None, None) => {
            value.wrong(Wrong::new(
                "a user without a password",
                "write \"name:password\", or add password = \"${env:NAME}\"",
            ));
            None
        }
    }
}

fn method(value: &Value<'_>) -> Option<String> {
    let text = value.some_text()?;
    let upper = text.to_ascii_uppercase();
    if let Some(meant) = METHODS
        .iter()
        .find(|m| m.as_str() == upper && upper != text)
    {
        value.wrong(Wrong::new(
            format!("{text:?} is no method: their case matters"),
            format!("did you mean {:?}?", meant.as_str()),
        ));
        return None;
    }
    if Method::from_bytes(text.as_bytes()).is_err() {
        value.none_of("method", &text, &METHODS.each_ref().map(Method::as_str));
        return None;
    }
    Some(text)
}

fn some_size(value: &Value<'_>) -> Option<u64> {
    let size = value.size()?;
    if size == 0 {
        value.wrong(Wrong::new(
            "no room for any answer",
            "for example: \"16MiB\"",
        ));
        return None;
    }
    Some(size)
}
