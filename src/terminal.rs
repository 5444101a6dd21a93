//! Text on a terminal: the columns that it takes, cutting and wrapping it to a width, the size of the terminal
//! and the local time of day. What is shown is decided elsewhere.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::SystemTime;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A terminal narrower than this is written to as if it were so wide: words need some room.
const NARROWEST: usize = 20;

/// The columns that `text` takes: two for a CJK character, none for a combining mark.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `most` columns; where that cuts something off, `…` stands for it.
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut room = most.saturating_sub(1);
    for letter in text.chars() {
        let columns = letter.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        kept.push(letter);
    }
    let kept = kept.trim_end();
    match most {
        0 => String::new(),
        _ => format!("{kept}…"),
    }
}

/// `text` in at most `most` columns, without its middle where it is longer: names often differ at their ends.
pub fn cut_middle(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let before = cut(text, most.div_ceil(2));
    let mut kept = Vec::new();
    let mut room = most.saturating_sub(width(&before));
    for letter in text.chars().rev() {
        let columns = letter.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        kept.push(letter);
    }
    let after: String = kept.iter().rev().collect();
    before + after.trim_start()
}

/// `text` with spaces behind it up to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let space = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(space))
}

/// `text` in lines of at most `most` columns, broken between words. A word that is longer has a line of its own.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    if width(text) <= most {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines
            .last_mut()
            .filter(|line| line.is_empty() || width(line) + 1 + width(word) <= most);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Columns and rows of a terminal that does not say how many it has.
const USUAL: (usize, usize) = (80, 24);

/// Columns and rows of the terminal that `stream` is; nothing when it is not one.
pub fn size<S: AsFd + IsTerminal>(stream: &S) -> Option<(usize, usize)> {
    if !stream.is_terminal() {
        return None;
    }
    // one that does not know its size, such as a serial line, says 0, which is nothing here
    let known = terminal_size::terminal_size_of(stream);
    let known = known.map(|(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
    let (columns, rows) = known.unwrap_or(USUAL);
    Some((columns.max(NARROWEST), rows))
}

/// Date (`2026-05-01`) and time of day (`03:12:04`) of `time` where the machine is.
pub fn local(time: SystemTime) -> (String, String) {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs().try_into().unwrap_or_default();
    // SAFETY: all zeros is a value of this plain struct
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types; nothing is kept
    let found = unsafe { !libc::localtime_r(&raw const seconds, &raw mut parts).is_null() };
    if !found {
        let utc = humantime::format_rfc3339_seconds(time).to_string();
        let part = |range: std::ops::Range<usize>| utc.get(range).unwrap_or_default().to_owned();
        return (part(0..10), part(11..19));
    }
    (
        format!(
            "{:04}-{:02}-{:02}",
            parts.tm_year + 1900,
            parts.tm_mon + 1,
            parts.tm_mday
        ),
        format!(
            "{:02}:{:02}:{:02}",
            parts.tm_hour, parts.tm_min, parts.tm_sec
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_counts_columns_not_characters() {
        for (text, columns) in [
            ("", 0),
            ("shop", 4),
            ("café", 4),
            ("cafe\u{301}", 4),
            ("店舗", 4),
            ("✓ up", 4),
        ] {
            assert_eq!(width(text), columns, "{text}");
            assert_eq!(width(&pad(text, 6)), 6, "{text}");
        }
    }

    #[test]
    fn cut_text_fits_and_is_marked() {
        for (text, most, expected) in [
            ("shop", 4, "shop"),
            ("shops", 4, "sho…"),
            ("a shop", 3, "a…"),
            ("店舗の", 5, "店舗…"),
            ("店舗の", 4, "店…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("shop", 1, "…"),
            ("shop", 0, ""),
        ] {
            let text = cut(text, most);
            assert_eq!(text, expected);
            assert!(width(&text) <= most);
        }
    }

    #[test]
    fn names_that_are_cut_keep_both_ends() {
        for (text, most, expected) in [
            ("shop", 4, "shop"),
            ("pool-member-web-01", 12, "pool-…web-01"),
            ("pool-member-web-02", 11, "pool-…eb-02"),
            ("店舗の店舗の", 8, "店…舗の"),
            ("shop", 2, "…p"),
            ("shop", 1, "…"),
            ("shop", 0, ""),
        ] {
            let cut = cut_middle(text, most);
            assert_eq!(cut, expected, "{text} in {most}");
            assert!(width(&cut) <= most);
        }
    }

    #[test]
    fn text_wraps_between_words() {
        for (text, most, lines) in [
            ("", 5, &[""][..]),
            ("one  two three", 20, &["one  two three"]),
            ("one two three", 7, &["one two", "three"]),
            ("one two three", 3, &["one", "two", "three"]),
            ("http://h/long x", 4, &["http://h/long", "x"]),
        ] {
            assert_eq!(wrap(text, most), lines, "{text} in {most}");
        }
    }

    #[test]
    fn local_time_has_a_date_and_a_time_of_day() {
        let (date, time) = local(SystemTime::now());
        assert_eq!((date.len(), time.len()), (10, 8), "{date} {time}");
    }
}
