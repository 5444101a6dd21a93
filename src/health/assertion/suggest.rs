//! What was probably meant by a word that is none of the language's.

/// `did you mean ...?`, or all of `words`.
pub fn suggest(text: &str, words: &[&str]) -> String {
    match nearest(text, words) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("expected one of {}", words.join(", ")),
    }
}

/// What other languages call it.
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

fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    let text = text.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(other, _)| *other == text);
    let alias = alias.and_then(|(_, meant)| words.iter().find(|word| *word == meant));
    let close = || {
        let near = words.iter().map(|word| (distance(word, &text), word));
        let allowed = 1 + text.len() / 5;
        near.filter(|(far, word)| *far <= allowed && *far < word.len())
            .min_by_key(|(far, _)| *far)
    };
    let begun = |word: &&&str| {
        let word = word.to_ascii_lowercase();
        let short = text.len().min(word.len());
        short > 2 && text.as_bytes()[..short] == word.as_bytes()[..short]
    };
    alias
        .or_else(|| close().map(|(_, word)| word))
        .or_else(|| words.iter().find(begun))
        .copied()
}

/// How many letters must be put in, taken out or replaced to make `a` of `b`, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase().into_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
