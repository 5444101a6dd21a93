//! Puts the environment and files into the texts that may be secrets: `${env:NAME}`, `${file:/path}`;
//! `$${` stands for a plain `${`. Errors show nothing of the text around it.

use std::io;
use std::path::Path;

use super::diagnostics::Diagnostic;
use crate::safe_path::read_text;
use crate::secret;

/// A file that holds one secret is no larger.
const LARGEST: u64 = 64 << 10;

/// Where substitutions come from.
pub struct Sources<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Where relative paths start.
    pub base: &'a Path,
}

impl Sources<'_> {
    /// `text` with every substitution made, or all that is wrong with them.
    pub fn fill(&self, text: &str) -> Result<String, Vec<Diagnostic>> {
        self.fill_with(text, |value| value)
    }

    /// The same with `adapt` between what is found and the text that it becomes a part of.
    pub fn fill_with(
        &self,
        text: &str,
        adapt: impl Fn(String) -> String,
    ) -> Result<String, Vec<Diagnostic>> {
        fill_each(text, |name| {
            let value = self.look_up(name)?;
            secret::conceal(&value);
            Ok(adapt(value))
        })
    }

    /// A path with `${env:NAME}`, which is no secret there.
    pub fn fill_path(&self, text: &str) -> Result<String, Vec<Diagnostic>> {
        fill_each(text, |name| match name.split_once(':') {
            Some(("env", name)) => (self.env)(name).ok_or_else(|| not_set(name)),
            _ => Err(Diagnostic::new(
                "a substitution of an unknown kind",
                "expected \"${env:NAME}\" in a path; \"$${\" stands for a plain \"${\"",
            )),
        })
    }

    fn look_up(&self, name: &str) -> Result<String, Diagnostic> {
        match name.split_once(':') {
            Some(("env", name)) => {
                secret::register(name);
                (self.env)(name).ok_or_else(|| not_set(name))
            }
            Some(("file", path)) => read(&self.base.join(path)).map_err(|why| {
                Diagnostic::new(
                    format!("cannot read {path:?}: {why}"),
                    "expected a file that holds nothing but the secret and that httpok may read",
                )
            }),
            _ => Err(Diagnostic::new(
                "a substitution of an unknown kind",
                "expected \"${env:NAME}\" or \"${file:/path}\"; \"$${\" stands for a plain \"${\"",
            )),
        }
    }
}

fn not_set(name: &str) -> Diagnostic {
    Diagnostic::new(
        format!("environment variable {name:?} is not set"),
        "set it where httpok is started, or use \"${file:/path}\"",
    )
}

/// `text` with each substitution as `fill` makes it, or all that is wrong with them.
fn fill_each(
    text: &str,
    fill: impl Fn(&str) -> Result<String, Diagnostic>,
) -> Result<String, Vec<Diagnostic>> {
    let mut filled = String::new();
    let mut invalid = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        rest = &rest[at + 2..];
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            continue;
        }
        filled.push_str(before);
        let Some((name, after)) = rest.split_once('}') else {
            invalid.push(Diagnostic::new(
                "a substitution has no end",
                "close \"${\" with \"}\"; \"$${\" stands for a plain \"${\"",
            ));
            rest = "";
            break;
        };
        rest = after;
        match fill(name) {
            Ok(value) => filled.push_str(&value),
            Err(fault) => invalid.push(fault),
        }
    }
    filled.push_str(rest);
    if invalid.is_empty() {
        Ok(filled)
    } else {
        Err(invalid)
    }
}

/// Whether `text` refers to the environment or to a file.
pub fn refers(text: &str) -> bool {
    let mut found = text.match_indices("${").map(|(at, _)| text.split_at(at));
    found.any(|(before, rest)| {
        let is_known = rest.starts_with("${env:") || rest.starts_with("${file:");
        is_known && rest.contains('}') && !before.ends_with('$')
    })
}

/// The text of a file that holds one secret, without its last line end.
fn read(path: &Path) -> io::Result<String> {
    let mut text = read_text(path, LARGEST)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, base: &Path) -> Result<String, Vec<Diagnostic>> {
        let env = |name: &str| (name == "KEY").then(|| "${env:KEY}".to_owned());
        Sources { env: &env, base }.fill(text)
    }

    #[test]
    fn placeholders_are_substituted_once_and_all_errors_reported() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("k"), "from a file\r\n").expect("written");
        for (text, filled) in [
            ("", ""),
            ("plain $KEY $$ }", "plain $KEY $$ }"),
            ("<${env:KEY}>", "<${env:KEY}>"),
            ("a ${file:k}, ${env:KEY}", "a from a file, ${env:KEY}"),
            ("$${env:KEY}", "${env:KEY}"),
        ] {
            assert_eq!(fill(text, dir.path()), Ok(filled.to_owned()));
        }
        let invalid = fill("hush${env:A}${file:none}${B}${env", dir.path()).expect_err("all wrong");
        let messages: Vec<_> = invalid
            .iter()
            .map(|invalid| invalid.message.as_str())
            .collect();
        assert_eq!(messages[0], "environment variable \"A\" is not set");
        assert!(messages[1].starts_with("cannot read \"none\": "));
        assert_eq!(messages[2], "a substitution of an unknown kind");
        assert_eq!(messages[3], "a substitution has no end");
        assert!(!format!("{invalid:?}").contains("hush"));
        let invalid = fill("${file:.}", dir.path()).expect_err("a directory");
        assert!(invalid[0].message.contains("a directory, not a file"));
    }

    #[test]
    fn only_the_last_line_end_is_not_part_of_the_secret() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("k");
        for (text, secret) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\n\n", "a\n"),
            ("\n", ""),
            ("", ""),
        ] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(read(&path).expect("readable"), secret);
        }
        std::fs::write(&path, vec![b'x'; 65537]).expect("written");
        assert!(
            read(&path)
                .expect_err("too large")
                .to_string()
                .contains("64 KiB")
        );
        std::fs::write(&path, [0xff]).expect("written");
        assert!(read(&path).is_err());
    }
}
