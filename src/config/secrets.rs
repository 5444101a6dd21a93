//! What is secret in texts of a configuration: logins and tokens in URLs, values of variables and options whose names say
//! so, headers. And which names say so, where a key is not described.

use std::ops::Range;

use crate::secret::{login_end, names_a_secret, secret_parameters};
use crate::sorted;

/// Words that make the value of an unknown key a secret, wherever in the key they stand. Too many rather than too few.
const WORDS: [&str; 10] = [
    "pass", "secret", "token", "user", "header", "smtp", "auth", "data", "webhook", "routing",
];

/// Keys that hold secrets; what is nearly one of them is probably a misspelling.
const KEYS: [&str; 7] = [
    "password",
    "user",
    "username",
    "headers",
    "smtp",
    "api_keys",
    "environment",
];

/// Headers and variables that are no secrets.
const HARMLESS: [&str; 27] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-modified-since",
    "if-none-match",
    "origin",
    "pragma",
    "range",
    "te",
    "user-agent",
    "home",
    "lang",
    "lc_all",
    "logname",
    "path",
    "port",
    "shell",
    "term",
    "tz",
];

/// Options whose value is a login, where it has a colon in it.
const LOGINS: [&str; 3] = ["-u", "--user", "--proxy-user"];

/// Options whose value is a header.
const HEADERS: [&str; 2] = ["-H", "--header"];

/// Whether a value under an unknown `key` must not be shown.
pub fn is_secret_name(key: &str) -> bool {
    // no key is as long, and comparing takes the square of the length
    if key.len() > 128 {
        return true;
    }
    let key = key.to_lowercase();
    // what is sent over a plain connection may be a password; "sendmail" is none
    key == "send"
        || WORDS.iter().any(|word| key.contains(word))
        || KEYS
            .iter()
            .any(|secret| strsim::jaro_winkler(secret, &key) >= 0.88)
}

/// Whether the header or the variable `name` is no secret.
pub fn is_harmless_entry(name: &str) -> bool {
    HARMLESS
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether `text` only says where a secret is: `${env:NAME}`, `${file:PATH}`.
pub fn is_reference(text: &str) -> bool {
    let name = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        (name.starts_with("env:") || name.starts_with("file:")) && !name.contains(['$', '{', '}'])
    })
}

/// The secret parts of `text`: a URL, a line for the shell, or anything else. What follows a secret up to the next blank is
/// a part of it where no shell reads the line.
pub fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut last = "";
    let mut hidden_until = 0;
    for Word {
        place,
        is_glued,
        end,
    } in words(text)
    {
        let word = &text[place.clone()];
        let before = std::mem::replace(&mut last, word);
        if place.start < hidden_until {
            continue;
        }
        for part in parts_of_word(word, before, is_glued) {
            let part = place.start + part.start..place.start + part.end;
            if part.end < place.end || place.end == end {
                parts.push(part);
                continue;
            }
            // a quote that closes is shown
            match text[place.end..end].starts_with(QUOTES) {
                true => parts.extend([part, place.end + 1..end]),
                false => parts.push(part.start..end),
            }
            hidden_until = end;
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The secret parts of each of the `words` of a command, or of some other list.
pub fn parts_of_words(words: &[&str]) -> Vec<Vec<Range<usize>>> {
    let mut last = "";
    words
        .iter()
        .map(|word| {
            let before = std::mem::replace(&mut last, word);
            parts_of_word(word, before, false)
        })
        .collect()
}

/// `text` with `***` for its secret parts.
pub fn shown(text: &str) -> String {
    replaced(text, parts(text))
}

/// Each of `words` with `***` for its secret parts.
pub fn shown_words(words: &[&str]) -> Vec<String> {
    let parts = parts_of_words(words).into_iter();
    words
        .iter()
        .zip(parts)
        .map(|(word, parts)| replaced(word, parts))
        .collect()
}

fn replaced(text: &str, mut parts: Vec<Range<usize>>) -> String {
    sorted::by_key(&mut parts, |part| std::cmp::Reverse(part.start));
    parts.into_iter().fold(text.to_owned(), |mut text, part| {
        text.replace_range(part, "***");
        text
    })
}

/// What may stand around a word.
const QUOTES: [char; 2] = ['"', '\''];

/// A word of a text, or a part of one.
struct Word {
    /// Without quotes around it.
    place: Range<usize>,
    /// It is in quotes, right behind the word before it, as in `-H"A: b"`.
    is_glued: bool,
    /// Where the next blank is that is not in quotes.
    end: usize,
}

fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut begin: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut is_glued = false;
    // the first word since the last blank
    let mut first = 0;
    let word = |place, is_glued| Word {
        place,
        is_glued,
        end: text.len(),
    };
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(open), char) if open == char => {
                quote = None;
                found.extend(begin.take().map(|begin| word(begin..at, is_glued)));
                is_glued = false;
            }
            (Some(_), _) => {}
            (None, '"' | '\'') => {
                is_glued = begin.is_some();
                found.extend(begin.take().map(|begin| word(begin..at, false)));
                (quote, begin) = (Some(char), Some(at + 1));
            }
            (None, char) if char.is_whitespace() || matches!(char, '|' | ';' | '<' | '>' | ',') => {
                found.extend(begin.take().map(|begin| word(begin..at, false)));
                if char.is_whitespace() {
                    found[first..].iter_mut().for_each(|word| word.end = at);
                    first = found.len();
                }
            }
            (None, _) => {
                begin.get_or_insert(at);
            }
        }
    }
    found.extend(begin.map(|begin| word(begin..text.len(), is_glued)));
    found
}

