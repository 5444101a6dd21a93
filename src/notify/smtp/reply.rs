//! What an SMTP server answers (RFC 5321, 4.2): lines of a code and a text, all but the last with a hyphen
//! between them. Lines come one at a time and are bounded, whatever the server sends.

use thiserror::Error;

use crate::notify::text::brief;
use crate::secret;

/// Bytes in a line, its end included. The standard allows 512; some servers say more.
pub const MAX_LINE: usize = 4096;

/// Lines in a reply: a greeting or a list of extensions has a few dozen at most.
pub const MAX_LINES: usize = 100;

/// Characters of each line's text that are kept.
const MAX_TEXT: usize = 500;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// The text of each line, without control characters.
    pub lines: Vec<String>,
}

impl SmtpReply {
    /// Whether it would refuse the same thing again.
    pub const fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// The code and the text in one line. A server may say what it was sent: known secrets are masked, before a
    /// cut may leave a part of one.
    pub fn text(&self) -> String {
        let text = self.lines.join(" ");
        let text = format!("{} {text}", self.code);
        brief(secret::mask(text.trim_end()).as_ref(), 200)
    }
}

/// Why a line is no part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// More than [`MAX_LINE`] bytes.
    #[error("the server sent a line of more than {MAX_LINE} bytes")]
    LongLine,
    /// More than [`MAX_LINES`] lines.
    #[error("the server sent a reply of more than {MAX_LINES} lines")]
    ManyLines,
    /// No code from 200 to 599 at its beginning.
    #[error("the server sent a line that is not SMTP")]
    NotSmtp,
    /// The code of this line is not that of the first.
    #[error("the server sent a reply with two codes")]
    TwoCodes,
}

/// A reply whose lines are still coming.
#[derive(Debug, Default)]
pub struct Parser {
    code: Option<u16>,
    lines: Vec<String>,
}

impl Parser {
    /// Takes the next line, with its end. The whole reply is there with its last line.
    ///
    /// # Errors
    /// The line does not continue the reply.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<SmtpReply>, Malformed> {
        if line.len() > MAX_LINE {
            return Err(Malformed::LongLine);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, rest) = line.split_at_checked(3).ok_or(Malformed::NotSmtp)?;
        let code = number(code).ok_or(Malformed::NotSmtp)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(Malformed::TwoCodes);
        }
        let (last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(Malformed::NotSmtp),
        };
        if self.lines.len() == MAX_LINES {
            return Err(Malformed::ManyLines);
        }
        self.code = Some(code);
        self.lines
            .push(brief(&String::from_utf8_lossy(text), MAX_TEXT));
        if !last {
            return Ok(None);
        }
        self.code = None;
        let lines = std::mem::take(&mut self.lines);
        Ok(Some(SmtpReply { code, lines }))
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (200..600).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<SmtpReply>, Malformed> {
        let mut parser = Parser::default();
        let mut reply = None;
        for line in lines {
            reply = parser.line(line.as_bytes())?;
        }
        Ok(reply)
    }

    #[test]
    fn replies_are_read_as_the_standard_has_them() {
        type Case<'a> = (
            &'a [&'a str],
            Result<Option<(u16, &'a [&'a str])>, Malformed>,
        );
        let long = format!("220 {}\r\n", "x".repeat(MAX_LINE));
        let cases: [Case<'_>; 15] = [
            (&["220 ready\r\n"], Ok(Some((220, &["ready"])))),
            (&["220\r\n"], Ok(Some((220, &[""])))),
            (&["220 \n"], Ok(Some((220, &[""])))),
            (&["250-one\r\n"], Ok(None)),
            (
                &["250-one\r\n", "250 two\r\n"],
                Ok(Some((250, &["one", "two"]))),
            ),
            (&["250-one\r\n", "250\r\n"], Ok(Some((250, &["one", ""])))),
            (
                &["421 4.3.2 bye\x1b[2J\r\n"],
                Ok(Some((421, &["4.3.2 bye\\x1b[2J"]))),
            ),
            (&["250-one\r\n", "550 two\r\n"], Err(Malformed::TwoCodes)),
            (&["HTTP/1.1 200 OK\r\n"], Err(Malformed::NotSmtp)),
            (&["199 x\r\n"], Err(Malformed::NotSmtp)),
            (&["600 x\r\n"], Err(Malformed::NotSmtp)),
            (&["2200 x\r\n"], Err(Malformed::NotSmtp)),
            (&["+25 x\r\n"], Err(Malformed::NotSmtp)),
            (&["\r\n"], Err(Malformed::NotSmtp)),
            (&[&long], Err(Malformed::LongLine)),
        ];
        for (lines, expected) in cases {
            let found = read(lines);
            let expected = expected.map(|reply| {
                reply.map(|(code, lines)| SmtpReply {
                    code,
                    lines: lines.iter().map(|&line| line.to_owned()).collect(),
                })
            });
            assert_eq!(found, expected, "{lines:?}");
        }
        let endless = vec!["250-more\r\n"; MAX_LINES + 1];
        assert_eq!(read(&endless), Err(Malformed::ManyLines));
    }
}
