//! supervisord's event stream: bytes in, events out. Pure, and indifferent to how the bytes arrive.
//!
//! An event is a header line of `key:value` tokens, then as many characters of payload as its `len` says:
//! Unicode characters, not bytes, and no line end after them. So one wrong `len` glues a payload's rest to
//! the next header; a header is therefore recognised anywhere in a line. Nothing in the stream is fatal.

/// The longest part of a header line that is parsed.
const MAX_HEADER: usize = 64 * 1024;

/// What is kept of a payload, in bytes. A tick's is 16 long; those of other events are counted, not kept.
const MAX_PAYLOAD: usize = 4096;

/// How many characters of an unreadable line a message quotes.
const SHOWN: usize = 200;

/// One event as supervisord sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerEvent {
    /// Such as `TICK_5`.
    pub name: String,
    /// The beginning of its payload.
    pub payload: String,
}

/// One thing found in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerItem {
    /// A whole event.
    Event(ListenerEvent),
    /// A line that is no header, or the beginning of one, and why.
    Unreadable { line: String, why: &'static str },
}

/// Takes the stream apart. Memory is bounded, whatever comes.
#[derive(Debug, Default)]
pub struct ListenerParser {
    /// The header line so far.
    line: Vec<u8>,
    /// The payload so far, after a header.
    payload: Option<Payload>,
    /// The last line was no header: an event's rest may follow.
    lost: bool,
}

impl ListenerParser {
    /// What `bytes` complete, in order.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<ListenerItem> {
        let mut items = Vec::new();
        for &byte in bytes {
            if let Some(payload) = &mut self.payload {
                let taken = payload.take(byte);
                self.finish_payload(&mut items);
                if taken {
                    continue;
                }
            }
            if byte == b'\n' {
                self.finish_line(&mut items);
            } else {
                if self.line.len() == MAX_HEADER {
                    self.line.drain(..MAX_HEADER / 2);
                }
                self.line.push(byte);
            }
        }
        items
    }

    /// Whether an event has begun and its end has not been seen.
    pub fn unfinished(&self) -> bool {
        self.lost || self.payload.is_some() || !self.line.is_empty()
    }

    /// Forgets the unfinished event: its end will not come.
    pub fn abandon(&mut self) {
        *self = Self::default();
    }

    fn finish_line(&mut self, items: &mut Vec<ListenerItem>) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        match header(&line) {
            Ok((name, len)) => {
                self.lost = false;
                self.payload = Some(Payload::new(name, len));
                self.finish_payload(items);
            }
            Err(why) => {
                self.lost = true;
                items.push(ListenerItem::Unreadable {
                    line: line.chars().take(SHOWN).collect(),
                    why,
                });
            }
        }
    }

    fn finish_payload(&mut self, items: &mut Vec<ListenerItem>) {
        if let Some(payload) = self.payload.take_if(|payload| payload.left == 0) {
            items.push(ListenerItem::Event(ListenerEvent {
                name: payload.name,
                payload: String::from_utf8_lossy(&payload.kept).into_owned(),
            }));
        }
    }
}

/// The event's name and its payload's length, from a header line with possibly something in front.
fn header(line: &str) -> Result<(String, u64), &'static str> {
    let start = match line.starts_with("ver:") {
        true => 0,
        false => line
            .rmatch_indices("ver:")
            .map(|(at, _)| at)
            .find(|&at| !line[..at].ends_with("ser"))
            .ok_or("no \"ver:\"")?,
    };
    let (mut name, mut len) = (None, None);
    // The identifier after `server:` is free text with spaces and colons; what it may contain comes
    // before the true tokens, so that the last one of a kind counts.
    for (key, value) in line[start..]
        .split(' ')
        .filter_map(|token| token.split_once(':'))
    {
        match key {
            "eventname" => name = Some(value),
            "len" => len = Some(value),
            _ => {}
        }
    }
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or("no \"eventname:\"")?;
    let len = len.ok_or("no \"len:\"")?;
    let len = len.parse().map_err(|_| "\"len:\" is not a number")?;
    Ok((name.to_owned(), len))
}

