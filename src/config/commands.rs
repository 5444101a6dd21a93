//! Values that are commands: a line for the shell, or a list of words, in which placeholders may stand.

use toml::de::DeValue;

use super::diagnostics::Diagnostic;
use super::value::TomlValue;
use crate::exec::CommandLine;
use crate::health::suggest::nearest;

impl TomlValue<'_> {
    /// A command that names a program: one string for the shell, or a list of a program and its arguments.
    pub fn command(&self) -> Option<CommandLine> {
        let DeValue::Array(words) = self.found else {
            let line = self.some_text()?;
            self.warn_if_line_missing(&line);
            return Some(CommandLine::Shell(line));
        };
        if words.is_empty() {
            self.reject(Diagnostic::new(
                "a command of no words",
                "for example: [\"ss\", \"-tnp\"]",
            ));
        }
        let words = self.each(TomlValue::text);
        match words.first() {
            Some(program) if program.trim().is_empty() => {
                self.reject(Diagnostic::new("no program to run", "its name comes first"));
            }
            Some(program) => self.warn_if_missing(program),
            None => {}
        }
        Some(CommandLine::Argv(words))
    }

    /// Reports names in braces that look like a placeholder and are not one of `known`. Other braces may belong to
    /// the command's own language, such as awk's `{print}`.
    pub fn check_placeholders(&self, known: &[&str]) {
        const ALL: [&str; 5] = ["name", "group", "check", "pid", "incident"];
        self.each(|item| {
            if let DeValue::Array(_) = item.found {
                item.check_placeholders(known);
            }
            let text = item.plain()?;
            for (at, _) in text.match_indices('{') {
                let Some((name, _)) = text[at + 1..].split_once('}') else {
                    continue;
                };
                // `${name}` is a variable of the shell
                let is_variable = text[..at].ends_with('$');
                if is_variable || known.contains(&name) || nearest(name, &ALL).is_none() {
                    continue;
                }
                let braced = |name: &&str| format!("\"{{{name}}}\"");
                let help = match nearest(name, known) {
                    Some(near) => format!("did you mean {}?", braced(&near)),
                    None => {
                        let known: Vec<_> = known.iter().map(braced).collect();
                        format!("expected {}", known.join(" or "))
                    }
                };
                let invalid =
                    Diagnostic::new(format!("\"{{{name}}}\" is not a placeholder here"), help);
                let start = text[..at].chars().count();
                item.reject_part(start..start + name.chars().count() + 2, invalid);
            }
            None::<()>
        });
    }
}
