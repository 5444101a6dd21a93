//! Texts: the bound on every text from outside, and counts with their nouns. What a peer, a supervisor or a child says
//! is cut where it becomes a fact, so that nothing behind it (memory, store, log, mail) needs a bound of its own.

use std::fmt::Display;
use std::time::Duration;

/// The most that is kept of one text from outside, in bytes.
pub const TEXT_MAX: usize = 1024;

/// What stands where something was cut off.
const CUT: char = '…';

/// `text`, cut to [`TEXT_MAX`] bytes.
pub fn bounded(text: impl Into<String>) -> String {
    bounded_to(text.into(), TEXT_MAX)
}

/// Cuts `text` to [`TEXT_MAX`] bytes.
pub fn bound(text: &mut String) {
    if text.len() > TEXT_MAX {
        *text = bounded(std::mem::take(text));
    }
}

/// `bytes` as text, lossily where they are not UTF-8, cut to [`TEXT_MAX`] bytes.
pub fn bounded_lossy(bytes: &[u8]) -> String {
    // what is not UTF-8 grows to three bytes, so a little more is read than is kept
    bounded(String::from_utf8_lossy(
        &bytes[..bytes.len().min(TEXT_MAX + 1)],
    ))
}

/// `text`, cut to at most `max` bytes, which ends with an ellipsis when something was cut off.
pub fn bounded_to(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max.saturating_sub(CUT.len_utf8())));
        text.push(CUT);
        text.shrink_to_fit();
    }
    text
}

/// `count` with its noun, such as `1 check` or `3 checks`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    match count == N::from(1) {
        true => format!("{count} {one}"),
        false => format!("{count} {many}"),
    }
}

/// Whether `count` is one of 1, 10, 20, 50, 100, 200, 500 ...: of what comes again and again these are worth a line.
pub const fn is_round(mut count: u32) -> bool {
    if count < 10 {
        return count == 1;
    }
    while count.is_multiple_of(10) {
        count /= 10;
    }
    matches!(count, 1 | 2 | 5)
}

/// `span` in seconds for a person: what is left of a deadline has nanoseconds.
pub fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_shown_to_the_millisecond() {
        for (nanos, shown) in [(1_960_280_912, "1.96"), (2_000_000_000, "2"), (999, "0")] {
            assert_eq!(seconds(Duration::from_nanos(nanos)).to_string(), shown);
        }
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        for (count, text) in [(0, "0 recoveries"), (1, "1 recovery"), (2, "2 recoveries")] {
            assert_eq!(counted::<u32>(count, "recovery", "recoveries"), text);
        }
    }

    #[test]
    fn texts_are_cut_at_a_character_and_say_so() {
        for (text, max, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "lo…"),
            ("ääää", 6, "ä…"),
            ("", 0, ""),
        ] {
            assert_eq!(bounded_to(text.to_owned(), max), expected);
        }
        let long = bounded_lossy(&[0xff; 5000]);
        assert!(long.len() <= TEXT_MAX && long.ends_with('…'));
        assert_eq!(bounded_lossy(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(bounded("x".repeat(TEXT_MAX)).len(), TEXT_MAX);
    }
}
