//! The secrets of an imported file: the new configuration names a variable of the environment in the place of each, as
//! it may be redirected into a file that others can read. Until the variable is set, `config check` refuses the file.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::draft::quoted;
use crate::secret::{mask, names_a_secret, secret_parameters};

/// How the variables are called, before their number.
const VARIABLE: &str = "HTTPOK_SECRET_";

/// What stands for a secret where it is masked.
const MASK: &str = "***";

/// How the password of a URL stands in its variable.
const DECODED: &str = ", decoded (\"@\" where the URL has \"%40\")";

/// Words that a secret may follow or hold.
const SUSPICIOUS: [&str; 12] = [
    "pass",
    "auth",
    "cookie",
    "token",
    "key",
    "secret",
    "session",
    "credential",
    "header",
    "-h",
    "webhook",
    "smtp://",
];

/// So much is shown of a line.
const WIDEST: usize = 100;

/// A configuration without its secrets.
#[derive(Default)]
pub struct Referred {
    pub text: String,
    /// What is to be done about each secret.
    pub notes: Vec<String>,
    /// The variables with what they are to be set to.
    variables: Vec<(String, String)>,
}

/// `text`, a configuration whose secrets are known by now, with references in their places.
pub fn refer(text: &str) -> Referred {
    let mut referred = Referred::default();
    let mut place = String::new();
    let mut is_check = false;
    for line in text.lines() {
        let line = if line.starts_with('#') {
            if let Some(origin) = line.strip_prefix("# ") {
                origin.clone_into(&mut place);
            }
            mask(line).into_owned()
        } else {
            if line.starts_with('[') {
                is_check = line == "[[check]]";
            }
            if line.starts_with('[') && line != "[[check]]" && line != "[check.capture]" {
                line.clone_into(&mut place);
            }
            referred.without_secrets(line, &place, is_check)
        };
        referred.text.push_str(&line);
        referred.text.push('\n');
    }
    referred
}

impl Referred {
    /// What the variable `name` is once its note is followed.
    pub fn variable(&self, name: &str) -> Option<String> {
        let found = self.variables.iter().find(|(variable, _)| variable == name);
        found.map(|(_, secret)| secret.clone())
    }

    /// A reference to `secret`, of `key` at `place`; `form`: how the variable has it, where that is not as it stood.
    fn reference(&mut self, secret: String, key: &str, place: &str, form: &str) -> String {
        let name = format!("{VARIABLE}{}", self.variables.len() + 1);
        self.notes.push(format!(
            "{name}: set this variable to the secret of {key:?} in {place}{form}, or write \"${{file:/path}}\" instead"
        ));
        let reference = format!("${{env:{name}}}");
        self.variables.push((name, secret));
        reference
    }

    fn without_secrets(&mut self, line: &str, place: &str, is_check: bool) -> String {
        let Some((key, value)) = line.split_once(" = ") else {
            return line.to_owned();
        };
        if key == "password" {
            // where it is no reference, the draft has it so
            let secret = unquoted(value).replace("$${", "${");
            let reference = self.reference(secret, key, place, "");
            return format!("{key} = {}", quoted(&reference));
        }
        // these URLs are read as they are, and the login has keys of its own
        let has_keys = key == "smtp" || (key == "url" && is_check);
        if has_keys && let Some((login, colon, at)) = login_of_url(value) {
            let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let password = self.reference(decoded(&value[colon + 1..at]), key, place, DECODED);
            let user = decoded(&value[login..colon]);
            let user = match is_check {
                true => format!("user = {}\n", quoted(&user)),
                false => String::new(),
            };
            let kept = if is_check {
                at + 1..value.len()
            } else {
                at..value.len()
            };
            let begin = if is_check { login } else { colon };
            let url = format!("{}{}", &value[..begin], &value[kept]);
            return format!("{key} = {url}\n{user}password = {}", quoted(&password));
        }
        if key == "headers" {
            return format!("headers = {}", self.without_headers(value, place));
        }
        let masked = mask(value).into_owned();
        if masked == value {
            if holds_a_secret(key, value) {
                self.warn(key, place);
            }
            return line.to_owned();
        }
        // where no reference is read, or asterisks of its own stand beside the secret
        let is_read = key == "headers" || (key == "url" && !is_check);
        match hidden(value, &masked).filter(|_| is_read) {
            Some(secrets) => {
                let mut pieces = masked.split(MASK);
                let mut filled = pieces.next().unwrap_or_default().to_owned();
                for (secret, piece) in secrets.into_iter().zip(pieces) {
                    let secret = unquoted(&format!("\"{secret}\""));
                    filled.push_str(&self.reference(secret, key, place, ""));
                    filled.push_str(piece);
                }
                format!("{key} = {filled}")
            }
            None => {
                self.warn(key, place);
                line.to_owned()
            }
        }
    }

    /// Says that a secret stays where no reference is read.
    fn warn(&mut self, key: &str, place: &str) {
        self.notes.push(format!(
            "a secret stands in {key:?} of {place}: let nobody else read this file"
        ));
    }

