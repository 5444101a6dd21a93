//! The body of an answer, or what a command printed, as far as it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest line that is quoted as a part of another, in characters.
const LINE_MAX: usize = 120;

/// A body: its beginning, its size, and which of the wanted texts were seen anywhere in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The first bytes, up to what the check asked to keep.
    #[serde(with = "lossy")]
    pub kept: Vec<u8>,
    /// Bytes received in all.
    pub size: u64,
    /// The texts searched while streaming that did occur.
    #[serde(with = "lossy_list")]
    pub found: Vec<Vec<u8>>,
    /// The patterns that were searched for while streaming, and whether they were found. Only of a body that was not
    /// kept as a whole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub searched: BTreeMap<String, bool>,
}

impl Body {
    /// So much of a body is evidence: a judge may need megabytes of it, but it needs them once.
    pub const EVIDENCE: usize = 64 << 10;

    /// Whether `text` occurs in the body. True for a text that was searched while streaming, or
    /// that stands in the kept part.
    pub fn contains(&self, text: &[u8]) -> bool {
        text.is_empty()
            || self.found.iter().any(|found| found == text)
            || self.kept.windows(text.len()).any(|window| window == text)
    }

    /// The first line that is not blank, for people: without control characters, and not too long.
    pub fn first_line(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.kept);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        let seen = line.chars().take(LINE_MAX);
        Some(seen.filter(|char| !char.is_control()).collect())
    }

    /// Forgets all but the first `bytes`: what a judge needs is more than what a transcript can hold.
    pub fn shorten(&mut self, bytes: usize) {
        self.kept.truncate(bytes);
        self.kept.shrink_to_fit();
    }

    /// Whether everything received was kept.
    pub fn is_whole(&self) -> bool {
        self.kept.len() as u64 == self.size
    }
}

mod lossy {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(d).map(String::into_bytes)
    }
}

mod lossy_list {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(list: &[Vec<u8>], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(list.iter().map(|bytes| String::from_utf8_lossy(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        Ok(texts.into_iter().map(String::into_bytes).collect())
    }
}
