//! Fills `{pid}`, `{name}` and `{check}` into a tool's command line. No name is ever pasted into a shell's text:
//! there it is a parameter, quoted as its place asks for, so that nothing in it is a word of the shell.

use crate::exec::Line;

use super::Subject;

/// A place in a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pid,
    Name,
    Check,
}

impl Place {
    const ALL: [(&'static str, Self); 3] = [
        ("{pid}", Self::Pid),
        ("{name}", Self::Name),
        ("{check}", Self::Check),
    ];

    fn value(self, subject: &Subject<'_>) -> String {
        match self {
            Self::Pid => subject.pid.to_string(),
            Self::Name => subject.name.namespec(),
            Self::Check => subject.check.to_owned(),
        }
    }
}

/// `line` as it is run.
pub(super) fn fill(line: &Line, subject: &Subject<'_>) -> Line {
    match line {
        Line::Argv(words) => Line::Argv(words.iter().map(|word| pasted(word, subject)).collect()),
        Line::Shell(text) => Line::Argv(vec![
            "/bin/sh".to_owned(),
            "-c".to_owned(),
            parametrized(text, subject.pid),
            "sh".to_owned(),
            Place::Name.value(subject),
            Place::Check.value(subject),
        ]),
    }
}

/// `line` for people.
pub(super) fn shown(line: &Line, subject: &Subject<'_>) -> String {
    match line {
        Line::Argv(words) => pasted(&words.join(" "), subject),
        Line::Shell(text) => pasted(text, subject),
    }
}

/// The place that `text` begins with, and what is behind it.
fn place(text: &str) -> Option<(Place, &str)> {
    let mut all = Place::ALL.into_iter();
    all.find_map(|(word, place)| text.strip_prefix(word).map(|rest| (place, rest)))
}

/// `text` with every place's value; what a value contains is no place.
fn pasted(text: &str, subject: &Subject<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((place, behind)) = place(rest) {
            filled.push_str(&place.value(subject));
            rest = behind;
        } else {
            filled.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    filled
}

/// Within which quotes of the shell a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// `text` with `$1` for the name and `$2` for the check. Whatever the shell makes of the rest, what stands in
/// these places is an expansion with balanced quotes or plain text, never a word of the shell's language.
fn parametrized(text: &str, pid: u32) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut quotes = Quotes::None;
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        // `${name}` is a variable of the user's own
        if before != Some('$')
            && let Some((place, behind)) = place(rest)
        {
            filled.push_str(&parameter(place, pid, quotes));
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

fn parameter(place: Place, pid: u32, quotes: Quotes) -> String {
    let parameter = match place {
        Place::Pid => return pid.to_string(),
        Place::Name => "${1}",
        Place::Check => "${2}",
    };
    match quotes {
        Quotes::None => format!("\"{parameter}\""),
        Quotes::Single => format!("'\"{parameter}\"'"),
        Quotes::Double => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::ProcessName;

    #[test]
    fn words_are_filled_once() {
        let name = ProcessName::supervisord("app", "{pid}");
        let subject = Subject {
            name: &name,
            pid: 41,
            check: "a b",
        };
        let words = ["--pid={pid}", "{name}/{check}", "{other} {", ""].map(str::to_owned);
        assert_eq!(
            fill(&Line::Argv(words.to_vec()), &subject),
            Line::Argv(
                ["--pid=41", "app:{pid}/a b", "{other} {", ""]
                    .map(str::to_owned)
                    .to_vec()
            )
        );
        let shown = shown(&Line::Shell("dump {pid} '{name}'".to_owned()), &subject);
        assert_eq!(shown, "dump 41 'app:{pid}'");
    }

    #[test]
    fn names_are_parameters_of_the_shell() {
        for (text, expected) in [
            ("dump {pid} {name}", "dump 7 \"${1}\""),
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
            ("echo \\${pid}", "echo \\$7"),
        ] {
            assert_eq!(parametrized(text, 7), expected, "{text}");
        }
    }
}