/// The secret parts of `word`, which follows the word `before`; `is_glued`: without a blank.
fn parts_of_word(word: &str, before: &str, is_glued: bool) -> Vec<Range<usize>> {
    let all = 0..word.len();
    if word.is_empty() || is_reference(word) {
        return Vec::new();
    }
    let assigned = before.strip_suffix('=').filter(|_| is_glued);
    if assigned.is_some_and(is_secret_variable) {
        return one(all);
    }
    let before = assigned.unwrap_or(before);
    if HEADERS.contains(&before) {
        return header(word, 0);
    }
    if LOGINS.contains(&before) && word.contains(':') {
        return one(all);
    }
    if before.starts_with("--") && !before.contains('=') && names_a_secret(before) {
        return one(all);
    }
    if let Some(value) = word.strip_prefix("-H").filter(|value| !value.is_empty()) {
        return header(value, 2);
    }
    if word.starts_with("-u") && word.contains(':') {
        return one(2..word.len());
    }
    if let Some((name, value)) = word.split_once('=') {
        let start = name.len() + 1;
        let is_login = LOGINS.contains(&name) && value.contains(':');
        if HEADERS.contains(&name) {
            return header(value, start);
        }
        if (is_login || is_secret_variable(name)) && !value.is_empty() && !is_reference(value) {
            return one(start..word.len());
        }
    }
    let mut parts: Vec<_> = login(word).into_iter().collect();
    parts.extend(query(word));
    // the line of a shell that is a word of another line
    if parts.is_empty() && word.contains(char::is_whitespace) {
        return self::parts(word);
    }
    parts
}

/// Whether `name`, that of a variable or an option, says that its value is a secret.
fn is_secret_variable(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().all(is_plain) && names_a_secret(name)
}

fn one(part: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(part).collect()
}

/// The value of a header line that begins at `start`, unless the header is harmless.
fn header(line: &str, start: usize) -> Vec<Range<usize>> {
    let name = line.split(':').next().unwrap_or_default();
    if is_harmless_entry(name.trim()) {
        return Vec::new();
    }
    let value = if name.len() < line.len() {
        name.len() + 1
    } else {
        0
    };
    one(start + value..start + line.len())
}

