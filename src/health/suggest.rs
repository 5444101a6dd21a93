//! What was probably meant by a word that is not one of those that are known.

/// No word that is known is nearly as long, and comparing takes the square of the length.
const LONGEST: usize = 128;

/// `did you mean ...?`, or all of `words`.
pub fn suggest(text: &str, words: &[&str]) -> String {
    match nearest(text, words) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("expected one of {}", words.join(", ")),
    }
}

/// The one of `words` that `text` is most likely a misspelling of.
pub fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.to_lowercase();
    let likeness = |word: &str| {
        let word = word.to_lowercase();
        match strsim::osa_distance(&word, &text) {
            0 => 1.0,
            // one slip makes a short word quite another by the other measure
            1 if word.len() > 1 => 0.99,
            _ => strsim::jaro_winkler(&word, &text),
        }
    };
    words
        .iter()
        .map(|&word| (likeness(word), word))
        .filter(|&(likeness, _)| likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_words_get_suggestions() {
        let words = ["status", "startsWith", "duration", "<", "<="];
        for (text, near) in [
            ("statsu", Some("status")),
            ("STATUS", Some("status")),
            ("startswith", Some("startsWith")),
            ("dur", Some("duration")),
            ("=<", Some("<=")),
            ("x", None),
            ("zzz", None),
        ] {
            assert_eq!(nearest(text, &words), near, "{text}");
        }
        assert_eq!(suggest("statsu", &words), "did you mean \"status\"?");
        assert!(suggest("zzz", &words).starts_with("expected one of status, "));
    }
}
