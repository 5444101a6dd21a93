//! A container's log as engines send it: frames, each with a head of eight bytes (which stream, three of
//! nothing, the length), in pieces that end anywhere. A container with a terminal has one stream, unframed.
//! Only the end is kept.

/// The length of a frame's head.
const HEAD: usize = 8;

/// The end of a log.
pub struct Tail {
    kept: Vec<u8>,
    most: usize,
    framed: bool,
    head: Vec<u8>,
    /// How much of the frame is still to come.
    left: usize,
}

impl Tail {
    /// The last `most` bytes of a log, which is `framed` or not.
    pub fn new(most: usize, framed: bool) -> Self {
        Self {
            kept: Vec::new(),
            most,
            framed,
            head: Vec::with_capacity(HEAD),
            left: 0,
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, mut piece: &[u8]) {
        if !self.framed {
            self.keep(piece);
            return;
        }
        while !piece.is_empty() {
            if self.left == 0 {
                let (head, rest) = piece.split_at(piece.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(head);
                piece = rest;
                if let [_, _, _, _, length @ ..] = self.head.as_slice()
                    && let Ok(length) = <[u8; 4]>::try_from(length)
                {
                    self.left = u32::from_be_bytes(length) as usize;
                    self.head.clear();
                }
            } else {
                let (payload, rest) = piece.split_at(piece.len().min(self.left));
                self.left -= payload.len();
                self.keep(payload);
                piece = rest;
            }
        }
    }

    /// The end, from a character's beginning.
    pub fn text(self) -> String {
        let from = self.kept.len().saturating_sub(self.most);
        let end = &self.kept[from..];
        // the rest of a character that was cut is at most three bytes long
        let cut = match from {
            0 => 0,
            _ => end
                .iter()
                .take(3)
                .take_while(|&&byte| byte & 0xc0 == 0x80)
                .count(),
        };
        String::from_utf8_lossy(&end[cut..]).into_owned()
    }

    fn keep(&mut self, payload: &[u8]) {
        self.kept.extend_from_slice(payload);
        // not each time, as all that is kept has to move
        if self.kept.len() > 2 * self.most + payload.len() {
            self.kept.drain(..self.kept.len() - self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &str) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        let mut frame = vec![1, 0, 0, 0];
        frame.extend(length.to_be_bytes());
        frame.extend(payload.as_bytes());
        frame
    }

    fn tail(most: usize, framed: bool, pieces: &[&[u8]]) -> String {
        let mut tail = Tail::new(most, framed);
        pieces.iter().for_each(|piece| tail.push(piece));
        tail.text()
    }

    #[test]
    fn frames_are_read_wherever_the_pieces_end() {
        let whole = [frame("one\n"), frame(""), frame("two\n")].concat();
        for size in 1..whole.len() {
            let pieces: Vec<_> = whole.chunks(size).collect();
            assert_eq!(tail(100, true, &pieces), "one\ntwo\n", "pieces of {size}");
        }
        assert_eq!(tail(100, false, &[b"one\n", b"two"]), "one\ntwo");
        assert_eq!(tail(100, true, &[&whole[..10]]), "on", "cut off");
        assert_eq!(tail(100, true, &[]), "");
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::new(5, true);
        for number in 0..1000 {
            tail.push(&frame(&format!("{number:04}\n")));
            assert!(tail.kept.len() < 20);
        }
        assert_eq!(tail.text(), "0999\n");
        assert_eq!(
            super::tests::tail(3, false, &["a\u{e9}\u{e9}".as_bytes()]),
            "\u{e9}"
        );
    }
}
