//! What of the bytes behind the head of an HTTP/1 answer belongs to its body, which ends as [`Framing`] says. Pure.
//! What curl and Python's http.client both accept is accepted, so that no restart comes of a server's odd habits.

use std::ops::Range;

use memchr::memchr;

use super::framing::Framing;
use super::number::python_int;
use crate::health::bounded_to;

/// The longest line of a chunked body: what http.client takes, too.
const LINE_MAX: usize = 64 * 1024;

/// So many bytes of trailers at most.
const TRAILERS_MAX: usize = 1024 * 1024;

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// A piece of it, at this place of the input.
    Piece(Range<usize>),
    /// More input is needed.
    More,
    /// It is complete.
    Done,
}

/// A body on its way in.
#[derive(Debug)]
pub struct Decoder {
    state: BodyState,
    /// That it ends earlier, or is not in chunks, is no fault.
    is_lenient: bool,
}

#[derive(Debug)]
enum BodyState {
    /// So many bytes are left.
    Length(u64),
    Close,
    /// The line with a chunk's size, as far as it came.
    Size(Vec<u8>),
    /// So many bytes of a chunk are left.
    Chunk(u64),
    /// The line end behind a chunk, of which so many bytes came. Python skips two bytes, whatever they are.
    ChunkEnd(u8),
    /// Behind the last chunk: so many bytes came, and so many of them since the last line end.
    Trailers {
        came: usize,
        line: usize,
    },
    Done,
}

impl Decoder {
    /// Nothing came so far.
    pub fn new(framing: Framing) -> Self {
        Self {
            state: match framing {
                Framing::Length(0) | Framing::UpTo(0) => BodyState::Done,
                Framing::Length(left) | Framing::UpTo(left) => BodyState::Length(left),
                Framing::Chunked | Framing::PerhapsChunked => BodyState::Size(Vec::new()),
                Framing::Close => BodyState::Close,
            },
            is_lenient: matches!(framing, Framing::UpTo(_) | Framing::PerhapsChunked),
        }
    }

    /// Takes what it can from the front of `input`: so many bytes, and what they are.
    ///
    /// # Errors
    /// Says what is wrong with a chunk.
    pub fn take(&mut self, input: &[u8]) -> Result<(usize, BodyStep), String> {
        let mut at = 0;
        match self.decode(input, &mut at) {
            // what was read of the line that is wrong is left out, wherever the pieces break
            Err(_) if self.is_lenient => {
                self.state = BodyState::Close;
                self.decode(input, &mut at)
            }
            other => other,
        }
    }

    /// The same from `at` on, which is behind what was read when that is wrong.
    fn decode(&mut self, input: &[u8], at: &mut usize) -> Result<(usize, BodyStep), String> {
        loop {
            let rest = &input[*at..];
            match &mut self.state {
                BodyState::Done => return Ok((*at, BodyStep::Done)),
                _ if rest.is_empty() => return Ok((*at, BodyStep::More)),
                BodyState::Close => return Ok((input.len(), BodyStep::Piece(*at..input.len()))),
                BodyState::Length(left) | BodyState::Chunk(left) => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let end = *at + rest.len().min(most);
                    *left -= (end - *at) as u64;
                    if *left == 0 {
                        self.state = match self.state {
                            BodyState::Chunk(_) => BodyState::ChunkEnd(0),
                            _ => BodyState::Done,
                        };
                    }
                    return Ok((end, BodyStep::Piece(*at..end)));
                }
                BodyState::ChunkEnd(came) => {
                    *at += 1;
                    match rest[0] {
                        b'\r' => {}
                        b'\n' => self.state = BodyState::Size(Vec::new()),
                        _ if *came == 0 => *came = 1,
                        _ => self.state = BodyState::Size(Vec::new()),
                    }
                }
                // nothing of a body that is in no chunks is lost
                BodyState::Size(line)
                    if self.is_lenient && line.is_empty() && !begins_size(rest[0]) =>
                {
                    return Err("not in chunks".to_owned());
                }
                BodyState::Size(line) => {
                    let end = memchr(b'\n', rest);
                    let part = &rest[..end.unwrap_or(rest.len())];
                    if line.len() + part.len() > LINE_MAX {
                        *at += LINE_MAX - line.len();
                        return Err("a chunk's size is a line without end".to_owned());
                    }
                    line.extend_from_slice(part);
                    *at += part.len() + usize::from(end.is_some());
                    if end.is_some() {
                        self.state = match chunk_size(line)? {
                            0 => BodyState::Trailers { came: 0, line: 0 },
                            size => BodyState::Chunk(size),
                        };
                    }
                }
                BodyState::Trailers { came, line } => {
                    *at += 1;
                    *came += 1;
                    match rest[0] {
                        b'\n' if *line == 0 => self.state = BodyState::Done,
                        b'\n' => *line = 0,
                        b'\r' => {}
                        _ => *line += 1,
                    }
                    if let BodyState::Trailers { came, .. } = self.state
                        && came > TRAILERS_MAX
                    {
                        return Err("trailers without end behind the last chunk".to_owned());
                    }
                }
            }
        }
    }

    /// The peer closed. Whether the body is complete.
    pub fn close(&mut self) -> bool {
        match &self.state {
            _ if self.is_lenient => true,
            BodyState::Done | BodyState::Close | BodyState::Trailers { .. } => true,
            // the last chunk without its line end
            BodyState::Size(line) => chunk_size(line) == Ok(0),
            BodyState::Length(_) | BodyState::Chunk(_) | BodyState::ChunkEnd(_) => false,
        }
    }
}