/// A payload on its way.
#[derive(Debug)]
struct Payload {
    name: String,
    /// Characters that are still to come.
    left: u64,
    /// Bytes that the character under way still needs.
    owed: u8,
    kept: Vec<u8>,
}

impl Payload {
    fn new(name: String, left: u64) -> Self {
        Self {
            name,
            left,
            owed: 0,
            kept: Vec::new(),
        }
    }

    /// Takes one byte, or says that it lies behind the end. A byte that fits nowhere counts as one
    /// character, and so does a character that was cut short: Python's decoder does the same.
    fn take(&mut self, byte: u8) -> bool {
        if self.owed > 0 && byte & 0xC0 != 0x80 {
            self.owed = 0;
            self.left -= 1;
            if self.left == 0 {
                return false;
            }
        }
        self.owed = match (self.owed, byte) {
            (0, 0xC2..=0xDF) => 1,
            (0, 0xE0..=0xEF) => 2,
            (0, 0xF0..=0xF4) => 3,
            (owed, _) => owed.saturating_sub(1),
        };
        if self.owed == 0 {
            self.left -= 1;
        }
        if self.kept.len() < MAX_PAYLOAD {
            self.kept.push(byte);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, payload: &str) -> ListenerItem {
        ListenerItem::Event(ListenerEvent {
            name: name.to_owned(),
            payload: payload.to_owned(),
        })
    }

    fn unreadable(line: &str, why: &'static str) -> ListenerItem {
        ListenerItem::Unreadable {
            line: line.to_owned(),
            why,
        }
    }

    fn items(bytes: impl AsRef<[u8]>) -> Vec<ListenerItem> {
        ListenerParser::default().push(bytes.as_ref())
    }

    /// An event as supervisord writes it.
    fn written(name: &str, payload: &str) -> String {
        format!(
            "ver:3.0 server:supervisor serial:21 pool:httpok poolserial:10 eventname:{name} len:{}\n{payload}",
            payload.chars().count()
        )
    }

    #[test]
    fn headers_with_any_tokens_are_parsed() {
        for (header, name) in [
            (
                "ver:3.0 server:supervisor serial:21 pool:p poolserial:1 eventname:TICK_5 len:3",
                "TICK_5",
            ),
            (
                "ver:3.0 server:na:me x serial:0 pool:p poolserial:0 eventname:TICK_5 len:3",
                "TICK_5",
            ),
            (
                "ver:3.0 server:a len:9 eventname:B serial:0 eventname:TICK_5 len:3",
                "TICK_5",
            ),
            ("ver:3.0 server:my ver:1 x eventname:TICK_5 len:3", "TICK_5"),
            ("len:3 ver:9", ""),
            ("ver:9 len:3 eventname:X", "X"),
            ("ver:9 word len:3  eventname:X new:token", "X"),
            ("ver: len:3 eventname:a:b", "a:b"),
        ] {
            let found = items(format!("{header}\nabc"));
            match name {
                "" => assert!(
                    matches!(found[..], [ListenerItem::Unreadable { .. }]),
                    "{header}"
                ),
                name => assert_eq!(found, [event(name, "abc")], "{header}"),
            }
        }
    }

    #[test]
    fn unreadable_headers_are_reported_with_the_reason() {
        for (line, why) in [
            ("", "no \"ver:\""),
            ("garbage", "no \"ver:\""),
            ("server:x eventname:TICK_5 len:3", "no \"ver:\""),
            ("ver:3.0 len:3", "no \"eventname:\""),
            ("ver:3.0 eventname: len:3", "no \"eventname:\""),
            ("ver:3.0 eventname:TICK_5", "no \"len:\""),
            ("ver:3.0 eventname:TICK_5 len:x", "\"len:\" is not a number"),
            (
                "ver:3.0 eventname:TICK_5 len:-1",
                "\"len:\" is not a number",
            ),
        ] {
            assert_eq!(items(format!("{line}\n")), [unreadable(line, why)]);
        }
    }

    #[test]
    fn payloads_are_counted_in_characters() {
        for (payload, rest) in [
            ("when:1795215633", ""),
            ("processname:caf\u{e9} groupname:caf\u{e9} pid:1", ""),
            ("a\u{1f600}b\n\u{20ac}", ""),
            ("", ""),
        ] {
            let stream = written("X", payload) + rest + &written("TICK_5", "when:5");
            assert_eq!(
                items(&stream),
                [event("X", payload), event("TICK_5", "when:5")]
            );
        }
    }

    #[test]
    fn broken_characters_count_as_one_each() {
        for broken in [
            &b"\xff\x80\xc3"[..],
            b"\xe2\x82\xc3\xc3",
            b"\xf0\x9f\x98\xf0",
        ] {
            let count = String::from_utf8_lossy(broken).chars().count();
            let mut stream = format!("ver:3.0 eventname:X len:{count}\n").into_bytes();
            stream.extend_from_slice(broken);
            stream.extend_from_slice(written("TICK_5", "when:5").as_bytes());
            let found = items(stream);
            assert_eq!(found.len(), 2, "{broken:x?}");
            assert_eq!(found[1], event("TICK_5", "when:5"));
        }
    }

    #[test]
    fn garbage_is_skipped_up_to_the_next_header() {
        let tick = written("TICK_5", "when:5");
        for garbage in [
            "garbage\n",
            "\n\n",
            "rest of a payload",
            "two\nlines",
            "ver:3.0 eventname:X len:?\nits payload",
            "server:x ver:",
        ] {
            let found = items(format!("{tick}{garbage}{tick}"));
            assert_eq!(found.first(), found.last(), "{garbage}");
            assert_eq!(found.last(), Some(&event("TICK_5", "when:5")), "{garbage}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut parser = ListenerParser::default();
        parser.push(&vec![b'x'; 10 * MAX_HEADER]);
        assert!(parser.line.len() <= MAX_HEADER);
        let tick = written("TICK_5", "when:5");
        assert_eq!(parser.push(tick.as_bytes()), [event("TICK_5", "when:5")]);

        let payload = "\u{e9}".repeat(MAX_PAYLOAD);
        let found = items(written("PROCESS_LOG", &payload) + &tick);
        assert_eq!(
            found,
            [
                event("PROCESS_LOG", &payload[..MAX_PAYLOAD]),
                event("TICK_5", "when:5")
            ]
        );
    }

    #[test]
    fn an_unfinished_event_can_be_abandoned() {
        let tick = written("TICK_5", "when:5");
        let mut parser = ListenerParser::default();
        assert!(!parser.unfinished());
        for begun in ["ver:3", "ver:3.0 eventname:X len:9\nshort", "garbage\n"] {
            parser.push(begun.as_bytes());
            assert!(parser.unfinished(), "{begun}");
            parser.abandon();
            assert!(!parser.unfinished(), "{begun}");
            assert_eq!(parser.push(tick.as_bytes()), [event("TICK_5", "when:5")]);
            assert!(!parser.unfinished());
        }
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => ("[A-Z_5]{1,8}", any::<String>())
                .prop_map(|(name, payload)| written(&name, &payload).into_bytes()),
            1 => any::<Vec<u8>>(),
            1 => "(ver:|len:[0-9]|eventname:T| |\n|x){0,8}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn events_are_parsed_for_any_chunking(
            pieces in prop::collection::vec(piece(), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
        ) {
            let stream = pieces.concat();
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.push(stream.len());
            cuts.sort_unstable();
            let mut parser = ListenerParser::default();
            let mut start = 0;
            let mut found = Vec::new();
            for cut in cuts {
                found.extend(parser.push(&stream[start..cut]));
                start = cut;
            }
            prop_assert_eq!(found, items(&stream));
        }

        #[test]
        fn events_of_supervisord_are_parsed(
            events in prop::collection::vec(("[A-Z_5]{1,8}", any::<String>()), 0..8),
        ) {
            let stream: String =
                events.iter().map(|(name, payload)| written(name, payload)).collect();
            let expected: Vec<_> =
                events.iter().map(|(name, payload)| event(name, payload)).collect();
            prop_assert_eq!(items(&stream), expected);
        }
    }
}
