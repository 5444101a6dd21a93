//! Where the body of an HTTP/1 answer ends, as its head says. Pure. What curl and Python's http.client read in different
//! ways is read so that neither is stricter.

use super::head::{CODING, Head};
use super::number::python_int;
use crate::health::bounded_to;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes, which may be none.
    Length(u64),
    /// The same, or fewer: what says so is odd, and others read it as nothing.
    UpTo(u64),
    /// In chunks.
    Chunked,
    /// The same, or as it comes: what says so is odd, and others read it as nothing.
    PerhapsChunked,
    /// When the peer closes.
    Close,
}

impl Framing {
    /// How the body behind `head` ends. `is_head`: HEAD was asked, whose answers have none. What is odd is noted.
    pub fn of(head: &mut Head, is_head: bool) -> Self {
        if is_head || head.code < 200 || matches!(head.code, 204 | 304) {
            return Self::Length(0);
        }
        // behind a line that is no header Python finds no further ones
        let is_plain = !head.is_garbled;
        let codings = head.values(CODING);
        let codings: Vec<_> = codings.flat_map(|value| value.split(',')).collect();
        let is_chunked = |coding: &&str| coding.trim().eq_ignore_ascii_case("chunked");
        // Python knows the word alone
        let first = head.values(CODING).next();
        let is_exact = !head.is_coding_odd && first.is_some_and(|first| is_chunked(&first));
        let lengths = head.values("content-length");
        let lengths: Vec<_> = lengths
            .flat_map(|value| value.split(','))
            .map(|text| text.trim_matches(is_blank))
            .collect();
        if codings.last().is_some_and(is_chunked) {
            let length = lengths.iter().find_map(|text| read_length(text));
            return match length {
                Some(length) if is_plain && !is_exact => Self::UpTo(length),
                _ if is_plain && codings.len() == 1 => Self::Chunked,
                _ => Self::PerhapsChunked,
            };
        }
        let shown = |text: &str| bounded_to(text.to_owned(), 80);
        let unread = lengths.iter().find(|text| read_length(text).is_none());
        let unread = unread.map(|text| shown(text));
        let read: Vec<_> = lengths
            .iter()
            .filter_map(|text| read_length(text))
            .collect();
        // as Python has it: the first one counts
        let length = read.first().copied();
        let other = read.iter().find(|other| Some(**other) != length).copied();
        let is_number = |text: &&str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'+')
        };
        let is_bare = |value: &str| {
            !value.trim_ascii().starts_with(is_blank) && !value.trim_ascii().ends_with(is_blank)
        };
        let is_sure = is_plain
            && other.is_none()
            && lengths.iter().all(is_number)
            && head.values("content-length").all(is_bare);
        let is_list = head
            .values("content-length")
            .any(|value| value.contains(','));
        if let Some(unread) = unread {
            head.note(format!(
                "Content-Length {unread:?} is not a number of bytes"
            ));
        }
        if let (Some(length), Some(other)) = (length, other) {
            head.note(format!("Content-Length says both {length} and {other}"));
        }
        match length {
            Some(length) if is_sure && !is_list => Self::Length(length),
            Some(length) => Self::UpTo(length),
            None => Self::Close,
        }
    }

    /// The size that the body is said to have.
    pub const fn announced(self) -> Option<u64> {
        match self {
            Self::Length(length) | Self::UpTo(length) => Some(length),
            Self::Chunked | Self::PerhapsChunked | Self::Close => None,
        }
    }
}

/// What Python overlooks around a number, some control characters and bytes beyond ASCII among it, and some more.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER
}

/// As Python reads it, or else as curl does: what follows the digits is ignored.
fn read_length(text: &str) -> Option<u64> {
    if let Some(length) = python_int(text, 10) {
        return Some(length);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(digits);
    match rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        true => None,
        false => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(headers: &[(&str, &str)]) -> (Framing, Vec<String>) {
        let mut head = Head {
            code: 200,
            ..Head::default()
        };
        for (name, value) in headers {
            head.headers.push(((*name).into(), (*value).into()));
        }
        (Framing::of(&mut head, false), head.notes)
    }

    #[test]
    fn body_end_is_determined_as_by_curl_and_python() {
        let length = "Content-Length";
        let coding = "Transfer-Encoding";
        for (headers, expected) in [
            (vec![], Framing::Close),
            (vec![(length, "5")], Framing::Length(5)),
            (
                vec![(length, "5"), ("content-length", "5")],
                Framing::Length(5),
            ),
            (vec![(length, "5, 5")], Framing::UpTo(5)),
            (vec![(length, "+5")], Framing::Length(5)),
            (vec![(length, "05")], Framing::Length(5)),
            (vec![(length, "1_0")], Framing::UpTo(10)),
            (vec![(length, "-0")], Framing::UpTo(0)),
            (vec![(length, "5_")], Framing::Close),
            (vec![(length, "5 x")], Framing::UpTo(5)),
            (vec![(length, "5.0")], Framing::UpTo(5)),
            (vec![(length, "5"), (length, "7")], Framing::UpTo(5)),
            (vec![(length, "")], Framing::Close),
            (vec![(length, "abc")], Framing::Close),
            (vec![(length, "-5")], Framing::Close),
            (vec![(length, "99999999999999999999999")], Framing::Close),
            (vec![(coding, "Chunked"), (length, "5")], Framing::Chunked),
            (vec![(coding, " chunked ")], Framing::Chunked),
            (vec![(coding, "gzip, chunked")], Framing::PerhapsChunked),
            (vec![(coding, "chunked, chunked")], Framing::PerhapsChunked),
            (
                vec![(coding, "identity"), (coding, "chunked")],
                Framing::PerhapsChunked,
            ),
            (vec![(coding, "chunked, gzip")], Framing::Close),
            (
                vec![(coding, "identity"), (length, "5")],
                Framing::Length(5),
            ),
            (vec![(coding, "xchunked")], Framing::Close),
            (
                vec![(coding, "gzip, chunked"), (length, "5")],
                Framing::UpTo(5),
            ),
            (vec![(length, "5\x0b")], Framing::UpTo(5)),
            (vec![(length, "\x1f5")], Framing::UpTo(5)),
            (vec![(length, "\u{fffd}5")], Framing::UpTo(5)),
        ] {
            assert_eq!(framing(&headers).0, expected, "{headers:?}");
        }
        let notes = framing(&[(length, "5"), (length, "7")]).1;
        assert_eq!(notes, ["Content-Length says both 5 and 7"]);
    }
}