fn begins_size(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || byte == b'+'
}

/// The size in the line before a chunk; what follows it is ignored, be it an extension or not.
fn chunk_size(line: &[u8]) -> Result<u64, String> {
    let text = String::from_utf8_lossy(line);
    let before_extension = text.split(';').next().unwrap_or_default();
    if let Some(size) = python_int(before_extension, 16) {
        return Ok(size);
    }
    let invalid = || {
        let shown = bounded_to(text.trim_ascii().to_owned(), 80);
        format!("not the size of a chunk: {shown:?}")
    };
    let digits = text.trim_ascii();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let digits = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
        .unwrap_or(digits);
    let count = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    u64::from_str_radix(&digits[..count], 16).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_body_end_is_accepted_without_a_length() {
        for (framing, stream, body) in [
            (Framing::UpTo(9), "hello", "hello"),
            (Framing::UpTo(5), "hello, and more", "hello"),
            (Framing::PerhapsChunked, "plain text", "plain text"),
            (Framing::PerhapsChunked, "5\r\nhello\r\n0\r\n\r\n", "hello"),
            (Framing::PerhapsChunked, "5\r\nhel", "hel"),
        ] {
            let got = decoded(framing, stream.as_bytes(), stream.len());
            assert_eq!(got, Ok((body.to_owned(), true)), "{framing:?} {stream:?}");
        }
    }

    /// The body in `stream`, taken in pieces, whether it is complete when the peer closes then, or what is wrong.
    fn chunked(stream: &[u8], step: usize) -> Result<(String, bool), String> {
        decoded(Framing::Chunked, stream, step)
    }

    fn decoded(framing: Framing, stream: &[u8], step: usize) -> Result<(String, bool), String> {
        let mut decoder = Decoder::new(framing);
        let mut body = Vec::new();
        for piece in stream.chunks(step) {
            let mut rest = piece;
            loop {
                let (used, step) = decoder.take(rest)?;
                match step {
                    BodyStep::Piece(range) => body.extend_from_slice(&rest[range]),
                    BodyStep::More => break,
                    BodyStep::Done => return Ok((String::from_utf8(body).expect("text"), true)),
                }
                rest = &rest[used..];
            }
        }
        Ok((String::from_utf8(body).expect("text"), decoder.close()))
    }

    #[test]
    fn chunks_are_read_wherever_the_pieces_break() {
        for (stream, body, complete) in [
            ("5\r\nhello\r\n0\r\n\r\n", "hello", true),
            ("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello", true),
            ("5\nhello\n0\n\n", "hello", true),
            ("5;a=b\r\nhello\r\n0\r\n\r\n", "hello", true),
            (" 5 ; a\r\nhello\r\n0\r\n\r\n", "hello", true),
            ("0x5\r\nhello\r\n0\r\n\r\n", "hello", true),
            ("+5\r\nhello\r\n0\r\n\r\n", "hello", true),
            ("0_5\r\nhello\r\n0_0\r\n\r\n", "hello", true),
            ("0x_5;a\r\nhello\r\n-0\r\n\r\n", "hello", true),
            (
                "0000000000000000000005\r\nhello\r\n0\r\n\r\n",
                "hello",
                true,
            ),
            ("5 6\r\nhello\r\n0\r\n\r\n", "hello", true),
            ("A\r\nhellohello\r\n0\r\n\r\n", "hellohello", true),
            ("5\r\nhello\r\n0\r\nX: y\r\nz\r\n\r\njunk", "hello", true),
            ("5\r\nhello--0\r\n\r\n", "hello", true),
            ("5\r\nhello\r\n0\r\nX: y\r\n", "hello", true),
            ("5\r\nhello\r\n0\r\n", "hello", true),
            ("5\r\nhello\r\n0", "hello", true),
            ("5\r\nhello\r\n", "hello", false),
            ("5\r\nhel", "hel", false),
            ("", "", false),
        ] {
            for step in 1..=stream.len().max(1) {
                let got = chunked(stream.as_bytes(), step);
                assert_eq!(got, Ok((body.to_owned(), complete)), "{stream:?} {step}");
            }
        }
        for (stream, says) in [
            ("xyz\r\nhello\r\n", "size of a chunk: \"xyz\""),
            ("\r\nhello\r\n", "size of a chunk: \"\""),
            ("-5\r\nhello\r\n", "size of a chunk"),
            ("FFFFFFFFFFFFFFFFFF\r\nhello\r\n", "size of a chunk"),
            ("5\r\nhello0\r\n\r\n", "size of a chunk"),
        ] {
            let fault = chunked(stream.as_bytes(), 3).expect_err(stream);
            assert!(fault.contains(says), "{stream:?}: {fault}");
        }
        let endless = "0".repeat(LINE_MAX + 1);
        assert!(chunked(endless.as_bytes(), 1000).is_err());
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(TRAILERS_MAX));
        assert!(chunked(trailers.as_bytes(), 1000).is_err());
    }
}
