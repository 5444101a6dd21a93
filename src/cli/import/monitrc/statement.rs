//! The words of a monitrc, and the statements that they make: a statement goes from one keyword to the next, whatever
//! the lines are.

use crate::cli::import::secrets;

/// A word of the file; what stood in quotes is one word.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub text: String,
    pub line: usize,
    pub is_quoted: bool,
}

/// The words from one keyword to the next.
pub(super) type Statement = Vec<Word>;

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let (word, after, is_quoted) = match first {
                '#' => break,
                '"' | '\'' => {
                    let inner = &rest[1..];
                    let end = inner.find(first).unwrap_or(inner.len());
                    (
                        &inner[..end],
                        inner.get(end + 1..).unwrap_or_default(),
                        true,
                    )
                }
                _ => {
                    // quotes in a URL are of the URL
                    let is_url = rest.starts_with("http://") || rest.starts_with("https://");
                    let is_quote = |c| !is_url && matches!(c, '"' | '\'');
                    let end = rest.find(|c: char| c.is_whitespace() || is_quote(c));
                    let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                    (word, after, false)
                }
            };
            let parts = match is_quoted {
                // as Monit does
                true => {
                    vec![word.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))]
                }
                false => parts(word),
            };
            words.extend(parts.into_iter().map(|part| Word {
                text: part.to_owned(),
                line: at + 1,
                is_quoted,
            }));
            rest = after.trim_start();
        }
    }
    words
}

/// `status<400` and `!=200` in their parts: blanks around a sign may be left out. Other words, such as URLs, may contain
/// signs.
fn parts(word: &str) -> Vec<&str> {
    const COMPARED: [&str; 3] = ["status", "content", "checksum"];
    let is_sign = |c: char| matches!(c, '=' | '!' | '<' | '>');
    let Some(at) = word.find(is_sign) else {
        return vec![word];
    };
    let (keyword, rest) = word.split_at(at);
    if !keyword.is_empty()
        && !COMPARED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(keyword))
    {
        return vec![word];
    }
    let (sign, value) = rest.split_at(rest.find(|c| !is_sign(c)).unwrap_or(rest.len()));
    let parts = [keyword, sign, value];
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// Where a statement begins, the words before it being `last`.
fn begins(word: &Word, next: Option<&Word>, last: Option<&Word>) -> bool {
    if word.is_quoted {
        return false;
    }
    let lower = |word: Option<&Word>| {
        word.map(|word| word.text.to_lowercase())
            .unwrap_or_default()
    };
    let (next, last) = (lower(next), lower(last));
    match word.text.to_lowercase().as_str() {
        "set" | "include" | "if" | "else" | "depends" | "onreboot" | "noalert" | "mode" => {
            last != "then"
        }
        "check" => true,
        "start" | "stop" | "restart" => {
            next.starts_with("program") || (last != "then" && next == "=")
        }
        "every" => !matches!(last.as_str(), "repeat" | "not"),
        "not" => next == "every",
        "alert" => last != "then" && last != "set",
        "group" => last != "as" && last != "and",
        _ => false,
    }
}

/// The statements of a monitrc.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let words = words(text);
    let mut found: Vec<Statement> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let last = at.checked_sub(1).map(|before| &words[before]);
        match found.last_mut() {
            Some(statement) if !begins(word, words.get(at + 1), last) => {
                statement.push(word.clone())
            }
            _ => found.push(vec![word.clone()]),
        }
    }
    found
}

/// The statement in one line, with its quotes.
pub(super) fn whole(statement: &[Word]) -> String {
    let words = statement.iter().map(|word| match word.is_quoted {
        true => format!("\"{}\"", word.text),
        false => word.text.clone(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The statement for a message, up to where a secret may begin.
pub(super) fn shown(statement: &[Word]) -> String {
    let words = statement.iter().map(|word| word.text.as_str());
    let words: Vec<_> = words
        .take_while(|word| !word.eq_ignore_ascii_case("allow"))
        .collect();
    let text = secrets::without(&words.join(" "));
    match text.char_indices().nth(70) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None if words.len() < statement.len() => format!("{text} ..."),
        None => text,
    }
}

/// The word after `keyword`, and after the operator where there is one.
pub(super) fn after<'s>(statement: &'s [Word], keyword: &str) -> Option<&'s str> {
    let at = statement
        .iter()
        .position(|word| !word.is_quoted && word.text.eq_ignore_ascii_case(keyword))?;
    let value = statement
        .get(at + 1..)?
        .iter()
        .find(|word| word.is_quoted || !OPERATORS.contains(&word.text.as_str()))?;
    Some(&value.text)
}

/// What stands between a keyword and its value.
const OPERATORS: [&str; 8] = ["=", "==", "!=", "<", ">", "<=", ">=", "is"];

/// Whether `keyword` occurs outside of quotes.
pub(super) fn has(statement: &[Word], keyword: &str) -> bool {
    statement
        .iter()
        .any(|word| !word.is_quoted && word.text.eq_ignore_ascii_case(keyword))
}

/// The number after `keyword`.
pub(super) fn number(statement: &[Word], keyword: &str) -> Option<u64> {
    after(statement, keyword)?.parse().ok()
}
