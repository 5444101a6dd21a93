//! Hides secrets in what is shown of a configuration file: three asterisks and blanks as long as the
//! value, so that places stay where they are and a secret's length stays unknown.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::secret::login_end;

/// Words that make a key's value a secret, wherever in the key they stand. Too many rather than too few.
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

/// Whether a value under `key` must not be shown.
pub fn is_secret(key: &str) -> bool {
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

/// `text`, which is `document`, with its secrets hidden.
pub fn hide(text: &str, document: &DeTable<'_>) -> String {
    let mut spans = Vec::new();
    for (key, value) in document {
        collect(
            value.get_ref(),
            value.span(),
            is_secret(key.get_ref()),
            &mut spans,
        );
    }
    let mut shown = text.as_bytes().to_vec();
    for span in spans {
        if let Some(part) = shown.get_mut(span) {
            blank(part);
        }
    }
    String::from_utf8_lossy(&shown).into_owned()
}

fn collect(value: &DeValue<'_>, span: Range<usize>, secret: bool, spans: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                let secret = secret || is_secret(key.get_ref());
                collect(value.get_ref(), value.span(), secret, spans);
            }
        }
        DeValue::Array(items) => {
            for item in items {
                collect(item.get_ref(), item.span(), secret, spans);
            }
        }
        DeValue::String(text) if secret || login_end(text).is_some() => spans.push(span),
        _ if secret => spans.push(span),
        _ => {}
    }
}

/// `text`, which is no TOML, with every line hidden that may hold a secret or a part of one. Without a
/// grammar to go by this goes by words, and hides too much rather than too little.
pub fn hide_broken(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut in_secret_table = false;
    // what ends the secret value that began on an earlier line; "" is the end of this line
    let mut until: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        if let Some(end) = until {
            push_hidden(line, &mut shown);
            if line.contains(end) {
                until = None;
            }
            continue;
        }
        let names_secret = line
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
            .any(is_secret)
            || line.contains('@');
        if line.trim_start().starts_with('[') {
            in_secret_table = names_secret;
        }
        if !names_secret && !in_secret_table {
            shown.push_str(line);
            continue;
        }
        let (key, value) = line.split_at(key_end(line));
        shown.push_str(key);
        push_hidden(value, &mut shown);
        until = left_open(value);
    }
    shown
}

/// Where the key or the table's name that `line` begins with ends.
fn key_end(line: &str) -> usize {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let rest = line.trim_start().trim_start_matches('[');
    let rest = rest.trim_start_matches(name).trim_start_matches(']');
    line.len() - rest.len()
}

/// What ends the value that `value` begins and does not end.
fn left_open(value: &str) -> Option<&'static str> {
    let count = |part: &str| value.matches(part).count();
    if value.trim_matches([' ', '\t', '\r', '\n', '=']).is_empty() && value.contains('=') {
        return Some("");
    }
    if count("\"\"\"") % 2 == 1 {
        return Some("\"\"\"");
    }
    if count("'''") % 2 == 1 {
        return Some("'''");
    }
    if count("{") > count("}") {
        return Some("}");
    }
    (count("[") > count("]")).then_some("]")
}

fn push_hidden(text: &str, shown: &mut String) {
    let mut bytes = text.as_bytes().to_vec();
    blank(&mut bytes);
    shown.push_str(&String::from_utf8_lossy(&bytes));
}

/// Three asterisks, then blanks; line ends stay.
fn blank(bytes: &mut [u8]) {
    let mut stars = 3;
    for byte in bytes {
        match byte {
            b'\n' | b'\r' => {}
            b' ' | b'\t' if stars == 3 => {}
            _ if stars > 0 => {
                stars -= 1;
                *byte = b'*';
            }
            _ => *byte = b' ',
        }
    }
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
            assert!(is_secret(key), "{key}");
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
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn hidden_text_keeps_only_its_length() {
        let text = "a = 'seen'\n[[check]]\nurl = \"http://u:hunter2@h/\"\nuser='hunter2'\n\
                    headers = { A = \"\"\"hunter\n2hunter2\"\"\", B = ['é'] } # seen too\n";
        let document = DeTable::parse(text).expect("it is TOML");
        let shown = hide(text, document.get_ref());
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown.lines().count(), text.lines().count());
        assert!(shown.contains("'seen'") && shown.contains("# seen too"));
        assert!(!shown.contains("hunter") && !shown.contains("2") && !shown.contains('é'));
        assert!(shown.contains("user=***      \n"), "{shown}");
    }

    #[test]
    fn invalid_toml_is_hidden_word_by_word() {
        for text in [
            "password = \"hunter2\nevery = 60s\n",
            "password hunter2\nevery = 60s",
            "  password : 'hunter2=x\nevery = 60s",
            "password =\n\"hunter2\nevery = 60s",
            "password = \"\"\"a\nhunter2\n\"\"\"\nevery = 60s",
            "[check.headers]\nAccept = hunter2\n[check]\nevery = 60s",
            "headers = {\n A = \"hunter2\n}\nevery = 60s",
            "url = http://u:hunter2@h\nevery = 60s",
            "x = { pasword = \"hunter2\"\n}\nevery = 60s",
            "user.a = [ 1\n hunter2 ]\nevery = 60s",
        ] {
            let shown = hide_broken(text);
            assert_eq!(shown.len(), text.len());
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("every = 60s"), "{shown}");
        }
    }
}
