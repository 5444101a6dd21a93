//! What a check expects of an answer, and the judge: Observation in, Judgement out.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::observation::{Observation, StatusLine};
use super::reason::{Phase, Reason};
use super::verdict::{Finding, Judgement, Verdict};

/// What an answer must look like to pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Codes that are fine.
    pub status: StatusSet,
    /// Texts that must occur in the raw body.
    pub body: Vec<String>,
    /// Texts that must not occur in the raw body.
    pub not_body: Vec<String>,
}

impl Expectation {
    /// The texts that the probe has to look for in the whole body while it streams by.
    pub fn needles(&self) -> impl Iterator<Item = &str> {
        self.body
            .iter()
            .chain(&self.not_body)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The opinion about `seen`. Every expectation is looked at, so that one look tells all that is wrong.
    pub fn judge(&self, seen: &Observation) -> Judgement {
        let findings = self.findings(seen);
        if let Some(trouble) = &seen.trouble {
            return Judgement {
                verdict: if trouble.reason.is_ours() {
                    Verdict::Unknown
                } else {
                    Verdict::Fail
                },
                reason: Some(trouble.reason),
                phase: Some(trouble.phase),
                detail: trouble.detail.clone(),
                findings,
            };
        }
        let Some(unmet) = findings.iter().find(|finding| !finding.met) else {
            return Judgement {
                verdict: Verdict::Pass,
                reason: None,
                phase: None,
                detail: seen
                    .status
                    .as_ref()
                    .map_or_else(String::new, |line| format!("status {line}")),
                findings,
            };
        };
        let (reason, phase) = if unmet.expected.starts_with("status ") {
            (Reason::Status, Phase::FirstByte)
        } else {
            (Reason::Assertion, Phase::Body)
        };
        Judgement {
            verdict: Verdict::Fail,
            reason: Some(reason),
            phase: Some(phase),
            detail: format!("expected {}, got {}", unmet.expected, unmet.actual),
            findings,
        }
    }

    fn findings(&self, seen: &Observation) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(line) = &seen.status {
            findings.push(Finding {
                expected: format!("status {}", self.status),
                actual: line.to_string(),
                met: self.status.contains(line.code),
                otherwise: Verdict::Fail,
            });
        }
        // a body that broke off is no ground to say that a text is missing from it
        let whole = seen.trouble.is_none();
        if let Some(body) = seen.body.as_ref().filter(|_| whole) {
            let size = body.size;
            let wanted = self.body.iter().map(|text| (text, true));
            let unwanted = self.not_body.iter().map(|text| (text, false));
            for (text, want) in wanted.chain(unwanted).filter(|(text, _)| !text.is_empty()) {
                let occurs = body.contains(text.as_bytes());
                findings.push(Finding {
                    expected: format!("body {}contains {text:?}", if want { "" } else { "not " }),
                    actual: match occurs {
                        true => format!("it in a body of {size} bytes"),
                        false => format!("a body of {size} bytes without it"),
                    },
                    met: occurs == want,
                    otherwise: Verdict::Fail,
                });
            }
        }
        findings
    }
}

impl fmt::Display for StatusLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        Ok(())
    }
}

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
    let wrong = || {
        format!("{word:?} is no status: expected a code (200), a class (2xx) or a range (200-299)")
    };
    let code = |text: &str| {
        text.parse::<u16>()
            .ok()
            .filter(|code| text.len() == 3 && (100..=999).contains(code))
            .ok_or_else(wrong)
    };
    let text = word.trim();
    let lower = text.to_ascii_lowercase();
    if let Some(class) = lower.strip_suffix("xx") {
        let class = class.parse::<u16>().ok().filter(|n| (1..=9).contains(n));
        let low = class.ok_or_else(wrong)? * 100;
        return Ok((low, low + 99));
    }
    if let Some((low, high)) = text.split_once('-') {
        let (low, high) = (code(low.trim())?, code(high.trim())?);
        return if low <= high {
            Ok((low, high))
        } else {
            Err(wrong())
        };
    }
    code(text).map(|code| (code, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::observation::{Body, Trouble};

    fn answer(code: u16, body: &[u8]) -> Observation {
        Observation {
            status: Some(StatusLine {
                version: "HTTP/1.1".into(),
                code,
                reason: "Whatever".into(),
            }),
            body: Some(Body {
                kept: body.to_vec(),
                size: body.len() as u64,
                found: Vec::new(),
            }),
            ..Observation::default()
        }
    }

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
        for wrong in [
            "", "20", "2000", "0xx", "xx", "300-200", "200-", "abc", "099", "-1",
        ] {
            let fault = StatusSet::from_words(&[wrong]).expect_err(wrong);
            assert!(fault.contains(&format!("{wrong:?}")), "{fault}");
        }
        assert!(StatusSet::from_words::<&str>(&[]).is_err());
    }

    #[test]
    fn judge_tells_all_that_is_wrong_and_names_the_first() {
        let expectation = Expectation {
            body: vec!["all fine".into()],
            not_body: vec!["panic".into()],
            ..Expectation::default()
        };
        let table: [(Observation, Verdict, Option<Reason>, usize); 5] = [
            (answer(200, b"yes, all fine"), Verdict::Pass, None, 0),
            (
                answer(500, b"all fine"),
                Verdict::Fail,
                Some(Reason::Status),
                1,
            ),
            (
                answer(200, b"meh"),
                Verdict::Fail,
                Some(Reason::Assertion),
                1,
            ),
            (
                answer(200, b"all fine, panic"),
                Verdict::Fail,
                Some(Reason::Assertion),
                1,
            ),
            (
                answer(404, b"panic"),
                Verdict::Fail,
                Some(Reason::Status),
                3,
            ),
        ];
        for (seen, verdict, reason, unmet) in table {
            let judged = expectation.judge(&seen);
            assert_eq!(
                (judged.verdict, judged.reason),
                (verdict, reason),
                "{seen:?}"
            );
            assert_eq!(
                judged.findings.iter().filter(|f| !f.met).count(),
                unmet,
                "{seen:?}"
            );
        }
    }

    #[test]
    fn trouble_outranks_the_answer_and_our_own_is_unknown() {
        let with = |reason| Observation {
            trouble: Some(Trouble::new(reason, Phase::Body, "broke off")),
            ..answer(200, b"")
        };
        let judged = Expectation::default().judge(&with(Reason::Truncated));
        assert_eq!(
            (judged.verdict, judged.reason),
            (Verdict::Fail, Some(Reason::Truncated))
        );
        let judged = Expectation::default().judge(&with(Reason::NoFds));
        assert_eq!(judged.verdict, Verdict::Unknown);
    }

    #[test]
    fn a_text_beyond_the_kept_part_counts_when_the_probe_found_it() {
        let mut seen = answer(200, b"start");
        let body = seen.body.as_mut().expect("there is one");
        body.size = 1_000_000;
        body.found = vec![b"far away".to_vec()];
        let expectation = Expectation {
            body: vec!["far away".into()],
            ..Expectation::default()
        };
        assert_eq!(expectation.judge(&seen).verdict, Verdict::Pass);
    }

    #[test]
    fn body_texts_are_raw_bytes() {
        let expectation = Expectation {
            body: vec!["naïve".into()],
            ..Expectation::default()
        };
        assert_eq!(
            expectation
                .judge(&answer(200, b"\xff\xfena\xc3\xafve\x00"))
                .verdict,
            Verdict::Pass
        );
        assert_eq!(
            expectation.judge(&answer(200, b"na\xefve")).verdict,
            Verdict::Fail
        );
    }
}
