//! The protocols of supervisord (XML-RPC answers, events) and SMTP replies: any bytes, in any pieces.

use crate::health::CallError;
use crate::notify::smtp::reply::{MAX_LINES, Parser};
use crate::supervisor::{supervisord, xmlrpc as codec};
use crate::tick::{ListenerEvent, ListenerItem, ListenerParser};

/// `data` is the answer's body.
pub fn xmlrpc(data: &[u8]) {
    match codec::answer(data) {
        Ok(value) => {
            // no answer is one process and a list of them
            let (one, all) = (supervisord::process(&value), supervisord::processes(&value));
            assert!(one.is_err() || all.is_err(), "{value:?}");
            if let Ok(process) = one {
                assert_ne!(process.pid, Some(0));
            }
        }
        Err(CallError::Malformed { detail }) => {
            assert!(detail.chars().count() < 4096, "{detail}");
        }
        Err(CallError::Fault { .. }) => {}
        Err(other) => panic!("an answer cannot be {other:?}"),
    }
}

/// The bytes are cut into lines as they come from a server.
pub fn smtp(data: &[u8]) {
    let mut parser = Parser::default();
    let mut lines = 0;
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        lines += 1;
        match parser.line(line) {
            // A connection ends with the first error.
            Err(why) => {
                assert!(!why.to_string().is_empty());
                return;
            }
            Ok(None) => assert!(lines <= MAX_LINES),
            Ok(Some(reply)) => {
                assert!((200..600).contains(&reply.code));
                assert_eq!(reply.lines.len(), lines);
                assert!(line.starts_with(reply.code.to_string().as_bytes()));
                let text = reply.text();
                assert!(text.chars().count() <= 203 && !text.chars().any(char::is_control));
                lines = 0;
            }
        }
    }
}

const TICK: &[u8] = b"ver:3.0 server:s serial:1 pool:p poolserial:1 eventname:TICK_5 len:6\nwhen:5";

/// The first byte says how long the pieces are, the rest is the stream.
pub fn listener(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else {
        return;
    };
    let mut whole = ListenerParser::default();
    let items = whole.push(stream);
    let mut parts = ListenerParser::default();
    let pieces = stream.chunks(usize::from(step).max(1));
    let piecewise: Vec<_> = pieces.flat_map(|piece| parts.push(piece)).collect();
    assert_eq!(items, piecewise, "in pieces of {step}");
    assert_eq!(whole.unfinished(), parts.unfinished());
    let lines = stream.iter().filter(|&&byte| byte == b'\n').count();
    assert!(items.len() <= lines, "{} of {lines}", items.len());
    for item in &items {
        match item {
            ListenerItem::Event(event) => assert!(!event.name.is_empty()),
            ListenerItem::Unreadable { line, why } => assert!(!why.is_empty() && line.len() <= 800),
        }
    }
    // whatever came before, the next tick is read
    whole.abandon();
    let tick = ListenerEvent {
        name: "TICK_5".to_owned(),
        payload: "when:5".to_owned(),
    };
    assert_eq!(whole.push(TICK), [ListenerItem::Event(tick)]);
}
