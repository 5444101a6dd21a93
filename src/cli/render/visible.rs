//! Text from elsewhere, made safe to show: control characters become visible, so that an answer can
//! neither move the cursor nor break a line that a program reads.

use crate::escape::visible;

/// Most lines of an answer that are shown.
const LINES: usize = 5;
/// Most bytes of an answer that are shown.
const BYTES: usize = 512;

/// `text` as one line without control characters.
pub fn line(text: &str) -> String {
    visible(&text.replace('\t', "  "))
}

/// The beginning of a body as lines to show, and whether there is more.
pub fn excerpt(kept: &[u8], size: u64) -> (Vec<String>, bool) {
    lines(kept, size, BYTES, LINES)
}

/// All that was kept of a body as lines to show, and whether there is more.
pub fn all(kept: &[u8], size: u64) -> (Vec<String>, bool) {
    lines(kept, size, usize::MAX, usize::MAX)
}

fn lines(kept: &[u8], size: u64, most_bytes: usize, most_lines: usize) -> (Vec<String>, bool) {
    let shown = &kept[..kept.len().min(most_bytes)];
    let text = String::from_utf8_lossy(shown);
    let mut all = text.lines();
    let lines: Vec<String> = all.by_ref().take(most_lines).map(line).collect();
    let more = all.next().is_some() || shown.len() as u64 != size;
    (lines, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_survives() {
        for (text, shown) in [
            ("plain é", "plain é"),
            ("a\x1b[31mb\r\n", "a\\x1b[31mb\\r\\n"),
            ("a\tb\0\x7f", "a  b\\x00\\x7f"),
            ("\u{9b}2J\u{202e}x", "\\x9b2J\\u{202e}x"),
        ] {
            assert_eq!(line(text), shown);
        }
    }

    #[test]
    fn an_excerpt_is_five_lines_and_512_bytes_at_most() {
        let long = "x".repeat(2000);
        let table: [(&[u8], u64, usize, bool); 6] = [
            (b"", 0, 0, false),
            (b"one\r\ntwo\n", 9, 2, false),
            (b"1\n2\n3\n4\n5\n", 10, 5, false),
            (b"1\n2\n3\n4\n5\n6", 11, 5, true),
            (long.as_bytes(), 2000, 1, true),
            (b"beginning", 5000, 1, true),
        ];
        for (kept, size, count, more) in table {
            let (lines, has_more) = excerpt(kept, size);
            assert_eq!((lines.len(), has_more), (count, more), "{lines:?}");
            assert!(lines.iter().all(|line| line.len() <= 512));
        }
        assert_eq!(excerpt(&[b'a', 0xff, b'b'], 3).0, ["a\u{fffd}b"]);
        let (lines, has_more) = all(b"1\n2\n3\n4\n5\n6\x1b", 12);
        assert_eq!((lines.len(), has_more), (6, false));
        assert!(all(b"kept", 5).1);
    }
}
