//! What one process of a program is called, and the placeholders that stand for it in the program's keys:
//! supervisord's `%(process_num)02d` and the like.

use crate::config::diagnostics::Diagnostic;

/// One process of a program.
pub struct Names<'n> {
    /// The program's name.
    pub program: &'n str,
    /// Its group's.
    pub group: &'n str,
    /// Which of its processes, from 0.
    pub number: u32,
}

impl Names<'_> {
    /// `text` with its placeholders filled in. A percent sign before anything but a parenthesis is one.
    pub fn fill(&self, text: &str) -> Result<String, Diagnostic> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("%(") {
            let before = &rest[..at];
            rest = &rest[at + 2..];
            if let Some(before) = before.strip_suffix('%') {
                filled.push_str(before);
                filled.push_str("%(");
                continue;
            }
            filled.push_str(before);
            let (value, after) = self.placeholder(rest).ok_or_else(|| {
                Diagnostic::new(
                    "an unknown placeholder",
                    "expected \"%(process_num)d\", \"%(program_name)s\" or \"%(group_name)s\"; \"%%(\" \
                     stands for a plain \"%(\"",
                )
            })?;
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// What the placeholder at the beginning of `rest`, behind its `%(`, stands for, and what follows it.
    fn placeholder<'t>(&self, rest: &'t str) -> Option<(String, &'t str)> {
        let (name, format) = rest.split_once(')')?;
        let end = format.find(|c: char| !c.is_ascii_digit())?;
        let (width, after) = format.split_at(end);
        match (name, width, after.chars().next()?) {
            ("program_name", "", 's') => Some((self.program.to_owned(), &after[1..])),
            ("group_name", "", 's') => Some((self.group.to_owned(), &after[1..])),
            ("process_num", "", 's' | 'd') => Some((self.number.to_string(), &after[1..])),
            // `0` and one digit: enough places for as many processes as a program may have
            ("process_num", width, 'd') if width.len() == 2 && width.starts_with('0') => {
                let width = width.parse().ok()?;
                Some((format!("{:0width$}", self.number), &after[1..]))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_and_plain_text_is_left() {
        let names = Names {
            program: "app",
            group: "site",
            number: 7,
        };
        for (text, filled) in [
            ("", ""),
            ("date +%s 50% %", "date +%s 50% %"),
            ("--port=80%(process_num)02d", "--port=8007"),
            ("%(process_num)d%(process_num)s", "77"),
            ("%(group_name)s/%(program_name)s.log", "site/app.log"),
            ("%%(process_num)d", "%(process_num)d"),
        ] {
            assert_eq!(names.fill(text), Ok(filled.to_owned()), "{text}");
        }
        for text in [
            "%(",
            "%(process_num)",
            "%(process_num)x",
            "%(process_num)2d",
            "%(process_num)0999d",
            "%(here)s",
            "%(program_name)d",
            "%(process_num)é",
        ] {
            assert!(names.fill(text).is_err(), "{text}");
        }
    }
}