    /// The table of headers `value` with references for those that hold secrets by their names.
    fn without_headers(&mut self, value: &str, place: &str) -> String {
        let headers: BTreeMap<String, String> =
            match toml::from_str::<HeadersLine>(&format!("headers = {value}")) {
                Ok(line) => line.headers,
                Err(_) => return value.to_owned(),
            };
        let is_secret = |name: &str, value: &str| names_a_secret(name) || mask(value) != value;
        if !(headers.iter()).any(|(name, value)| is_secret(name, value)) {
            return value.to_owned();
        }
        let entries = headers.into_iter().map(|(name, value)| {
            let value = match is_secret(&name, &value) {
                true => self.header(&value, place),
                false => value,
            };
            format!("{} = {}", quoted(&name), quoted(&value))
        });
        format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
    }

    /// A reference to the value of a header; the word before a token, such as `Bearer`, is no secret.
    fn header(&mut self, value: &str, place: &str) -> String {
        let (scheme, secret) = match value.split_once(' ') {
            Some((scheme, secret)) if scheme.chars().all(char::is_alphabetic) => (scheme, secret),
            _ => ("", value),
        };
        let secret = secret.replace("$${", "${");
        let reference = self.reference(secret, "headers", place, "");
        match scheme {
            "" => reference,
            scheme => format!("{scheme} {reference}"),
        }
    }
}

#[derive(Deserialize)]
struct HeadersLine {
    headers: BTreeMap<String, String>,
}

/// Whether `value` most likely holds a secret where no reference is read.
fn holds_a_secret(key: &str, value: &str) -> bool {
    let value = value.to_lowercase();
    match key {
        "url" => !secret_parameters(&value).is_empty(),
        "send" => ["auth", "pass", "login"]
            .iter()
            .any(|word| value.contains(word)),
        _ => false,
    }
}

/// `text`, a line of an imported file, for a message: up to where a secret may begin, known or not.
pub fn without(text: &str) -> String {
    let text = mask(text);
    let mut shown = String::new();
    for word in text.split_whitespace() {
        let lower = word.to_lowercase();
        let has_login = lower.contains("://") && (lower.contains('@') || lower.contains('?'));
        if has_login
            || SUSPICIOUS.iter().any(|part| lower.contains(part))
            || shown.len() + word.len() > WIDEST
        {
            return format!("{shown}...");
        }
        shown.push_str(word);
        shown.push(' ');
    }
    shown.trim_end().to_owned()
}

/// The texts of `value` that `masked` has asterisks for.
fn hidden<'v>(value: &'v str, masked: &str) -> Option<Vec<&'v str>> {
    let mut pieces = masked.split(MASK).peekable();
    let mut rest = value.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    while let Some(piece) = pieces.next() {
        let end = match pieces.peek() {
            Some(_) => rest.find(piece)?,
            None => rest.len().checked_sub(piece.len())?,
        };
        found.push(rest.get(..end)?);
        rest = &rest[end + piece.len()..];
    }
    (!value.contains(MASK)).then_some(found)
}

/// The text that a string of TOML from [`quoted`] is.
fn unquoted(value: &str) -> String {
    serde_json::from_str(value).unwrap_or_default()
}

/// Where the login of the URL in `value` begins, its colon and its end.
fn login_of_url(value: &str) -> Option<(usize, usize, usize)> {
    let start = value.find("://")? + 3;
    let rest = &value[start..];
    let end = rest.find(['/', '?', '#', '"']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    let colon = rest[..at].find(':')?;
    Some((start, start + colon, start + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_become_references_whatever_their_length() {
        crate::secret::conceal("import-token-4711");
        for (line, expected) in [
            ("password = \"pw\"", "password = \"${env:HTTPOK_SECRET_1}\""),
            (
                "url = \"http://u:abc@h:1/x?a@b\"",
                "url = \"http://h:1/x?a@b\"\nuser = \"u\"\npassword = \"${env:HTTPOK_SECRET_1}\"",
            ),
            ("url = \"http://u@h:1/\"", "url = \"http://u@h:1/\""),
            (
                "headers = { \"A\" = \"Bearer import-token-4711\" }",
                "headers = { \"A\" = \"Bearer ${env:HTTPOK_SECRET_1}\" }",
            ),
            ("body = \"a *** b\"", "body = \"a *** b\""),
            (
                "headers = { \"X-API-Key\" = \"k\" }",
                "headers = { \"X-API-Key\" = \"${env:HTTPOK_SECRET_1}\" }",
            ),
        ] {
            let made = refer(&format!("# a.conf:3\n[[check]]\n{line}\n"));
            let notes = &made.notes;
            assert_eq!(made.text, format!("# a.conf:3\n[[check]]\n{expected}\n"));
            assert_eq!(notes.len(), usize::from(line != expected), "{line}");
            assert!(
                notes.iter().all(|note| note.contains("a.conf:3")),
                "{notes:?}"
            );
        }
        let query = refer("[[check]]\nurl = \"http://h/?t=import-token-4711\"\n");
        assert!(query.text.contains("t=import-token-4711"), "{}", query.text);
        assert_eq!(query.notes.len(), 1, "{:?}", query.notes);
        let webhook = refer("[[webhook]]\nurl = \"https://h/import-token-4711\"\n");
        assert!(!webhook.text.contains("import-token"), "{}", webhook.text);
        let secret = webhook.variable("HTTPOK_SECRET_1");
        assert_eq!(secret.as_deref(), Some("import-token-4711"));
    }
}
