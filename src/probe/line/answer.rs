//! An answer on its way in: how much of each piece belongs to it, and whether it is complete. Pure.

use crate::health::counted;
use crate::health::{Body, Phase, Reason, Trouble};
use crate::probe::body_reader::{BodyReader, Needle};

use super::spec::Until;

/// An answer as far as it came.
pub struct LineAnswer<'a> {
    until: &'a Until,
    body_reader: BodyReader<'a>,
    max: u64,
}

impl<'a> LineAnswer<'a> {
    /// Nothing so far.
    pub fn new(until: &'a Until, needles: &'a [Needle], keep: usize, max: u64) -> Self {
        Self {
            until,
            body_reader: BodyReader::new(needles, keep, max),
            max,
        }
    }

    /// Takes the next piece. Whether the answer is complete with it.
    pub fn take(&mut self, piece: &[u8]) -> Result<bool, Trouble> {
        let line_end = match self.until {
            Until::LineOrClose | Until::Line => piece.iter().position(|&byte| byte == b'\n'),
            Until::Close | Until::Texts(_) => None,
        };
        let piece = line_end.map_or(piece, |at| &piece[..=at]);
        self.body_reader.take(piece).map_err(|_| {
            let detail = format!(
                "the answer is larger than {}",
                counted(self.max, "byte", "bytes")
            );
            Trouble::new(Reason::TooLarge, Phase::Body, detail)
        })?;
        Ok(match self.until {
            Until::LineOrClose | Until::Line => line_end.is_some(),
            Until::Close => false,
            Until::Texts(texts) => texts.iter().all(|text| self.body_reader.has(text)),
        })
    }

    /// What it means that the peer closed now.
    pub fn closed(&self) -> Result<(), Trouble> {
        match (self.until, self.size()) {
            (_, 0) => {
                let detail = "connection closed without an answer";
                Err(Trouble::new(Reason::Closed, Phase::FirstByte, detail))
            }
            (Until::Line, got) => {
                let detail = format!(
                    "connection closed before a line end, after {}",
                    counted(got, "byte", "bytes")
                );
                Err(Trouble::new(Reason::Truncated, Phase::Body, detail))
            }
            (Until::LineOrClose | Until::Close | Until::Texts(_), _) => Ok(()),
        }
    }

    /// What is still waited for, in words.
    pub fn lacks(&self) -> &'static str {
        match self.until {
            Until::LineOrClose => "no line end and no close",
            Until::Line => "no line end",
            Until::Close => "not closed",
            Until::Texts(_) => "not all of the texts",
        }
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.body_reader.size()
    }

    /// How far the answer is.
    pub fn phase(&self) -> Phase {
        match self.size() {
            0 => Phase::FirstByte,
            _ => Phase::Body,
        }
    }

    /// The answer as far as it came; `None` when nothing came.
    pub fn finish(self) -> Option<Body> {
        Some(self.body_reader.finish()).filter(|body| body.size > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of `stream`, which then closes, and how that went.
    fn read(until: &Until, stream: &[u8], step: usize) -> (String, Option<Reason>) {
        let needles = [Needle::new(b"two"), Needle::new(b"one")];
        let mut answer = LineAnswer::new(until, &needles, 100, 20);
        let mut outcome = None;
        for piece in stream.chunks(step) {
            match answer.take(piece) {
                Ok(false) => {}
                Ok(true) => outcome = Some(Ok(())),
                Err(trouble) => outcome = Some(Err(trouble)),
            }
            if outcome.is_some() {
                break;
            }
        }
        let outcome = outcome.unwrap_or_else(|| answer.closed());
        let kept = answer.finish().map(|body| body.kept).unwrap_or_default();
        let kept = String::from_utf8(kept).expect("text");
        (kept, outcome.err().map(|trouble| trouble.reason))
    }

    #[test]
    fn response_ends_at_its_delimiter_for_any_chunking() {
        let texts = Until::Texts(vec![b"one".to_vec(), b"two".to_vec()]);
        for (until, stream, kept, reason) in [
            (Until::LineOrClose, "OK\r\nmore", "OK\r\n", None),
            (Until::LineOrClose, "\nmore", "\n", None),
            (Until::LineOrClose, "OK", "OK", None),
            (Until::Line, "OK\nmore", "OK\n", None),
            (Until::Line, "OK", "OK", Some(Reason::Truncated)),
            (Until::Close, "1\n2\n", "1\n2\n", None),
            (texts.clone(), "one\ntwo", "one\ntwo", None),
            (texts.clone(), "two\n", "two\n", None),
            (Until::Close, "", "", Some(Reason::Closed)),
            (Until::LineOrClose, "", "", Some(Reason::Closed)),
            (
                Until::Line,
                "123456789012345678901\n",
                "12345678901234567890",
                Some(Reason::TooLarge),
            ),
        ] {
            for step in 1..=stream.len().max(1) {
                let got = read(&until, stream.as_bytes(), step);
                assert_eq!(
                    got,
                    (kept.to_owned(), reason),
                    "{until:?} {stream:?} {step}"
                );
            }
        }
    }

    #[test]
    fn texts_end_an_answer_before_it_closes() {
        let until = Until::Texts(vec![b"one".to_vec()]);
        assert_eq!(read(&until, b"one, three", 3), ("one".to_owned(), None));
    }
}
