//! The one place where known secrets are masked: a service, a mail server or a command may send back what it was
//! sent, and what it sends is kept, logged, mailed and shown. What is read as a secret is registered here, once,
//! for the life of the process; whatever keeps or shows text asks here first.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use crate::sorted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands for a secret.
const MASK: &str = "***";

/// A shorter text is not searched: it would be found in texts that have nothing to do with it.
const SHORTEST: usize = 6;

/// Parts of the names of headers and variables whose values are secrets.
const SECRET_NAMES: [&str; 9] = [
    "auth",
    "cookie",
    "token",
    "key",
    "secret",
    "pass",
    "session",
    "signature",
    "credential",
];

/// Whole names of secrets that are too short to be searched in others.
const SHORT_NAMES: [&str; 3] = ["sig", "pwd", "jwt"];

static KNOWN: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());
static VARIABLES: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// From now on `secret` is masked, also as it is in Base64, in a URL and in HTML.
pub fn conceal(secret: &str) {
    add([
        secret.to_owned(),
        STANDARD.encode(secret),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        in_html(secret),
    ]);
}

/// As our pages have it.
fn in_html(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '&' | '\'' | '<' | '>' => shown.push_str(&format!("&#{};", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// From now on `password` is masked, and what a login with it looks like in HTTP and SMTP.
pub fn conceal_login(user: &str, password: &str) {
    conceal(password);
    add([
        STANDARD.encode(format!("{user}:{password}")),
        STANDARD.encode(format!("\0{user}\0{password}")),
    ]);
}

/// From now on the value of the header `name` is masked, if that is a header that holds a secret.
pub fn conceal_header(name: &str, value: &str) {
    if !names_a_secret(name) {
        return;
    }
    conceal(value);
    // `Bearer TOKEN`, `name=value; name=value`
    for word in value.split([' ', ';', '=', ',']) {
        if word.len() > SHORTEST + 2 {
            conceal(word);
        }
    }
}

/// From now on the value of the environment variable `name` is masked, if its name says that it is a secret.
pub fn conceal_variable(name: &str, value: &str) {
    if names_a_secret(name) {
        conceal(value);
    }
}

/// Whether the value of a header, a variable, an option or a parameter of this `name` is a secret.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part)) || SHORT_NAMES.contains(&name.as_str())
}

fn add(secrets: impl IntoIterator<Item = String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.extend(secrets.into_iter().filter(|text| text.len() >= SHORTEST));
}

/// From now on children do not get the environment variable `name`: its value is a secret of ours.
pub fn register(name: &str) {
    let mut names = VARIABLES.write().unwrap_or_else(PoisonError::into_inner);
    names.insert(name.to_owned());
}

/// The variables that children do not get.
pub fn registered() -> Vec<String> {
    let names = VARIABLES.read().unwrap_or_else(PoisonError::into_inner);
    names.iter().cloned().collect()
}

/// `text` with `***` for each known secret.
pub fn mask(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut found: Vec<&str> = known
        .iter()
        .map(String::as_str)
        .filter(|secret| text.contains(secret))
        .collect();
    // one may be a part of another
    sorted::by_key(&mut found, |secret| std::cmp::Reverse(secret.len()));
    let masked = found
        .into_iter()
        .fold(None, |masked: Option<String>, secret| {
            Some(masked.as_deref().unwrap_or(text).replace(secret, MASK))
        });
    masked.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// `json`, a document, with `***` for each known secret in its strings.
pub fn mask_json(json: String) -> String {
    let suspicious = {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let is_in = |secret: &String| {
            json.contains(secret.as_str())
                || serde_json::to_string(secret)
                    .is_ok_and(|quoted| json.contains(quoted.trim_matches('"')))
        };
        known.iter().any(is_in)
    };
    if !suspicious {
        return json;
    }
    match serde_json::from_str::<Value>(&json) {
        Ok(mut value) => {
            mask_value(&mut value);
            value.to_string()
        }
        Err(_) => mask(&json).into_owned(),
    }
}

fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::Object(members) => members.values_mut().for_each(mask_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secret_is_masked_in_every_encoding() {
        conceal_login("mask-me", "s3cr\u{e9}t/pw");
        conceal_header("X-Api-Key", "mask-key-4711");
        conceal_header("Authorization", "Bearer mask-token-4711");
        conceal_header("Cookie", "sid=mask-cookie-4711; lang=en");
        conceal_header("Accept", "application/json");
        conceal("short");
        for (text, masked) in [
            ("pw s3cr\u{e9}t/pw.", "pw ***."),
            ("bWFzay1tZTpzM2Nyw6l0L3B3", "***"),
            ("s3cr%C3%A9t%2Fpw", "***"),
            ("key mask-key-4711 key mask-key-4711", "key *** key ***"),
            ("got Bearer mask-token-4711", "got ***"),
            ("got mask-token-4711", "got ***"),
            ("sid is mask-cookie-4711, lang en", "sid is ***, lang en"),
            ("application/json short en", "application/json short en"),
            ("", ""),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }

    #[test]
    fn json_is_masked_in_its_strings_alone() {
        conceal("47114711");
        conceal("quo\"ted-secret");
        let json = r#"{"n":47114711,"s":"a 47114711","q":["quo\"ted-secret"],"47114711":null}"#;
        let masked: Value = serde_json::from_str(&mask_json(json.to_owned())).unwrap();
        let expected =
            serde_json::json!({"n": 47114711, "s": "a ***", "q": ["***"], "47114711": null});
        assert_eq!(masked, expected);
        assert_eq!(mask_json("{\"a\": 1}".to_owned()), "{\"a\": 1}");
    }
}
