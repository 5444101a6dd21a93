//! Answers over plain connections: any bytes, in any pieces, waited for in any way.

use crate::health::Reason;
use crate::probe::body_reader::Needle;
use crate::probe::line::Until;
use crate::probe::line::answer::LineAnswer;

/// An answer may be so long, and so much of it is kept.
const MAX: u64 = 256;
const KEEP: usize = 64;

/// The first byte says how the end is known and how long the pieces are, up to the first NUL comes a text
/// to look for, and the rest is what the peer sends before it closes.
pub fn line(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else {
        return;
    };
    let (text, stream) = match rest.iter().position(|&byte| byte == 0) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&b"OK"[..], rest),
    };
    let until = match how % 4 {
        0 => Until::LineOrClose,
        1 => Until::Line,
        2 => Until::Close,
        _ => Until::Texts(vec![text.to_vec()]),
    };
    let step = usize::from(how / 4) + 1;
    let needles = [Needle::new(text)];
    let pieces = read(&until, &needles, stream, step);
    let bytes = read(&until, &needles, stream, 1);
    // where a text ends an answer, the piece that it ends in comes along
    if !matches!(until, Until::Texts(_)) {
        assert_eq!(pieces, bytes, "{until:?} in pieces of {step}: {stream:?}");
    }
    assert!(pieces.kept.len() <= KEEP && stream.starts_with(&pieces.kept));
    let whole = usize::try_from(pieces.size).expect("it was sent");
    assert!(whole <= stream.len());
    let within = u64::try_from(whole).expect("small") <= MAX;
    assert_eq!(
        pieces.reason != Some(Reason::TooLarge),
        within,
        "{pieces:?}"
    );
    let taken = &stream[..whole.min(usize::try_from(MAX).expect("small"))];
    let occurs = text.is_empty() || taken.windows(text.len()).any(|window| window == text);
    assert_eq!(pieces.found, occurs && whole > 0, "{text:?} in {taken:?}");
}

/// What came of an answer.
#[derive(Debug, PartialEq)]
struct Read {
    kept: Vec<u8>,
    size: u64,
    found: bool,
    reason: Option<Reason>,
}

fn read(until: &Until, needles: &[Needle], stream: &[u8], step: usize) -> Read {
    let mut answer = LineAnswer::new(until, needles, KEEP, MAX);
    let mut pieces = stream.chunks(step);
    let outcome = loop {
        match pieces.next().map(|piece| answer.take(piece)) {
            Some(Ok(false)) => {}
            Some(Ok(true)) => break Ok(()),
            Some(Err(trouble)) => break Err(trouble),
            None => break answer.closed(),
        }
    };
    let size = answer.size();
    let body = answer.finish().unwrap_or_default();
    assert_eq!(body.size, size);
    Read {
        kept: body.kept,
        // of a piece that is too much all is counted
        size: size.min(MAX + 1),
        found: !body.found.is_empty(),
        reason: outcome.err().map(|trouble| trouble.reason),
    }
}
