//! What a configuration names on this machine, where it is tried: programs and files that are not there, and secrets that
//! everyone can read. Warnings, for a file may be tried on another machine than its own, and before what it names is
//! deployed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::exec::lookup::{self, DEFAULT_PATH, LookupError};
use crate::notify::spec::{MailVia, SMTP_EXAMPLE};
use crate::safe_path::open_regular;

/// What others than the owner and the group may do.
const OTHERS_READ: u32 = 0o004;

impl TomlValue<'_> {
    /// The path of a file that is read later.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.path()?;
        if self.parse_context.here && !self.is_preset {
            self.parse_context
                .reads(self.span.clone(), &self.path, &path);
            match open_regular(&path) {
                Ok(_) => {}
                Err(why) => self.warn(
                    format!("cannot read \"{}\": {why}", path.display()),
                    "expected a file that httpok may read",
                ),
            }
        }
        Some(path)
    }

    /// The path of a file that holds a private key.
    pub fn private_file(&self) -> Option<PathBuf> {
        let path = self.file()?;
        if self.parse_context.here {
            self.warn_of_mode(&path, "a private key");
        }
        Some(path)
    }

    /// Warns that there is no program `word` here. One with a placeholder, or relative to a directory, may be there.
    pub fn warn_if_missing(&self, word: &str) {
        let is_relative = word.contains('/') && !word.starts_with('/');
        if !self.parse_context.here || word.is_empty() || word.contains('{') || is_relative {
            return;
        }
        let path = (self.sources().env)("PATH").map_or_else(|| DEFAULT_PATH.into(), OsString::from);
        let place = match word.starts_with('/') {
            true => "",
            false => " in PATH",
        };
        match lookup::find(word, None, &path) {
            Ok(_) => {}
            Err(LookupError::Missing(_)) => self.warn(
                format!("there is no program {word:?}{place}"),
                "install it, or write its absolute path",
            ),
            Err(LookupError::NotExecutable(path)) => self.warn(
                format!("\"{path}\" cannot be executed"),
                format!("expected a program: chmod +x {path}"),
            ),
        }
    }

    /// Warns that the program of a shell's line is not here. Only a path is known to be one: another first word may be
    /// the shell's own.
    pub fn warn_if_line_missing(&self, line: &str) {
        let first = line.split_whitespace().next();
        if let Some(path) = first.filter(|word| word.starts_with('/')) {
            self.warn_if_missing(path);
        }
    }

    /// Warns of each file of a secret in `text` that everyone can read.
    pub fn warn_if_exposed(&self, text: &str) {
        if !self.parse_context.here {
            return;
        }
        for part in text.split("${file:").skip(1) {
            let Some((path, _)) = part.split_once('}') else {
                continue;
            };
            self.warn_of_mode(&self.base().join(path), "a secret");
        }
    }

    /// Warns that this secret stands in a configuration that everyone can read.
    pub fn warn_if_readable(&self) {
        let is_written_here = self
            .plain()
            .is_some_and(|text| !text.is_empty() && !text.contains("${"));
        if self.parse_context.here && is_written_here && !self.is_preset {
            let file = self.parse_context.file(self.span.start);
            if is_readable_by_all(Path::new(file))
                && self.parse_context.is_first_exposed(self.span.start)
            {
                self.warn(
                    format!("a secret in a file that everyone can read: {file:?}"),
                    format!(
                        "chmod 640 {file}, or write \"${{env:NAME}}\" or \"${{file:PATH}}\" instead"
                    ),
                );
            }
        }
    }

    fn warn_of_mode(&self, path: &Path, what: &str) {
        if is_readable_by_all(path) {
            let path = path.display();
            self.warn(
                format!("{what} in a file that everyone can read: \"{path}\""),
                format!("chmod 640 {path}, with a group that httpok runs with"),
            );
        }
    }
}

impl TomlTable<'_> {
    /// Warns that the program which sends mails without `smtp` and `sendmail` is not here.
    pub fn warn_of_usual_sendmail(&self) {
        let usual = MailVia::default();
        if let MailVia::Sendmail(line) = &usual
            && let Some(path) = line.split_whitespace().next()
            && self.parse_context.here
            && lookup::find(path, None, OsStr::new("")).is_err()
        {
            self.warn(Diagnostic::new(
                format!("mails are sent through {path}, and there is no such program"),
                format!("install one, or name a mail server, such as smtp = {SMTP_EXAMPLE:?}"),
            ));
        }
    }
}

fn is_readable_by_all(path: &Path) -> bool {
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & OTHERS_READ != 0)
}
