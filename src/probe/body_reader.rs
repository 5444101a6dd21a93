//! What is done with a body while it streams by: count it, keep its beginning, look for texts in all
//! of it. Holds the kept part and a tail as long as the longest text, however large the body. Pure.

use memchr::memmem::Finder;

use crate::health::{Body, BodyPattern, BodySearch};

/// A text to look for, prepared.
pub struct Needle(Finder<'static>);

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.0.needle() == other.0.needle()
    }
}

impl Needle {
    pub fn new(text: &[u8]) -> Self {
        Self(Finder::new(text).into_owned())
    }

    fn len(&self) -> usize {
        self.0.needle().len()
    }
}

/// So many bytes are searched for patterns at a time.
const SLICE: usize = 256 << 10;

/// A part of a body and the searches that go on in it. To search may take long.
pub struct BodySlice {
    searches: Vec<BodySearch>,
    bytes: Vec<u8>,
}

impl BodySlice {
    /// Searches it.
    pub fn search(mut self) -> Vec<BodySearch> {
        for search in &mut self.searches {
            search.take(&self.bytes);
        }
        self.searches
    }
}

/// The body is larger than allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

/// A body on its way in.
pub struct BodyReader<'a> {
    body: Body,
    keep: usize,
    max: u64,
    /// Not found so far.
    missing: Vec<&'a Needle>,
    /// The last bytes taken: a text may have begun there.
    tail: Vec<u8>,
    /// One byte less than the longest text: no text that begins earlier can still be open.
    overlap: usize,
    patterns: &'a [BodyPattern],
    /// Of the patterns, once the body is larger than what is kept.
    searches: Vec<BodySearch>,
    /// What is not searched yet.
    unsearched: Vec<u8>,
}

impl<'a> BodyReader<'a> {
    /// Keeps the first `keep` bytes of a body of at most `max`.
    pub fn new(needles: &'a [Needle], keep: usize, max: u64) -> Self {
        let longest = needles.iter().map(Needle::len).max().unwrap_or(0);
        Self {
            body: Body::default(),
            keep,
            max,
            missing: needles.iter().collect(),
            tail: Vec::new(),
            overlap: longest.saturating_sub(1),
            patterns: &[],
            searches: Vec::new(),
            unsearched: Vec::new(),
        }
    }

    /// The same, and `patterns` are searched for in a body that is larger than what is kept.
    pub fn with_patterns(self, patterns: &'a [BodyPattern]) -> Self {
        Self { patterns, ..self }
    }

    /// Takes the next `chunk`, or as much of it as is allowed.
    pub fn take(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        let room = usize::try_from(self.max - self.body.size.min(self.max)).unwrap_or(usize::MAX);
        let (chunk, beyond) = chunk.split_at(chunk.len().min(room));
        let keep = self.keep.saturating_sub(self.body.kept.len());
        let (kept, rest) = chunk.split_at(chunk.len().min(keep));
        self.body.kept.extend(kept);
        self.body.size += chunk.len() as u64;
        self.search(chunk);
        if !self.patterns.is_empty() && !rest.is_empty() {
            if self.searches.is_empty() && self.unsearched.is_empty() {
                self.searches = self.patterns.iter().map(BodyPattern::search).collect();
                self.unsearched.extend(&self.body.kept);
            }
            self.unsearched.extend(rest);
        }
        if beyond.is_empty() {
            return Ok(());
        }
        self.body.size += beyond.len() as u64;
        Err(TooLarge)
    }

    /// Whether `text`, one of the searched texts, was found.
    pub fn has(&self, text: &[u8]) -> bool {
        self.body.found.iter().any(|found| found == text)
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.body.size
    }

    /// What is to be searched for patterns now: much, or with `all` what is left. It is searched in turn: the searches
    /// are put back before the next part is taken.
    pub fn slice(&mut self, all: bool) -> Option<BodySlice> {
        let is_due = self.unsearched.len() >= SLICE || all && !self.unsearched.is_empty();
        is_due.then(|| BodySlice {
            searches: std::mem::take(&mut self.searches),
            bytes: std::mem::take(&mut self.unsearched),
        })
    }

    /// Takes back the searches of the last part.
    pub fn put_back(&mut self, searches: Vec<BodySearch>) {
        self.searches = searches;
    }

    /// That the body is complete, and searched.
    pub fn end_searches(&mut self) {
        let searches = std::mem::take(&mut self.searches);
        self.body.searched = searches.into_iter().map(BodySearch::end).collect();
    }

    /// The body as far as it came.
    pub fn finish(self) -> Body {
        self.body
    }

