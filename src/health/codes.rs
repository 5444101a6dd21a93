//! Sets of status codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of status codes: single codes, ranges, classes. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// Whether `code` is in the set.
    pub fn contains(&self, code: u16) -> bool {
        self.0
            .iter()
            .any(|&(low, high)| low <= code && code <= high)
    }

    /// Whether an answer may have one of these codes: those below 200 announce another one, and there are none from 600 on.
    pub fn can_be_final(&self) -> bool {
        self.0.iter().any(|&(low, high)| low < 600 && high >= 200)
    }

    /// All codes of the set.
    pub fn codes(&self) -> impl Iterator<Item = u16> {
        self.0.iter().flat_map(|&(low, high)| low..=high)
    }

    /// The set that these words make together: `200`, `2xx`, `200-299`.
    ///
    /// # Errors
    /// Says which word is none, or that there is none at all.
    pub fn from_words<S: AsRef<str>>(words: &[S]) -> Result<Self, String> {
        if words.is_empty() {
            return Err("expected at least one status code".to_owned());
        }
        words
            .iter()
            .map(|word| parse_codes(word.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Default for StatusSet {
    /// Just 200, as the original.
    fn default() -> Self {
        Self(vec![(200, 200)])
    }
}

impl TryFrom<Vec<String>> for StatusSet {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        Self::from_words(&words)
    }
}

impl From<StatusSet> for Vec<String> {
    fn from(set: StatusSet) -> Self {
        set.0.into_iter().map(codes_word).collect()
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().copied().map(codes_word).collect();
        f.write_str(&words.join(" or "))
    }
}

fn codes_word((low, high): (u16, u16)) -> String {
    if low == high {
        low.to_string()
    } else if low % 100 == 0 && high == low + 99 {
        format!("{}xx", low / 100)
    } else {
        format!("{low}-{high}")
    }
}

fn parse_codes(word: &str) -> Result<(u16, u16), String> {
    let invalid = || {
        format!(
            "{word:?} is not a status: expected a code (200), a class (2xx) or a range (200-299)"
        )
    };
    let code = |text: &str| {
        text.parse::<u16>()
            .ok()
            .filter(|code| text.len() == 3 && (100..=999).contains(code))
            .ok_or_else(invalid)
    };
    let text = word.trim();
    let lower = text.to_ascii_lowercase();
    if let Some(class) = lower.strip_suffix("xx") {
        let class = class.parse::<u16>().ok().filter(|n| (1..=9).contains(n));
        let low = class.ok_or_else(invalid)? * 100;
        return Ok((low, low + 99));
    }
    if let Some((low, high)) = text.split_once('-') {
        let (low, high) = (code(low.trim())?, code(high.trim())?);
        return if low <= high {
            Ok((low, high))
        } else {
            Err(invalid())
        };
    }
    code(text).map(|code| (code, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_are_codes_classes_and_ranges() {
        let set = StatusSet::from_words(&["204", "3XX", "401-403"]).expect("all are words");
        for (code, wanted) in [
            (200, false),
            (204, true),
            (300, true),
            (399, true),
            (400, false),
            (402, true),
            (404, false),
        ] {
            assert_eq!(set.contains(code), wanted, "{code}");
        }
        assert_eq!(set.to_string(), "204 or 3xx or 401-403");
        for invalid in [
            "", "20", "2000", "0xx", "xx", "300-200", "200-", "abc", "099", "-1",
        ] {
            let fault = StatusSet::from_words(&[invalid]).expect_err(invalid);
            assert!(fault.contains(&format!("{invalid:?}")), "{fault}");
        }
        assert!(StatusSet::from_words::<&str>(&[]).is_err());
    }
}
