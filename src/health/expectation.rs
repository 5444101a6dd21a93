//! What a check expects of an answer, and the judge: Observation in, Judgement out.
//! The first rule of `verdicts` that matches decides, then failed expectations, then `degraded`; trouble of a probe
//! outranks all of them. The manual, httpok-expect(7), describes the same order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::assertion::{Assertion, BodyPattern, Facts};
use super::body::Body;
use super::codes::StatusSet;
use super::exit;
use super::observation::{Observation, StatusLine};
use super::reason::{Phase, Reason};
use super::text::counted;
use super::verdict::{Finding, Judgement, Verdict};

/// What an answer must be to pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Codes that are fine.
    pub status: StatusSet,
    /// Texts that must occur in the raw body.
    pub body: Vec<String>,
    /// Texts that must not occur in the raw body.
    pub not_body: Vec<String>,
    /// What must be met, or it is a fail.
    #[serde(default)]
    pub expect: Vec<Assertion>,
    /// What must be met, or it is degraded.
    #[serde(default)]
    pub degraded: Vec<Assertion>,
    /// Answers that mean something else: the first rule that matches decides, whatever else is wrong.
    #[serde(default)]
    pub verdicts: Vec<VerdictRule>,
    /// A body of more bytes than this is not parsed, as JSON or as metrics.
    #[serde(default = "max_parsed")]
    pub max_parsed: u64,
}

const fn max_parsed() -> u64 {
    Expectation::MAX_PARSED
}

impl Default for Expectation {
    /// A status of 200, and nothing else.
    fn default() -> Self {
        Self {
            status: StatusSet::default(),
            body: Vec::new(),
            not_body: Vec::new(),
            expect: Vec::new(),
            degraded: Vec::new(),
            verdicts: Vec::new(),
            max_parsed: Self::MAX_PARSED,
        }
    }
}

/// What an answer of a certain kind means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRule {
    /// The kind of answer.
    pub when: Assertion,
    /// What it means.
    pub is: Verdict,
}

/// What a probe has to keep of a body, so that it can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyNeeds {
    /// Texts to look for in the whole body while it streams by.
    pub needles: Vec<Vec<u8>>,
    /// Patterns to search for in the whole body while it streams by.
    pub patterns: Vec<BodyPattern>,
    /// So many of its first bytes are kept.
    pub keep: usize,
    /// Whether anything of it matters.
    pub is_read: bool,
    /// Headers that are judged, whose values are kept whole.
    pub headers: Vec<String>,
}

impl Default for BodyNeeds {
    /// Nothing but what is kept as evidence.
    fn default() -> Self {
        Self {
            needles: Vec::new(),
            patterns: Vec::new(),
            keep: Body::EVIDENCE,
            is_read: false,
            headers: Vec::new(),
        }
    }
}

/// A finding, and what it is called when it decides.
struct FailedFinding {
    finding: Finding,
    reason: Reason,
    phase: Phase,
}

/// What a judgement is but for its findings.
type Opinion = (Verdict, Option<Reason>, Option<Phase>, String);

impl Expectation {
    /// How large a body that is parsed may be by default, in bytes.
    pub const MAX_PARSED: u64 = 1 << 20;

    /// What the probe has to keep of the body for the judge.
    pub fn body_needs(&self) -> BodyNeeds {
        let needles = self.needles().map(|text| text.as_bytes().to_vec());
        let keep = usize::try_from(self.keep()).unwrap_or(usize::MAX);
        BodyNeeds {
            needles: needles.collect(),
            patterns: self.patterns().collect(),
            keep: keep.max(Body::EVIDENCE),
            is_read: self.reads_body(),
            headers: self.headers().map(str::to_owned).collect(),
        }
    }

    /// The texts that the probe has to look for in the whole body while it streams by.
    pub fn needles(&self) -> impl Iterator<Item = &str> {
        let texts = self.body.iter().chain(&self.not_body).map(String::as_str);
        texts
            .chain(self.assertions().filter_map(Assertion::needle))
            .filter(|text| !text.is_empty())
    }

    /// The patterns that the probe has to search for in the body while it streams by.
    fn patterns(&self) -> impl Iterator<Item = BodyPattern> {
        self.assertions().filter_map(Assertion::pattern)
    }

    /// How many bytes of the body the probe has to keep for the judge: none, or all that is parsed.
    pub fn keep(&self) -> u64 {
        match self.assertions().any(Assertion::needs_body) {
            true => self.max_parsed,
            false => 0,
        }
    }

