//! The keys of an HTTP check.

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::address;
use super::common::Common;
use super::diagnostics::Diagnostic;
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

/// `http` with what the table says.
pub fn read_http(table: &Table<'_>, http: Http, common: &Common) -> Http {
    let url_has_user = http.user.is_some();
    Http {
        timeout: common.timeout.unwrap_or(http.timeout),
        method: table.read("method", method).unwrap_or(http.method),
        headers: read_headers(table),
        data: table.read("data", Value::text).map(String::into_bytes),
        user: user(table, url_has_user).or(http.user),
        tls: tls(table),
        follow: table.read("follow", Value::flag).unwrap_or_default(),
        max_body: common.max_body.unwrap_or(http.max_body),
        resolve: table.get("resolve").map_or_else(Vec::new, |value| {
            value.each(|item| item.parsed(address::resolve))
        }),
        family: common.family,
        http2: table.read("http2", Value::flag).unwrap_or_default(),
        unix_socket: table.read("unix_socket", Value::path),
        ready: table.read("ready", ready),
        url: http.url,
    }
}

/// A URL, or a path at the check's own host.
fn ready(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => match address::probe(text)? {
            Probe::Http(http) if http.user.is_none() => Ok(http.url),
            _ => Err(format!(
                "{text:?} cannot tell what is ready: expected a path such as \"/ready\", or a URL of http"
            )),
        },
    })
}

fn tls(table: &Table<'_>) -> Tls {
    // a pair: a check's own certificate does not go with the defaults' key
    let pair = table.holding(&["cert", "key"]);
    let own = |key| pair.and_then(|pair| pair.own(key));
    let (cert, key) = (own("cert"), own("key"));
    if let (None, Some(key)) = (&cert, &key) {
        key.wrong(Diagnostic::new(
            "a key without a certificate",
            "add cert = \"FILE\"",
        ));
    }
    Tls {
        insecure: table.read("insecure", Value::flag).unwrap_or_default(),
        cacert: table.read("cacert", Value::path),
        cert: cert.and_then(|cert| cert.path()),
        key: key.and_then(|key| key.path()),
    }
}

/// The `headers` of `table`, in the file's order.
pub fn read_headers(table: &Table<'_>) -> Vec<(String, Secret)> {
    let Some(headers) = table.table("headers") else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, value) in headers.entries() {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            value.wrong(Diagnostic::new(
                format!("{name:?} is no header name"),
                "expected letters, digits and dashes, such as \"X-API-Key\"",
            ));
        }
        let Some(secret) = value.secret() else {
            continue;
        };
        if HeaderValue::from_str(secret.expose()).is_err() {
            value.wrong(Diagnostic::new(
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
        password?.wrong(Diagnostic::new(
            "a password without a user",
            "add user = \"name\"",
        ));
        return None;
    };
    if url_has_user {
        // the URL is nearer than a default
        if !value.inherited {
            value.wrong(Diagnostic::new(
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
            password.wrong(Diagnostic::new(
                "\"user\" holds a password already",
                "a user's name has no colon in it: keep one of the passwords",
            ));
            None
        }
        (None, None) => {
            value.wrong(Diagnostic::new(
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
        value.wrong(Diagnostic::new(
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
