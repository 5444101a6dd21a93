//! Answers of HTTP/1 servers: any bytes, in pieces of any size. What is read of them must not depend on the pieces.

use crate::net::http1::{BodyStep, Boundary, Decoder, Framing, HEADERS_MAX, Head, parse};

/// The first byte says how long the pieces are, the rest is what the peer sends before it closes.
pub fn http1(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else {
        return;
    };
    let whole = read(stream, usize::MAX);
    let pieces = read(stream, usize::from(step) + 1);
    // an error shows as much as came
    assert_eq!(
        pieces.as_ref().ok(),
        whole.as_ref().ok(),
        "in pieces of {step}"
    );
    let Ok((head, body)) = whole else { return };
    assert!((100..=999).contains(&head.code), "{head:?}");
    assert!(head.notes.len() <= 5 && head.notes.iter().all(|note| note.len() < 1024));
    assert!(head.headers.iter().all(|(name, value)| {
        !name.is_empty() && !name.contains(['\n', ':']) && !value.contains('\n')
    }));
    assert!(body.len() <= stream.len() && head.headers.len() <= stream.len().max(HEADERS_MAX));
}

/// The head, and the body as far as it came; or what is wrong with the head.
fn read(stream: &[u8], step: usize) -> Result<(Head, Vec<u8>), String> {
    let mut boundary = Boundary::default();
    let mut seen = 0;
    let end = loop {
        if let Some(end) = boundary.find(&stream[..seen])? {
            break end;
        }
        if seen == stream.len() {
            // as a client does when the peer closes
            if !boundary.has_status() {
                return Err("closed".to_owned());
            }
            break seen;
        }
        seen = stream.len().min(seen.saturating_add(step));
    };
    let mut head = parse(&stream[..end])?;
    let framing = Framing::of(&mut head, false);
    let mut decoder = Decoder::new(framing);
    let mut body = Vec::new();
    for piece in stream[end..].chunks(step) {
        let mut rest = piece;
        loop {
            match decoder.take(rest) {
                Ok((used, BodyStep::Piece(range))) => {
                    body.extend_from_slice(&rest[range]);
                    rest = &rest[used..];
                }
                Ok((used, BodyStep::More)) => {
                    assert_eq!(used, rest.len());
                    break;
                }
                Ok((_, BodyStep::Done)) | Err(_) => return Ok((head, body)),
            }
        }
    }
    Ok((head, body))
}
