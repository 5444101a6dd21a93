//! The two messages of `grpc.health.v1.Health/Check` as bytes: a field each, so that a library for protobuf would be
//! larger than what it reads. Reading never fails otherwise than with words, whatever comes. Pure.

use crate::health::counted;

/// No answer is longer, in bytes: it holds one number, and room is left for fields of later versions.
pub const LONGEST: usize = 4096;

/// The bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Why an answer cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// It ends before it should.
    Short(String),
    /// It is not what was asked for.
    Malformed(String),
}

/// The question about `service`, as it is sent.
pub fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        // field 1, a text
        message.push(0x0a);
        write_varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    // no message is larger than a name may be
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &message].concat()
}

/// The serving status in `body`, the whole body of an answer. A message without one says 0, which is UNKNOWN.
///
/// # Errors
/// Says what is wrong with the body.
pub fn serving(body: &[u8]) -> Result<u64, MessageFault> {
    let malformed = |what: String| Err(MessageFault::Malformed(what));
    let Some((prefix, rest)) = body.split_at_checked(PREFIX) else {
        return Err(MessageFault::Short(format!(
            "a message begins with {PREFIX} bytes, got {}",
            body.len()
        )));
    };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if prefix[0] != 0 {
        return malformed("the message is compressed, which nobody asked for".to_owned());
    }
    let length = length as usize;
    if rest.len() < length {
        return Err(MessageFault::Short(format!(
            "the message is said to have {length} bytes, got {}",
            rest.len()
        )));
    }
    if rest.len() > length {
        return malformed(format!(
            "{} after a message of {length}",
            counted(rest.len() - length, "byte", "bytes")
        ));
    }
    status(rest).ok_or_else(|| {
        MessageFault::Malformed("the message is not a HealthCheckResponse".to_owned())
    })
}

/// The last value of field 1; other fields are skipped, as readers of protobuf do.
fn status(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let key = read_varint(&mut message)?;
        match (key >> 3, key & 7) {
            (0, _) => return None,
            (1, 0) => status = read_varint(&mut message)?,
            (_, 0) => drop(read_varint(&mut message)?),
            (_, 1) => message = message.get(8..)?,
            (_, 5) => message = message.get(4..)?,
            (_, 2) => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            _ => return None,
        }
    }
    Some(status)
}

fn write_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).expect("short");
        [&[0], &length.to_be_bytes()[..], message].concat()
    }

    #[test]
    fn request_names_its_service() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = request(&"x".repeat(300));
        assert_eq!(&long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    }

    #[test]
    fn responses_are_parsed_as_protobuf() {
        let short = |what: &str| Err(MessageFault::Short(what.to_owned()));
        let malformed = |what: &str| Err(MessageFault::Malformed(what.to_owned()));
        let not_ours = || malformed("the message is not a HealthCheckResponse");
        for (body, expected) in [
            (framed(&[8, 1]), Ok(1)),
            (framed(&[8, 2]), Ok(2)),
            // what is 0 is not sent
            (framed(&[]), Ok(0)),
            // the last one counts, and unknown fields do not matter
            (framed(&[8, 2, 8, 1]), Ok(1)),
            (
                framed(&[16, 5, 8, 1, 0x1a, 2, b'h', b'i', 0x25, 1, 2, 3, 4]),
                Ok(1),
            ),
            (framed(&[0x11, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1]), Ok(1)),
            (framed(&[8, 0x81, 1]), Ok(129)),
            (framed(&[8]), not_ours()),
            (framed(&[0, 1]), not_ours()),
            (framed(&[0x0b, 1]), not_ours()),
            (framed(&[0x12, 200, 1]), not_ours()),
            (framed(&[0xff; 12]), not_ours()),
            (Vec::new(), short("a message begins with 5 bytes, got 0")),
            (vec![0, 0, 0], short("a message begins with 5 bytes, got 3")),
            (
                vec![0, 0, 0, 0, 9, 8],
                short("the message is said to have 9 bytes, got 1"),
            ),
            (
                vec![0, 0xff, 0xff, 0xff, 0xff],
                short("the message is said to have 4294967295 bytes, got 0"),
            ),
            (
                vec![0, 0, 0, 0, 0, 8, 1],
                malformed("2 bytes after a message of 0"),
            ),
            (
                vec![1, 0, 0, 0, 0],
                malformed("the message is compressed, which nobody asked for"),
            ),
        ] {
            assert_eq!(serving(&body), expected, "{body:?}");
        }
    }
}