    /// The headers that it asks about, which the probe has to keep whole.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.assertions().filter_map(Assertion::header)
    }

    /// Whether judging may take long: something is parsed, or searched for by an expression.
    pub fn is_costly(&self) -> bool {
        self.is_searched() || self.keep() > 0 || self.headers().next().is_some()
    }

    /// Whether anything of the body matters.
    pub fn reads_body(&self) -> bool {
        self.assertions().any(Assertion::reads_body) || self.needles().next().is_some()
    }

    fn is_searched(&self) -> bool {
        self.assertions().any(Assertion::reads_body)
    }

    fn assertions(&self) -> impl Iterator<Item = &Assertion> {
        let rules = self.verdicts.iter().map(|rule| &rule.when);
        self.expect.iter().chain(&self.degraded).chain(rules)
    }

    /// The opinion about `seen`. Every expectation is checked, so that one probe reports all failures.
    pub fn judge(&self, seen: &Observation) -> Judgement {
        let facts = Facts::new(seen, self.max_parsed);
        let grounds = self.grounds(&facts);
        let (verdict, reason, phase, detail) = self.opinion(&facts, &grounds);
        Judgement {
            verdict,
            reason,
            phase,
            detail,
            findings: grounds.into_iter().map(|ground| ground.finding).collect(),
        }
    }

    fn opinion(&self, facts: &Facts<'_>, grounds: &[FailedFinding]) -> Opinion {
        if let Some(trouble) = &facts.seen.trouble {
            let verdict = match trouble.reason.is_ours() {
                true => Verdict::Unknown,
                false => Verdict::Fail,
            };
            let (reason, phase) = (trouble.reason, trouble.phase);
            return (verdict, Some(reason), Some(phase), trouble.detail.clone());
        }
        if let Some(rule) = self.verdicts.iter().find(|rule| rule.when.check(facts).0) {
            let detail = format!("the rule {} says {}", rule.when, rule.is);
            return (rule.is, None, None, detail);
        }
        let unmet = |otherwise| {
            let is = |ground: &&FailedFinding| {
                !ground.finding.met && ground.finding.otherwise == otherwise
            };
            grounds.iter().find(is)
        };
        // the worst of what is not met decides
        let worst = [Verdict::Unknown, Verdict::Fail, Verdict::Degraded];
        match worst.into_iter().find_map(unmet) {
            Some(unmet) => {
                let (expected, actual) = (&unmet.finding.expected, &unmet.finding.actual);
                let detail = format!("expected {expected}, got {actual}");
                let verdict = unmet.finding.otherwise;
                (verdict, Some(unmet.reason), Some(unmet.phase), detail)
            }
            None => (Verdict::Pass, None, None, facts.seen.gist()),
        }
    }

    fn grounds(&self, facts: &Facts<'_>) -> Vec<FailedFinding> {
        let seen = facts.seen;
        let mut grounds = Vec::new();
        if let Some(line) = &seen.status {
            grounds.push(FailedFinding {
                finding: Finding {
                    expected: format!("status {}", self.status),
                    actual: line.to_string(),
                    met: self.status.contains(line.code),
                    // what has come up and is not well for the moment is not helped by a new start
                    otherwise: match seen.ready {
                        Some(true) => Verdict::Degraded,
                        Some(false) | None => Verdict::Fail,
                    },
                },
                reason: Reason::Status,
                phase: Phase::FirstByte,
            });
        }
        if let Some(code) = seen.exit {
            grounds.push(FailedFinding {
                finding: exit::finding(code, seen.body.as_ref()),
                reason: Reason::Status,
                phase: Phase::FirstByte,
            });
        }
        if let Some(answer) = &seen.grpc {
            grounds.push(FailedFinding {
                finding: answer.finding(),
                reason: Reason::Status,
                phase: Phase::Body,
            });
        }
        // a body that broke off is no ground to say that a text is missing from it
        let whole = seen.trouble.is_none();
        if let Some(body) = seen.body.as_ref().filter(|_| whole) {
            grounds.extend(self.texts(body));
        }
        for (assertions, otherwise) in [
            (&self.expect, Verdict::Fail),
            (&self.degraded, Verdict::Degraded),
        ] {
            let sayable = |one: &&Assertion| whole || one.is_settled(facts);
            grounds.extend(assertions.iter().filter(sayable).map(|assertion| {
                let (met, actual) = assertion.check(facts);
                FailedFinding {
                    finding: Finding {
                        expected: assertion.to_string(),
                        actual,
                        met,
                        otherwise,
                    },
                    reason: match assertion.is_parsed() && facts.is_beyond_parsing() {
                        true => Reason::TooLarge,
                        false => Reason::Assertion,
                    },
                    phase: assertion.phase(),
                }
            }));
        }
        grounds
    }

    fn texts(&self, body: &Body) -> impl Iterator<Item = FailedFinding> {
        let size = body.size;
        let wanted = self.body.iter().map(|text| (text, true));
        let unwanted = self.not_body.iter().map(|text| (text, false));
        let texts = wanted.chain(unwanted).filter(|(text, _)| !text.is_empty());
        texts.map(move |(text, want)| {
            let occurs = body.contains(text.as_bytes());
            let finding = Finding {
                expected: format!("body {}contains {text:?}", if want { "" } else { "not " }),
                actual: match occurs {
                    true => format!("found in a body of {}", counted(size, "byte", "bytes")),
                    false => format!("a body of {} without it", counted(size, "byte", "bytes")),
                },
                met: occurs == want,
                otherwise: Verdict::Fail,
            };
            FailedFinding {
                finding,
                reason: Reason::Assertion,
                phase: Phase::Body,
            }
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::observation::Trouble;

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
                ..Body::default()
            }),
            ..Observation::default()
        }
    }

    #[test]
    fn judge_reports_all_faults_and_names_the_first() {
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
