//! The secrets of an imported file: the new configuration names a variable of the environment in the place of each, as
//! it may be redirected into a file that others can read. Until the variable is set, `config check` refuses the file.

use percent_encoding::percent_decode_str;

use super::draft::quoted;
use crate::secret::mask;

/// How the variables are called, before their number.
const VARIABLE: &str = "HTTPOK_SECRET_";

/// A stand-in while the new file is checked: too short to be masked anywhere.
const SAMPLE: &str = "x";

/// Whether `name` is a variable that an import makes up.
pub fn sample(name: &str) -> Option<String> {
    name.starts_with(VARIABLE).then(|| SAMPLE.to_owned())
}

/// `text`, a configuration whose secrets are known by now, with references in their places, and what to do about each.
pub fn refer(text: &str) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let mut out = String::new();
    let mut place = String::new();
    let mut is_check = false;
    for line in text.lines() {
        if line.starts_with('#') {
            if let Some(origin) = line.strip_prefix("# ") {
                origin.clone_into(&mut place);
            }
            out.push_str(&mask(line));
        } else {
            if line.starts_with('[') {
                is_check = line == "[[check]]";
            }
            if line.starts_with('[') && line != "[[check]]" && line != "[check.capture]" {
                line.clone_into(&mut place);
            }
            out.push_str(&without_secrets(line, &place, is_check, &mut notes));
        }
        out.push('\n');
    }
    (out, notes)
}

fn without_secrets(line: &str, place: &str, is_check: bool, notes: &mut Vec<String>) -> String {
    let Some((key, value)) = line.split_once(" = ") else {
        return line.to_owned();
    };
    let mut reference = |form: &str| {
        let name = format!("{VARIABLE}{}", notes.len() + 1);
        notes.push(format!(
            "{name}: set this variable to the secret in {key:?} of {place}, {form}, or write \"${{file:/path}}\" instead"
        ));
        format!("${{env:{name}}}")
    };
    if key == "password" {
        return format!("{key} = {}", quoted(&reference("as it stands there")));
    }
    let mut value = value.to_owned();
    if let Some((login, colon, at)) = login_of_url(&value) {
        let user = &value[login..colon];
        match key {
            // these URLs are read as they are, and the login has keys of its own
            "url" if is_check => {
                let user = quoted(&percent_decode_str(user).decode_utf8_lossy());
                let password = quoted(&reference("without its percent-encoding"));
                let url = format!("{}{}", &value[..login], &value[at + 1..]);
                return format!("url = {url}\nuser = {user}\npassword = {password}");
            }
            "smtp" => {
                let password = quoted(&reference("without its percent-encoding"));
                let url = format!("{}{}", &value[..colon], &value[at..]);
                return format!("smtp = {url}\npassword = {password}");
            }
            _ => {
                let reference = reference("as it stands there");
                value.replace_range(colon + 1..at, &reference);
            }
        }
    }
    // a text with asterisks of its own has no secret that could be told from them
    if !value.contains("***") {
        let masked = mask(&value).into_owned();
        let mut pieces = masked.split("***");
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            filled.push_str(&reference("as it stands there"));
            filled.push_str(piece);
        }
        value = filled;
    }
    format!("{key} = {value}")
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
                "headers = { A = \"Bearer import-token-4711\" }",
                "headers = { A = \"Bearer ${env:HTTPOK_SECRET_1}\" }",
            ),
            ("body = \"a *** b\"", "body = \"a *** b\""),
        ] {
            let (text, notes) = refer(&format!("# a.conf:3\n[[check]]\n{line}\n"));
            assert_eq!(text, format!("# a.conf:3\n[[check]]\n{expected}\n"));
            assert_eq!(notes.len(), usize::from(line != expected), "{line}");
            assert!(
                notes.iter().all(|note| note.contains("a.conf:3")),
                "{notes:?}"
            );
        }
    }
}
