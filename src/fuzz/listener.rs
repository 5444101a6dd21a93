//! supervisord's events: any bytes, in any pieces.

use crate::tick::{ListenerEvent, ListenerItem, ListenerParser};

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
    // whatever came before, the next tick is heard
    whole.abandon();
    let tick = ListenerEvent {
        name: "TICK_5".to_owned(),
        payload: "when:5".to_owned(),
    };
    assert_eq!(whole.push(TICK), [ListenerItem::Event(tick)]);
}
