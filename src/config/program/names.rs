//! What one process of a program is called, and the placeholders that stand for it in the program's keys: supervisord's
//! `%(process_num)02d`, `%(here)s`, `%(ENV_HOME)s` and the like.

use std::collections::BTreeMap;

use crate::config::diagnostics::Diagnostic;
use crate::config::interpolate::Sources;

const KNOWN: &str = "expected \"%(program_name)s\", \"%(process_num)d\", \"%(group_name)s\", \"%(numprocs)d\", \
                     \"%(here)s\", \"%(host_node_name)s\" or \"%(ENV_NAME)s\"; \"%%\" stands for a plain \"%\"";

/// One process of a program.
pub struct Names<'n> {
    /// The program's name.
    pub program: &'n str,
    /// Its group's.
    pub group: &'n str,
    /// Which of its processes.
    pub number: u32,
    /// How many there are.
    pub count: u32,
    /// The variables that the program gets, as `%(ENV_NAME)s`; `None` for one whose value may be a secret.
    pub variables: BTreeMap<String, Option<String>>,
}

impl Names<'_> {
    /// `text` with its placeholders filled in. A percent sign before anything but a parenthesis or another one is one.
    pub fn fill(&self, text: &str, sources: &Sources<'_>) -> Result<String, Diagnostic> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            filled.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('(') {
                let (value, after) = self.placeholder(after, sources)?;
                filled.push_str(&value);
                rest = after;
            } else {
                filled.push('%');
                rest = rest.strip_prefix('%').unwrap_or(rest);
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// What the placeholder at the beginning of `rest`, behind its `%(`, stands for, and what follows it.
    fn placeholder<'t>(
        &self,
        rest: &'t str,
        sources: &Sources<'_>,
    ) -> Result<(String, &'t str), Diagnostic> {
        let unknown = || Diagnostic::new("an unknown placeholder", KNOWN);
        let (name, format) = rest.split_once(')').ok_or_else(unknown)?;
        let end = format.find(|c: char| !c.is_ascii_digit());
        let (width, after) = format.split_at(end.ok_or_else(unknown)?);
        let mut after = after.chars();
        let conversion = after.next();
        let number = match name {
            "process_num" => Some(self.number),
            "numprocs" => Some(self.count),
            _ => None,
        };
        let value = match (number, width, conversion) {
            (Some(number), "", Some('s' | 'd')) => number.to_string(),
            // `0` and one digit: enough places for as many processes as a program may have
            (Some(number), width, Some('d')) if width.len() == 2 && width.starts_with('0') => {
                let width = width.parse().map_err(|_| unknown())?;
                format!("{number:0width$}")
            }
            (None, "", Some('s')) => self.text(name, sources)?,
            _ => return Err(unknown()),
        };
        Ok((value, after.as_str()))
    }

    fn text(&self, name: &str, sources: &Sources<'_>) -> Result<String, Diagnostic> {
        Ok(match name {
            "program_name" => self.program.to_owned(),
            "group_name" => self.group.to_owned(),
            "here" => sources.base.display().to_string(),
            "host_node_name" => host(),
            name => match name.strip_prefix("ENV_") {
                Some(variable) if !variable.is_empty() => self.variable(variable, sources)?,
                _ => return Err(Diagnostic::new("an unknown placeholder", KNOWN)),
            },
        })
    }

    fn variable(&self, name: &str, sources: &Sources<'_>) -> Result<String, Diagnostic> {
        match self.variables.get(name) {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Err(Diagnostic::new(
                format!("the value of {name:?} may be a secret, which would be seen here"),
                "have the program read the variable itself",
            )),
            None => (sources.env)(name).ok_or_else(|| {
                Diagnostic::new(
                    format!("environment variable {name:?} is not set"),
                    "set it where httpok is started, or in the program's environment",
                )
            }),
        }
    }
}

fn host() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn placeholders_are_filled_in_and_plain_text_is_left() {
        let names = Names {
            program: "app",
            group: "site",
            number: 7,
            count: 9,
            variables: [
                ("PORT".to_owned(), Some("8080".to_owned())),
                ("TOKEN".to_owned(), None),
            ]
            .into(),
        };
        let env = |name: &str| (name == "HOME").then(|| "/home/%(me)s".to_owned());
        let sources = Sources {
            env: &env,
            base: Path::new("/etc/httpok"),
        };
        let host = host();
        for (text, filled) in [
            ("", ""),
            ("date +%s 50% %", "date +%s 50% %"),
            ("date +%%s %%%%", "date +%s %%"),
            ("--port=80%(process_num)02d", "--port=8007"),
            ("%(process_num)d%(process_num)s of %(numprocs)d", "77 of 9"),
            ("%(group_name)s/%(program_name)s.log", "site/app.log"),
            ("%%(process_num)d", "%(process_num)d"),
            ("%%%(process_num)d", "%7"),
            ("%(here)s/run", "/etc/httpok/run"),
            ("%(ENV_HOME)s:%(ENV_PORT)s", "/home/%(me)s:8080"),
            ("%(host_node_name)s", &host),
        ] {
            assert_eq!(names.fill(text, &sources), Ok(filled.to_owned()), "{text}");
        }
        for (text, why) in [
            ("%(", "unknown"),
            ("%(process_num)", "unknown"),
            ("%(process_num)x", "unknown"),
            ("%(process_num)2d", "unknown"),
            ("%(process_num)0999d", "unknown"),
            ("%(here)d", "unknown"),
            ("%(ENV_)s", "unknown"),
            ("%(program_name)d", "unknown"),
            ("%(process_num)é", "unknown"),
            ("%(ENV_NONE)s", "\"NONE\" is not set"),
            ("%(ENV_TOKEN)s", "may be a secret"),
        ] {
            let fault = names.fill(text, &sources).unwrap_err();
            assert!(fault.message.contains(why), "{text}: {}", fault.message);
        }
    }
}
