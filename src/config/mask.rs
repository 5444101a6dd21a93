//! Hides secrets in what is shown of a configuration file: three asterisks and blanks as long as the
//! value, so that places stay where they are and a secret's length stays unknown.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::keys::{Key, Kind, ROOT, Section};
use super::secrets::{is_harmless_entry, is_reference, is_secret_name, parts, parts_of_words};
use crate::health::suggest::nearest;

/// What is known of a key's value.
#[derive(Clone, Copy)]
struct Meaning {
    /// It must not be shown.
    is_secret: bool,
    /// It is a table whose keys are the user's own, and these say what is secret.
    is_map: bool,
    /// The keys of the table that it is.
    section: Option<&'static Section>,
}

impl Meaning {
    const ROOT: Self = Self {
        is_secret: false,
        is_map: false,
        section: Some(&ROOT),
    };

    fn of(key: &Key) -> Self {
        Self {
            is_secret: key.is_secret(),
            is_map: matches!(key.kind, Kind::Map(_)),
            section: key.kind.section().map(|(section, _)| section),
        }
    }

    /// What the value of `name` in this table is. A name that nobody described is taken for the one that was probably
    /// meant.
    fn inner(self, name: &str) -> Self {
        if self.is_map && self.is_secret {
            return Self {
                is_secret: !is_harmless_entry(name),
                is_map: false,
                section: None,
            };
        }
        let known = self.section.and_then(|section| {
            let meant = || nearest(name, &section.names()).and_then(|near| section.find(near));
            section.find(name).or_else(meant)
        });
        match known {
            // what only resembles a harmless key may be one for a secret
            Some(key) if key.name == name || !is_secret_name(name) => Self {
                is_secret: self.is_secret || key.is_secret(),
                ..Self::of(key)
            },
            Some(_) | None => Self {
                is_secret: self.is_secret || is_secret_name(name),
                is_map: false,
                section: None,
            },
        }
    }
}

/// `text`, which is `document`, with its secrets hidden.
pub fn hide(text: &str, document: &DeTable<'_>) -> String {
    let mut spans = Vec::new();
    for (key, value) in document {
        let meaning = Meaning::ROOT.inner(key.get_ref());
        collect(text, value.get_ref(), value.span(), meaning, &mut spans);
    }
    let mut shown = text.as_bytes().to_vec();
    for span in spans {
        if let Some(part) = shown.get_mut(span) {
            blank(part);
        }
    }
    String::from_utf8_lossy(&shown).into_owned()
}

fn collect(
    whole: &str,
    value: &DeValue<'_>,
    span: Range<usize>,
    meaning: Meaning,
    spans: &mut Vec<Range<usize>>,
) {
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                let meaning = meaning.inner(key.get_ref());
                collect(whole, value.get_ref(), value.span(), meaning, spans);
            }
        }
        DeValue::Array(items)
            if !meaning.is_secret && items.iter().all(|i| i.get_ref().is_str()) =>
        {
            let words: Vec<&str> = items.iter().filter_map(|i| i.get_ref().as_str()).collect();
            for (item, parts) in items.iter().zip(parts_of_words(&words)) {
                let text = item.get_ref().as_str().unwrap_or_default();
                spans.extend(placed(whole, text, item.span(), parts));
            }
        }
        DeValue::Array(items) => {
            for item in items {
                collect(whole, item.get_ref(), item.span(), meaning, spans);
            }
        }
        DeValue::String(text) if meaning.is_secret && is_reference(text) => {}
        DeValue::String(_) if meaning.is_secret => spans.push(span),
        DeValue::String(text) => spans.extend(placed(whole, text, span, parts(text))),
        _ if meaning.is_secret => spans.push(span),
        _ => {}
    }
}

/// Where the `parts` of the string `text` are in `whole`, which has it at `span`; all of it where it was written with
/// escapes.
fn placed(
    whole: &str,
    text: &str,
    span: Range<usize>,
    parts: Vec<Range<usize>>,
) -> Vec<Range<usize>> {
    if parts.is_empty() {
        return parts;
    }
    let written = whole.get(span.clone()).unwrap_or_default();
    let Some(begin) = written.find(text) else {
        return vec![span];
    };
    let begin = span.start + begin;
    let moved = |part: Range<usize>| begin + part.start..begin + part.end;
    parts.into_iter().map(moved).collect()
}

