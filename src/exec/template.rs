//! Command lines with places in braces, such as `{name}`, that are filled in when they run. No value is ever pasted
//! into a shell's text: there it is a parameter, quoted as its context requires, so that no part of it is syntax of
//! the shell.

use thiserror::Error;

use super::CommandLine;
use crate::escape::brief;

/// A place as it is written, braces included, and its value.
pub type Placeholder<'a> = (&'a str, String);

/// A value that a nested shell would parse as its own syntax, as in `sh -c "echo {name}"`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{place} stands for {value:?}, which a shell could take for a command: rename it (letters, digits, blanks and \
     {SAFE} are safe), or write the command as a list of argv"
)]
pub struct UnsafeValue {
    place: String,
    value: String,
}

/// What a value may have beside letters, digits and blanks.
const SAFE: &str = "._:@%+=,/-";

/// `line` as it is run.
///
/// # Errors
/// `line` is for a shell, and a value of a place in it is not safe there, however it is quoted.
pub fn fill(line: &CommandLine, places: &[Placeholder<'_>]) -> Result<CommandLine, UnsafeValue> {
    if let CommandLine::Shell(text) = line {
        let mut used = places
            .iter()
            .filter(|(placeholder, _)| text.contains(placeholder));
        if let Some((place, value)) = used.find(|(_, value)| !is_safe(value)) {
            return Err(UnsafeValue {
                place: (*place).to_owned(),
                value: brief(value, 80),
            });
        }
    }
    Ok(filled(line, places))
}

/// A blank separates words and an option begins with a hyphen; neither can be a command of its own.
fn is_safe(value: &str) -> bool {
    let known = |c: char| c.is_alphanumeric() || c == ' ' || SAFE.contains(c);
    !value.starts_with('-') && value.chars().all(known)
}

fn filled(line: &CommandLine, places: &[Placeholder<'_>]) -> CommandLine {
    match line {
        CommandLine::Argv(argv) => CommandLine::Argv(
            argv.iter()
                .map(|placeholder| pasted(placeholder, places))
                .collect(),
        ),
        CommandLine::Shell(text) => {
            let argv = ["/bin/sh", "-c", &parametrized(text, places), "sh"].map(str::to_owned);
            let values = places.iter().map(|(_, value)| value.clone());
            CommandLine::Argv(argv.into_iter().chain(values).collect())
        }
    }
}

/// `line` with the values filled in, for display only.
pub fn shown(line: &CommandLine, places: &[Placeholder<'_>]) -> String {
    match line {
        CommandLine::Argv(argv) => pasted(&argv.join(" "), places),
        CommandLine::Shell(text) => pasted(text, places),
    }
}

/// `text` with every place's value; what a value contains is no place.
pub fn pasted(text: &str, places: &[Placeholder<'_>]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((at, behind)) = place(rest, places) {
            filled.push_str(&places[at].1);
            rest = behind;
        } else {
            filled.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    filled
}

/// Which place `text` begins with, and what is behind it.
fn place<'t>(text: &'t str, places: &[Placeholder<'_>]) -> Option<(usize, &'t str)> {
    let mut all = places.iter().enumerate();
    all.find_map(|(at, (placeholder, _))| text.strip_prefix(placeholder).map(|rest| (at, rest)))
}

/// Within which quotes of the shell a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// `text` with `$1` for the first place, and so on. Whatever the shell makes of the rest, what stands in these
/// places is an expansion with balanced quotes or plain digits, never a word of the shell's language.
fn parametrized(text: &str, places: &[Placeholder<'_>]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut quotes = Quotes::None;
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        // `${name}` is a variable of the user's own
        if before != Some('$')
            && let Some((at, behind)) = place(rest, places)
        {
            filled.push_str(&parameter(at, &places[at].1, quotes));
            (rest, before) = (behind, None);
            continue;
        }
        let escapes = c == '\\' && before != Some('\\') && quotes != Quotes::Single;
        let escaped = before == Some('\\');
        quotes = match (quotes, c) {
            (Quotes::None, '\'') if !escaped => Quotes::Single,
            (Quotes::None, '"') if !escaped => Quotes::Double,
            (Quotes::Double, '"') if !escaped => Quotes::None,
            (Quotes::Single, '\'') => Quotes::None,
            (same, _) => same,
        };
        filled.push(c);
        rest = &rest[c.len_utf8()..];
        // an escaped character escapes nothing and begins no variable
        before = (escapes || !escaped && c == '$').then_some(c);
    }
    filled
}

/// What stands for the place number `at`: a number, such as a pid, stands for itself.
fn parameter(at: usize, value: &str, quotes: Quotes) -> String {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.to_owned();
    }
    let parameter = format!("${{{}}}", at + 1);
    match quotes {
        Quotes::None => format!("\"{parameter}\""),
        Quotes::Single => format!("'\"{parameter}\"'"),
        Quotes::Double => parameter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<'a>(name: &str) -> [Placeholder<'a>; 3] {
        [("{name}", name), ("{check}", "a b"), ("{pid}", "41")]
            .map(|(placeholder, value)| (placeholder, value.to_owned()))
    }

    #[test]
    fn unsafe_values_are_refused_for_a_shell() {
        let inner = || CommandLine::Shell("sh -c \"echo {name}\"".to_owned());
        for name in [
            "web",
            "web:1",
            "caf\u{e9} 2",
            "a.b_c-d",
            "u@h",
            "/srv/x",
            "1+1=2,%",
        ] {
            assert!(fill(&inner(), &places(name)).is_ok(), "{name}");
        }
        for name in [
            "$(id)", "`id`", "a;b", "a&b", "a|b", "a\"b", "a'b", "a\\b", "a\nb", "a>b", "a<b",
            "(a)", "{a}", "*", "?", "~", "!", "#", "-rf", "a\0", "\u{202e}", "[a]", "$x", "a\tb",
        ] {
            let why = fill(&inner(), &places(name)).unwrap_err().to_string();
            assert!(why.starts_with("{name} stands for \""), "{why}");
            // no shell sees the words of a list, and a place that is not used does no harm
            let argv = CommandLine::Argv(vec!["echo".to_owned(), "{name}".to_owned()]);
            assert!(fill(&argv, &places(name)).is_ok());
            assert!(fill(&CommandLine::Shell("echo {pid}".to_owned()), &places(name)).is_ok());
        }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let argv = ["--pid={pid}", "{name}/{check}", "{other} {", ""].map(str::to_owned);
        assert_eq!(
            fill(&CommandLine::Argv(argv.to_vec()), &places("app:{pid}")),
            Ok(CommandLine::Argv(
                ["--pid=41", "app:{pid}/a b", "{other} {", ""]
                    .map(str::to_owned)
                    .to_vec()
            ))
        );
        let line = CommandLine::Shell("dump {pid} '{name}'".to_owned());
        assert_eq!(shown(&line, &places("x")), "dump 41 'x'");
    }

    #[test]
    fn values_are_parameters_of_the_shell() {
        for (text, expected) in [
            ("dump {pid} {name}", "dump 41 \"${1}\""),
            ("dump \"{name}.{check}\"", "dump \"${1}.${2}\""),
            ("grep 'a {name}' x", "grep 'a '\"${1}\"'' x"),
            ("awk '{print}' {check}", "awk '{print}' \"${2}\""),
            (
                "name=1; echo ${name} {name}",
                "name=1; echo ${name} \"${1}\"",
            ),
            ("echo \\\"{name}", "echo \\\"\"${1}\""),
            ("echo \\'{name}", "echo \\'\"${1}\""),
            ("echo '\\'{name}", "echo '\\'\"${1}\""),
            ("echo \"\\\"{name}\"", "echo \"\\\"${1}\""),
            ("echo \\\\{name}", "echo \\\\\"${1}\""),
            ("echo \\${pid}", "echo \\$41"),
        ] {
            assert_eq!(parametrized(text, &places("x")), expected, "{text}");
        }
        let line = filled(
            &CommandLine::Shell("echo {name}".to_owned()),
            &places("$(x) 'y"),
        );
        let argv = [
            "/bin/sh",
            "-c",
            "echo \"${1}\"",
            "sh",
            "$(x) 'y",
            "a b",
            "41",
        ];
        assert_eq!(line, CommandLine::Argv(argv.map(str::to_owned).to_vec()));
    }
}