/// User and password of a URL, or of what is nearly one.
fn login(word: &str) -> Option<Range<usize>> {
    let Some(start) = word.find("://").map(|at| at + 3) else {
        // the mistyped URL of a user: `http:/u:p@h`, `u:p@h`
        let end = login_end(word)?;
        return (!word[..end].contains(char::is_whitespace)).then_some(0..end);
    };
    let rest = &word[start..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(at) = authority.rfind('@') {
        return Some(start..start + at);
    }
    let end = rest.rfind('@')?;
    // a password with a slash in it looks like a port and a path
    let is_login = match authority.rsplit_once(':') {
        _ if authority.starts_with('[') => false,
        Some((_, port)) => !port.bytes().all(|byte| byte.is_ascii_digit()),
        None => authority.is_empty() && rest[..end].contains(':'),
    };
    is_login.then_some(start..start + end)
}

/// The values of the parameters of a URL that hold secrets.
fn query(word: &str) -> Vec<Range<usize>> {
    if !word.contains("://") {
        return Vec::new();
    }
    let parts = secret_parameters(word).into_iter();
    parts
        .filter(|part| !is_reference(&word[part.clone()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_keys_are_recognized_by_name() {
        for key in [
            "password",
            "pasword",
            "Passwort",
            "user",
            "usr",
            "username",
            "headers",
            "haeders",
            "smtp",
            "smpt",
            "api_key",
            "access_token",
            "X-Auth",
            "send",
        ] {
            assert!(is_secret_name(key), "{key}");
        }
        for key in [
            "name",
            "url",
            "every",
            "timeout",
            "status",
            "body",
            "restart",
            "restarts",
            "keep",
            "to",
            "from",
            "cores",
            "reminder",
            "supervisor",
            "supervisord",
            "requires",
            "rearm",
            "sendmail",
            "max_restarts",
            "cacert",
            "insecure",
            "start_stopped",
        ] {
            assert!(!is_secret_name(key), "{key}");
        }
    }

    #[test]
    fn secret_parts_of_texts_are_hidden_and_nothing_else() {
        for (text, expected) in [
            ("http://u:p@h:1/x?a=1", "http://***@h:1/x?a=1"),
            (
                "smtp+starttls://ops@mail:587",
                "smtp+starttls://***@mail:587",
            ),
            ("http://u:p/w@h/", "http://***@h/"),
            ("http://h:8080/x@y", "http://h:8080/x@y"),
            ("http://[::1]:8080/x@y", "http://[::1]:8080/x@y"),
            ("http:/u:p@h/", "***@h/"),
            ("http:///u:p@h/", "http://***@h/"),
            ("u:p@h", "***@h"),
            ("ops@example.org", "ops@example.org"),
            ("Ops <ops@example.org>", "Ops <ops@example.org>"),
            (
                "http://h/?token=abc&lang=en#x",
                "http://h/?token=***&lang=en#x",
            ),
            (
                "http://h/?page=1&api_key=abc",
                "http://h/?page=1&api_key=***",
            ),
            ("http://h/?token=${env:T}", "http://h/?token=${env:T}"),
            (
                "curl -u me:pw -H 'X-Api: abc' http://h",
                "curl -u *** -H 'X-Api:***' http://h",
            ),
            (
                "curl -H \"Accept: text/plain\" h",
                "curl -H \"Accept: text/plain\" h",
            ),
            ("curl -HX-Key:abc h", "curl -HX-Key:*** h"),
            ("journalctl -u nginx", "journalctl -u nginx"),
            ("DB_PASSWORD=abc LANG=C run", "DB_PASSWORD=*** LANG=C run"),
            (
                "run --password abc --level 3",
                "run --password *** --level 3",
            ),
            (
                "run --api-token=abc --level=3",
                "run --api-token=*** --level=3",
            ),
            // without a shell these are parts of the word
            (
                "run --password abc;def --level 3",
                "run --password *** --level 3",
            ),
            ("run --password=abc,def|ghi -v", "run --password=*** -v"),
            ("DB_PASSWORD=abc;def run", "DB_PASSWORD=*** run"),
            (
                "curl http://h/?token=abc;def -v",
                "curl http://h/?token=*** -v",
            ),
            ("curl -u me:p>w;x h", "curl -u *** h"),
            ("curl -H 'X-Api: a;b,c' h", "curl -H 'X-Api:***' h"),
            ("DB_PASSWORD=\"a b\" run", "DB_PASSWORD=\"***\" run"),
            ("DB_PASSWORD='a'b run", "DB_PASSWORD='***'*** run"),
            ("run --password=\"a b\" -v", "run --password=\"***\" -v"),
            ("curl http://u:p@h/;ls -la", "curl http://***@h/;ls -la"),
            ("sleep 1;DB_PASSWORD=abc run", "sleep 1;DB_PASSWORD=*** run"),
            (
                "sh -c 'curl -u me:pw http://h; run --password abc'",
                "sh -c 'curl -u *** http://h; run --password ***'",
            ),
            (
                "jsonpath \"$.a\" == \"b: x@y\"",
                "jsonpath \"$.a\" == \"b: x@y\"",
            ),
            ("all fine", "all fine"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        let words = [
            "curl",
            "-u",
            "me:pw",
            "--header",
            "X-Key: abc",
            "http://u:p@h",
        ];
        let expected = ["curl", "-u", "***", "--header", "X-Key:***", "http://***@h"];
        assert_eq!(shown_words(&words), expected);
        let words = ["sh", "-c", "curl -u me:pw http://h; run --password abc;d"];
        let expected = ["sh", "-c", "curl -u *** http://h; run --password ***"];
        assert_eq!(shown_words(&words), expected);
    }
}
