//! Splits a command line into words as a shell would, without being one: quotes and backslashes, and
//! nothing else. As in supervisord, `|`, `>` and `$HOME` are plain text.

use std::mem;

use crate::config::diagnostics::Diagnostic;

/// The words of `line`.
pub fn split(line: &str) -> Result<Vec<String>, Diagnostic> {
    let mut words = Vec::new();
    // `None` between words; an empty word is one that has quotes and nothing in them
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(char) = rest.next() {
        match char {
            ' ' | '\t' | '\r' | '\n' => words.extend(mem::take(&mut word)),
            '\'' => quoted(&mut rest, word.get_or_insert_default())?,
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => {
                let next = rest.next().ok_or_else(|| {
                    Diagnostic::new(
                        "a backslash at the end",
                        "it stands before the character that is meant: \"\\\\\\\\\" is a backslash",
                    )
                })?;
                word.get_or_insert_default().push(next);
            }
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Up to the next single quote everything is meant as it stands.
fn quoted(rest: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), Diagnostic> {
    for char in rest {
        if char == '\'' {
            return Ok(());
        }
        word.push(char);
    }
    Err(unclosed('\''))
}

/// Up to the next double quote a backslash is one but before a quote or another backslash.
fn double_quoted(
    rest: &mut impl Iterator<Item = char>,
    word: &mut String,
) -> Result<(), Diagnostic> {
    while let Some(char) = rest.next() {
        match char {
            '"' => return Ok(()),
            '\\' => match rest.next() {
                Some(next @ ('"' | '\\')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => break,
            },
            char => word.push(char),
        }
    }
    Err(unclosed('"'))
}

fn unclosed(quote: char) -> Diagnostic {
    Diagnostic::new(
        format!("a quote {quote} that is not closed"),
        "close it, or write the command as a list: [\"sh\", \"-c\", \"...\"]",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_supervisord() {
        for (line, words) in [
            ("", &[][..]),
            (" \t\n", &[]),
            ("a  b\tc ", &["a", "b", "c"]),
            ("a 'b c' d", &["a", "b c", "d"]),
            ("a'b'\"c\"d", &["abcd"]),
            ("'' \"\"", &["", ""]),
            (r#""a\"b\\c\d""#, &[r#"a"b\c\d"#]),
            (r"'a\'", &[r"a\"]),
            (r"a\ b \# \é", &["a b", "#", "é"]),
            (
                "a #b | c > $D; &&",
                &["a", "#b", "|", "c", ">", "$D;", "&&"],
            ),
        ] {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(split(line), Ok(words), "{line}");
        }
        for line in ["'a", "a \"b", "\"a\\", "a\\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
