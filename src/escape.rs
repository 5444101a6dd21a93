//! Texts from outside, made safe to show: what could move a cursor, ring a bell, turn the direction of writing
//! or hide becomes visible, so that an answer can neither trick a reader nor break a line that a program
//! reads. One rule for terminals, logs, mails and JSON. Pure.

use std::fmt::Write as _;

/// What is shown of a body: so many lines,
const EXCERPT_LINES: usize = 5;
/// and so many bytes.
const EXCERPT_BYTES: usize = 512;

/// Whether `c` can be shown as it is: Unicode's letters, marks, numbers, punctuation, symbols and the plain
/// space. The standard library keeps this table for `escape_debug`; behind another character it escapes
/// nothing but quotes, the backslash and what is not printable.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let mut buffer = [b'a'; 5];
    let end = 1 + c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..end]).is_ok_and(|pair| pair.escape_debug().nth(1) == Some(c))
}

/// `text` as one line of printable characters.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if is_printable(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if u32::from(c) < 0x100 => _ = write!(shown, "\\x{:02x}", u32::from(c)),
            _ => _ = write!(shown, "\\u{{{:x}}}", u32::from(c)),
        }
    }
    shown
}

/// [`visible`], of at most `most` characters.
pub fn brief(text: &str, most: usize) -> String {
    let shown = visible(text);
    match shown.char_indices().nth(most) {
        None => shown,
        Some((end, _)) => format!("{}...", &shown[..end]),
    }
}

/// The beginning of a body, of which `kept` was kept, line by line: at most 5 lines and 512 bytes of it.
pub fn excerpt(kept: &[u8]) -> Vec<String> {
    let start = &kept[..kept.len().min(EXCERPT_BYTES)];
    let text = String::from_utf8_lossy(start);
    // a character that the cut went through is no fault of the body
    let text = match start.len() < kept.len() {
        true => text.trim_end_matches(char::REPLACEMENT_CHARACTER),
        false => &text,
    };
    text.lines()
        .take(EXCERPT_LINES)
        .map(|line| visible(line.trim_end_matches('\r')))
        .collect()
}

/// `text` with every character beyond ASCII as `\uXXXX` that is not printable. Of a JSON document the meaning stays
/// the same, and of log lines the line ends and colours, which are our own.
pub fn unhidden(text: String) -> String {
    let is_shown = |c: char| c.is_ascii() || is_printable(c);
    if text.chars().all(is_shown) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_shown(c) {
            true => shown.push(c),
            false => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misleading_characters_are_escaped() {
        for (text, shown) in [
            ("plain café ✓ \"'\\", "plain café ✓ \"'\\"),
            ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
            ("a\r\nb\tc\0\x7f", "a\\r\\nb\\tc\\x00\\x7f"),
            ("\u{9b}2J", "\\x9b2J"),
            ("evil\u{202e}txt\u{a0}", "evil\\u{202e}txt\\xa0"),
            (
                "a\u{2066}b\u{200f}c\u{61c}",
                "a\\u{2066}b\\u{200f}c\\u{61c}",
            ),
            ("a\u{200b}b\u{feff}c\u{ad}", "a\\u{200b}b\\u{feff}c\\xad"),
            ("a\u{2028}b\u{2029}c\u{85}", "a\\u{2028}b\\u{2029}c\\x85"),
            ("\u{e0041}\u{e000}", "\\u{e0041}\\u{e000}"),
            (
                "e\u{301} \u{1f600} 漢字 עברית",
                "e\u{301} \u{1f600} 漢字 עברית",
            ),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(visible(shown), shown, "nothing is escaped twice");
        }
        assert_eq!(brief("abcdef", 3), "abc...");
        assert_eq!(brief("abc", 3), "abc");
    }

    #[test]
    fn json_stays_the_same_value_and_is_printable() {
        for text in [
            "plain é",
            "a\u{9b}b\u{202e}c\u{2028}",
            "\u{e0041}\u{7f}\u{feff}",
            "\"\\\n",
        ] {
            let document = serde_json::to_string(&[text]).unwrap();
            let shown = unhidden(document.clone());
            assert!(
                shown.chars().all(|c| c.is_ascii() || is_printable(c)),
                "{shown}"
            );
            let read: Vec<String> = serde_json::from_str(&shown).unwrap();
            assert_eq!(read, [text]);
            assert_eq!(unhidden(shown.clone()), shown);
        }
    }

    #[test]
    fn log_keeps_colours_and_drops_control_characters() {
        let line = "\x1b[32m INFO\x1b[0m fine \u{2713}\n";
        assert_eq!(unhidden(line.to_owned()), line);
        assert_eq!(
            unhidden("a\u{9b}b\u{202e}\n".to_owned()),
            "a\\u009bb\\u202e\n"
        );
    }

    #[test]
    fn an_excerpt_is_bounded_in_lines_and_bytes() {
        let table: [(&[u8], &[&str]); 5] = [
            (b"", &[]),
            (b"one\r\ntwo\x1b\n", &["one", "two\\x1b"]),
            (b"1\n2\n3\n4\n5\n6\n7", &["1", "2", "3", "4", "5"]),
            (b"\xff\xfe", &["\u{fffd}\u{fffd}"]),
            (b"\n\nx", &["", "", "x"]),
        ];
        for (kept, lines) in table {
            assert_eq!(excerpt(kept), lines);
        }
        let long = excerpt("é".repeat(10_000).as_bytes());
        assert_eq!(long, ["é".repeat(256)]);
        let odd = excerpt(format!("x{}", "é".repeat(10_000)).as_bytes());
        assert_eq!(odd, [format!("x{}", "é".repeat(255))]);
    }
}