    fn search(&mut self, chunk: &[u8]) {
        if self.missing.is_empty() {
            return;
        }
        // what spans the border lies within the tail and as many bytes of the chunk
        self.tail.extend(chunk.iter().take(self.overlap));
        let (tail, found) = (&self.tail, &mut self.body.found);
        self.missing.retain(|needle| {
            let here = needle.0.find(tail).is_some() || needle.0.find(chunk).is_some();
            if here {
                found.push(needle.0.needle().to_vec());
            }
            !here
        });
        if chunk.len() >= self.overlap {
            self.tail.clear();
            self.tail.extend(&chunk[chunk.len() - self.overlap..]);
        } else {
            let surplus = self.tail.len().saturating_sub(self.overlap);
            self.tail.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Assertion, Expectation};

    fn needles(texts: &[&str]) -> Vec<Needle> {
        texts.iter().map(|t| Needle::new(t.as_bytes())).collect()
    }

    /// `text` taken in chunks of `step` bytes.
    fn body_reader<'a>(needles: &'a [Needle], text: &str, step: usize, max: u64) -> BodyReader<'a> {
        let mut body_reader = BodyReader::new(needles, 4, max);
        for chunk in text.as_bytes().chunks(step) {
            if body_reader.take(chunk).is_err() {
                break;
            }
        }
        body_reader
    }

    #[test]
    fn texts_are_found_wherever_the_chunks_break() {
        let texts = [
            "everything-is-fine",
            "x",
            "aab",
            "tail",
            "absent",
            "fineness",
        ];
        let needles = needles(&texts);
        let body = "aaab everything-is-fine, xx and a tail";
        for step in 1..=body.len() {
            let seen = body_reader(&needles, body, step, 1000).finish();
            assert_eq!(seen.kept, b"aaab", "{step}");
            assert_eq!(seen.size, body.len() as u64, "{step}");
            for text in texts {
                let found = seen.found.iter().any(|found| found == text.as_bytes());
                assert_eq!(found, body.contains(text), "{text} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_allowed_and_one_byte_more_is_not() {
        let needles = needles(&["end"]);
        for step in 1..=7 {
            let mut fits = BodyReader::new(&needles, 100, 6);
            let all = b"at end"
                .chunks(step)
                .try_for_each(|chunk| fits.take(chunk));
            assert_eq!((all, fits.finish().found.len()), (Ok(()), 1));
            let mut over = BodyReader::new(&needles, 100, 5);
            let all = b"at end"
                .chunks(step)
                .try_for_each(|chunk| over.take(chunk));
            assert_eq!(all, Err(TooLarge));
            let body = over.finish();
            assert_eq!((body.kept.as_slice(), body.found.len()), (&b"at en"[..], 0));
        }
    }

    #[test]
    fn patterns_are_searched_in_a_body_that_is_not_kept() {
        let patterns = |text: &str| {
            let expectation = Expectation {
                expect: vec![Assertion::parse(text).expect("an assertion")],
                ..Expectation::default()
            };
            expectation.body_needs().patterns
        };
        let body = format!("{}needle{}end", "n".repeat(100_000), "e".repeat(300_000));
        for (text, found) in [
            ("body matches /needle/", true),
            ("body matches /^n+e+dl/", true),
            ("body matches /needles/", false),
            ("body endsWith 'eeend'", true),
            ("body endsWith 'needle'", false),
        ] {
            let patterns = patterns(text);
            for step in [1000, 77_777, body.len()] {
                let mut body_reader = BodyReader::new(&[], 4, u64::MAX).with_patterns(&patterns);
                for chunk in body.as_bytes().chunks(step) {
                    assert_eq!(body_reader.take(chunk), Ok(()));
                    assert!(body_reader.unsearched.len() < SLICE + step);
                    if let Some(slice) = body_reader.slice(false) {
                        body_reader.put_back(slice.search());
                    }
                }
                if let Some(slice) = body_reader.slice(true) {
                    body_reader.put_back(slice.search());
                }
                body_reader.end_searches();
                let searched: Vec<_> = body_reader.finish().searched.into_values().collect();
                assert_eq!(searched, [found], "{text} by {step}");
            }
        }
    }

    #[test]
    fn body_that_is_kept_is_not_searched_on_the_way() {
        let expectation = Expectation {
            expect: vec![Assertion::parse("body matches /a/").expect("an assertion")],
            ..Expectation::default()
        };
        let patterns = expectation.body_needs().patterns;
        let mut body_reader = BodyReader::new(&[], 4, u64::MAX).with_patterns(&patterns);
        assert_eq!(body_reader.take(b"aaaa"), Ok(()));
        assert!(body_reader.slice(true).is_none());
        body_reader.end_searches();
        assert!(body_reader.finish().searched.is_empty());
    }

    #[test]
    fn memory_does_not_grow_with_the_body() {
        let needles = needles(&["needle"]);
        let mut body_reader = BodyReader::new(&needles, 4, u64::MAX);
        for _ in 0..1000 {
            assert_eq!(body_reader.take(&[b'n'; 4096]), Ok(()));
        }
        assert!(body_reader.tail.capacity() < 100 && body_reader.body.kept.capacity() < 100);
        assert_eq!(body_reader.size(), 4_096_000);
    }
}
