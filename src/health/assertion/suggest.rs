//! What other languages call the words of assertions.

use crate::health::suggest;

/// `did you mean ...?`, or all of `words`.
pub fn suggest(text: &str, words: &[&str]) -> String {
    let lower = text.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(other, _)| *other == lower);
    match alias.filter(|(_, meant)| words.contains(meant)) {
        Some((_, meant)) => format!("did you mean {meant:?}?"),
        None => suggest::suggest(text, words),
    }
}

const ALIASES: [(&str, &str); 13] = [
    ("=", "=="),
    ("===", "=="),
    ("is", "=="),
    ("equals", "=="),
    ("<>", "!="),
    ("!==", "!="),
    ("=~", "matches"),
    ("~", "matches"),
    ("regex", "matches"),
    ("includes", "contains"),
    ("code", "status"),
    ("latency", "duration"),
    ("response_time", "duration"),
];