/// `text`, which is no TOML, with every line hidden that may hold a secret or a part of one. Without a
/// grammar to go by this goes by the keys that lines begin with and by words, and hides too much rather than too little.
pub fn hide_broken(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut table = Meaning::ROOT;
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
        let name = key_of(line);
        if line.trim_start().starts_with('[') {
            table = name.split('.').fold(Meaning::ROOT, Meaning::inner);
        } else if !is_secret_line(line, name, table) {
            push_with_hidden_parts(line, &mut shown);
            continue;
        }
        if line.trim_start().starts_with('[') && !names_secret(line) {
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

/// Whether the value on `line`, whose key is `name` in `table`, must not be shown.
fn is_secret_line(line: &str, name: &str, table: Meaning) -> bool {
    // a list or a table that goes on in lines without keys of their own
    let is_nested = line.contains('{') || left_open(line).is_some();
    let known = table.section.and_then(|section| section.find(name));
    match known {
        Some(_) if !is_nested && line.contains('=') => table.inner(name).is_secret,
        _ if table.is_map && table.is_secret => table.inner(name).is_secret,
        // a table in one line, or in several: most have a secret somewhere
        Some(key) if key.is_secret() || key.kind.section().is_some() => true,
        _ => names_secret(line),
    }
}

fn names_secret(line: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .any(is_secret_name)
        || line.contains('@')
}

fn push_with_hidden_parts(line: &str, shown: &mut String) {
    let mut bytes = line.as_bytes().to_vec();
    for part in parts(line) {
        if let Some(part) = bytes.get_mut(part) {
            blank(part);
        }
    }
    shown.push_str(&String::from_utf8_lossy(&bytes));
}

/// The key or the table's name that `line` begins with.
fn key_of(line: &str) -> &str {
    let key = &line[..key_end(line)];
    key.trim_matches([' ', '\t', '[', ']'])
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
    use crate::config::keys::{self, Place};

    /// One line with `key = value` in the table that `way` leads to.
    fn line(way: &[(&'static str, bool)], key: &str, value: &str) -> String {
        let begin = format!("{key} = {value}");
        way.iter()
            .rev()
            .fold(begin, |inner, (name, is_list)| match is_list {
                true => format!("{name} = [{{ {inner} }}]"),
                false => format!("{name} = {{ {inner} }}"),
            })
    }

    fn hidden(text: &str) -> String {
        let document = DeTable::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        hide(text, document.get_ref())
    }

    #[test]
    fn every_key_of_every_table_is_hidden_if_it_is_a_secret_and_shown_if_not() {
        let mut found = (0, 0);
        for Place { way, section } in keys::sections() {
            for key in section.all().filter(|key| !key.kind.is_table()) {
                let values = match key.kind {
                    Kind::Map(_) => vec!["{ X-Custom = \"canary\" }"],
                    _ => vec!["\"canary\"", "[\"canary\"]", "\"\"\"\ncanary\"\"\""],
                };
                for value in values {
                    let text = line(&way, key.name, value);
                    let is_shown = hidden(&text).contains("canary");
                    assert_eq!(is_shown, !key.is_secret(), "{text}: {}", hidden(&text));
                }
                let broken = format!("{}\n=\n", line(&way, key.name, "\"canary"));
                if key.is_secret() {
                    found.0 += 1;
                    assert!(!hide_broken(&broken).contains("canary"), "{broken}");
                } else {
                    found.1 += 1;
                }
            }
        }
        assert!(found.0 >= 15 && found.1 >= 100, "{found:?}");
        // under a header, too, and in defaults
        for (text, is_shown) in [
            ("[[webhook]]\nformat = \"canary\"", true),
            ("[[webhook]]\nurl = \"canary\"", false),
            ("[[notify]]\nwebhook = { format = \"canary\" }", true),
            ("[[webhok]]\nurl = \"canary\"", false),
            ("[defaults]\nstatus = \"canary\"", true),
            ("[defaults.headers]\nX-Custom = \"canary\"", false),
            ("[defaults.headers]\nAccept = \"canary\"", true),
            ("[[program]]\nuser = \"canary\"", true),
            ("[program.environment]\nLANG = \"canary\"\n", true),
            ("[mail]\nsmtp = \"smtp://me:sesame@canary\"", true),
            ("[mail]\nsmtp = \"smtp://me:canary@h\"", false),
            ("[[check]]\nurl = \"http://h/?token=canary\"", false),
            ("[[check]]\nurl = \"http://h/?page=canary\"", true),
            (
                "[[check]]\ncommand = [\"curl\", \"-H\", \"X: canary\"]",
                false,
            ),
            ("[[check]]\ncommand = [\"curl\", \"-o\", \"canary\"]", true),
            ("[[check]]\npasword = \"canary\"", false),
            ("[[check]]\npassword = \"${env:canary}\"", true),
            ("[[check]]\nstats = \"canary\"", true),
        ] {
            assert_eq!(hidden(text).contains("canary"), is_shown, "{text}");
            let broken = format!("{text}\n[check]\nevery = 60s\n");
            let shown = hide_broken(&broken);
            assert_eq!(shown.len(), broken.len());
            assert!(!shown.contains("canary") || is_shown, "{shown}");
            assert!(shown.contains("every = 60s"), "{shown}");
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
            "[check.headers]\nX-Key = hunter2\n[check]\nevery = 60s",
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
