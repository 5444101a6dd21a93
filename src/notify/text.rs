//! Small words for people: spans of time, sizes, text made safe to look at and to put into a header, and
//! the excerpt of a body. Pure; nothing here knows what is told.

use std::fmt::Write as _;
use std::time::Duration;

use crate::health::Body;

/// What is shown of a body: so many lines,
const EXCERPT_LINES: usize = 5;
/// and so many bytes.
const EXCERPT_BYTES: usize = 512;

/// Whether `c` can be shown as it is: Unicode's letters, marks, numbers, punctuation, symbols and the plain
/// space. The standard library keeps this table for `escape_debug`; behind another character it escapes
/// nothing but quotes, the backslash and what is not printable.
pub fn is_printable(c: char) -> bool {
    if matches!(c, '"' | '\'' | '\\') {
        return true;
    }
    let mut buffer = [b'a'; 5];
    let end = 1 + c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..end]).is_ok_and(|pair| pair.escape_debug().nth(1) == Some(c))
}

/// `text` with everything that could move a cursor, ring a bell or turn the reading direction made visible.
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

/// `value` as one header line: a line end in it would begin a header of its own.
pub fn header_value(value: &str) -> String {
    value.replace(['\r', '\n', '\0'], " ")
}

/// How long, to the accuracy a person cares for: `350 ms`, `12 s`, `3 m 4 s`, `2 h 5 m`, `4 d 3 h`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.is_zero() => "0 s".to_owned(),
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// How long, for a table of timings: `0.3 ms`, `3.002 s`.
pub fn timing(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{:.1} ms", span.as_secs_f64() * 1000.0)
    } else {
        format!("{:.3} s", span.as_secs_f64())
    }
}

/// A size in bytes in the units of the configuration.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return format!("{bytes} bytes");
    };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// The beginning of `body`, line by line, made visible: at most 5 lines and 512 bytes of it.
pub fn excerpt(body: &Body) -> Vec<String> {
    let start = &body.kept[..body.kept.len().min(EXCERPT_BYTES)];
    let text = String::from_utf8_lossy(start);
    // a character that the cut went through is no fault of the body
    let cut = start.len() < body.kept.len();
    let text = match cut {
        true => text.trim_end_matches(char::REPLACEMENT_CHARACTER),
        false => &text,
    };
    text.lines()
        .take(EXCERPT_LINES)
        .map(|line| visible(line.trim_end_matches('\r')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kept: &[u8]) -> Body {
        Body {
            kept: kept.to_vec(),
            size: kept.len() as u64,
            found: Vec::new(),
        }
    }

    #[test]
    fn spans_and_sizes_are_as_accurate_as_a_person_needs() {
        for (millis, long, short) in [
            (0, "0 s", "0.0 ms"),
            (350, "350 ms", "350.0 ms"),
            (1_000, "1 s", "1.000 s"),
            (12_400, "12 s", "12.400 s"),
            (60_000, "1 m", "60.000 s"),
            (184_000, "3 m 4 s", "184.000 s"),
            (7_500_000, "2 h 5 m", "7500.000 s"),
            (356_400_000, "4 d 3 h", "356400.000 s"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), long);
            assert_eq!(timing(Duration::from_millis(millis)), short);
        }
        for (bytes, words) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_300_000, "1.2 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "17179869184.0 GiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn what_could_trick_a_terminal_is_made_visible() {
        for (text, shown) in [
            ("plain café ✓ \"'\\", "plain café ✓ \"'\\"),
            ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
            ("evil\u{202e}txt\u{a0}", "evil\\u{202e}txt\\xa0"),
            ("e\u{301}", "e\u{301}"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(brief("abcdef", 3), "abc...");
        assert_eq!(brief("abc", 3), "abc");
        assert_eq!(header_value("a\r\nBcc: x\0y"), "a  Bcc: x y");
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
            assert_eq!(excerpt(&body(kept)), lines);
        }
        let long = excerpt(&body("é".repeat(10_000).as_bytes()));
        assert_eq!(long, ["é".repeat(256)]);
        let odd = excerpt(&body(format!("x{}", "é".repeat(10_000)).as_bytes()));
        assert_eq!(odd, [format!("x{}", "é".repeat(255))]);
    }
}
