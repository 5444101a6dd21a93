//! Answers of gRPC's health service: any bytes.

use crate::probe::grpc::message::{LONGEST, MessageFault, serving};

/// The bytes before a message.
const PREFIX: usize = 5;

/// `data` is the body of an answer, and the message of another.
pub fn grpc(data: &[u8]) {
    body(data);
    body(&framed(data));
}

fn body(data: &[u8]) {
    let Ok(status) = serving(data) else {
        return failed(data);
    };
    let message = &data[PREFIX..];
    // a server of a later version adds fields, and the last value of a field counts
    let later = [message, b"\x7a\x01x\x80\x01\x05"].concat();
    assert_eq!(serving(&framed(&later)), Ok(status));
    assert_eq!(serving(&framed(&[message, b"\x08\x01"].concat())), Ok(1));
    // what is cut off is not an answer
    if let Some((_, rest)) = data.split_last() {
        assert!(
            matches!(serving(rest), Err(MessageFault::Short(_))),
            "{rest:?}"
        );
    }
}

fn failed(data: &[u8]) {
    let Err(MessageFault::Short(text) | MessageFault::Malformed(text)) = serving(data) else {
        panic!("the same bytes give the same result: {data:?}");
    };
    assert!(!text.is_empty() && text.len() <= LONGEST.min(200), "{text}");
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0], &length.to_be_bytes()[..], message].concat()
}
